"""Parses javacores, the dumps of OpenJ9 and the IBM JDK.

Source: https://eclipse.dev/openj9/docs/dump_javadump/. Each line begins with a tag. Most lines describe classes and
memory segments, and are skipped.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Final

from ..evidence import Evidence, Line
from .jvm_model import Deadlock, Edge, Frame, Javacore, JavaThread, Lock, ThreadDump, ThreadDumps, Wait
from .jvm_thread_dump import frame_of

_MOST_FRAMES: Final = 400_000
_MOST_THREADS: Final = 50_000
_TAGS: Final = (
    "1TI",
    "3XM",
    "4XE",
    "5XE",
    "1LKD",
    "2LKD",
    "3LKD",
    "4LKD",
    "1STHEAP",
    "1XH",
    "1XMCUR",
    "1CIJAVA",
    "2CIUSERARG",
)
_HEADER = re.compile(r'"(.{0,2000}?)" (?:J9VMThread|TID):(0x[0-9A-Fa-f]+).*state:([A-Z]{1,3})\b')
_BLOCK = re.compile(
    r'(Parked|Blocked|Waiting) on: (\S{1,300})@(0x[0-9A-Fa-f]+)(?: Owned by: (?:"(.{0,2000}?)" \(J9VM|(<\w+>)))?'
)
_OBJECT = re.compile(r"(\S{1,300})@(0x[0-9A-Fa-f]+)")
_CPU = re.compile(r"CPU usage total: ([\d.]{1,30}) secs")
_THREAD_ID = re.compile(r"getId:0x([0-9A-Fa-f]{1,16}), isDaemon:(true|false)")
_DEADLOCKED = re.compile(r'Thread "(.{0,2000}?)" \(0x')
_BYTES = re.compile(r":\s+(\d{1,18})\b")
_STATES: Final = {"R": "RUNNABLE", "B": "BLOCKED", "P": "WAITING", "CW": "WAITING", "Z": "TERMINATED"}
_WAITS: Final[dict[str, Wait]] = {"Parked": "synchronizer", "Blocked": "monitor", "Waiting": "notify"}


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is a javacore."""
    head = evidence.head[:20_000]
    return "0SECTION       TITLE" in head or ("1TISIGINFO" in head and "1TIDATETIME" in head)


def parse(evidence: Evidence) -> ThreadDumps:
    """Return the javacore as a dump of threads."""
    reader = _Reader()
    for line in evidence.lines():
        if line.text.startswith(_TAGS):
            reader.read(line)
    dump = ThreadDump(1, reader.date, reader.finish(), tuple(reader.deadlocks))
    return ThreadDumps(evidence, (dump,), reader.facts)


@dataclass
class _Open:
    """A thread that is being read."""

    thread: JavaThread
    last: int
    frames: list[Frame] = field(default_factory=list)
    holds: list[Lock] = field(default_factory=list)

    def close(self) -> JavaThread:
        waits_for = self.thread.waits_for
        released = waits_for.address if waits_for and self.thread.wait == "notify" else ""
        holds = tuple(lock for lock in self.holds if lock.address != released)
        return replace(self.thread, last=self.last, frames=tuple(self.frames), holds=holds)


