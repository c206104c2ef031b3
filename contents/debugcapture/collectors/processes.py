"""See the processes of a target, and tell what they are: by what they map, not by the image's name.

The listing runs in the target or in its debug container, and needs a shell but no other program: images lack them.
Source: proc(5).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..kube.scripts import shell_command
from ..model import Collector, Process, Tool, User
from ..regex import text_pattern

_SHELL: Final = re.compile(r"S (\d{1,9})", re.ASCII)
_PROCESS: Final = re.compile(r"P (\d{1,9}) (\d{1,10}) (\d{1,10}) (\d{1,15}) (.*)", re.ASCII)
MOST_PROCESSES = 8  # a collector runs on at most this many; a service may fork hundreds of workers


@dataclass(frozen=True, slots=True)
class Listing:
    """What a look at /proc showed."""

    processes: tuple[Process, ...]
    shared: bool = True  # False: the container sees its own processes only
    programs: frozenset[str] = frozenset()  # those that were asked for, and that the image has


def listing_command(container_id: str, programs: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the argv that lists the processes, and says which of ``programs`` the image has.

    The processes of the container ``container_id`` are marked. The shell looks the programs up and runs none of them: a
    JVM that only prints its usage would cost the target memory, and `gdb --version` leaves it a zombie.
    """
    return shell_command("processes", arguments=(container_id or "no container", *programs))


def parse(output: str) -> Listing:
    """Return the target's processes: the marked ones, or where none is (in the target itself), all but the shell."""
    marked: list[Process] = []
    others: list[Process] = []
    own, shell = False, -1
    start, _, _ = output.partition("\nS ")
    programs = frozenset(re.findall(r"^HAS (.+)$", start, re.MULTILINE))
    for block in re.split(r"^(?=[PS] |OWN$)", output, flags=re.MULTILINE):
        head, *lines = block.splitlines() or [""]
        own = own or head == "OWN"
        if ours := _SHELL.fullmatch(head):
            shell = int(ours[1])
        process = _process(head, lines)
        if process and process.pid != shell:
            (marked if "T" in lines else others).append(process)
    return Listing(tuple(marked or ([] if own else others)), shared=not own, programs=programs)


def matching(collector: Collector, processes: Iterable[Process]) -> list[Process]:
    """Return the processes that ``collector`` is for: the first one of the container when it is for any."""
    detect = collector.detect
    by_pid = sorted(processes, key=lambda one: one.pid)
    if detect is None:
        return by_pid[:1]
    pattern = text_pattern(detect.pattern, f"detect of {collector.id}")
    found = [one for one in by_pid if any(pattern.search(text) for text in _shown(one, detect.by))]
    if collector.invasive == "heavy":
        found = sorted(found, key=lambda one: -one.rss_bytes)[:1]
    return found[:MOST_PROCESSES]


def parse_pids(tool: Tool, output: str) -> tuple[int, ...]:
    """Return the PIDs in what the program of ``tool.find`` wrote; what is no PID is left out."""
    matches = text_pattern(tool.pid_pattern, "pid_pattern", "m").finditer(output)
    return tuple(int(match[1]) for match in matches if re.fullmatch(r"[0-9]{1,9}", match[1] or ""))


def owner_of_unreadable(processes: Sequence[Process]) -> User | None:
    """Return the user whose processes hide what they map from us, or None when one at least shows it."""
    if not processes or any(one.files for one in processes):
        return None
    return min(processes, key=lambda one: one.pid).user


def _shown(process: Process, by: str) -> tuple[str, ...]:
    if by == "comm":
        return (process.name,)
    return process.files[:1] if by == "exe" else process.files


def _process(head: str, lines: Sequence[str]) -> Process | None:
    match = _PROCESS.fullmatch(head)
    if not match:
        return None
    pid, uid, gid, rss = (int(number) for number in match.groups()[:4])
    files = tuple(dict.fromkeys(line[2:] for line in lines if line.startswith("M ")))
    return Process(pid, User(uid, gid), match.group(5), rss * 1024, files)
