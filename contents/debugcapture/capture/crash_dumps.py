"""Finds crash dumps (heap dumps, fatal error logs, core files) on the volumes that outlive a container."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ..errors import CommandFailed, NotRunning, Rejected, Unreachable
from ..kube.client import Api
from ..kube.exec_stream import run_short
from ..kube.objects import running_state
from ..kube.values import parse_time
from ..model import ContainerRef, Json, Target, User
from ..targets.pods import container_status, find_container
from .debug_session import DebugSession
from .dump_options import NAMES, dump_folders, dump_names, read_environment

VOLUMES = "/debug-capture-volumes"  # where a debug container mounts the target's volumes
_WHOLE = f"{VOLUMES}/.volumes/"  # and there whole volumes of which the target mounts a part
_MAX_DUMPS = 20
_REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
_STAT = re.compile(r"([0-9]{1,10}) ([0-9]{1,10}) ([0-7]{1,5}) (.+)")
_UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9._-]")
_MAX_NAME_LENGTH = 150
# Ends of names that a web server in front of a store may see. It serves a file by its suffix, and the container chooses
# the name: core.1.html matches core.[0-9]* and would be a page.
_NEUTRAL_END = re.compile(
    r"(?:\.(?:hprof(?:\.gz)?|phd|log|txt|json|core|heapsnapshot|dmp|dump|gcdump|trc|jfr)"
    r"|(?:(?<=\Acore)|(?<=_core)|(?<=\Acoredump)|(?<=_coredump))\.[0-9]+|(?:\A|_)core)\Z"
)
_OTHER_END = ".bin"
_RECENT_RESTART = timedelta(minutes=1)
_MAX_DEPTH = 5
_PERSISTENT_KINDS = ("emptyDir", "persistentVolumeClaim", "hostPath", "ephemeral", "nfs", "csi")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the target."""

    path: str
    """Its path in the target."""
    place: str
    """Its path in the container that reads it."""

    def in_target(self, path: str) -> str:
        """Return the path in the target of ``path``, a path below `place`."""
        return self.path.rstrip("/") + path.removeprefix(self.place.rstrip("/"))


@dataclass(frozen=True, slots=True)
class Volumes:
    """The folders of a target in which dumps may be, and the container that reads them."""

    ref: ContainerRef
    folders: tuple[Folder, ...]
    names: tuple[str, ...] = NAMES
    """The names of dumps, as `find` takes them."""
    are_mounted: bool = False
    """Whether the container mounts the volumes itself, because the target does not run."""


@dataclass(frozen=True, slots=True)
class CrashDump:
    """A dump on a volume."""

    ref: ContainerRef
    path: str
    """In that container."""
    path_in_target: str
    name: str
    """In the bundle."""


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whom a file belongs to. ``mode`` are its permission bits."""

    user: User
    mode: int

    def allows(self, user: User) -> bool:
        """Return whether ``user`` may read the file."""
        if user.uid in (0, self.user.uid):
            return True
        return bool(self.mode & (0o040 if user.gid == self.user.gid else 0o004))


def persistent_mounts(pod: Json, container: str) -> tuple[Json, ...]:
    """Return the container's volumes whose content outlives it, as volumeMounts for a debug container.

    Their mountPath is below VOLUMES, so that they hide nothing of the debug image. An ephemeral container cannot have a
    subPath (Kubernetes documentation, "Ephemeral Containers"): it mounts the whole volume.
    """
    mounts = {
        _WHOLE + mount["name"] if _sub_path(pod, container, mount) else VOLUMES + mount["mountPath"]: mount["name"]
        for mount in _find_persistent_mounts(pod, container)
    }
    return tuple({"name": name, "mountPath": path, "readOnly": True} for path, name in mounts.items())


def _find_persistent_mounts(pod: Json, container: str) -> list[Json]:
    """Return the container's volumeMounts whose content outlives it."""
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or []}
    mounts = find_container(pod, container).get("volumeMounts") or []
    return [
        mount
        for mount in mounts
        if _is_persistent(volumes.get(mount["name"], {})) and _sub_path(pod, container, mount) is not None
    ]


