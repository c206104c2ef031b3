"""Lists the processes of a target and recognizes their kind by the files they map, not by the name of the image.

The listing runs in the target or in its debug container. It needs a shell but no other program.
Source: proc(5).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..kube.scripts import shell_command
from ..model import Collector, Process, Tool, User
from ..regex import text_pattern

_SHELL: Final = re.compile(r"S (\d{1,9})", re.ASCII)
_PROCESS: Final = re.compile(r"P (\d{1,9}) (\d{1,10}) (\d{1,10}) (\d{1,15}) (.*)", re.ASCII)
_MEMORY: Final = re.compile(r"G (?:self|\d{1,9}) (max|-|\d{1,20}) (\d{1,18}) (\d{1,18})", re.ASCII)
_PRIVATE: Final = re.compile(r"D (\d{1,15})", re.ASCII)
_NO_LIMIT_BYTES: Final = 1 << 60  # version 1 shows a huge number instead of "max"
_LIBRARIES = {"java": ("/libjvm.so",), "dotnet": ("/libcoreclr.so",)}
MAX_PROCESSES = 8  # per collector; a service may fork hundreds of workers


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """The memory of a container, as its control group shows it."""

    limit_bytes: int | None
    """None if there is no limit."""
    used_bytes: int
    """Without the page cache that the kernel frees when memory is short."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The processes in /proc, and the programs of the image."""

    processes: tuple[Process, ...]
    shared: bool = True
    """False if the container sees its own processes only."""
    programs: frozenset[str] = frozenset()
    """Those of the requested programs that the image has."""
    memory: MemoryUse | None = None
    """The memory of the target; None if it is unknown."""
    ambiguous: bool = False
    """The pod shares its processes, and nothing shows which of them are the target's. `processes` is then empty."""


