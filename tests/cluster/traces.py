"""Traces in a container, as its node sees them: processes, listening sockets, files. Reading them leaves no trace.

Source: proc(5), proc_pid_mountinfo(5), include/uapi/linux/net.h (__SO_ACCEPTCON), include/net/tcp_states.h.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.kubernetes.kubectl import Kubectl

_PROC = Path("/proc")
_TCP_LISTEN, _UNIX_LISTENS = "0A", "00010000"
# No files, or files of the kernel's.
_NOT_WALKED = ("proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "bpf", "tracefs", "debugfs", "securityfs")


@dataclass(frozen=True)
class Traces:
    """The traces in a container, with their counts. ``processes`` are those of its whole PID namespace."""

    processes: Counter[str]  # name and arguments, and whether it is a zombie
    sockets: Counter[str]  # listening sockets: "tcp 0100007F:240D", "unix /tmp/socket"
    files: Counter[str]  # in every writable mount

    def since(self, before: Traces) -> Changes:
        """Return what is new since ``before``, and what has disappeared."""
        return Changes(
            *(
                tuple(sorted({f"+ {item}" for item in now - then} | {f"- {item}" for item in then - now}))
                for now, then in zip(
                    (self.processes, self.sockets, self.files),
                    (before.processes, before.sockets, before.files),
                    strict=True,
                )
            )
        )


@dataclass(frozen=True)
class Changes:
    """The differences: "+ …" is new, "- …" has disappeared."""

    processes: tuple[str, ...]
    sockets: tuple[str, ...]
    files: tuple[str, ...]

    def without(self, added: Iterable[str], removed: Iterable[str] = ()) -> Changes:
        """Return the changes except what matches one of the patterns ``came`` and is new, or ``gone`` and is gone."""
        expected = [*(rf"\+ {line}" for line in added), *(rf"- {line}" for line in removed)]
        pattern = re.compile("|".join(expected) or r"(?!)")
        return Changes(
            *(
                tuple(line for line in ones if not pattern.fullmatch(line))
                for ones in (self.processes, self.sockets, self.files)
            )
        )


NOTHING = Changes((), (), ())


def first_processes(kubectl: Kubectl, namespace: str) -> dict[str, int]:
    """Return the node's PID of the first process of each running pod's first container, by the label ``app``.

    Omits containers that share the PID namespace of their pod.
    """
    pods = kubectl.json("get", "pods", f"--namespace={namespace}")["items"]
    ids = {
        pod["metadata"]["labels"]["app"]: status[0]["containerID"].rpartition("/")[2]
        for pod in pods
        if (status := pod["status"].get("containerStatuses")) and "running" in status[0]["state"]
    }
    pids = dict(_by_container(set(ids.values())))
    return {app: pids[id_] for app, id_ in ids.items() if id_ in pids}


def _by_container(ids: set[str]) -> Iterator[tuple[str, int]]:
    """Yield each container with its first process: the one that its own PID namespace calls 1."""
    for process in _processes():
        matches = re.findall(r"[0-9a-f]{64}", _read(process / "cgroup"))
        inside = re.search(r"^NSpid:.*\s1$", _read(process / "status"), re.MULTILINE)
        if inside and matches and matches[-1] in ids:
            yield matches[-1], int(process.name)


def look(first: int) -> Traces:
    """Return the traces of the container whose first process is ``first``."""
    return Traces(processes_of([first])[first], Counter(_listening(first)), Counter(_writable_files(first)))


def processes_of(firsts: Collection[int]) -> dict[int, Counter[str]]:
    """Return the processes of these containers, by the first process of each."""
    namespaces = {first: _namespace(_PROC / str(first)) for first in firsts}
    for first, namespace in namespaces.items():
        assert namespace, f"process {first} is not to be seen"
    processes: dict[str, Counter[str]] = {namespace: Counter() for namespace in namespaces.values()}
    for process in _processes():
        if (namespace := _namespace(process)) in processes:
            processes[namespace][_described(process)] += 1
    return {first: processes[namespace] for first, namespace in namespaces.items()}


def _described(process: Path) -> str:
    arguments = _read(process / "cmdline").replace("\0", " ").strip()
    zombie = " (zombie)" if re.search(r"^State:\s+[ZX]", _read(process / "status"), re.MULTILINE) else ""
    return f"{_read(process / 'comm').strip()}: {arguments[:200]}{zombie}"


def _listening(first: int) -> Iterator[str]:
    net = _PROC / str(first) / "net"
    for table in ("tcp", "tcp6"):
        rows = [line.split() for line in _read(net / table).splitlines()[1:]]
        yield from (f"{table} {row[1]}" for row in rows if row[3] == _TCP_LISTEN)
    rows = [line.split() for line in _read(net / "unix").splitlines()[1:]]
    yield from (f"unix {' '.join(row[7:]) or 'without a name'}" for row in rows if row[3] == _UNIX_LISTENS)


def _writable_files(first: int) -> Iterator[str]:
    root = _PROC / str(first) / "root"
    for line in _read(_PROC / str(first) / "mountinfo").splitlines():
        mount, _, rest = line.partition(" - ")
        point, options = mount.split()[4:6]
        if "rw" in options.split(",") and rest.split()[0] not in _NOT_WALKED:
            yield from _walked(root, point)


def _walked(root: Path, point: str) -> Iterator[str]:
    """Yield the paths below ``point`` on the same file system, as the container names them."""
    top = root / point.lstrip("/")
    device = top.stat().st_dev
    folders = [top] if top.is_dir() else []
    while folders:
        for entry in folders.pop().iterdir():
            yield f"/{entry.relative_to(root)}"
            if entry.is_dir() and not entry.is_symlink() and entry.stat().st_dev == device:
                folders.append(entry)


def _processes() -> Iterator[Path]:
    return (path for path in _PROC.iterdir() if path.name.isdigit())


def _namespace(process: Path) -> str:
    try:
        return str((process / "ns" / "pid").readlink())
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # it has ended, or is not readable
        return ""


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # it has ended, or the node has no IPv6
        return ""
