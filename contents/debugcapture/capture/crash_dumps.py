"""Finds crash dumps (heap dumps, fatal error logs, core files) on the volumes that outlive a container.

Sources: Oracle, "java" (HeapDumpPath, ErrorFile); Node.js, "Diagnostic report"; core(5).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ..errors import CommandFailed, NotRunning, Rejected, Unreachable
from ..kube.client import Api
from ..kube.exec_stream import run_short
from ..kube.objects import running_state
from ..kube.values import parse_time
from ..model import ContainerRef, Json, Target
from ..targets.pods import container_status, find_container
from .debug_session import DebugSession

NAMES = ("*.hprof", "*.hprof.gz", "hs_err_pid*.log", "replay_pid*.log", "javacore*.txt", "core", "core.[0-9]*",
         "*.core", "report*.json", "*.heapsnapshot", "*.dmp", "*.jfr")  # fmt: skip
VOLUMES = "/debug-capture-volumes"  # where a debug container mounts the target's volumes
_MAX_DUMPS = 20
_UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9._-]")
_MAX_NAME_LENGTH = 150
# Ends of names that a web server in front of a store may see. It serves a file by its suffix, and the container chooses
# the name: core.1.html matches core.[0-9]* and would be a page.
_NEUTRAL_END = re.compile(
    r"(?:\.(?:hprof(?:\.gz)?|log|txt|json|core|heapsnapshot|dmp|jfr)|(?:(?<=\Acore)|(?<=_core))\.[0-9]+|(?:\A|_)core)\Z"
)
_OTHER_END = ".bin"
_RECENT_RESTART = timedelta(minutes=1)
_MAX_DEPTH = 5
_PERSISTENT_KINDS = ("emptyDir", "persistentVolumeClaim", "hostPath", "ephemeral", "nfs", "csi")
_DUMP_PATHS = re.compile(r"-XX:(?:HeapDumpPath|ErrorFile)=(\S+)|--(?:diagnostic-dir|report-directory)[= ](\S+)")


@dataclass(frozen=True, slots=True)
class Volumes:
    """Where a target's volumes can be read."""

    ref: ContainerRef
    root: str
    """Prefix of the target's paths in that container."""
    folders: tuple[str, ...]
    """Paths in the target."""


def persistent_mounts(pod: Json, container: str) -> tuple[Json, ...]:
    """Return the container's volumeMounts whose content outlives it, as volumeMounts for a debug container.

    Their mountPath is below VOLUMES, so that they hide nothing of the debug image. Mounts with a subPath are left out:
    an ephemeral container cannot have them (Kubernetes documentation, "Ephemeral Containers").
    """
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or []}
    mounts = find_container(pod, container).get("volumeMounts") or []
    return tuple(
        {"name": mount["name"], "mountPath": VOLUMES + mount["mountPath"], "readOnly": True}
        for mount in mounts
        if "subPath" not in mount and "subPathExpr" not in mount and _is_persistent(volumes.get(mount["name"], {}))
    )


def dump_folders(container: Json) -> list[str]:
    """Return the folders that the container's command, arguments and environment name for dumps."""
    words = [*(container.get("command") or []), *(container.get("args") or [])]
    words += [str(variable.get("value", "")) for variable in container.get("env") or []]
    paths = [next(filter(None, match.groups())) for word in words for match in _DUMP_PATHS.finditer(word)]
    return [path if path.endswith("/") else path.rpartition("/")[0] or "/" for path in paths if path.startswith("/")]


def folders_to_search(pod: Json, target: Target) -> tuple[str, ...]:
    """Return the folders in which dumps of the target may be: its volumes, and those that its options name."""
    mounts = persistent_mounts(pod, target.container)
    folders = [mount["mountPath"].removeprefix(VOLUMES) for mount in mounts]
    return tuple(dict.fromkeys(folders + dump_folders(find_container(pod, target.container))))


def open_volumes(pod: Json, target: Target, debug_session: DebugSession, *, has_find: bool = False) -> Volumes | None:
    """Return where the target's volumes can be read; None if it has no volumes that outlive it, or they cannot be read.

    A target that runs and has a shell and `find` reads them itself. Otherwise a debug container is attached.
    """
    mounts = persistent_mounts(pod, target.container)
    if target.is_running and not (mounts and debug_session.has_image and _is_just_restarted(pod, target)):
        folders = folders_to_search(pod, target)
        if not folders:
            return None
        if has_find:
            return Volumes(target.ref, "", folders)
        if not debug_session.has_image:
            return None
        try:
            container = debug_session.attach()
        except (CommandFailed, NotRunning, Rejected, Unreachable):
            if not mounts:
                raise
            return _mount_volumes(debug_session, mounts)  # the target has ended; its volumes remain
        first_pid = min(process.pid for process in container.listing.processes)
        return Volumes(container.ref, f"/proc/{first_pid}/root", folders)
    if not mounts or not debug_session.has_image:
        return None
    return _mount_volumes(debug_session, mounts)


def _is_just_restarted(pod: Json, target: Target) -> bool:
    """Return whether the container was restarted a moment ago, so that it may crash again while it is read."""
    status = container_status(pod, target.container)
    started = parse_time(running_state(status).get("startedAt"))
    is_recent = started and datetime.now(timezone.utc) - started < _RECENT_RESTART
    return bool(is_recent and status.get("restartCount"))


def _mount_volumes(debug_session: DebugSession, mounts: tuple[Json, ...]) -> Volumes:
    folders = tuple(mount["mountPath"].removeprefix(VOLUMES) for mount in mounts)
    return Volumes(debug_session.attach_to_volumes(), VOLUMES, folders)


def find_crash_dumps(api: Api, volumes: Volumes) -> Iterator[tuple[ContainerRef, str, str]]:
    """Yield (container, path in it, name in the bundle) of each crash dump in ``volumes``."""
    paths = _search(api, volumes)
    for path, name in zip(paths, bundle_names(path.removeprefix(volumes.root) for path in paths), strict=True):
        yield volumes.ref, path, name


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
    names = [word for name in NAMES for word in ("-o", "-name", name)][1:]
    folders = [volumes.root + folder for folder in volumes.folders]
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
