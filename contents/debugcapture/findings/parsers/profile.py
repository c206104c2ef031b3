"""Parses profiles: of py-spy and rbspy (speedscope), of V8 (`.cpuprofile`), and of Go (pprof).

Sources: https://www.speedscope.app/file-format-schema.json,
https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile,
https://github.com/google/pprof/blob/main/proto/profile.proto
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ..evidence import Evidence
from . import pprof

MAX_BYTES: Final = 32 << 20  # JSON in memory needs several times as much
_HEAD_CHARACTERS: Final = 4096
_MOST_SAMPLES: Final = 500_000
_MOST_FRAMES: Final = 500
_MS: Final = {"seconds": 1000.0, "milliseconds": 1.0, "microseconds": 1e-3, "nanoseconds": 1e-6}
_NOT_RUNNING: Final = ("(idle)", "(program)")


class ProfileFrame(NamedTuple):
    """A function, its file and its line; line 0 if it is unknown."""

    function: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Profile:
    """Stacks with their weights."""

    evidence: Evidence
    title: str
    unit: str
    """What the weights are, in the plural: "ms", "bytes", "samples"."""
    samples: Sequence[tuple[tuple[ProfileFrame, ...], int]]
    """Stacks, the innermost frame first, with their weights."""


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is such a profile."""
    head = evidence.head[:_HEAD_CHARACTERS]
    is_speedscope = "speedscope.app/file-format-schema" in head
    is_v8 = head.lstrip().startswith("{") and '"nodes"' in head and '"callFrame"' in head
    return is_speedscope or is_v8 or pprof.recognize(evidence)


def parse(evidence: Evidence) -> Profile:
    """Return the profile. Raises DamagedEvidence if it is too large or damaged."""
    if pprof.recognize(evidence):
        return _go_profile(evidence)
    content = evidence.json(MAX_BYTES)
    document = content if isinstance(content, dict) else {}
    return _v8_profile(evidence, document) if "nodes" in document else _speedscope(evidence, document)


def _go_profile(evidence: Evidence) -> Profile:
    profile = pprof.parse(evidence)
    samples = [
        (tuple(ProfileFrame(*place) for place in stack), weight) for stack, weight in profile.samples if weight > 0
    ]
    if profile.unit == "nanoseconds":
        return Profile(evidence, "Go CPU profile", "ms", [(stack, weight // 1_000_000) for stack, weight in samples])
    title = "Go heap profile" if profile.type == "inuse_space" else f"Go profile ({profile.type})"
    return Profile(evidence, title, "bytes" if profile.unit == "bytes" else "samples", samples)


def _speedscope(evidence: Evidence, document: Mapping[str, Any]) -> Profile:
    shared = _mapping(document.get("shared"))
    frames = [_speedscope_frame(_mapping(frame)) for frame in _items(shared.get("frames"))]
    units = [str(_mapping(profile).get("unit")) for profile in _items(document.get("profiles"))]
    unit = "ms" if units and units[0] in _MS else "samples"
    samples = list(_speedscope_samples(document, frames))
    is_ruby = any(frame.file.endswith(".rb") for frame in frames)
    return Profile(evidence, "Ruby profile" if is_ruby else "Python profile", unit, samples)


def _speedscope_frame(frame: Mapping[str, Any]) -> ProfileFrame:
    return ProfileFrame(str(frame.get("name", "")), str(frame.get("file") or ""), _integer(frame.get("line")))


def _speedscope_samples(
    document: Mapping[str, Any], frames: Sequence[ProfileFrame]
) -> Iterator[tuple[tuple[ProfileFrame, ...], int]]:
    count = 0
    for item in _items(document.get("profiles")):
        profile = _mapping(item)
        factor = _MS.get(str(profile.get("unit")), 1.0)
        for stack, weight in zip(_items(profile.get("samples")), _items(profile.get("weights")), strict=False):
            count += 1
            if count > _MOST_SAMPLES:
                return
            places = [place for place in _items(stack)[:_MOST_FRAMES] if _is_index(place, len(frames))]
            if isinstance(weight, int | float) and 0 < weight * factor < 1e15:
                yield tuple(frames[place] for place in reversed(places)), max(1, round(weight * factor))


def _v8_profile(evidence: Evidence, document: Mapping[str, Any]) -> Profile:
    nodes = {_integer(node.get("id")): node for node in map(_mapping, _items(document.get("nodes")))}
    parents = {_integer(child): number for number, node in nodes.items() for child in _items(node.get("children"))}
    stacks: dict[int, tuple[ProfileFrame, ...]] = {}
    weights: dict[int, int] = {}
    samples, deltas = _items(document.get("samples")), _items(document.get("timeDeltas"))
    for number, delta in zip(map(_integer, samples[:_MOST_SAMPLES]), map(_integer, deltas), strict=False):
        if number not in stacks:
            stacks[number] = _v8_stack(number, nodes, parents)
        weights[number] = weights.get(number, 0) + max(0, delta)
    running = [(stacks[number], weight // 1000) for number, weight in weights.items() if stacks[number]]
    return Profile(evidence, "Node.js CPU profile", "ms", [(stack, weight) for stack, weight in running if weight])


def _v8_stack(
    number: int, nodes: Mapping[int, Mapping[str, Any]], parents: Mapping[int, int]
) -> tuple[ProfileFrame, ...]:
    """Return the stack of a node, the innermost frame first; () while the process does not run JavaScript."""
    frames: list[ProfileFrame] = []
    for _ in range(_MOST_FRAMES):  # in a damaged file, a node may be its own parent
        if number not in nodes:
            break
        call = _mapping(nodes[number].get("callFrame"))
        function = str(call.get("functionName") or "(anonymous)")
        if function in _NOT_RUNNING:
            return ()
        if function != "(root)":
            frames.append(ProfileFrame(function, str(call.get("url") or ""), _integer(call.get("lineNumber")) + 1))
        number = parents.get(number, 0)
    return tuple(frames)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _integer(value: Any) -> int:
    return int(value) if type(value) in (int, float) and abs(value) < 1e15 else 0


def _is_index(value: Any, count: int) -> bool:
    return type(value) is int and 0 <= value < count