def _sub_path(pod: Json, container: str, mount: Json) -> str | None:
    """Return the path in the volume that ``mount`` shows; "" for all of it, None if a variable of it is unknown."""
    if "subPathExpr" not in mount:
        return str(mount.get("subPath") or "")
    values = read_environment(pod, find_container(pod, container))
    names = _REFERENCE.findall(mount["subPathExpr"])
    if not all(name in values for name in names):
        return None
    return _REFERENCE.sub(lambda reference: values[reference[1]], mount["subPathExpr"])


def mounted_folders(pod: Json, container: str) -> tuple[Folder, ...]:
    """Return the folders on volumes that outlive the container, where `persistent_mounts` mounts them."""
    folders = []
    for mount in _find_persistent_mounts(pod, container):
        sub_path = _sub_path(pod, container, mount)
        place = f"{_WHOLE}{mount['name']}/{sub_path}" if sub_path else VOLUMES + mount["mountPath"]
        folders.append(Folder(mount["mountPath"], place))
    return tuple(folders)


def folders_to_search(pod: Json, target: Target) -> tuple[str, ...]:
    """Return the folders in which dumps of the target may be: its volumes, and those that its options name."""
    folders = [folder.path for folder in mounted_folders(pod, target.container)]
    return tuple(dict.fromkeys(folders + dump_folders(pod, target.container)))


def open_volumes(pod: Json, target: Target, debug_session: DebugSession, *, has_find: bool = False) -> Volumes | None:
    """Return where the target's volumes can be read; None if it has no volumes that outlive it, or they cannot be read.

    A target that runs and has a shell and `find` reads them itself. Otherwise a debug container is attached.
    """
    mounted, names = mounted_folders(pod, target.container), dump_names(pod, target.container)
    if target.is_running and not (mounted and debug_session.has_image and _is_just_restarted(pod, target)):
        folders = folders_to_search(pod, target)
        if not folders:
            return None
        if has_find:
            return Volumes(target.ref, tuple(Folder(folder, folder) for folder in folders), names)
        if not debug_session.has_image:
            return None
        try:
            container = debug_session.attach()
        except (CommandFailed, NotRunning, Rejected, Unreachable):
            if not mounted:
                raise
            # The target has ended, and its volumes remain.
            return Volumes(debug_session.attach_to_volumes(), mounted, names, are_mounted=True)
        first_pid = min(process.pid for process in container.listing.processes)
        root = f"/proc/{first_pid}/root"
        return Volumes(container.ref, tuple(Folder(folder, root + folder) for folder in folders), names)
    if not mounted or not debug_session.has_image:
        return None
    return Volumes(debug_session.attach_to_volumes(), mounted, names, are_mounted=True)


def _is_just_restarted(pod: Json, target: Target) -> bool:
    """Return whether the container was restarted a moment ago, so that it may crash again while it is read."""
    status = container_status(pod, target.container)
    started = parse_time(running_state(status).get("startedAt"))
    is_recent = started and datetime.now(timezone.utc) - started < _RECENT_RESTART
    return bool(is_recent and status.get("restartCount"))


def find_crash_dumps(api: Api, volumes: Volumes, debug_session: DebugSession) -> Iterator[CrashDump]:
    """Yield the crash dumps in ``volumes``. Another debug container reads a file that only its owner can read."""
    paths = _search(api, volumes)
    owners = _read_owners(api, volumes.ref, paths) if volumes.are_mounted and paths else {}
    in_target = [_in_target(path, volumes.folders) for path in paths]
    for path, path_in_target, name in zip(paths, in_target, bundle_names(in_target), strict=True):
        owner, ref = owners.get(path), volumes.ref
        if owner and not owner.allows(debug_session.volume_user):
            ref = debug_session.attach_to_volumes_as(owner.user) or ref
        yield CrashDump(ref, path, path_in_target, name)


