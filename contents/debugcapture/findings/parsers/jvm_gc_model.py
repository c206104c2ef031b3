"""What the log of a Java garbage collector says, whatever wrote it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, NamedTuple

from ..evidence import Evidence, Line

UNITS: Final = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
UNKNOWN_TIME: Final = -1.0
LINE_CHARACTERS: Final = 240  # more is not quoted, and a log has many lines
Failure = Literal["", "concurrent mode failure", "promotion failed", "to-space exhausted"]


class Collection(NamedTuple):
    """One collection. Sizes are in bytes."""

    kind: str
    line: Line
    seconds: float = 0.0
    before: int = 0
    after: int = 0
    heap: int = 0
    """Size of the heap; 0 if it is unknown."""
    old_after: int = 0
    old_size: int = 0
    """Size of the old generation; 0 if the log does not show it."""
    is_full: bool = False
    is_pause: bool = True
    failure: Failure = ""
    """Why the collection took longer than one of its kind."""
    at: float = UNKNOWN_TIME
    """Seconds since the start of the JVM, or since 1970; `UNKNOWN_TIME` if the line has no time."""


@dataclass(frozen=True)
class GcLog:
    """The collections of a log, in their order."""

    evidence: Evidence
    collections: tuple[Collection, ...]

    @cached_property
    def runs(self) -> Sequence[Sequence[Collection]]:
        """Return the collections of each run of a JVM. A log that continues after a restart has several runs."""
        runs: list[list[Collection]] = []
        last = UNKNOWN_TIME
        for collection in self.collections:
            if not runs or UNKNOWN_TIME < collection.at < last - 1:
                runs.append([])
            runs[-1].append(collection)
            last = collection.at if collection.at > UNKNOWN_TIME else last
        return runs


def cut(line: Line) -> Line:
    """Return ``line`` with as much of its text as is quoted."""
    return Line(line.number, line.text[:LINE_CHARACTERS])


def number(text: str) -> float:
    """Return the number in ``text``. Some locales write a decimal comma."""
    return float(text.replace(",", "."))


def size_of(amount: str, unit: str) -> int:
    """Return a size in bytes, such as that of "5120.5" and "K"."""
    return int(number(amount) * UNITS[unit])
