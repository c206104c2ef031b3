"""Parses logs of the garbage collector, unified (`-Xlog:gc`) and of Java 8 (`-XX:+PrintGCDetails`).

Sources: JEP 271; https://docs.oracle.com/en/java/javase/21/docs/specs/man/java.html, "Enable Logging with the JVM
Unified Logging Framework".
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from ..evidence import Evidence, Line

_UNIFIED = re.compile(
    r"GC\(\d{1,12}\) ((?:Pause|Concurrent|Garbage Collection|Major Collection|Minor Collection).{0,120}?) "
    r"(\d{1,12})([KMG])(?:\(\d{1,3}%\))?->(\d{1,12})([KMG])(?:\(\d{1,3}%\))?(?:\((\d{1,12})([KMG])\))?"
    r"(?: (\d{1,9}[.,]\d{1,4})(ms|s))?"
)
_OLD = re.compile(r"\[(Full GC|GC)\b ?(?:\(([^)]{1,60})\))?")
_OLD_SIZES = re.compile(r"(\d{1,12})([KMG])->(\d{1,12})([KMG])\((\d{1,12})([KMG])\)")
_OLD_TIME = re.compile(r"(\d{1,9}[.,]\d{1,9}) secs\]")
_MARK = re.compile(r"\[(?:info|debug|trace)\s*\]\[\s*(?:gc|safepoint|metaspace)|\[(?:Full )?GC\b|: \[GC pause")
_SECONDS = re.compile(r"^(?:\[[^\]]{1,60}\])*?\[?(\d{1,12}[.,]\d{3})s?[\]:]")
_UNITS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_MOST: Final = 200_000
_HEAD_LINES: Final = 60


class Collection(NamedTuple):
    """One collection. Sizes are in bytes."""

    kind: str
    before: int
    after: int
    heap: int
    """Size of the heap; 0 if it is unknown."""
    seconds: float
    is_full: bool
    is_pause: bool
    line: Line


@dataclass(frozen=True)
class GcLog:
    """The collections of a log, in their order."""

    evidence: Evidence
    collections: tuple[Collection, ...]
    span_s: float
    """From the first to the last line that has a time since the start; 0 if there is none."""


def recognize(evidence: Evidence) -> bool:
    """Return whether most of the first lines are of the collector, so that it is not the log of an application."""
    lines = [line for line in evidence.head.splitlines()[: _HEAD_LINES * 2] if line.strip()][:_HEAD_LINES]
    marked = sum(_MARK.search(line) is not None for line in lines)
    return marked >= 2 and marked * 2 > len(lines)


def parse(evidence: Evidence) -> GcLog:
    """Return the collections in ``evidence``."""
    collections: list[Collection] = []
    times: list[float] = []
    for line in evidence.lines():
        text = line.text
        if "->" not in text or len(collections) >= _MOST:
            continue
        if event := _parse_unified(line) or _parse_old(line):
            collections.append(event)
            if match := _SECONDS.match(text):
                times.append(_float(match.group(1)))
    return GcLog(evidence, tuple(collections), times[-1] - times[0] if len(times) > 1 else 0.0)


def _parse_unified(line: Line) -> Collection | None:
    match = _UNIFIED.search(line.text)
    if match is None:
        return None
    kind, before, before_unit, after, after_unit, heap, heap_unit, time, unit = match.groups()
    seconds = _float(time) / (1000 if unit == "ms" else 1) if time else 0.0
    return Collection(
        kind.strip(),
        int(before) * _UNITS[before_unit],
        int(after) * _UNITS[after_unit],
        int(heap) * _UNITS[heap_unit] if heap else 0,
        seconds,
        kind.startswith("Pause Full"),
        kind.startswith("Pause"),
        line,
    )


def _parse_old(line: Line) -> Collection | None:
    kind = _OLD.search(line.text)
    sizes = [match for match in _OLD_SIZES.finditer(line.text) if "Metaspace" not in line.text[: match.start()][-14:]]
    if kind is None or not sizes:
        return None
    # The sizes of the generations come first, those of the whole heap last.
    heap = max(sizes, key=lambda match: int(match.group(5)) * _UNITS[match.group(6)])
    times = _OLD_TIME.findall(line.text)
    return Collection(
        f"{kind.group(1)} ({kind.group(2)})" if kind.group(2) else kind.group(1),
        int(heap.group(1)) * _UNITS[heap.group(2)],
        int(heap.group(3)) * _UNITS[heap.group(4)],
        int(heap.group(5)) * _UNITS[heap.group(6)],
        _float(times[-1]) if times else 0.0,
        kind.group(1) == "Full GC",
        is_pause=True,
        line=line,
    )


def _float(text: str) -> float:
    return float(text.replace(",", "."))