class _Reader:
    def __init__(self) -> None:
        self.facts = Javacore()
        self.deadlocks: list[Deadlock] = []
        self.date = ""
        self._threads: dict[str, _Open] = {}
        self._open: _Open | None = None
        self._frames = 0
        self._edges: list[Edge] = []
        self._waiter = ""
        self._waits_for: Lock | None = None
        self._owners: dict[str, list[Lock]] = {}
        self._first = 0
        self._is_current = False

    def read(self, line: Line) -> None:
        tag, _, text = line.text.partition(" ")
        text = text.strip()
        if tag.startswith(("3XM", "4XE", "5XE")):
            self._read_thread(tag, text, line)
        elif tag == "1XMCURTHDINFO":
            self._is_current = True
        elif "LKDEADLOCK" in tag:
            self._read_deadlock(tag, text, line)
        else:
            self._read_fact(tag, text, line)

    def finish(self) -> tuple[JavaThread, ...]:
        """Return the threads. An owner that only its waiters name gets the lock as well."""
        threads = []
        for opened in self._threads.values():
            addresses = {lock.address for lock in opened.holds}
            named = self._owners.get(opened.thread.name, [])
            opened.holds.extend({lock.address: lock for lock in named if lock.address not in addresses}.values())
            threads.append(opened.close())
        return tuple(threads)

    def _read_thread(self, tag: str, text: str, line: Line) -> None:
        if tag == "3XMTHREADINFO":
            self._open = self._begin(text, line)
            if self._open is not None and self._is_current:
                self.facts = replace(self.facts, current=self._open.thread.name)
            self._is_current = False
            return
        if self._open is None:
            return
        self._open.last = line.number
        if tag == "4XESTACKTRACE" and text.startswith("at ") and self._frames < _MOST_FRAMES:
            self._frames += 1
            self._open.frames.append(_frame(text, line))
        elif tag == "5XESTACKTRACE" and (match := _OBJECT.search(text.replace("(entered lock: ", ""))):
            self._open.holds.append(_lock(match.group(1), match.group(2), line))
        elif tag == "3XMTHREADBLOCK":
            self._read_block(self._open, text, line)
        else:
            self._open.thread = _with_details(self._open.thread, tag, text)

    def _begin(self, text: str, line: Line) -> _Open | None:
        match = _HEADER.match(text)
        if match is None or len(self._threads) >= _MOST_THREADS:
            return None
        name, identity, state = match.groups()
        thread = JavaThread(name, line.number, text=line.text, state=_STATES.get(state, ""))
        opened = _Open(thread, line.number)
        # The current thread comes twice.
        self._threads[identity] = opened
        return opened

    def _read_block(self, opened: _Open, text: str, line: Line) -> None:
        match = _BLOCK.search(text)
        if match is None:
            return
        lock = _lock(match.group(2), match.group(3), line)
        owner = match.group(4) or ""
        opened.thread = replace(opened.thread, waits_for=lock, wait=_WAITS[match.group(1)], owner=owner)
        if owner and match.group(1) != "Waiting":
            self._owners.setdefault(owner, []).append(lock)

    def _read_deadlock(self, tag: str, text: str, line: Line) -> None:
        if tag == "1LKDEADLOCK":
            self._edges, self._waiter, self._waits_for, self._first = [], "", None, line.number
        elif tag == "2LKDEADLOCKTHR" and (match := _DEADLOCKED.search(text)):
            self._first = self._first or line.number  # the start of the file is missing
            if self._waiter and self._waits_for is not None:
                self._edges.append(Edge(self._waiter, self._waits_for, match.group(1)))
                if self._edges[0].thread == match.group(1):
                    deadlock = Deadlock(tuple(self._edges), self._first, line.number, reported=True)
                    self.deadlocks.append(deadlock)
                    self._edges = []
            self._waiter, self._waits_for = match.group(1), None
        elif tag.startswith("4LKDEADLOCK") and (match := _OBJECT.search(text)):
            self._waits_for = _lock(match.group(1), match.group(2), line)

    def _read_fact(self, tag: str, text: str, line: Line) -> None:
        if tag == "1TISIGINFO":
            self.facts = replace(self.facts, event=text, event_line=line)
        elif tag == "1TIDATETIME":
            self.date = text.removeprefix("Date:").strip()
        elif tag == "1STHEAPTOTAL" and (match := _BYTES.search(text)):
            self.facts = replace(self.facts, heap_total=int(match.group(1)))
        elif tag == "1STHEAPINUSE" and (match := _BYTES.search(text)):
            self.facts = replace(self.facts, heap_used=int(match.group(1)), heap_line=line.number)
        elif tag.startswith("1XHEXCP"):
            self.facts = replace(self.facts, crash=(*self.facts.crash, Line(line.number, text))[:12])
        elif tag == "2CIUSERARG" and text.startswith(("-Xmx", "-XX:MaxRAMPercentage")):
            self.facts = replace(self.facts, heap_option=text)


def _frame(text: str, line: Line) -> Frame:
    frame = frame_of(text[3:].replace("(Compiled Code)", ""), line.number)
    # Packages are separated by slashes: at java/lang/Object.wait(Object.java:201)
    call = text[3:].partition("(")[0].replace("/", ".")
    return frame._replace(call=call, text=line.text)


def _lock(type_name: str, address: str, line: Line) -> Lock:
    return Lock(address, type_name.replace("/", "."), line.number, line.text)


def _with_details(thread: JavaThread, tag: str, text: str) -> JavaThread:
    if tag == "3XMJAVALTHREAD" and (match := _THREAD_ID.search(text)):
        return replace(thread, number=f"#{int(match.group(1), 16)}", is_daemon=match.group(2) == "true")
    if tag == "3XMCPUTIME" and (match := _CPU.search(text)):
        return replace(thread, cpu_s=float(match.group(1)) if match.group(1).count(".") < 2 else None)
    return thread
