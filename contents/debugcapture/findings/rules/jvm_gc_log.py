"""Rules about the log of a garbage collector."""

from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import EvidenceLines, Finding
from ...text import size
from ..parsers.jvm_gc_log import Collection, GcLog
from ..subject import Rule

_LAST: Final = 20  # collections that describe the end of the log
_MIN_FULL: Final = 3
_FULL: Final = 0.9
_LITTLE: Final = 0.05  # of the heap
_LONG_S: Final = 1.0
_OVERHEAD: Final = 0.3


def java_heap_exhausted(log: GcLog) -> Iterator[Finding]:
    """Full collections follow each other and free nearly nothing: the live objects fill the heap.

    The application is stopped most of the time, and an OutOfMemoryError follows. Source: "HotSpot Virtual Machine
    Garbage Collection Tuning Guide", Java SE 21.
    """
    full = [item for item in log.collections[-_LAST:] if item.is_full]
    useless = [item for item in full if _is_useless(item)]
    if len(useless) < _MIN_FULL:
        return
    last = useless[-1]
    yield Finding(
        "critical",
        f"The Java heap is full: {len(useless)} full collections free nearly nothing",
        f"The last one, {last.kind}: {size(last.before)} to {size(last.after)} of {size(last.heap)}; "
        f"{sum(item.is_full for item in log.collections)} of {len(log.collections)} collections are full.",
        "Look at what fills the heap, with a class histogram or a heap dump.",
        _lines(log, useless[-3:]),
        directness=88,
        key="heap exhausted",
    )


def java_long_gc_pauses(log: GcLog) -> Iterator[Finding]:
    """Collections stop the application for a second or longer. Requests and probes time out in the meantime.

    Source: "HotSpot Virtual Machine Garbage Collection Tuning Guide", Java SE 21, "Pause Time".
    """
    pauses = [item for item in log.collections if item.is_pause and item.seconds >= _LONG_S]
    if not pauses:
        return
    longest = max(pauses, key=lambda item: item.seconds)
    yield Finding(
        "warning",
        f"The garbage collector stops the application for up to {longest.seconds:.1f} s",
        f"{len(pauses)} pauses of {_LONG_S:.0f} s or longer. The longest, {longest.kind}: {size(longest.before)} -> "
        f"{size(longest.after)}{f' of {size(longest.heap)}' if longest.heap else ''}, {longest.seconds:.2f} s.",
        "",
        _lines(log, [longest, *pauses[-2:]]),
        directness=70,
        key="gc pauses",
    )


def java_gc_overhead(log: GcLog) -> Iterator[Finding]:
    """The application is stopped for a large share of the time, because the collector runs.

    Source: Java SE 21, -XX:GCTimeRatio; the parallel collector throws OutOfMemoryError at 98 %.
    """
    paused = sum(item.seconds for item in log.collections if item.is_pause)
    if log.span_s < 10 or paused < log.span_s * _OVERHEAD:
        return
    yield Finding(
        "warning",
        f"The garbage collector runs {paused / log.span_s:.0%} of the time",
        f"{paused:.1f} s of {log.span_s:.1f} s, {len(log.collections)} collections.",
        "",
        _lines(log, log.collections[-2:]),
        directness=72,
        key="gc overhead",
    )


def java_heap_after_gc(log: GcLog) -> Iterator[Finding]:
    """States how much of the heap is in use after the last collection, and how many collections there were.

    Source: https://docs.oracle.com/en/java/javase/21/docs/specs/man/java.html, -Xlog:gc.
    """
    if not log.collections:
        return
    last = log.collections[-1]
    heap = f" of {size(last.heap)}" if last.heap else ""
    longest = max(item.seconds for item in log.collections)
    yield Finding(
        "info",
        f"{size(last.after)}{heap} of the Java heap are in use after the last collection",
        f"{len(log.collections)} collections, {sum(item.is_full for item in log.collections)} of them full. The "
        f"longest took {longest:.2f} s.",
        evidence=_lines(log, [last]),
        directness=5,
        key="gc summary",
    )


RULES: Sequence[Rule[GcLog]] = (java_heap_exhausted, java_gc_overhead, java_long_gc_pauses, java_heap_after_gc)


def _is_useless(item: Collection) -> bool:
    return bool(item.heap) and item.after >= item.heap * _FULL and item.before - item.after <= item.heap * _LITTLE


def _lines(log: GcLog, items: Sequence[Collection]) -> tuple[EvidenceLines, ...]:
    lines = dict.fromkeys(item.line for item in items)
    return tuple(log.evidence.quote(line.number, line.number, line.text) for line in lines)
