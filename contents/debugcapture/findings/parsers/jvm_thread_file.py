"""Parses the dumps that `jcmd Thread.dump_to_file` writes as text, which include virtual threads.

The format has no locks and, before JDK 25, no states. Source: JDK, jdk.internal.vm.ThreadDumper; JEP 444.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Final

from ..evidence import Evidence
from .jvm_model import Frame, JavaThread, Lock, ThreadDump, ThreadDumps, Wait
from .jvm_thread_dump import frame_of

_HEADER = re.compile(
    r'#(\d{1,18}) "(.*)"(?: (virtual))?(?: (NEW|RUNNABLE|BLOCKED|WAITING|TIMED_WAITING|TERMINATED))?(?: \d{4}-\S*)?$'
)
_REMARK = re.compile(
    r"(?://|-) (park(?:ed on|ing to wait for)|blocked on|waiting to lock|waiting on|locked) +<?([^,\s>]{1,300})>?"
    r"(?:, own(?:ed by|er) #?(\d{1,18}))?"
)
_DATE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z$")
_MOST_FRAMES: Final = 400_000
_MOST_THREADS: Final = 200_000


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is a dump in this format: a PID, a time and a version, then threads."""
    lines = [line.strip() for line in evidence.head[:20_000].splitlines() if line.strip()]
    if len(lines) < 3 or not any(_HEADER.match(line) for line in lines[:12]):
        return False
    return lines[0].isdigit() or _DATE.match(lines[1]) is not None or lines[0].startswith("#")


def parse(evidence: Evidence) -> ThreadDumps:
    """Return the dump of ``evidence``."""
    opened: list[_Open] = []
    cache: dict[str, Frame] = {}
    frames = 0
    date = ""
    for line in evidence.lines():
        text = line.text.strip()
        if text.startswith("#") and (match := _HEADER.match(text)) and len(opened) < _MOST_THREADS:
            opened.append(_Open(_thread(match, line.number, text), line.number))
        elif not opened:
            date = text if _DATE.match(text) else date
        elif text and frames < _MOST_FRAMES:
            frames += 1
            opened[-1].read(text, line.number, cache)
    threads = tuple(thread.close() for thread in opened)
    return ThreadDumps(evidence, (with_owner_names(ThreadDump(1, date, threads)),))


def with_owner_names(dump: ThreadDump) -> ThreadDump:
    """Return ``dump`` with the names of owners that its lines give by number."""
    names = {thread.number: thread.name for thread in dump.threads}
    threads = tuple(
        replace(thread, owner=names.get(thread.owner, "")) if thread.owner.startswith("#") else thread
        for thread in dump.threads
    )
    return ThreadDump(dump.line, dump.date, threads, dump.reported, any(thread.state for thread in threads))


@dataclass
class _Open:
    """A thread that is being read."""

    thread: JavaThread
    last: int
    frames: list[Frame] = field(default_factory=list)
    holds: list[Lock] = field(default_factory=list)

    def read(self, text: str, number: int, cache: dict[str, Frame]) -> None:
        self.last = number
        if text.startswith(("//", "- ")):
            self._read_remark(text, number)
        elif "(" in text:
            frame = cache.get(text)
            if frame is None:
                frame = cache[text] = frame_of(text.removeprefix("at "), number)._replace(text=text)
            self.frames.append(frame._replace(line=number))

    def _read_remark(self, text: str, number: int) -> None:
        match = _REMARK.match(text)
        if match is None:
            return
        type_name, _, address = match.group(2).partition("@")
        lock = Lock(address, type_name, number, text)
        if match.group(1) == "locked":
            self.holds.append(lock)
            return
        kind = match.group(1)
        wait: Wait = "synchronizer" if kind.startswith("park") else "notify" if kind == "waiting on" else "monitor"
        owner = f"#{match.group(3)}" if match.group(3) else ""
        self.thread = replace(self.thread, waits_for=lock, wait=wait, owner=owner)

    def close(self) -> JavaThread:
        waits_for = self.thread.waits_for
        released = waits_for.address if waits_for and self.thread.wait == "notify" else ""
        holds = tuple(lock for lock in self.holds if lock.address != released)
        return replace(self.thread, last=self.last, frames=tuple(self.frames), holds=holds)


def _thread(match: re.Match[str], number: int, text: str) -> JavaThread:
    return JavaThread(
        match.group(2),
        number,
        text=text,
        number=f"#{match.group(1)}",
        is_virtual=match.group(3) is not None,
        state=match.group(4) or "",
    )
