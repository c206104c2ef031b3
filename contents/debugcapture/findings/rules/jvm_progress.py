"""Rules that compare the dumps of one file: what the threads of a JVM did between the first and the last one."""

from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import Finding
from ..parsers.jvm_model import JavaThread, ThreadDumps
from .jvm_activity import activity_of, by_stack, describe, frames_text, is_idle, is_infrastructure, names, state_of

_MIN_INTERVAL_S: Final = 1.0
_NO_CPU_S: Final = 0.02  # the JVM itself charges a thread a few milliseconds for each dump
_AT_REST: Final = ("idle", "polls", "sleeps", "unknown")
_MOST_GROUPS: Final = 3
_MOST_THREADS: Final = 5
_MIN_CPU_S: Final = 0.1


def java_same_place_in_all_dumps(dumps: ThreadDumps) -> Iterator[Finding]:
    """Threads did not move between the dumps: each has the same stack in all of them and used no CPU in between.

    Workers without work, threads that wait for events or sleep, and threads of the JVM are left out. Such a thread may
    wait rightly, for example in the main method. So this is context for the other findings. Source: comparison of the
    dumps of one file; `cpu=` and `elapsed=` of a thread dump.
    """
    interval_s = interval_of(dumps)
    if interval_s < _MIN_INTERVAL_S:
        return
    still = [thread for thread in dumps.last.java_threads if _is_still(dumps, thread)]
    if not still:
        return
    groups = by_stack(still)
    parts = [_describe(dumps, group) for group in groups[:_MOST_GROUPS]]
    more = sum(len(group) for group in groups[_MOST_GROUPS:])
    rest = f" {more} more threads did not move either." if more else ""
    yield Finding(
        "info",
        f"{names(still)} {'is' if len(still) == 1 else 'are'} at the same place in all {len(dumps.dumps)} dumps, "
        f"{interval_s:.0f} s apart, and used no CPU",
        f"{'. '.join(parts)}.{rest}",
        "Look at what they wait for: a lock, another service, or the result of a task.",
        tuple(dumps.quote_thread(group[0], *frames_text(group[0])) for group in groups[:_MOST_GROUPS]),
        directness=45,
        key=f"same place {groups[0][0].place.call if groups[0][0].place else ''}",
    )


def java_cpu_between_dumps(dumps: ThreadDumps) -> Iterator[Finding]:
    """States which threads used CPU time between the first and the last dump, those of the JVM included.

    Source: `cpu=` and `elapsed=` of a thread dump, since JDK 11: https://bugs.openjdk.org/browse/JDK-8200720.
    """
    interval_s = interval_of(dumps)
    if interval_s < _MIN_INTERVAL_S:
        return
    used = [(cpu_s, thread) for thread in dumps.last.threads if (cpu_s := cpu_since_first(dumps, thread)) is not None]
    busy = sorted(((cpu_s, thread) for cpu_s, thread in used if cpu_s >= _MIN_CPU_S), key=lambda item: -item[0])
    if not busy:
        return
    total_s = sum(cpu_s for cpu_s, _ in used)
    parts = [f"{thread.label} {cpu_s:.2f} s ({cpu_s / interval_s:.0%})" for cpu_s, thread in busy[:_MOST_THREADS]]
    yield Finding(
        "info",
        f"Between the dumps, {interval_s:.0f} s apart, the JVM used {total_s:.2f} s of CPU, most of it in "
        f"{busy[0][1].label}",
        f"{', '.join(parts)}.",
        evidence=tuple(
            dumps.quote_thread(thread, *frames_text(thread)) for _, thread in busy[:_MOST_GROUPS] if thread.frames
        ),
        directness=35,
        key="cpu between dumps",
    )


def interval_of(dumps: ThreadDumps) -> float:
    """Return the seconds between the first and the last dump, by the ages of their threads; 0 if they do not say."""
    if len(dumps.dumps) < 2:  # noqa: PLR2004 - an interval has two ends
        return 0.0
    ages = (
        thread.elapsed_s - first.elapsed_s
        for thread in dumps.last.threads
        if thread.elapsed_s and (first := _first(dumps, thread)) is not None and first.elapsed_s
    )
    return next((age for age in ages if age > 0), 0.0)


def cpu_since_first(dumps: ThreadDumps, thread: JavaThread) -> float | None:
    """Return the seconds of CPU that ``thread`` used since the first dump; None if the dumps do not say."""
    first = _first(dumps, thread)
    if first is None or first.cpu_s is None or thread.cpu_s is None or thread.cpu_s < first.cpu_s:
        return None
    return thread.cpu_s - first.cpu_s


def _first(dumps: ThreadDumps, thread: JavaThread) -> JavaThread | None:
    """Return ``thread`` of the last dump as the first dump shows it; None if it began later or is not unique."""
    others = list(dumps.same(thread))
    return others[0] if len(others) == len(dumps.dumps) - 1 else None


def _is_still(dumps: ThreadDumps, thread: JavaThread) -> bool:
    if is_infrastructure(thread) or is_idle(thread) or activity_of(thread) in _AT_REST or thread.caller is None:
        return False
    used = cpu_since_first(dumps, thread)
    if used is None or used > _NO_CPU_S:
        return False
    return all(state_of(other) == state_of(thread) for other in dumps.same(thread))


def _describe(dumps: ThreadDumps, group: Sequence[JavaThread]) -> str:
    each = "each " if len(group) > 1 else ""
    return f"{names(group)}: {each}{describe(dumps.last, group[0])}"