def listing_command(container_id: str, programs: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the argv that lists the processes, and those of ``programs`` that the image has.

    It marks the processes of the container ``container_id``. The shell looks programs up without running them: even a
    JVM that only prints its usage needs memory of the target, and `gdb --version` leaves a zombie.
    """
    return shell_command("processes", arguments=(container_id or "no container", *programs))


def parse(output: str, *, from_debug: bool = False, shares_processes: bool = False) -> Listing:
    """Return the processes of the target in ``output``, that of `listing_command`.

    ``from_debug``: it ran in a debug container, not in the target. ``shares_processes``: see `Target`.
    """
    start, _, _ = f"\n{output}".partition("\nS ")
    programs = frozenset(re.findall(r"^HAS (.+)$", start, re.MULTILINE))
    # The names of files may contain other line separators, such as U+2028.
    blocks = [block.split("\n") for block in re.split(r"^(?=[PS] |OWN$)", output, flags=re.MULTILINE)]
    groups = _group(blocks)
    memory = groups.memory if from_debug else _memory(start.splitlines())
    if any(head == "OWN" for head, *_ in blocks) and not groups.marked:
        return Listing((), shared=False, programs=programs)
    processes = groups.seen_from_debug(shares_processes) if from_debug else groups.seen_by_exec(shares_processes)
    return Listing(tuple(processes or ()), programs=programs, memory=memory, ambiguous=processes is None)


def _group(blocks: Iterable[Sequence[str]]) -> "_Groups":
    """Return the processes in ``blocks``, which are the lines of a listing about one process each."""
    groups, shell = _Groups(), -1
    for head, *lines in blocks:
        if match := _SHELL.fullmatch(head):
            shell = int(match[1])
        process = _process(head, lines)
        if process and process.pid == shell:
            groups.is_shell_foreign = "F" in lines
        elif process:
            group = groups.marked if "T" in lines else groups.foreign if "F" in lines else groups.others
            group.append(process)
            groups.memory = groups.memory or (_memory(lines) if "T" in lines else None)
    return groups


def _memory(lines: Iterable[str]) -> MemoryUse | None:
    match = next(filter(None, map(_MEMORY.fullmatch, lines)), None)
    if match is None:
        return None
    limit, used, cache = (int(number) if number.isdigit() else None for number in match.groups())
    if limit and limit >= _NO_LIMIT_BYTES:
        limit = None
    return MemoryUse(limit, max(0, (used or 0) - (cache or 0)))


@dataclass(slots=True)
class _Groups:
    """The listed processes, by their control group. The shell that lists them is not included.

    If a container sees the control groups of the node (version 1, privileged containers), the ID of the target is in
    the paths of its processes. Otherwise it sees its own group as "/", and the groups of other containers as "/../…".
    """

    marked: list[Process] = field(default_factory=list)
    """With the ID of the target."""
    foreign: list[Process] = field(default_factory=list)
    """Outside the control group of the container that lists them."""
    others: list[Process] = field(default_factory=list)
    is_shell_foreign: bool = False
    memory: MemoryUse | None = None

    def seen_by_exec(self, shares_processes: bool) -> list[Process] | None:
        """Return the processes of the target, in which the listing ran; None if they cannot be distinguished."""
        if self.marked:
            return self.marked
        if not shares_processes:  # debug containers of other captures are foreign
            return self.others or self.foreign
        # Other containers, or the node, always have a process. If no process is foreign, the paths show nothing.
        return self.others if self.foreign and not self.is_shell_foreign else None

    def seen_from_debug(self, shares_processes: bool) -> list[Process] | None:
        """Return the processes of the target, seen from a debug container; None if they cannot be distinguished."""
        if self.marked:
            return self.marked
        return None if shares_processes else self.foreign or self.others


def matching(collector: Collector, processes: Iterable[Process]) -> list[Process]:
    """Return the processes that ``collector`` applies to. If it applies to any process, return the first one only.

    The tools of the collector do not count: jcmd is a JVM too, and another capture of the pod may run it right now.
    """
    detect = collector.detect
    by_pid = sorted(processes, key=lambda process: process.pid)
    if detect is None:
        return by_pid[:1]
    pattern = text_pattern(detect.pattern, f"detect of {collector.id}")
    tools = {(tool.present or tool.run)[0] for tool in collector.in_image}
    candidates = [process for process in by_pid if process.name not in tools]
    detected = [
        process for process in candidates if any(pattern.search(text) for text in _texts(process, detect.by))
    ] or [process for process in candidates if any(pattern.search(text) for text in _texts_of_unreadable(process))]
    if collector.invasive == "heavy":
        detected = sorted(detected, key=lambda process: -process.rss_bytes)[:1]
    return detected[:MAX_PROCESSES]


def parse_pids(tool: Tool, output: str) -> tuple[int, ...]:
    """Return the PIDs in the output of ``tool.find``."""
    matches = text_pattern(tool.pid_pattern, "pid_pattern", "m").finditer(output)
    return tuple(int(match[1]) for match in matches if re.fullmatch(r"[0-9]{1,9}", match[1] or ""))


def owner_of_unreadable(processes: Sequence[Process]) -> User | None:
    """Return the user of the first process if no process shows its mapped files; None if at least one does."""
    if not processes or any(process.files for process in processes):
        return None
    return min(processes, key=lambda process: process.pid).user


def _texts(process: Process, by: str) -> tuple[str, ...]:
    if by == "comm":
        return (process.name,)
    return process.files[:1] if by == "exe" else process.files


def _texts_of_unreadable(process: Process) -> tuple[str, ...]:
    """Return what a process of this name maps, if its files cannot be read; () for another process.

    A process may forbid it (prctl(2), PR_SET_DUMPABLE), and then belongs to root in /proc. The tool is denied too, and
    a profile with more privileges is tried. A zombie has no memory.
    """
    if process.files or not process.rss_bytes:
        return ()
    return (f"/{process.name}", *_LIBRARIES.get(process.name, ()))


def _process(head: str, lines: Sequence[str]) -> Process | None:
    match = _PROCESS.fullmatch(head)
    if not match:
        return None
    pid, uid, gid, rss = (int(number) for number in match.groups()[:4])
    files = tuple(dict.fromkeys(line[2:] for line in lines if line.startswith("M ")))
    private = next(filter(None, map(_PRIVATE.fullmatch, lines)), None)
    return Process(
        pid,
        User(uid, gid),
        match.group(5),
        rss * 1024,
        files,
        accepts_attach="A" not in lines,
        private_bytes=int(private[1]) * 1024 if private else 0,
    )
