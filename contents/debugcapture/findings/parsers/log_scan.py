"""Scans a log in blocks. A message that repeats thousands of times is left out of the pattern, except near the end."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ..evidence import Evidence
from ..messages import Message, joined
from ..regex_set import joined_pattern, regex_set
from .log_line import LogText, address_in, host_in, log_text, path_in, pid_in, signal_in, template, without_wrapping
from .log_model import Log, LogGroup, LogHit
from .traces import Trace, has_error_class, trace_of

_BLOCK_BYTES: Final = 256 << 10
_CONTEXT_BYTES: Final = 24 << 10
_CONTEXT_LINES: Final = 120
_BEFORE_BYTES: Final = 6 << 10
_BEFORE_LINES: Final = 20
_TAIL_BYTES: Final = 256 << 10  # the end of a log is always read in full
_MOST_HITS: Final = 500  # per message, before the tail
_MANY: Final = 20
_MOST_GROUPS_OF_A_KIND: Final = 5
_MOST_GROUPS: Final = 200
_SAME_EVENT_LINES: Final = 4  # a line without an address, near one with an address, is the same event
_ERROR_LEVELS: Final = ("ERROR", "FATAL")
_ERROR: Final = Message(
    "error-line",
    r"ERROR|SEVERE|FATAL|CRITICAL|PANIC|panic: |panic serving|Traceback \(most recent|(?:Exception|Error)\b|"
    r'"level": ?"(?:error|fatal|panic|critical)|level="?(?:error|fatal|panic|critical)|'
    r"\[(?:error|crit|emerg|alert|fatal)\]|fatal error|"
    r"^E\d{4} |^[Ee]rror: |^error:|^fatal: |panicked at|"
    r'"level": ?[56]0\b|"severity": ?"(?:ERROR|CRITICAL)|"s": ?"[FE]"',
    "info",
    "",
)
_GOOD: Final = Message(
    "good-line",
    r"(?i:\b(?:re)?connected\b|connection (?:re-?)?established|connect(?:ion)? succe|recovered"
    r"|\bis (?:now )?(?:ready|available|up)\b|ready (?:to accept|for) connections|startup complete"
    r"|started success|succeeded after|server started|listening on|started \S+ in [\d.]+ ?s|now running)",
    "info",
    "",
    unless=r"(?i:\bnot\b|n't|dis|\bun|fail|error|refus|reset|lost|clos|\bno\b)",
)
_START: Final = Message("start-line", r"(?i:\b(?:starting|booting|launching|initializing)\b)", "info", "")
_END_LINES: Final = 5
_START_LINES: Final = 5  # the message with which a run starts is among the first lines


class Scan:
    """The state of a scan."""

    def __init__(self, evidence: Evidence, messages: Sequence[Message]) -> None:
        self._messages = (*messages, _ERROR, _GOOD, _START)
        self._set = regex_set(tuple(message.ungrouped for message in self._messages))
        self._hits = [0] * len(self._messages)
        self._log = Log(evidence)
        self._groups: dict[tuple[str, ...], LogGroup] = {}
        self._heads: dict[str, LogGroup] = {}
        """The group of an error by the first line of its last occurrence."""
        self._kinds: Counter[str] = Counter()
        self._rare: list[Message] = []
        self._compiled: Any = None
        self._start_template = ""
        self._trace_end = 0
        """Number of the last line of the current stack trace."""
        self._explained_end = 0
        """Number of the last line of the stack trace below the last known message."""
        self._trace_group: LogGroup | None = None

    def log(self) -> Log:
        """Return what the log contains."""
        path = self._log.evidence.path
        left = path.stat().st_size
        pattern = self._pattern(full=True)
        number, carried = 0, b""
        with path.open("rb") as file:
            while True:
                piece = file.read(_BLOCK_BYTES)
                left -= len(piece)
                block = carried + piece
                end = len(block) if not piece else max(block.rfind(b"\n", 0, len(block) - _CONTEXT_BYTES) + 1, 0)
                if piece and not end and len(block) > 2 * _BLOCK_BYTES:
                    end = len(block) - _CONTEXT_BYTES  # a line without end is cut
                number = self._scan(block, end, number, pattern)
                carried = block[end:]
                if not piece:
                    break
                pattern = self._pattern(full=left < _BLOCK_BYTES + _TAIL_BYTES)
        self._log.lines = number
        self._log.end = _lines(_last_bytes(path))[-_END_LINES:]
        self._log.groups = list(self._groups.values())
        return self._log

    def _pattern(self, *, full: bool) -> Any:
        """Return the pattern for the next block, without messages that were found very often."""
        rare = [message for message, hits in zip(self._messages, self._hits, strict=True) if full or hits < _MOST_HITS]
        if rare != self._rare or self._compiled is None:
            self._rare, self._compiled = rare, joined_pattern(joined(rare) if rare else r"\z.")
            for group in self._groups.values():
                group.is_at_least = group.is_at_least or (group.message or _ERROR) not in rare
        return self._compiled

    def _scan(self, block: bytes, end: int, number: int, pattern: Any) -> int:
        """Read the lines of ``block`` up to ``end``, and return the number of its last line."""
        position = counted = 0
        while position < end and (match := pattern.search(block, position)):
            start = block.rfind(b"\n", 0, match.start()) + 1
            if start >= end:
                break
            stop = block.find(b"\n", match.start())
            stop = len(block) if stop < 0 else stop
            number += block.count(b"\n", counted, start)
            counted = start
            self._read(block, start, stop, number + 1)
            position = stop + 1
        number += block.count(b"\n", counted, end)
        if end == len(block) and end and not block.endswith(b"\n"):
            number += 1
        return number

    def _read(self, block: bytes, start: int, stop: int, number: int) -> None:
        line = log_text(block[start : min(stop, start + (16 << 10))])
        if line.text.lstrip().startswith("at "):
            return  # a frame of a stack trace
        indexes = self._set.indexes(line.text)
        for index in indexes:
            self._hits[index] += 1
        messages = [self._messages[index] for index in indexes]
        specific = [message for message in messages if message not in (_ERROR, _GOOD, _START)]
        if any(message.severity == "none" and message.names(line.text) is not None for message in specific):
            return
        self._mark(line, number, messages)
        place = _Place(block, start, stop, number)
        matches = [(message, names) for message in specific if (names := message.names(line.text)) is not None]
        for message, names in _most_direct(matches):
            self._add_message(message, names, line, place)
        if not matches and (_ERROR in messages or line.level in _ERROR_LEVELS):
            self._error(line, place)

    def _mark(self, line: LogText, number: int, messages: Sequence[Message]) -> None:
        """Note whether the line reports a success or the start of a run."""
        if _GOOD in messages and line.level not in _ERROR_LEVELS and _GOOD.names(line.text) is not None:
            self._log.last_good_line = number
        if _START in messages and line.level not in _ERROR_LEVELS:
            same = template(line.text)
            if number <= _START_LINES and not self._start_template:
                self._start_template = same
            elif same == self._start_template:
                self._log.last_start_line = number

    def _add_message(self, message: Message, names: dict[str, str], line: LogText, place: "_Place") -> None:
        """Add the line to the group of ``message``."""
        for name, find in (("address", address_in), ("path", path_in), ("signal", signal_in), ("pid", pid_in)):
            if f"{name}}}" in message.title and (value := find(line.text)):
                names.setdefault(name, value)
        if "{host" in message.title and (host := host_in(line.text)):
            names.setdefault("host", host)
        key = (message.id, *(f"{name}={value}" for name, value in sorted(names.items()) if name != "pid"))
        group = self._groups.get(key) or self._nearby(message, names, place.number)
        if group is None and self._kinds[message.id] >= _MOST_GROUPS_OF_A_KIND:
            key, names = (message.id, "others"), {}
            group = self._groups.get(key)
        if group is None:
            group = self._add(key, LogGroup(message, names, *place.hits(line)))
            self._kinds[message.id] += 1
            group.trace = trace_of(line.text, group.first.after)
            self._explained_end = place.number + (group.trace.length if group.trace else 0)
        else:
            self._count(group, line, place)
        if self._trace_group and place.number <= self._trace_end:
            self._trace_group.is_explained = True
            if group.trace is None or group.trace.own_frame is None:
                group.trace = self._trace_group.trace

    def _nearby(self, message: Message, names: dict[str, str], number: int) -> LogGroup | None:
        """Return the group of the same event: a line just before, of which ``names`` are a part."""
        for group in self._groups.values():
            if group.message is message and self._is_near(group, number) and names.items() <= group.names.items():
                return group
        return None

    def _error(self, line: LogText, place: "_Place") -> None:
        """Add the line to a group of errors that no known message explains."""
        if place.number <= max(self._trace_end, self._explained_end) and not line.level:
            return
        head = template(line.text)
        if (earlier := self._heads.get(head)) and earlier.count > _MANY:
            self._count(earlier, line, place)  # its stack trace is not read again
            return
        after = place.after() if _may_have_trace(place) or "panicked at" in line.text else ()
        trace = trace_of(line.text, after)
        is_error = line.level in _ERROR_LEVELS or trace or _is_error_text(line.text)
        if not is_error or (line.level and line.level not in _ERROR_LEVELS and not trace):
            return
        identity = (_ERROR.id, template(_shorten(line, trace)), str(trace.frames[0]) if trace and trace.frames else "")
        group = self._groups.get(identity)
        if group is None:
            group = self._add(identity, LogGroup(None, {}, *place.hits(line), trace=trace))
        else:
            self._count(group, line, place)
        self._heads[head] = group
        if trace:
            self._trace_end, self._trace_group = place.number + trace.length, group

    def _add(self, key: tuple[str, ...], group: LogGroup) -> LogGroup:
        if len(self._groups) < _MOST_GROUPS:
            self._groups[key] = group
        return group

    def _is_near(self, group: LogGroup, number: int) -> bool:
        """Return whether the line with this number belongs to the last event of ``group``, or to its stack trace."""
        length = group.trace.length if group.trace else 0
        return number - group.last.number <= length + _SAME_EVENT_LINES or number <= self._trace_end

    def _count(self, group: LogGroup, line: LogText, place: "_Place") -> None:
        same = template(line.text) == template(group.last.text)
        if same or not self._is_near(group, place.number):
            group.count += 1
            group.last = LogHit(place.number, line.text, line.level, line.time)


def _most_direct(matches: Sequence[tuple[Message, dict[str, str]]]) -> list[tuple[Message, dict[str, str]]]:
    """Return what one line means: the most direct message, and those that are only context."""
    real = [message for message, _ in matches if message.severity != "info"]
    best = max(real, key=lambda message: message.directness, default=None)
    return [(message, names) for message, names in matches if message is best or message.severity == "info"]


class _Place:
    """The position of a line in a block."""

    def __init__(self, block: bytes, start: int, stop: int, number: int) -> None:
        self._block, self._start, self._stop, self.number = block, start, stop, number

    def next_bytes(self, count: int) -> bytes:
        """Return what follows the line."""
        return self._block[self._stop + 1 : self._stop + 1 + count]

    def after(self) -> tuple[str, ...]:
        """Return the lines that follow."""
        lines = _lines(self.next_bytes(_CONTEXT_BYTES))[:_CONTEXT_LINES]
        return tuple(without_wrapping(line) for line in lines)

    def hits(self, line: LogText) -> tuple[LogHit, LogHit]:
        """Return the first and the last hit of a new group."""
        before = _lines(self._block[max(0, self._start - _BEFORE_BYTES) : self._start])[-_BEFORE_LINES:]
        hit = LogHit(self.number, line.text, line.level, line.time, before, self.after())
        return hit, hit


def _lines(text: bytes) -> tuple[str, ...]:
    return tuple(text.decode(errors="replace").splitlines())


def _last_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _END_BYTES))
        return file.read(_END_BYTES)


_END_BYTES: Final = 8 << 10
_FRAME_AHEAD: Final = re.compile(
    rb"^(?:[^\n]*\n){0,7}?[^\n]*(?:\sat |File \"|goroutine \d|\tfrom |#0 |^ *0: )", re.MULTILINE
)


def _may_have_trace(place: _Place) -> bool:
    return _FRAME_AHEAD.match(place.next_bytes(2048)) is not None


def _is_error_text(text: str) -> bool:
    head = text.lstrip()[:200]
    return head.startswith(
        ("Error: ", "error: ", "Error:", "fatal: ", "panic: ", "fatal error: ", "ERROR", "FATAL")
    ) or (
        "panicked at" in head
        or "panic: " in head
        or "fatal error: " in head
        or "FATAL" in head
        or has_error_class(head)
    )


def _shorten(line: LogText, trace: Trace | None) -> str:
    return trace.error if trace else line.text