def paths_by_root(paths: Iterable[str], folders: Sequence[Folder]) -> dict[str, dict[str, str]]:
    """Return for each directory to archive from: the ``paths`` of the target on it, and where they are below it.

    ``paths`` are relative to the root of the target. Those that are in none of ``folders`` are left out.
    """
    rows: dict[str, dict[str, str]] = {}
    for path in paths:
        inside = [folder for folder in folders if f"/{path}/".startswith(f"{folder.path.rstrip('/')}/")]
        if not inside:
            continue
        folder = max(inside, key=lambda folder: len(folder.path))
        if folder.place.endswith(folder.path):  # the archive shows the same path as the target
            rows.setdefault(folder.place.removesuffix(folder.path) or "/", {})[path] = path
        else:
            rest = f"/{path}".removeprefix(folder.path.rstrip("/")).strip("/")
            rows.setdefault(folder.place, {})[path] = rest or "."
    return rows


def _in_target(path: str, folders: Iterable[Folder]) -> str:
    """Return the path in the target of ``path``, which is in one of ``folders``; the innermost of them counts."""
    inside = [folder for folder in folders if path.startswith(f"{folder.place.rstrip('/')}/")]
    return max(inside, key=lambda folder: len(folder.place)).in_target(path)


def _read_owners(api: Api, ref: ContainerRef, paths: list[str]) -> dict[str, _Owner]:
    """Return the owner of each of ``paths`` that `stat` of the debug image can read."""
    _, output, _ = run_short(api, ref, ("stat", "-c", "%u %g %a %n", *paths))
    owners = {}
    for line in output.splitlines():
        match = _STAT.fullmatch(line)
        if match:
            owners[match[4]] = _Owner(User(int(match[1]), int(match[2])), int(match[3], 8))
    return owners


def bundle_names(paths: Iterable[str]) -> list[str]:
    """Return a short, safe and unique name in the bundle for each of ``paths``, which the container chooses.

    A name ends like a dump, or with .bin. It has no other dot: some web servers go by each suffix of a name.
    """
    names: list[str] = []
    for path in paths:
        plain = _UNSAFE_IN_NAME.sub("_", path.strip("/"))[-_MAX_NAME_LENGTH:].lstrip(".") or "_"
        end = _NEUTRAL_END.search(plain)
        stem, suffix = (plain[: end.start()], end[0]) if end else (plain, _OTHER_END)
        name = stem.replace(".", "_") + suffix
        while name in names:
            name = f"{len(names)}-{name}"
        names.append(name)
    return names


def _search(api: Api, volumes: Volumes) -> list[str]:
    names = [word for name in volumes.names for word in ("-o", "-name", name)][1:]
    folders = [folder.place for folder in volumes.folders]
    argv = ("find", *folders, "-xdev", "-maxdepth", str(_MAX_DEPTH), "-type", "f", "(", *names, ")")
    status, output, errors = run_short(api, volumes.ref, argv)
    if status.code is None or status.not_found:
        raise CommandFailed(f"cannot search the volumes of {volumes.ref}", status.message or errors.strip())
    return _newest(path for path in output.split("\n") if _is_below(path, folders))


def _is_below(path: str, folders: Iterable[str]) -> bool:
    """Return whether ``path``, a line of `find`, is in one of ``folders``.

    A line may be part of a path: the container can create folders with line breaks in their names.
    """
    is_inside = any(path.startswith(f"{folder.rstrip('/')}/") for folder in folders)
    return is_inside and ".." not in path.split("/") and path.isprintable()


def _newest(paths: Iterable[str]) -> list[str]:
    """Return the last ``paths`` by name: most dump names end in a number or a time that increases."""
    return sorted(paths)[-_MAX_DUMPS:]


def _is_persistent(volume: Json) -> bool:
    return any(kind in volume for kind in _PERSISTENT_KINDS)
