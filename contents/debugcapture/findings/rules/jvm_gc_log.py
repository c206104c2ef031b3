"""Rules about the log of a garbage collector."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from ...finding import EvidenceLines, Finding
from ...text import size
from ..parsers.jvm_gc_model import UNKNOWN_TIME, Collection, Failure, GcLog
from ..subject import Rule

_LAST: Final = 20  # collections that describe the end of the log
_MIN_FULL: Final = 3
_FULL: Final = 0.9
_OLD_FULL: Final = 0.97
_LITTLE: Final = 0.05  # of the heap
_GROWS: Final = 1.02
_LONG_S: Final = 1.0
_OVERHEAD: Final = 0.3
_MIN_OVERHEAD_S: Final = 10
_MIN_TIMED: Final = 3
_WINDOW_S: Final = 60
_WINDOW_OVERHEAD: Final = 0.5
_MIN_FOLLOWING: Final = 4
_MIN_FAILURES: Final = 2
_TOOLS: Final = ("Heap Inspection", "Heap Dump", "Diagnostic Command", "JvmtiEnv")
_REQUEST: Final = "System.gc()"
_MARKING: Final = ("Initial Mark", "Remark", "Cleanup", "remark", "cleanup")
_LAST_DITCH: Final = ("Last ditch collection", "Metadata GC Clear Soft References")
_WHAT_FAILED: Final[dict[Failure, str]] = {
    "concurrent mode failure": "the old generation was full before CMS had finished, so a full collection followed",
    "promotion failed": "the old generation had no room for the objects of the young one",
    "to-space exhausted": "the heap had no room for the objects that a collection moves",
}


def java_heap_exhausted(log: GcLog) -> Iterator[Finding]:
    """Full collections follow each other and free nearly nothing: the live objects fill the heap.

    The application is stopped most of the time, and an OutOfMemoryError follows. A full old generation counts too, but
    a heap that still grows does not. Source: "HotSpot Virtual Machine Garbage Collection Tuning Guide", Java SE 21.
    """
    for run in log.runs:
        full = [item for item in run[-_LAST:] if item.is_full]
        useless = [item for item in full if _is_useless(item)]
        if len(useless) < _MIN_FULL or useless[-1].heap > useless[-_MIN_FULL].heap * _GROWS:
            continue
        last = useless[-1]
        yield Finding(
            "critical",
            f"The Java heap is full: {len(useless)} full collections free nearly nothing",
            f"The last one, {last.kind}: {_sizes(last)}{_old_generation(last)}; "
            f"{sum(item.is_full for item in run)} of {len(run)} collections are full.",
            "Look at what fills the heap, with a class histogram or a heap dump.",
            _lines(log, useless[-3:]),
            directness=88,
            key="heap exhausted",
        )
        return


def java_metaspace_full(log: GcLog) -> Iterator[Finding]:
    """Full collections cannot make room for classes: Metaspace reached its limit.

    The JVM tries this as the last resort before it throws `OutOfMemoryError: Metaspace`. Source: OpenJDK,
    CollectedHeap::satisfy_failed_metadata_allocation.
    """
    last_ditch = [item for item in log.collections if any(cause in item.kind for cause in _LAST_DITCH)]
    if not last_ditch:
        return
    yield Finding(
        "critical" if len(last_ditch) >= _MIN_FAILURES else "warning",
        f"Metaspace is full: {len(last_ditch)} full collection{'s' if len(last_ditch) > 1 else ''} as a last resort",
        f"The last one, {_facts(last_ditch[-1])}.",
        "Raise -XX:MaxMetaspaceSize, or find out which class loaders are not released.",
        _lines(log, last_ditch[-3:]),
        directness=86,
        key="metaspace full",
    )


def java_full_collections_follow(log: GcLog) -> Iterator[Finding]:
    """Full collections follow each other, and the application hardly runs in between.

    Those that a program or a person requested are left out. Source: "HotSpot Virtual Machine Garbage Collection Tuning
    Guide", Java SE 21.
    """
    series = [group for run in log.runs for group in _full_in_a_row(run)]
    if not series:
        return
    longest = max(series, key=len)
    paused, span = _time_in(longest)
    yield Finding(
        "warning",
        f"{len(longest)} full collections follow each other: they take {paused:.1f} s of {span:.1f} s",
        f"The last one, {_facts(longest[-1])}.",
        "Look at what fills the heap, with a class histogram or a heap dump.",
        _lines(log, [longest[0], *longest[-2:]]),
        directness=74,
        key="full collections",
    )


def java_long_gc_pauses(log: GcLog) -> Iterator[Finding]:
    """Collections stop the application for a second or longer. Requests and probes time out in the meantime.

    Those that a tool requested, such as a heap dump, are left out. Source: "HotSpot Virtual Machine Garbage Collection
    Tuning Guide", Java SE 21, "Pause Time".
    """
    pauses = [item for item in log.collections if item.is_pause and item.seconds >= _LONG_S and not _is_of_tool(item)]
    if not pauses:
        return
    longest = max(pauses, key=lambda item: item.seconds)
    yield Finding(
        "warning",
        f"The garbage collector stops the application for up to {longest.seconds:.1f} s",
        f"{len(pauses)} pauses of {_LONG_S:.0f} s or longer. The longest, {_facts(longest)}.",
        "",
        _lines(log, [longest, *pauses[-2:]]),
        directness=70,
        key="gc pauses",
    )


def java_gc_overhead(log: GcLog) -> Iterator[Finding]:
    """The application is stopped for a large share of the time, because the collector runs.

    This is a third of the whole log, or half of a minute. Source: Java SE 21, -XX:GCTimeRatio; the parallel collector
    throws OutOfMemoryError at 98 %.
    """
    for run in log.runs:
        timed: Sequence[Collection] = [item for item in run if item.at > UNKNOWN_TIME]
        paused, span = _time_in(timed)
        if span < _MIN_OVERHEAD_S or len(timed) < _MIN_TIMED:
            continue
        if paused < span * _OVERHEAD:
            timed = _busiest_minute(timed)
            paused, span = _time_in(timed)[0], _WINDOW_S
            if paused < span * _WINDOW_OVERHEAD:
                continue
        yield Finding(
            "warning",
            f"The garbage collector runs {min(paused / span, 1):.0%} of the time",
            f"{paused:.1f} s of {span:.1f} s, {len(timed)} collections.",
            "",
            _lines(log, timed[-2:]),
            directness=72,
            key="gc overhead",
        )
        return


def java_collection_failed(log: GcLog) -> Iterator[Finding]:
    """Collections found no room for the objects that they move, or did not finish in time: the heap is too full.

    A single one that is short is context. Source: "HotSpot Virtual Machine Garbage Collection Tuning Guide", Java SE 8,
    "Concurrent Mode Failure", and Java SE 21, "Evacuation Failure".
    """
    for failure, meaning in _WHAT_FAILED.items():
        failed = [item for item in log.collections if item.failure == failure]
        if not failed:
            continue
        longest = max(failed, key=lambda item: item.seconds)
        is_problem = len(failed) >= _MIN_FAILURES or longest.seconds >= _LONG_S
        yield Finding(
            "warning" if is_problem else "info",
            f"{failure.capitalize()}{f' {len(failed)} times' if len(failed) > 1 else ''}: {meaning}",
            f"The longest collection, {_facts(longest)}.",
            "",
            _lines(log, [longest, *failed[-2:]]),
            directness=68,
            key=f"gc failure {failure}",
        )


def java_heap_after_gc(log: GcLog) -> Iterator[Finding]:
    """States how much of the heap is in use after the last collection, and how many collections there were.

    Source: https://docs.oracle.com/en/java/javase/21/docs/specs/man/java.html, -Xlog:gc.
    """
    sized = [item for item in log.collections if item.heap or item.before]
    if not sized:
        return
    last = sized[-1]
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


RULES: Sequence[Rule[GcLog]] = (
    java_heap_exhausted,
    java_metaspace_full,
    java_full_collections_follow,
    java_gc_overhead,
    java_long_gc_pauses,
    java_collection_failed,
    java_heap_after_gc,
)


def _is_useless(item: Collection) -> bool:
    if item.old_size and item.old_after >= item.old_size * _OLD_FULL:
        return True
    return bool(item.heap) and item.after >= item.heap * _FULL and item.before - item.after <= item.heap * _LITTLE


def _full_in_a_row(run: Sequence[Collection]) -> Iterator[Sequence[Collection]]:
    """Yield the series of full collections in which the application hardly ran."""
    pauses = (item for item in run if item.is_pause and item.at > UNKNOWN_TIME and not _is_marking(item))
    for is_full, group in groupby(pauses, key=lambda item: item.is_full and not _is_requested(item)):
        series = list(group)
        paused, span = _time_in(series)
        if is_full and len(series) >= _MIN_FOLLOWING and span and paused >= span * _WINDOW_OVERHEAD:
            yield series


def _is_marking(item: Collection) -> bool:
    """Return whether the item is a short pause of a concurrent cycle, which frees nothing."""
    return not item.heap or any(phase in item.kind for phase in _MARKING)


def _is_requested(item: Collection) -> bool:
    return _REQUEST in item.kind or _is_of_tool(item)


def _is_of_tool(item: Collection) -> bool:
    return any(cause in item.kind for cause in _TOOLS)


def _time_in(items: Sequence[Collection]) -> tuple[float, float]:
    """Return the seconds in which the application is stopped, and those from the first to the end of the last item."""
    if not items:
        return 0.0, 0.0
    return sum(item.seconds for item in items if item.is_pause), items[-1].at - items[0].at + items[-1].seconds


def _busiest_minute(items: Sequence[Collection]) -> Sequence[Collection]:
    """Return the collections of one minute in which they stop the application the longest."""
    best: tuple[float, int, int] = (0.0, 0, 0)
    first, paused = 0, 0.0
    for position, item in enumerate(items):
        paused += item.seconds if item.is_pause else 0.0
        while item.at + item.seconds - items[first].at > _WINDOW_S:
            paused -= items[first].seconds if items[first].is_pause else 0.0
            first += 1
            if first > position:
                break
        best = max(best, (paused, first, position + 1))
    return items[best[1] : best[2]]


def _sizes(item: Collection) -> str:
    return f"{size(item.before)} to {size(item.after)}{f' of {size(item.heap)}' if item.heap else ''}"


def _old_generation(item: Collection) -> str:
    return f", the old generation has {size(item.old_after)} of {size(item.old_size)}" if item.old_size else ""


def _facts(item: Collection) -> str:
    sizes = f"{_sizes(item)}, " if item.heap or item.before else ""
    return f"{item.kind}: {sizes}{item.seconds:.2f} s"


def _lines(log: GcLog, items: Sequence[Collection]) -> tuple[EvidenceLines, ...]:
    lines = dict.fromkeys(item.line for item in items)
    return tuple(log.evidence.quote(line.number, line.number, line.text) for line in lines)
