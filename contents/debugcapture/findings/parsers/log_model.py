"""What a log contains: the lines that matter, in groups that say the same."""

from dataclasses import dataclass, field

from ..evidence import Evidence
from ..messages import Message
from .traces import Trace


@dataclass(frozen=True, slots=True)
class LogHit:
    """A line that matters."""

    number: int
    """Number of the line, from 1 on."""
    text: str
    level: str
    time: str
    before: tuple[str, ...] = ()
    """Lines before it; only of the first hit of a group."""
    after: tuple[str, ...] = ()
    """Lines after it; only of the first hit of a group."""


@dataclass(slots=True)
class LogGroup:
    """Lines that say the same."""

    message: Message | None
    """The known message; None for an error that no known message explains."""
    names: dict[str, str]
    first: LogHit
    last: LogHit
    count: int = 1
    is_at_least: bool = False
    """Whether `count` is a lower limit, because the log repeats the message very often."""
    trace: Trace | None = None
    is_explained: bool = False
    """Whether a known message inside its stack trace explains it."""


@dataclass(slots=True)
class Log:
    """What a log contains."""

    evidence: Evidence
    groups: list[LogGroup] = field(default_factory=list)
    lines: int = 0
    end: tuple[str, ...] = ()
    """Its last lines."""
    last_good_line: int = 0
    """Number of the last line that reports a success, such as "connected"; 0 if there is none."""
    last_start_line: int = 0
    """Number of the line with which the last run starts, if the log contains several runs; otherwise 0."""
