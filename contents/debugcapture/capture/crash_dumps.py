"""Find what a dying process left: heap dumps, fatal error logs, core files, on the volumes that outlive its container.

Sources: Oracle, "java" (HeapDumpPath, ErrorFile); Node.js, "Diagnostic report"; core(5).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ..errors import CommandFailed, NotRunning, Rejected, Unreachable
from ..kube.client import Api
from ..kube.exec_stream import run_short
from ..kube.values import moment
from ..model import ContainerRef, Json, Target
from ..targets.pods import container_status, find_container
from .debug_session import Attachment

NAMES = ("*.hprof", "*.hprof.gz", "hs_err_pid*.log", "replay_pid*.log", "javacore*.txt", "core", "core.[0-9]*",
         "*.core", "report*.json", "*.heapsnapshot", "*.dmp", "*.jfr")  # fmt: skip
VOLUMES = "/debug-capture-volumes"  # where a debug container has the target's volumes
_MOST = 20
_ODD, _LONGEST_NAME = re.compile(r"[^A-Za-z0-9._-]"), 150
_RESTARTED_LATELY = timedelta(minutes=1)
_DEPTH = 5
_KINDS_THAT_LAST = ("emptyDir", "persistentVolumeClaim", "hostPath", "ephemeral", "nfs", "csi")
_DUMP_PATHS = re.compile(r"-XX:(?:HeapDumpPath|ErrorFile)=(\S+)|--(?:diagnostic-dir|report-directory)[= ](\S+)")


@dataclass(frozen=True, slots=True)
class Volumes:
    """Where a target's volumes can be read."""

    place: ContainerRef
    root: str  # what stands before a path of the target
    folders: tuple[str, ...]  # paths in the target


def lasting_mounts(pod: Json, container: str) -> tuple[Json, ...]:
    """Return the container's volumeMounts whose content outlives it, as a debug container may have them.

    They are mounted below VOLUMES, so that they cover nothing of the debug image. A subPath is not allowed there
    (Kubernetes documentation, "Ephemeral Containers"), so a mount that has one is left out.
    """
    kinds = {one["name"]: one for one in pod["spec"].get("volumes") or []}
    mounts = find_container(pod, container).get("volumeMounts") or []
    return tuple(
        {"name": mount["name"], "mountPath": VOLUMES + mount["mountPath"], "readOnly": True}
        for mount in mounts
        if "subPath" not in mount and "subPathExpr" not in mount and _lasts(kinds.get(mount["name"], {}))
    )


def dump_folders(container: Json) -> list[str]:
    """Return where the container's own options say that dumps are written."""
    words = [*(container.get("command") or []), *(container.get("args") or [])]
    words += [str(one.get("value", "")) for one in container.get("env") or []]
    found = [next(filter(None, match.groups())) for word in words for match in _DUMP_PATHS.finditer(word)]
    return [path if path.endswith("/") else path.rpartition("/")[0] or "/" for path in found if path.startswith("/")]


def open_volumes(pod: Json, target: Target, attachment: Attachment, *, has_shell: bool = False) -> Volumes | None:
    """Return where the target's volumes can be read, attaching what that takes; None when it has none that last.

    Where the target runs and has a shell, it can be read there.
    """
    mounts = lasting_mounts(pod, target.container)
    if target.is_running and not (mounts and attachment.has_image and _just_restarted(pod, target)):
        folders = [mount["mountPath"].removeprefix(VOLUMES) for mount in mounts] + dump_folders(
            find_container(pod, target.container)
        )
        if not folders:
            return None
        if has_shell:
            return Volumes(target.ref, "", tuple(dict.fromkeys(folders)))
        if not attachment.has_image:
            return None
        try:
            place = attachment.place()
        except (CommandFailed, NotRunning, Rejected, Unreachable):
            if not mounts:
                raise
            return _below(attachment, mounts)  # it has ended meanwhile; its volumes are still there
        first = min(one.pid for one in place.listing.processes)
        return Volumes(place.ref, f"/proc/{first}/root", tuple(dict.fromkeys(folders)))
    if not mounts or not attachment.has_image:
        return None
    return _below(attachment, mounts)


def _just_restarted(pod: Json, target: Target) -> bool:
    """Tell whether the container may end again while it is looked at; its volumes stay."""
    status = container_status(pod, target.container)
    started = moment(((status.get("state") or {}).get("running") or {}).get("startedAt"))
    recently = started and datetime.now(timezone.utc) - started < _RESTARTED_LATELY
    return bool(recently and status.get("restartCount"))


def _below(attachment: Attachment, mounts: tuple[Json, ...]) -> Volumes:
    folders = tuple(mount["mountPath"].removeprefix(VOLUMES) for mount in mounts)
    return Volumes(attachment.volumes_place(), VOLUMES, folders)


def find_leftovers(
    api: Api, pod: Json, target: Target, attachment: Attachment, has_shell: bool
) -> Iterator[tuple[ContainerRef, str, str]]:
    """Yield (place, path, name in the bundle) of each dump that was left."""
    volumes = open_volumes(pod, target, attachment, has_shell=has_shell)
    if volumes is None:
        return
    paths = _search(api, volumes)
    for path, name in zip(paths, bundle_names(path.removeprefix(volumes.root) for path in paths), strict=True):
        yield volumes.place, path, name


def bundle_names(paths: Iterable[str]) -> list[str]:
    """Return a name in the bundle for each of ``paths``, which a container has made up: plain, short, each another."""
    names: list[str] = []
    for path in paths:
        plain = _ODD.sub("_", path.strip("/"))[-_LONGEST_NAME:].lstrip(".") or "_"
        names.append(plain if plain not in names else f"{len(names)}-{plain}")
    return names


def _search(api: Api, volumes: Volumes) -> list[str]:
    names = [word for name in NAMES for word in ("-o", "-name", name)][1:]
    folders = [volumes.root + folder for folder in volumes.folders]
    argv = ("find", *folders, "-xdev", "-maxdepth", str(_DEPTH), "-type", "f", "(", *names, ")")
    status, output, errors = run_short(api, volumes.place, argv)
    if status.code is None or status.not_found:
        raise CommandFailed(f"cannot search the volumes of {volumes.place}", status.message or errors.strip())
    return _newest(path for path in output.split("\n") if _is_below(path, folders))


def _is_below(path: str, folders: Iterable[str]) -> bool:
    """Tell whether ``path`` lies in one of ``folders``: in what `find` writes, a folder's name may have line breaks."""
    inside = any(path.startswith(f"{folder.rstrip('/')}/") for folder in folders)
    return inside and ".." not in path.split("/") and path.isprintable()


def _newest(paths: Iterable[str]) -> list[str]:
    """Return the paths that are read at most; names of dumps mostly end in a number or a time that grows."""
    return sorted(paths)[-_MOST:]


def _lasts(volume: Json) -> bool:
    return any(kind in volume for kind in _KINDS_THAT_LAST)
