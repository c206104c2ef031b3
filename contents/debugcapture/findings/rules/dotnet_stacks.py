"""Rules for stacks of .NET threads."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import EvidenceLines, Finding
from ..parsers.dotnet_stacks import Monitor, NetFrame, NetStacks, NetThread

_ENTER: Final = re.compile(r"System\.Threading\.(?:Monitor\.(?:Reliable)?(?:Try)?Enter|Lock\.(?:Enter|TryEnterSlow))")
_POOL: Final = re.compile(r"ThreadPoolWorkQueue\.Dispatch|PortableThreadPool|_ThreadPoolWaitCallback|WorkerThreadStart")
_BLOCKING: Final = re.compile(
    r"Task\.(?:InternalWait|SpinThenBlockingWait|Wait)|ManualResetEventSlim\.Wait|TaskAwaiter.{0,60}GetResult|get_Result"
)
_MANY_WAITERS: Final = 10
_POOL_WAITS: Final = 3
_INNER_FRAMES: Final = 8


def dotnet_deadlock(stacks: NetStacks) -> Iterator[Finding]:
    """Threads that hold monitors wait for monitors themselves: they wait for each other.

    A thread never waits for a monitor that it holds. If all owners of the monitors in demand wait for a monitor, they
    cannot continue. Source: https://learn.microsoft.com/en-us/dotnet/core/diagnostics/debug-deadlock
    """
    monitors = [monitor for monitor in stacks.monitors if monitor.waiters]
    owners = {monitor.owner: _thread(stacks, monitor.owner) for monitor in monitors}
    threads = [thread for thread in owners.values() if thread and _waits_for_monitor(thread)]
    if len(owners) < 2 or len(threads) < len(owners):  # noqa: PLR2004 - a deadlock needs two
        return
    names = " and ".join(f"0x{thread.id}" for thread in threads[:4])
    yield Finding(
        "critical",
        f"Deadlock: the threads {names} hold monitors, and each waits for a monitor of another one",
        "; ".join(
            f"0x{thread.id} waits in {_enter(thread)}, called by {thread.own or 'unknown code'}"
            for thread in threads[:4]
        )
        + ".",
        "Take these locks in the same order everywhere.",
        (_table(stacks, monitors), *(_quote(stacks, thread) for thread in threads[:2])),
        directness=90,
        key=f"dotnet deadlock {threads[0].own.name if threads[0].own else ''}",
    )


def dotnet_monitor_in_demand(stacks: NetStacks) -> Iterator[Finding]:
    """Threads wait for a monitor, and syncblk names the thread that holds it.

    MonitorHeld counts 1 for the owner and 2 for each waiter.
    Source: https://learn.microsoft.com/en-us/dotnet/core/diagnostics/sos-debugging-extension
    """
    for monitor in sorted(stacks.monitors, key=lambda monitor: -monitor.waiters)[:2]:
        if not monitor.waiters:
            continue
        owner = _thread(stacks, monitor.owner)
        waiting = _largest_group(
            [thread for thread in stacks.threads if _waits_for_monitor(thread) and thread != owner]
        )
        parts = [
            f"MonitorHeld is {monitor.held}: 1 for the owner and 2 for each waiter; the object is a {monitor.type}"
        ]
        if waiting:
            parts.append(f"threads wait in {_enter(waiting[0])}, called by {waiting[0].own or 'unknown code'}")
        if owner:
            parts.append(f"the owner is in {owner.frames[0]}, called by {owner.own or 'unknown code'}")
        yield Finding(
            "critical" if monitor.waiters >= _MANY_WAITERS else "warning",
            f"{_threads(monitor.waiters)} for a monitor that thread 0x{monitor.owner} holds",
            "; ".join(parts) + ".",
            "Look at what the owner does while it holds the monitor.",
            (_table(stacks, [monitor]), *(_quote(stacks, thread) for thread in waiting[:1])),
            directness=85,
            key=f"dotnet monitor {monitor.type}",
        )


def dotnet_threads_wait_for_lock(stacks: NetStacks) -> Iterator[Finding]:
    """Several threads wait to enter a monitor at the same place; the file does not show who holds it.

    Source: https://learn.microsoft.com/en-us/dotnet/core/diagnostics/dotnet-stack
    """
    if any(monitor.waiters for monitor in stacks.monitors):
        return
    waiting = [thread for thread in stacks.threads if _waits_for_monitor(thread)]
    group = _largest_group(waiting)
    if len(group) < 2:  # noqa: PLR2004 - one thread may wait for a moment
        return
    yield Finding(
        "warning",
        f"{_threads(len(waiting))} for a monitor, {len(group)} of them in {group[0].own or group[0].frames[0]}",
        f"They wait in {_enter(group[0])}. Threads: {', '.join(f'0x{thread.id}' for thread in group[:8])}.",
        "The command syncblk of dotnet-dump shows the owner.",
        tuple(_quote(stacks, thread) for thread in group[:2]),
        directness=70,
        key=f"dotnet lock {group[0].own.name if group[0].own else ''}",
    )


def dotnet_likely_deadlock(stacks: NetStacks) -> Iterator[Finding]:
    """Threads wait for locks in different methods and do not move. Their stacks do not show who holds the locks.

    Each of them may hold a lock that another one needs. dotnet-inspect looks twice within a second; since .NET 8, a
    wait for a lock has no special frame. Source: https://learn.microsoft.com/en-us/dotnet/core/diagnostics/debug-deadlock
    """
    waiting = [thread for thread in stacks.threads if thread.likely_waits and thread.own]
    methods = {thread.own for thread in waiting}
    if stacks.monitors or len(methods) < 2:  # noqa: PLR2004 - a deadlock needs two
        return
    yield Finding(
        "warning",
        f"{len(waiting)} threads wait for locks in {len(methods)} different methods and do not move: likely a deadlock",
        "; ".join(map(_waits_since, waiting[:4])) + ".",
        "Capture again: if the same threads wait there, they are deadlocked. In a dump, the command syncblk of "
        "dotnet-dump shows who holds each lock.",
        tuple(_quote(stacks, thread) for thread in waiting[:4]),
        directness=74,
        key=f"dotnet likely deadlock {' '.join(sorted(frame.name for frame in methods if frame))[:200]}",
    )


def dotnet_pool_blocked(stacks: NetStacks) -> Iterator[Finding]:
    """Threads of the thread pool wait synchronously for tasks, which themselves need threads of the pool.

    Source: https://learn.microsoft.com/en-us/dotnet/core/diagnostics/debug-threadpool-starvation
    """
    waiting = [
        thread
        for thread in stacks.threads
        if any(_BLOCKING.search(frame.method) for frame in thread.frames[:_INNER_FRAMES])
        and any(_POOL.search(frame.method) for frame in thread.frames)
    ]
    group = _largest_group(waiting)
    if not group:
        return
    subject = "threads of the thread pool wait" if len(waiting) > 1 else "thread of the thread pool waits"
    yield Finding(
        "warning" if len(group) >= _POOL_WAITS else "info",
        f"{len(waiting)} {subject} synchronously for a task, in {group[0].own or '?'}",
        f"They wait in {group[0].frames[0]}.",
        "Await the task. A pool whose threads all wait starts only few new threads per second.",
        tuple(_quote(stacks, thread) for thread in group[:2]),
        directness=72,
        key=f"dotnet pool {group[0].own.name if group[0].own else ''}",
    )


def _thread(stacks: NetStacks, identity: str) -> NetThread | None:
    return next((thread for thread in stacks.threads if thread.id == identity), None)


def _waits_since(thread: NetThread) -> str:
    """Return in words where a thread waits: its innermost method of the application, and the one that called it."""
    own = [frame for frame in thread.frames if not frame.is_library]
    caller = f", called by {own[1]}" if len(own) > 1 else ""
    return f"{thread.name or f'0x{thread.id}'} waits in {own[0]}{caller}"


def _waits_for_monitor(thread: NetThread) -> bool:
    return thread.likely_waits or any(_ENTER.search(frame.method) for frame in thread.frames[:_INNER_FRAMES])


def _enter(thread: NetThread) -> NetFrame:
    return next((frame for frame in thread.frames if _ENTER.search(frame.method)), thread.frames[0])


def _largest_group(threads: Sequence[NetThread]) -> list[NetThread]:
    groups: dict[NetFrame | None, list[NetThread]] = {}
    for thread in threads:
        groups.setdefault(thread.own, []).append(thread)
    return max(groups.values(), key=len, default=[])


def _threads(count: int) -> str:
    return f"{count} threads wait" if count > 1 else "A thread waits"


def _table(stacks: NetStacks, monitors: Sequence[Monitor]) -> EvidenceLines:
    lines = [f"MonitorHeld {monitor.held}, owner 0x{monitor.owner}, {monitor.type}" for monitor in monitors[:4]]
    return stacks.evidence.quote(monitors[0].line, monitors[-1].line, *lines)


def _quote(stacks: NetStacks, thread: NetThread) -> EvidenceLines:
    frames = (str(frame) for frame in thread.frames[:3])
    return stacks.evidence.quote(thread.first_line, thread.last_line, f"thread 0x{thread.id}", *frames)


RULES: Final = (
    dotnet_deadlock,
    dotnet_monitor_in_demand,
    dotnet_threads_wait_for_lock,
    dotnet_likely_deadlock,
    dotnet_pool_blocked,
)
