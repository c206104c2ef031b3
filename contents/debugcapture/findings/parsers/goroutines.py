"""Parses goroutines: profiles (debug=1), full dumps (debug=2), and what a Go program prints when it ends."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from ..evidence import Evidence, Line

_HEADER: Final = re.compile(r"goroutine (\d{1,18})(?: gp=\S+)?(?: m=\S+)?(?: mp=\S+)? \[([^\[\]]{1,200})\]:")
_PROFILE: Final = re.compile(r"^goroutine(leak)? profile: total (\d{1,12})")
_LEAKED: Final = " (leaked)"
"""Marks the state of a goroutine after the program searched for leaked ones."""
_GROUP: Final = re.compile(r"^(\d{1,12}) @(?: 0x[0-9a-f]+)+")
_GROUP_FRAME: Final = re.compile(r"^#\s+0x[0-9a-f]+\s+(\S+?)(?:\+0x[0-9a-f]+)?\s+(.{1,500}?):(\d{1,18})\s*$")
_PLACE: Final = re.compile(r"\s(\S.{0,500}?\.(?:go|s|c|cc|cgo1\.go)):(\d{1,18})(?: \+0x[0-9a-f]+)?(?: fp=\S+.*)?\s*$")
GO_FUNCTION: Final = re.compile(
    # Each part begins with characters that end the one before it, so that there is one way to match a name.
    r"(?:^|[:\s])([\w./~%@$-]{0,300}[\w~%@$-]"
    r"(?:\.\(\*?[\w\[\].,*/-]{1,200}\)(?:\.[\w\[\].,*/-]{1,300})?|\[[\w\[\].,*/-]{1,300})?)\((.*)\)\s*$"
)
"""The line of a function of a stack: its name, and its arguments."""
_CREATED: Final = re.compile(r"created by (\S{1,400})(?: in goroutine (\d{1,18}))?")
_MINUTES: Final = re.compile(r", (\d{1,9}) minutes")
_END: Final = re.compile(
    r"(?:^|[:\]] |\s)"
    r"((?:panic|panic serving [^\s]{1,80}|fatal error|runtime|unexpected fault address|SIGQUIT|SIGABRT): .*)$"
)
_ADDRESS: Final = re.compile(r"0x[0-9a-f]{6,16}")
_GO_LINES: Final = re.compile(r"(?m)\.(?:go|s):\d+(?: \+0x[0-9a-f]+)?\s*$")
_MOST_GOROUTINES: Final = 50_000
_MOST_FRAMES: Final = 100
_MOST_ENDS: Final = 20
_STANDARD: Final = re.compile(
    r"(?:bufio|bytes|cmp|compress|container|context|crypto|database|encoding|errors|fmt|hash|html|image|internal|io|iter|log"
    r"|maps|math|mime|net|os|panic|path|plugin|reflect|regexp|runtime|slices|sort|strconv|strings|sync|syscall|testing|text"
    r"|time|unicode|vendor)(?:[./]|$)"
)
_LOCKS: Final = re.compile(r"^(?:internal/)?sync\.\(\*(RW)?Mutex\)\.(Lock|RLock|lockSlow)$")


class GoFrame(NamedTuple):
    """A function of a goroutine, and where it is."""

    function: str
    file: str
    line: int

    @property
    def is_standard(self) -> bool:
        """Return whether it belongs to the runtime or the standard library."""
        return _STANDARD.match(self.function) is not None

    @property
    def name(self) -> str:
        """Return the function with the last part of its package only: "server.(*Client).read"."""
        path, star, rest = self.function.partition("(")
        return path.rpartition("/")[2] + star + rest

    @property
    def place(self) -> str:
        """Return the name of the file, and the line."""
        return f"{re.split(r'[/]', self.file)[-1]}:{self.line}"

    @property
    def type(self) -> str:
        """Return the type whose method it is, with its package; "" if it is a plain function."""
        match = re.match(r"(.*\.\(\*?[\w\[\].,*/-]+\))\.", self.function)
        return match[1] if match else ""

    def __str__(self) -> str:
        return f"{self.name} ({self.place})"


Stack = tuple[GoFrame, ...]


@dataclass(frozen=True, slots=True)
class Goroutine:
    """One goroutine of a full dump."""

    id: int
    state: str
    """Such as "chan receive"; without minutes."""
    minutes: int
    stack: Stack
    creator: str
    """The function that created it; "" if unknown."""
    first_line: int
    last_line: int
    lock: str = ""
    """Address of the lock that it waits for; "" if unknown or none."""
    lock_kind: str = ""
    """"Mutex", "RWMutex (read)" or "RWMutex (write)"; "" if it waits for no lock."""
    receivers: tuple[str, ...] = ()
    """First arguments of its methods: addresses of objects."""
    is_leaked: bool = False
    """The runtime found that nothing can reach what it waits for."""

    @property
    def own(self) -> GoFrame | None:
        """Return its innermost frame outside the standard library."""
        return next((frame for frame in self.stack if not frame.is_standard), None)


@dataclass(frozen=True, slots=True)
class GoGroup:
    """Goroutines with the same stack."""

    count: int
    stack: Stack
    state: str
    """"" in a profile, which contains no states."""
    minutes: int
    """The longest wait."""
    first_line: int
    last_line: int
    creator: str = ""
    is_leaked: bool = False


@dataclass(slots=True)
class GoDump:
    """The goroutines of a program."""

    evidence: Evidence
    total: int = 0
    goroutines: list[Goroutine] = field(default_factory=list)
    groups: list[GoGroup] = field(default_factory=list)
    """The largest first."""
    ends: list[Line] = field(default_factory=list)
    """What the program printed when it ended: "panic: …"."""


def recognize(evidence: Evidence) -> bool:
    """Return whether most of the file is goroutines."""
    head = evidence.head
    if _PROFILE.match(head.lstrip()) or _is_profile(head):
        return True
    if not _HEADER.search(head):
        return False
    places = len(_GO_LINES.findall(head))
    return places * 4 >= sum(1 for line in head.splitlines() if line.strip())


def is_mixed(evidence: Evidence) -> bool:
    """Return whether the file also contains a report of go-deadlock, which is explained like a log."""
    return "POTENTIAL DEADLOCK:" in evidence.head


def parse(evidence: Evidence) -> GoDump:
    """Return the goroutines of the file."""
    dump = GoDump(evidence)
    if _is_profile(f"\n{evidence.head}"):
        _parse_profile(dump)
    else:
        _parse_dump(dump)
        dump.groups = _group(dump.goroutines)
    dump.groups.sort(key=lambda group: -group.count)
    return dump


def _is_profile(text: str) -> bool:
    return "\ngoroutine profile: total " in text or "\ngoroutineleak profile: total " in text


def _parse_profile(dump: GoDump) -> None:
    frames: list[GoFrame] = []
    count = first = last = 0
    is_leaked = False
    for line in dump.evidence.lines():
        if match := _PROFILE.match(line.text):
            dump.total += int(match[2])
            is_leaked = is_leaked or bool(match[1])
        elif match := _GROUP.match(line.text):
            if count:
                dump.groups.append(GoGroup(count, tuple(frames), "", 0, first, last, is_leaked=is_leaked))
            count, first, last, frames = int(match[1]), line.number, line.number, []
        elif (match := _GROUP_FRAME.match(line.text)) and len(frames) < _MOST_FRAMES:
            frames.append(GoFrame(match[1], match[2], int(match[3])))
            last = line.number
    if count:
        dump.groups.append(GoGroup(count, tuple(frames), "", 0, first, last, is_leaked=is_leaked))


class _Block:
    """The lines of one goroutine while they are read."""

    def __init__(self, header: re.Match[str], number: int) -> None:
        self.id = int(header[1])
        minutes = _MINUTES.search(header[2])
        self.minutes = int(minutes[1]) if minutes else 0
        state = header[2].split(",")[0].removesuffix(" (scan)")
        self.is_leaked = state.endswith(_LEAKED)
        self.state = state.removesuffix(_LEAKED).strip()
        self.first = self.last = number
        self.frames: list[GoFrame] = []
        self.creator = self.lock = self.kind = ""
        self.receivers: list[str] = []
        self._function: tuple[str, str] | None = None

    def add(self, line: Line) -> None:
        """Read a line of the stack."""
        text = line.text
        if not text.strip():
            return
        if created := _CREATED.search(text):
            self.creator, self._function, self.last = created[1], None, line.number
        elif place := _PLACE.search(text):
            self.last = line.number
            if self._function and len(self.frames) < _MOST_FRAMES:
                self._frame(*self._function, place)
            self._function = None
        elif function := GO_FUNCTION.search(text):
            self._function = (function[1], function[2])

    def _frame(self, function: str, arguments: str, place: re.Match[str]) -> None:
        self.frames.append(GoFrame(function, place[1], int(place[2])))
        address = _ADDRESS.search(arguments.split(",")[0])
        if lock := _LOCKS.match(function):
            self.lock = address[0] if address and "?" not in arguments.split(",")[0] else self.lock
            read = "read" if lock[2] == "RLock" else "write"
            self.kind = f"RWMutex ({read})" if lock[1] else self.kind or "Mutex"
        elif address and ".(" in function:
            self.receivers.append(address[0])

    def goroutine(self) -> Goroutine:
        """Return the goroutine."""
        kind = self.kind if self._waits_for_lock() else ""
        return Goroutine(
            self.id, self.state, self.minutes, tuple(self.frames), self.creator, self.first, self.last,
            self.lock if kind else "", kind, tuple(self.receivers[:20]), self.is_leaked,
        )  # fmt: skip

    def _waits_for_lock(self) -> bool:
        if self.state in ("sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock", "semacquire"):
            return bool(self.kind)
        return False


def _parse_dump(dump: GoDump) -> None:
    stacks: dict[Stack, Stack] = {}
    for block in _blocks(dump):
        dump.total += 1
        if dump.total <= _MOST_GOROUTINES:
            goroutine = block.goroutine()
            shared = stacks.setdefault(goroutine.stack, goroutine.stack)
            dump.goroutines.append(replace(goroutine, stack=shared))


def _blocks(dump: GoDump) -> Iterator[_Block]:
    block: _Block | None = None
    for line in dump.evidence.lines():
        if header := _HEADER.search(line.text):
            if block:
                yield block
            block = _Block(header, line.number)
        elif block is None:
            if (end := _END.search(line.text)) and len(dump.ends) < _MOST_ENDS:
                dump.ends.append(Line(line.number, end[1]))
        else:
            block.add(line)
    if block:
        yield block


def _group(goroutines: list[Goroutine]) -> list[GoGroup]:
    groups: dict[tuple[Stack, str, bool], list[Goroutine]] = {}
    for goroutine in goroutines:
        groups.setdefault((goroutine.stack, goroutine.state, goroutine.is_leaked), []).append(goroutine)
    return [
        GoGroup(
            len(group), stack, state, max(goroutine.minutes for goroutine in group),
            group[0].first_line, group[0].last_line, group[0].creator, is_leaked,
        )
        for (stack, state, is_leaked), group in groups.items()
    ]  # fmt: skip
