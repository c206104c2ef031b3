"""Stacks of threads, goroutines and profiles: grouped by identical stack, and merged to a flame graph."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ...picture import FlameBar, Row, StackGroup, Stacks
from ...text import shortened

_MOST_GROUPS: Final = 12
_MOST_STATES: Final = 8
_MOST_FRAMES: Final = 30  # of a group
_MOST_NAMES: Final = 5
_MOST_DEPTH: Final = 64  # of a flame graph; frames further inside are left out
_MOST_BARS: Final = 400
_NARROWEST: Final = 500  # a bar of less than this part of the graph would be too narrow to see
_FRAME_CHARACTERS: Final = 140
_NAME_CHARACTERS: Final = 60


class StackFrame(NamedTuple):
    """A function in a stack."""

    text: str
    is_own: bool = False
    """Whether it belongs to the application."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A stack, and how often it was seen."""

    frames: tuple[StackFrame, ...]
    """The innermost first."""
    count: int = 1
    state: str = ""
    name: str = ""
    line: int = 0


@dataclass(slots=True)
class _Node:
    """A function in the tree of a flame graph."""

    frame: StackFrame
    width: int = 0
    children: dict[str, "_Node"] = field(default_factory=dict)


@dataclass(slots=True)
class _Group:
    sample: Sample
    count: int = 0
    names: list[str] = field(default_factory=list)


def stacks_of(title: str, file: str, unit: str, samples: Iterable[Sample]) -> Stacks:
    """Return the stacks of ``samples``. ``unit`` says what is counted, in the plural."""
    groups: dict[tuple[tuple[StackFrame, ...], str], _Group] = {}
    for sample in samples:
        group = groups.setdefault((sample.frames, sample.state), _Group(sample))
        group.count += sample.count
        if sample.name and len(group.names) < _MOST_NAMES:
            group.names.append(shortened(sample.name, _NAME_CHARACTERS))
    ordered = sorted(groups.values(), key=lambda group: (-group.count, not _has_own(group.sample)))
    total = sum(group.count for group in ordered)
    bars, hidden_bars = _flame(ordered, total)
    return Stacks(
        title=title,
        file=file,
        unit=unit,
        total=total,
        states=_states(ordered),
        groups=tuple(_stack_group(group) for group in ordered[:_MOST_GROUPS]),
        hidden_groups=max(0, len(ordered) - _MOST_GROUPS),
        bars=bars,
        hidden_bars=hidden_bars,
    )


def _has_own(sample: Sample) -> bool:
    return any(frame.is_own for frame in sample.frames)


def _states(groups: Iterable[_Group]) -> tuple[Row, ...]:
    """Return how many stacks are in each state, without what follows a comma, such as minutes."""
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.sample.state.partition(",")[0]] += group.count
    if set(counts) == {""}:
        return ()
    rows = [Row(shortened(state, _NAME_CHARACTERS) or "unknown", count) for state, count in counts.most_common()]
    return tuple(rows[:_MOST_STATES])


def _stack_group(group: _Group) -> StackGroup:
    frames = group.sample.frames
    own = next((position for position, frame in enumerate(frames) if frame.is_own), -1)
    return StackGroup(
        count=group.count,
        state=shortened(group.sample.state, _NAME_CHARACTERS),
        frames=tuple(shortened(frame.text, _FRAME_CHARACTERS) for frame in frames[:_MOST_FRAMES]),
        hidden_frames=max(0, len(frames) - _MOST_FRAMES),
        names=tuple(group.names),
        own=own if own < _MOST_FRAMES else -1,
        line=group.sample.line,
    )


def _flame(groups: Iterable[_Group], total: int) -> tuple[tuple[FlameBar, ...], int]:
    """Return the widest bars of the flame graph, and the number of the others."""
    root = _Node(StackFrame(""))
    for group in groups:
        node = root
        for frame in group.sample.frames[: -_MOST_DEPTH - 1 : -1]:  # the outermost first
            node = node.children.setdefault(frame.text, _Node(frame))
            node.width += group.count
    bars = list(_bars(root))
    visible = sorted((bar for bar in bars if bar.width * _NARROWEST >= total), key=lambda bar: (-bar.width, bar.depth))
    chosen = sorted(visible[:_MOST_BARS], key=lambda bar: (bar.depth, bar.start))
    return tuple(chosen), len(bars) - len(chosen)


def _bars(root: _Node) -> Iterator[FlameBar]:
    """Yield the bars below ``root``. Without recursion, because stacks can be deep."""
    waiting = [(root, -1, 0)]
    while waiting:
        node, depth, start = waiting.pop()
        if depth >= 0:
            text = shortened(node.frame.text, _FRAME_CHARACTERS)
            yield FlameBar(depth, start, node.width, text, node.frame.is_own)
        for child in sorted(node.children.values(), key=lambda child: -child.width):
            waiting.append((child, depth + 1, start))
            start += child.width


def counted(samples: Iterable[tuple[tuple[StackFrame, ...], int]]) -> Iterator[Sample]:
    """Yield one sample for each different stack of a profile, with its weight."""
    weights: Counter[tuple[StackFrame, ...]] = Counter()
    for frames, weight in samples:
        weights[frames] += weight
    for frames, weight in weights.items():
        yield Sample(frames, weight)
