"""What the pictures of a report show, before they are drawn.

Each model is bounded, and says how much it leaves out, so that a dump of a thousand threads makes a small page.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Tone = Literal["", "good", "warning", "bad"]
"""How a value is meant: neutral, or as a state."""
MomentKind = Literal["rollout", "run", "restart", "probe", "problem", "alert", "capture"]
Unit = Literal["bytes", "cores", "percent", "count"]
RankingKind = Literal["heap", "connections", "log"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a pod."""

    when: datetime
    kind: MomentKind
    text: str
    tone: Tone = ""
    first: datetime | None = None
    """When it began or was first seen; None if it is a single moment."""
    count: int = 1
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Meter:
    """How much of a resource is in use, and its limit."""

    name: str
    used: float
    limit: float
    """0 if there is no limit."""
    unit: Unit
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a ranking."""

    label: str
    value: int
    note: str = ""
    tone: Tone = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows in descending order: classes of a heap, connections, messages of a log."""

    kind: RankingKind
    file: str
    unit: Unit
    rows: tuple[Row, ...]
    total: int
    """The sum of all rows, also of those that are left out; 0 if a share makes no sense."""
    hidden: int = 0
    """Number of rows that are left out."""


@dataclass(frozen=True, slots=True)
class StackGroup:
    """Threads with the same stack in the same state."""

    count: int
    state: str
    frames: tuple[str, ...]
    """The innermost first."""
    hidden_frames: int = 0
    names: tuple[str, ...] = ()
    """Names of some of the threads."""
    own: int = -1
    """Position of the innermost frame of the application; -1 if there is none in `frames`."""
    line: int = 0


@dataclass(frozen=True, slots=True)
class FlameBar:
    """A function in a flame graph. ``start`` and ``width`` are in the unit of the graph."""

    depth: int
    start: int
    width: int
    text: str
    is_own: bool = False
    """Whether it belongs to the application, not to a runtime or a library."""


@dataclass(frozen=True, slots=True)
class Stacks:
    """The stacks of a dump or a profile."""

    title: str
    """What they are: "Java threads"."""
    file: str
    unit: str
    """What is counted, in the plural: "threads", "samples", "ms of CPU time"."""
    total: int
    states: tuple[Row, ...] = ()
    """How many of them are in each state; () if the file contains no states."""
    groups: tuple[StackGroup, ...] = ()
    hidden_groups: int = 0
    bars: tuple[FlameBar, ...] = ()
    """Ordered by depth, then by start."""
    hidden_bars: int = 0


@dataclass(frozen=True, slots=True)
class PodPictures:
    """What the pictures of one pod show."""

    pod: str
    """"" if the evidence names none."""
    moments: tuple[Moment, ...] = ()
    meters: tuple[Meter, ...] = ()
    rankings: tuple[Ranking, ...] = ()
    stacks: tuple[Stacks, ...] = ()


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the pictures of a bundle show."""

    pods: tuple[PodPictures, ...] = ()
    hidden_pods: int = 0
    """Number of pods without pictures, because there are too many."""
