"""Parses stacks of .NET threads: of SOS (clrstack, syncblk), of dotnet-stack, and of dotnet-inspect."""

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ..evidence import Evidence

_SOS_THREAD: Final = re.compile(r"^\s*OS Thread Id: (0x[0-9a-fA-F]{1,16})(?: \((\d{1,18})\))?")
_SOS_FRAME: Final = re.compile(r"^\s*[0-9a-fA-F]{8,16} [0-9a-fA-F]{8,16} (.{1,2000})$")
_INTERNAL_FRAME: Final = re.compile(r"^\[\w+(?:_\w+)?: [0-9a-fA-F]+\]\s*")
_PLACE: Final = re.compile(r"^(.{1,1500}?)\s*\[(.{1,500}?)(?: @ (\d{1,18}))?\]\s*$")
# dotnet-inspect adds the name of the thread, and whether it looks like a wait for a lock.
_TOOL_THREAD: Final = re.compile(
    r'^Thread \((0x[0-9a-fA-F]{1,16})\):(?: "(.{0,200}?)"(, likely waits for a lock)?)?\s*$'
)
_TOOL_FRAME: Final = re.compile(r"^\s+(?:[\w.+\-]{1,200}!)?(\S.{0,1500}\(.{0,1500}\))\s*$")
_SYNC_BLOCK: Final = re.compile(
    r"^\s*(\d{1,9}) [0-9a-fA-F]{8,16}\s+(\d{1,9})\s+(\d{1,9}) [0-9a-fA-F]{8,16} +([0-9a-fA-F]{1,8})\s+(\S{1,10})"
    r"\s+[0-9a-fA-F]{8,16} (\S{1,300})"
)
_MOST_FRAMES: Final = 150
_MOST_THREADS: Final = 20_000
_LIBRARIES: Final = ("System.", "Microsoft.", "Interop", "[", "Internal.", "DynamicClass.", "(dynamicClass)")


class NetFrame(NamedTuple):
    """A method with its arguments, and its place ("file.cs:12"; "" if unknown)."""

    method: str
    place: str

    @property
    def name(self) -> str:
        """Return the method without its arguments."""
        return self.method.partition("(")[0]

    @property
    def is_library(self) -> bool:
        """Return whether it belongs to .NET itself."""
        return self.method.startswith(_LIBRARIES)

    def __str__(self) -> str:
        return f"{self.name} ({self.place})" if self.place else self.name


@dataclass(frozen=True, slots=True)
class NetThread:
    """A thread. ``id`` is the thread ID of the system, hexadecimal without "0x"."""

    id: str
    frames: tuple[NetFrame, ...]
    """The innermost first."""
    first_line: int
    last_line: int
    name: str = ""
    """Its name; "" if the file does not contain it."""
    likely_waits: bool = False
    """Whether it has not moved for a second, in a place that looks like a wait for a lock."""

    @property
    def own(self) -> NetFrame | None:
        """Return its innermost frame of the application."""
        return next((frame for frame in self.frames if not frame.is_library), None)


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor that a thread holds, as syncblk lists it."""

    held: int
    """MonitorHeld: 1 for the owner and 2 for each waiter."""
    owner: str
    """Thread ID of the system, hexadecimal without "0x"."""
    type: str
    line: int

    @property
    def waiters(self) -> int:
        """Return the number of threads that wait for it."""
        return max(self.held - 1, 0) // 2


@dataclass(slots=True)
class NetStacks:
    """The threads of a .NET process."""

    evidence: Evidence
    threads: list[NetThread] = field(default_factory=list)
    monitors: list[Monitor] = field(default_factory=list)


def recognize(evidence: Evidence) -> bool:
    """Return whether the file contains stacks of .NET threads, or a list of monitors."""
    head = evidence.head
    if "SyncBlock MonitorHeld" in head or ("OS Thread Id: 0x" in head and "Child SP" in head):
        return True
    lines = head.splitlines()
    threads = sum(1 for line in lines if _TOOL_THREAD.match(line))
    return bool(threads) and any("System.Private.CoreLib" in line or "!System." in line for line in lines)


def parse(evidence: Evidence) -> NetStacks:
    """Return the threads of the file. A thread that appears twice counts once, with its last stack."""
    stacks = NetStacks(evidence)
    threads: dict[str, NetThread] = {}
    identity, name, likely_waits, first, last = "", "", False, 0, 0
    frames: list[NetFrame] = []

    def finish() -> None:
        if frames and len(threads) < _MOST_THREADS:
            thread = NetThread(identity, tuple(frames), first, last, name, likely_waits)
            threads[identity or f"unnamed {len(threads)}"] = thread
        frames.clear()

    for line in evidence.lines():
        if match := _SOS_THREAD.match(line.text) or _TOOL_THREAD.match(line.text):
            finish()
            identity, first, last = match[1][2:].lower().lstrip("0"), line.number, line.number
            is_named = match.re is _TOOL_THREAD
            name, likely_waits = (match[2] or "", bool(match[3])) if is_named else ("", False)
        elif monitor := _SYNC_BLOCK.match(line.text):
            finish()
            stacks.monitors.append(Monitor(int(monitor[2]), monitor[4].lower().lstrip("0"), monitor[6], line.number))
        elif frame := _frame(line.text):
            first, last = first or line.number, line.number
            if len(frames) < _MOST_FRAMES:
                frames.append(frame)
    finish()
    stacks.threads = list(threads.values())
    return stacks


def _frame(text: str) -> NetFrame | None:
    """Return the method of a frame; None for internal frames without a method."""
    if sos := _SOS_FRAME.match(text):
        method = _INTERNAL_FRAME.sub("", sos[1]).strip()
        if "(" not in method:
            return None
        place = _PLACE.match(method)
        if not place:
            return NetFrame(method, "")
        file = re.split(r"[/\\]", place[2])[-1]
        return NetFrame(place[1], f"{file}:{place[3]}" if place[3] else file)
    tool = _TOOL_FRAME.match(text)
    return NetFrame(tool[1], "") if tool else None
