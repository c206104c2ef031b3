"""Parses thread dumps of HotSpot: jstack, `jcmd Thread.print`, SIGQUIT in a container's log, and imitations of them.

Source: JDK, src/hotspot/share/runtime/threads.cpp and vframe.cpp (java_print_stack).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ..evidence import Evidence, Line
from .jvm_model import Deadlock, Edge, Frame, JavaThread, Lock, ThreadDump, ThreadDumps, Wait

TITLE: Final = "Full thread dump "
_MOST_FRAMES: Final = 400_000  # of a file, so that its memory stays bounded
_KEPT_FRAMES: Final = 200_000
_MOST_THREADS: Final = 50_000
_HEADER = re.compile(
    r'"(.*?)" (?=#\d|\[\d|daemon\b|prio=|os_prio=|cpu=|tid=|nid=|virtual\b|Id=\d|- Thread t@|J9VMThread)'
)
# jstack -F and jhsdb jstack of JDK 8 and earlier know the number of a thread only.
_SERVICEABILITY_HEADER = re.compile(r"Thread (\d{1,12}): \(state = ([A-Z_]{2,20})\)")
_WAIT_METHODS: Final = ("park", "wait", "wait0", "sleep", "sleep0")
_NUMBER = re.compile(r"#(\d{1,18})|Id=(\d{1,18})|t@(\d{1,18})")
_SECONDS = re.compile(r"\b(cpu|elapsed)=([\d.,]{1,24})(ms|s)")
_STATE = re.compile(r"java\.lang\.Thread\.State: ([A-Z_]+)")
_ID_STATE = re.compile(r" Id=\d+ (?:in native )?(NEW|RUNNABLE|BLOCKED|WAITING|TIMED_WAITING|TERMINATED)\b")
_LOCK = re.compile(r"<([^>]{1,80})>(?: \(an? (?:[Cc]lass )?([^)]{0,300})\))?")
_LOCK_LINE = re.compile(
    r"- (waiting to lock|waiting on the Class initialization monitor for|waiting to re-lock in wait\(\)|"
    r"waiting on|parking to wait for|locked|eliminated)\b ?"
)
_OWNED_BY = re.compile(r'owned by "([^"]{0,300})"')
_PREFIX = re.compile(
    r"^(?:\[[^\]]{1,40}\] )?\d{4}-\d\d-\d\dT[\d:.,]{8,20}(?:Z|[+-]\d\d:?\d\d)? ?(?:std(?:out|err) [FP] )?"
)
_CARRIES = re.compile(r"Carrying virtual thread #(\d{1,18})")
_MOUNTED = re.compile(r"Mounted virtual thread #(\d{1,18})")
_WAITING = re.compile(
    r"waiting (?:to lock [mM]onitor|for ownable synchronizer)[ @](0x[0-9a-f]+),?"
    r"(?: \([oO]bject[ @](0x[0-9a-f]+), an? ([^)]*)\)|"
    r" \(an? ([^)]*)\))?"
)
_HELD = re.compile(r'which is held by "(.*)"')
_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d")


def recognize(evidence: Evidence) -> bool:
    """Return whether the file contains a thread dump in the text format of HotSpot."""
    head = evidence.head
    if "J9VMThread:0x" in head and "0SECTION" in head:
        return False
    if ": (state = " in head and any(_SERVICEABILITY_HEADER.match(line) for line in head.splitlines()):
        return True
    if not any(mark in head for mark in (TITLE, " tid=0x", " nid=0x", '" Id=')):
        return False
    if "java.lang.Thread.State: " in head:
        return True
    return any(line.startswith('"') and _HEADER.match(line) is not None for line in head.splitlines())


def parse(evidence: Evidence) -> ThreadDumps:
    """Return the dumps of ``evidence``."""
    reader = _Reader()
    for line in evidence.lines():
        reader.read(line)
    return ThreadDumps(evidence, tuple(reader.finish()))


def frame_of(text: str, line: int) -> Frame:
    """Return the frame in ``text``, the part of a line after `at `.

    Modules and class loaders are left out: `app//com.x.Y.run`, `java.base@17/Thread.java:833`,
    `java.base/java.lang.X.y`.
    """
    call, _, rest = text.partition("(")
    place = rest.rpartition(")")[0] if ")" in rest else rest
    return Frame(_without_module(call.strip()), place.rpartition("/")[2], line, f"at {text}")


def _without_module(call: str) -> str:
    if "/" not in call:
        return call
    first, _, last = call.rpartition("/")
    if last[:1].isdigit():  # a hidden class: com.x.Y$$Lambda$5/0x0000000800c3.run
        return f"{first.rpartition('/')[2]}.{last.partition('.')[2]}"
    return last


@dataclass
class _Open:
    """A thread that is being read."""

    thread: JavaThread
    frames: list[Frame] = field(default_factory=list)
    holds: list[Lock] = field(default_factory=list)
    waits_for: Lock | None = None
    wait: Wait = ""
    is_complete: bool = False
    """A blank line ended its stack. Frames that follow belong to something else, such as an exception in the log."""

    def read_lock(self, text: str, number: int) -> None:
        """Read a line such as `- waiting to lock <0x…> (a java.lang.Object)`."""
        kind = _LOCK_LINE.match(text)
        if kind is None:
            lock = _LOCK.search(text)
            if lock and text.startswith("- <"):  # below "Locked ownable synchronizers:"
                self.holds.append(Lock(lock.group(1), lock.group(2) or "", number, text))
        elif kind.group(1).startswith("waiting on the Class init"):
            self.thread = replace(self.thread, initializes=text[kind.end() :].strip())
        elif kind.group(1) != "eliminated":
            self._add_lock(kind.group(1), _lock_in(text, kind.end(), number), text)

    def read_note(self, text: str) -> None:
        """Read the state, or the number of the virtual thread that the thread carries."""
        if state := _STATE.search(text):
            self.thread = replace(self.thread, state=state.group(1), is_native=False)
        elif match := _CARRIES.search(text):
            self.thread = replace(self.thread, carries=f"#{match.group(1)}")

    def _add_lock(self, kind: str, lock: Lock, text: str) -> None:
        if not lock.address or lock.address == "no object reference available":
            return
        if kind == "locked":
            self.holds.append(lock)
        elif self.waits_for is None:
            self.waits_for = lock
            self.wait = _wait_of(kind)
            if owner := _OWNED_BY.search(text):
                self.thread = replace(self.thread, owner=owner.group(1))

    def close(self, last: int) -> JavaThread:
        waits_for = self.waits_for
        # Object.wait() releases the monitor that the frame below locked.
        released = waits_for.address if waits_for and self.wait == "notify" else ""
        holds = {lock.address: lock for lock in self.holds if lock.address != released}
        # Before Java 6, dumps have no states. Threads of the JVM have no frames in any version.
        is_native = self.thread.is_native and not self.frames
        return replace(
            self.thread,
            last=last,
            is_native=is_native,
            state=self.thread.state or ("" if is_native else _state_in(self.thread.text, self.frames)),
            frames=tuple(self.frames),
            holds=tuple(holds.values()),
            waits_for=waits_for,
            wait=self.wait,
        )


class _Reader:
    """Reads the lines of a file. A dump starts with its title. Lines of other programs between dumps are skipped."""

    def __init__(self) -> None:
        self._dumps: list[ThreadDump] = []
        self._threads: list[JavaThread] = []
        self._deadlocks: list[Deadlock] = []
        self._open: _Open | None = None
        self._cycle: list[Edge] | None = None
        self._cycle_first = 0
        self._waiter = ""
        self._waits_for: Lock | None = None
        self._start = Line(1, "")
        self._date = ""
        self._last_line = 0
        self._frames = 0
        self._in_stacks = False
        # Frames of different threads share their texts.
        self._frames_by_text: dict[str, Frame] = {}

    def read(self, line: Line) -> None:
        text = line.text
        if text[:1].isdigit() or text[:2] == "[2":
            text = _PREFIX.sub("", text)
        if TITLE in text:
            self._begin(line)
        elif text.startswith('"'):
            self._read_header(text, line.number)
        elif text.startswith("Thread ") and (match := _SERVICEABILITY_HEADER.match(text)):
            self._begin_thread(_serviceability_thread(match, line.number))
        elif "deadlock" in text and ("Java-level deadlock" in text or text.startswith("Found ")):
            self._read_deadlock_title(text, line.number)
        else:
            self._read_body(text, line.number)
        if text and not text.isspace():
            self._last_line = line.number

    def _read_body(self, text: str, number: int) -> None:
        if self._cycle is not None:
            self._read_cycle(text, number)
        elif self._open is not None:
            self._read_thread(self._open, text.strip(), number)
        elif _DATE.match(text):
            self._date = text[:19]

    def _read_deadlock_title(self, text: str, number: int) -> None:
        self._end_thread()
        self._end_cycle()
        self._in_stacks = False
        if "one Java-level" in text or "a Java-level" in text:
            self._cycle, self._cycle_first = [], number

    def finish(self) -> list[ThreadDump]:
        self._end_dump()
        return self._dumps

    def _begin(self, line: Line) -> None:
        self._end_dump()
        self._start = line

    def _end_dump(self) -> None:
        self._end_thread()
        self._end_cycle()
        if self._threads or self._deadlocks:
            dump = ThreadDump(self._start.number, self._date, tuple(self._threads), tuple(self._deadlocks))
            self._dumps.append(dump)
            if self._frames > _KEPT_FRAMES:
                # The newest dump matters most. Older ones only need names, states and locks.
                self._dumps[:-1] = [_without_frames(older) for older in self._dumps[:-1]]
                self._frames = sum(len(thread.frames) for thread in dump.threads)
        self._threads, self._deadlocks, self._in_stacks = [], [], False

    def _end_thread(self) -> None:
        if self._open is not None:
            self._threads.append(self._open.close(self._last_line))
        self._open = None

    def _end_cycle(self) -> None:
        if self._cycle:
            self._deadlocks.append(Deadlock(tuple(self._cycle), self._cycle_first, self._last_line, reported=True))
        self._cycle, self._waiter, self._waits_for = None, "", None

    def _read_header(self, text: str, number: int) -> None:
        if self._cycle is not None or self._in_stacks:
            # In the section of a deadlock, a name without a stack is not another thread.
            self._waiter = text.strip().removesuffix(":")[1:-1]
            return
        match = _HEADER.match(text)
        if match is None:
            self._end_thread()
            return
        self._begin_thread(_header_thread(match.group(1), text[match.end() :], number, text))
        self._read_thread_header_lock(text, number)

    def _begin_thread(self, thread: JavaThread) -> None:
        self._end_thread()
        self._end_cycle()
        if len(self._threads) < _MOST_THREADS:
            self._open = _Open(thread)

    def _read_thread_header_lock(self, text: str, number: int) -> None:
        """Read what ThreadInfo.toString() of java.lang.management adds: `BLOCKED on T@1 owned by "x" Id=5`."""
        opened = self._open
        match = re.search(r" (BLOCKED|WAITING|TIMED_WAITING) on ([\w.$\[;]{1,300})@([0-9a-f]{1,16})", text)
        if opened is None or match is None:
            return
        opened.waits_for = Lock(match.group(3), match.group(2), number, text)
        owner = _OWNED_BY.search(text)
        synchronizer = ".locks." in match.group(2) or "java.util.concurrent" in match.group(2)
        opened.wait = "monitor" if match.group(1) == "BLOCKED" else "synchronizer" if synchronizer else "notify"
        opened.thread = replace(opened.thread, owner=owner.group(1) if owner else "")

    def _read_thread(self, opened: _Open, text: str, number: int) -> None:
        if text.startswith("at "):
            self._read_frame(opened, text, text[3:], number)
        elif text.startswith("- ") and "@bci=" in text:
            self._read_frame(opened, text, _serviceability_frame(text), number)
        elif not text:
            opened.is_complete = True
        elif text.startswith("- "):
            opened.read_lock(text, number)
        elif match := _MOUNTED.search(text):
            self._end_thread()
            self._open = _Open(JavaThread("", number, text=text, number=f"#{match.group(1)}", is_virtual=True))
        elif text.startswith(("JNI global ref", "Heap")):
            self._end_thread()
        else:
            opened.read_note(text)

    def _read_frame(self, opened: _Open, text: str, frame: str, number: int) -> None:
        if self._frames >= _MOST_FRAMES or opened.is_complete:
            return
        self._frames += 1
        cached = self._frames_by_text.get(text)
        if cached is None:
            cached = self._frames_by_text[text] = frame_of(frame, number)._replace(text=text)
        opened.frames.append(cached._replace(line=number))

    def _read_cycle(self, text: str, number: int) -> None:
        if text.startswith("Java stack information"):
            self._end_cycle()
            self._in_stacks = True
        elif match := _WAITING.search(text):
            address, type_name = match.group(2) or match.group(1), match.group(3) or match.group(4) or ""
            self._waits_for = Lock(address, type_name, number, text.strip())
        elif (match := _HELD.search(text)) and self._waits_for and self._cycle is not None:
            self._cycle.append(Edge(self._waiter, self._waits_for, match.group(1)))
            self._waits_for = None


def _without_frames(dump: ThreadDump) -> ThreadDump:
    threads = tuple(replace(thread, frames=()) for thread in dump.threads)
    return replace(dump, threads=threads)


def _serviceability_frame(text: str) -> str:
    """Return the frame in a line of `jhsdb jstack`: `- com.x.Y.run() @bci=5, line=12 (Compiled frame)`."""
    line = re.search(r"line=(\d{1,9})", text)
    call = text[2:].partition("(")[0]
    if line is None:
        return f"{call}(Native Method)"
    outer = call.split(".")[-2].partition("$")[0] if "." in call else ""
    return f"{call}({outer}.java:{line.group(1)})"


def _state_in(header: str, frames: Sequence[Frame]) -> str:
    """Return the state that the words of a header mean; "" if they leave it open."""
    if header.endswith("(state = BLOCKED)"):
        return "WAITING" if frames and frames[0].method in _WAIT_METHODS else "BLOCKED"
    words = {"waiting for monitor entry": "BLOCKED", "in Object.wait()": "WAITING", " runnable": "RUNNABLE"}
    return next((state for text, state in words.items() if text in header), "")


def _wait_of(kind: str) -> Wait:
    if kind.startswith("parking"):
        return "synchronizer"
    return "notify" if kind == "waiting on" else "monitor"


def _lock_in(text: str, start: int, number: int) -> Lock:
    """Return the lock in ``text``: `<0x…> (a java.lang.Object)` or `java.lang.Object@1b2c3d`. Its address may be ""."""
    if lock := _LOCK.search(text):
        return Lock(lock.group(1), lock.group(2) or "", number, text)
    type_name, at, address = text[start:].strip().split(" ")[0].partition("@")
    return Lock(address if at else "", type_name, number, text)


def _header_thread(name: str, rest: str, number: int, text: str) -> JavaThread:
    times: dict[str, float] = {}
    for kind, value, unit in _SECONDS.findall(rest):
        seconds = _number(value)
        if seconds is not None:
            times[kind] = seconds / 1000 if unit == "ms" else seconds
    identity = _NUMBER.search(rest)
    state = _ID_STATE.search(" " + rest)
    return JavaThread(
        name,
        number,
        text=text,
        number=f"#{next(filter(None, identity.groups()), '')}" if identity else "",
        state=state.group(1) if state else "",
        is_daemon="daemon " in rest,
        is_virtual=rest.startswith("virtual") or " virtual" in rest,
        has_tid="tid=" in rest,
        cpu_s=times.get("cpu"),
        elapsed_s=times.get("elapsed"),
        is_native=state is None,
    )


def _serviceability_thread(match: re.Match[str], number: int) -> JavaThread:
    """Return the thread of a header such as `Thread 4425: (state = BLOCKED)`.

    BLOCKED means that the thread waits for anything: a monitor, a condition, or the end of a sleep.
    """
    state = "RUNNABLE" if match[2].startswith("IN_") else ""
    return JavaThread(f"Thread {match[1]}", number, text=match[0], state=state, is_native=False)


def _number(text: str) -> float | None:
    """Return a number that some locales write with a comma: `40,57`. None if it is not a number."""
    try:
        return float(text.replace(",", ".", 1).replace(",", ""))
    except ValueError:
        return None
