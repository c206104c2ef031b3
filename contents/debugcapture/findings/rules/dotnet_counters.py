"""Rules about counters of .NET."""

from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import Finding
from ..parsers.dotnet_counters import NetCounters
from ..subject import Rule

_QUEUED: Final = 10  # items that wait in each of the seconds
_BUSY_CPU: Final = 80  # percent; above it, the pool waits for processors, not for threads


def dotnet_pool_starved(counters: NetCounters) -> Iterator[Finding]:
    """Work waits for threads of the thread pool although the processors are idle: its threads are blocked.

    A pool whose threads all wait starts only one or two new threads per second.
    Source: https://learn.microsoft.com/en-us/dotnet/core/diagnostics/debug-threadpool-starvation
    """
    queue, threads = counters.runtime("threadpool-queue-length"), counters.runtime("threadpool-thread-count")
    cpu = counters.runtime("cpu-usage")
    if not queue or not threads or not cpu or min(queue.values) < _QUEUED or max(cpu.values) >= _BUSY_CPU:
        return
    first, last = threads.values[0], threads.values[-1]
    growth = f", {first:.0f} at the start" if last > first else ""
    yield Finding(
        "critical",
        f"The thread pool is starved: {queue.values[-1]:.0f} items wait, and its {last:.0f} threads are blocked",
        f"Between {min(queue.values):.0f} and {max(queue.values):.0f} items waited during these seconds, while the "
        f"process used {max(cpu.values):.0f} % of the CPU. The pool has {last:.0f} threads{growth}.",
        "Look in the stacks for what the threads of the pool wait for, and await it.",
        tuple(counters.evidence.quote(counter.line, counter.line, counter.text) for counter in (queue, threads, cpu)),
        directness=80,
        key="dotnet pool starved",
    )


RULES: Sequence[Rule[NetCounters]] = (dotnet_pool_starved,)
