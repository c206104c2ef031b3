"""Parses stacks of Ruby and PHP: of rbspy, php-stacks and phpspy, and the slow log of PHP-FPM."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from ..evidence import Evidence

_RBSPY: Final = re.compile(r"^\s*(\S.{0,300}?) - (\S.{0,400}?)(?:(?::| line )(\d{1,9}))?\s*$")
_PHP: Final = re.compile(
    r"^\s*(?:#?\d{1,5} )?(\{main\}|<main>|[\w\\:>{}-]{1,300}(?:\(\))?) "
    r"(/\S{1,500}|<internal>|\S{1,200}\.php):(-?\d{1,9})\s*$"
)
_SLOW: Final = re.compile(r"^\[[^\]]{5,40}\]\s+\[pool ([\w.-]{1,60})\] pid (\d{1,9})")
_SLOW_SCRIPT: Final = re.compile(r"^script_filename = (\S{1,500})")
_SLOW_FRAME: Final = re.compile(r"^\[0x[0-9a-f]{8,16}\] (\S{1,300}) (\S{1,500}):(\d{1,9})\s*$")
_RUBY_FILE: Final = re.compile(r"\.rb(?::\d+| line \d+|\s*$)|\[c function\] - |\((?:unknown|eval)\)")
_MOST_STACKS: Final = 10_000
_MOST_FRAMES: Final = 200
_RUBY_LIBRARY: Final = re.compile(r"/gems/|/lib/ruby/|^\(unknown\)|<internal:|/usr/lib/ruby|\(eval")
_PHP_LIBRARY: Final = re.compile(r"/vendor/|<internal>")


class ScriptFrame(NamedTuple):
    """A function, its file and its line; line 0 if unknown."""

    function: str
    file: str
    line: int

    @property
    def is_library(self) -> bool:
        """Return whether it belongs to the runtime or a package."""
        native = "[c function]" in self.function or self.line <= 0
        return bool(native or _RUBY_LIBRARY.search(self.file) or _PHP_LIBRARY.search(self.file))

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})" if self.line > 0 else self.function


@dataclass(frozen=True, slots=True)
class ScriptStack:
    """One stack, the innermost frame first."""

    frames: tuple[ScriptFrame, ...]
    first_line: int
    last_line: int
    script: str = ""
    """Only in a slow log: the script of the request."""

    @property
    def own(self) -> ScriptFrame | None:
        """Return the innermost frame of the application."""
        return next((frame for frame in self.frames if not frame.is_library), None)


@dataclass(slots=True)
class ScriptStacks:
    """The stacks of a file."""

    evidence: Evidence
    language: Literal["Ruby", "PHP"]
    is_slow_log: bool
    stacks: list[ScriptStack] = field(default_factory=list)


def recognize(evidence: Evidence) -> bool:
    """Return whether nearly all lines are frames of Ruby or PHP."""
    lines = [line for line in evidence.head.splitlines()[:5000] if line.strip()]
    if not lines:
        return False
    slow = sum(1 for line in lines if _SLOW.match(line) or _SLOW_FRAME.match(line) or _SLOW_SCRIPT.match(line))
    ruby = sum(1 for line in lines if _RUBY_FILE.search(line) and _RBSPY.match(line))
    php = sum(1 for line in lines if _PHP.match(line))
    return max(slow, ruby, php) * 10 >= len(lines) * 8


def parse(evidence: Evidence) -> ScriptStacks:
    """Return the stacks of the file. A line without a frame ends a stack."""
    head = evidence.head
    is_slow = any(_SLOW.match(line) for line in head.splitlines()[:50])
    ruby = sum(1 for line in head.splitlines()[:200] if _RUBY_FILE.search(line) and _RBSPY.match(line))
    result = ScriptStacks(evidence, "Ruby" if ruby and not is_slow else "PHP", is_slow)
    frames: list[ScriptFrame] = []
    first = last = 0
    script = ""

    def finish() -> None:
        if frames and len(result.stacks) < _MOST_STACKS:
            result.stacks.append(ScriptStack(tuple(frames), first, last, script))
        frames.clear()

    for line in evidence.lines():
        frame = _frame(line.text, result)
        if frame is None:
            finish()
            if match := _SLOW_SCRIPT.match(line.text):
                script = match[1]
            continue
        first, last = first if frames else line.number, line.number
        if len(frames) < _MOST_FRAMES:
            frames.append(frame)
    finish()
    return result


def _frame(text: str, stacks: ScriptStacks) -> ScriptFrame | None:
    if stacks.is_slow_log:
        match = _SLOW_FRAME.match(text)
    elif stacks.language == "Ruby":
        match = _RBSPY.match(text)
    else:
        match = _PHP.match(text)
    return ScriptFrame(match[1], match[2], int(match[3] or 0)) if match else None
