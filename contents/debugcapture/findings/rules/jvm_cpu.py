"""Rules about the CPU time, the number and the service threads of a JVM."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.jvm_model import JavaThread, ThreadDumps
from .jvm_activity import activity_of, by_stack, describe, frames_text, is_idle, is_infrastructure, names

_BUSY: Final = 0.8  # share of a processor
_MIN_SECONDS: Final = 5.0
_YOUNG_BUSY: Final = 0.9
_MIN_YOUNG_SECONDS: Final = 1.5
_COLLECTORS: Final = re.compile(
    r"(?:GC Thread|G1 |ParallelGC|GC task thread|Concurrent Mark|ZWorker|ZGC|Shenandoah|Gang worker)"
)
_POOL_NAME: Final = re.compile(
    r"(pool|Timer|HttpClient|nioEventLoopGroup|multiThreadIoEventLoopGroup|lettuce-nioEventLoop|OkHttp|"
    r"Hashed wheel timer #|AsyncHttpClient|I/O dispatcher|Connection evictor|"
    r"idle-connection-reaper|java-sdk-http-connection-reaper)[- ]?(\d*)"
)
_MANY_POOLS: Final = 20
_MIN_DUMPS: Final = 3
_MAPS: Final = ("java.util.HashMap.", "java.util.HashMap$TreeNode.", "java.util.WeakHashMap.", "java.util.TreeMap.")
_MANY_THREADS: Final = 500


def java_busy_thread(dumps: ThreadDumps) -> Iterator[Finding]:
    """A thread of the application used a processor nearly all the time.

    With several dumps, the CPU time between the first and the last one counts; otherwise that of its whole life.
    Source: `cpu=` and `elapsed=` of a thread dump, since JDK 11: https://bugs.openjdk.org/browse/JDK-8200720.
    """
    busy = [(share, thread) for thread in dumps.last.java_threads if (share := _share(dumps, thread)) >= _BUSY]
    busy = [
        (share, thread) for share, thread in busy if not is_infrastructure(thread) and activity_of(thread) == "runs"
    ]
    if not busy:
        return
    busy.sort(key=lambda item: -item[0])
    share, first = busy[0]
    threads = [thread for _, thread in busy]
    times = f"{first.cpu_s:.1f} s of CPU in {first.elapsed_s:.1f} s" if first.cpu_s and first.elapsed_s else ""
    yield Finding(
        "warning",
        f"{names(threads)} {'uses' if len(threads) == 1 else 'use'} a processor nearly all the time",
        f"{first.label} used {times} ({share:.0%}) and {describe(dumps.last, first)}.",
        "Compare several dumps: a thread that stays at the same place is in a loop.",
        tuple(dumps.quote_thread(thread, *frames_text(thread)) for thread in threads[:3]),
        directness=58,
        key=f"cpu {first.place.call if first.place else ''}",
    )


def java_runs_at_same_place(dumps: ThreadDumps) -> Iterator[Finding]:
    """A thread runs at the same line in every dump of the file: it is in a loop, or in a call that does not return.

    Source: comparison of the dumps of one file.
    """
    if len(dumps.dumps) < _MIN_DUMPS:
        return
    stuck = [thread for thread in dumps.last.java_threads if _is_at_same_place(dumps, thread)]
    if stuck:
        first = stuck[0]
        yield Finding(
            "warning",
            f"{names(stuck)} {'runs' if len(stuck) == 1 else 'run'} at the same line in all {len(dumps.dumps)} dumps",
            f"{first.label} {describe(dumps.last, first)}, in {first.top}.",
            "",
            tuple(dumps.quote_thread(thread, *frames_text(thread)) for thread in stuck[:3]),
            directness=57,
            key=f"same place {first.place.call if first.place else ''}",
        )


def java_map_without_lock(dumps: ThreadDumps) -> Iterator[Finding]:
    """Several threads are inside methods of a HashMap at the same moment. Without a lock, such a map can loop forever.

    Use ConcurrentHashMap instead. Source: Java SE API, java.util.HashMap, "this implementation is not synchronized".
    """
    inside = [
        thread
        for thread in dumps.last.java_threads
        if thread.state == "RUNNABLE" and thread.top and thread.top.call.startswith(_MAPS) and thread.caller
    ]
    if len(inside) < 2:
        return
    first = inside[0]
    yield Finding(
        "warning",
        f"{len(inside)} threads are inside {first.top.type_name if first.top else 'a map'} at the same moment",
        f"{names(inside)} run in {first.top}, called from {first.caller}. A map that threads change without a "
        "lock can loop forever.",
        "Use ConcurrentHashMap, or a lock.",
        tuple(dumps.quote_thread(thread, *frames_text(thread)) for thread in inside[:3]),
        directness=56,
        key=f"map {first.caller.call if first.caller else ''}",
    )


def _is_at_same_place(dumps: ThreadDumps, thread: JavaThread) -> bool:
    if activity_of(thread) != "runs" or is_infrastructure(thread) or thread.caller is None:
        return False
    others = list(dumps.same(thread))
    place = thread.frames[: thread.frames.index(thread.caller) + 1]
    key = [(frame.call, frame.place) for frame in place]
    return len(others) == len(dumps.dumps) - 1 and all(
        [(frame.call, frame.place) for frame in other.frames[: len(key)]] == key for other in others
    )


def java_gc_uses_cpu(dumps: ThreadDumps) -> Iterator[Finding]:
    """The garbage collector used more CPU time than all threads of the application: the heap is probably too small.

    Source: `cpu=` of the threads of the collector; "Garbage Collection Tuning Guide", GC overhead.
    """
    threads = dumps.last.threads
    collectors = sum(thread.cpu_s or 0 for thread in threads if _COLLECTORS.match(thread.name))
    others = sum(thread.cpu_s or 0 for thread in threads if not _COLLECTORS.match(thread.name))
    elapsed = max((thread.elapsed_s or 0 for thread in threads), default=0)
    if collectors < 30 or collectors <= others or collectors < elapsed * 0.3:
        return
    yield Finding(
        "warning",
        "The garbage collector uses more CPU than the application",
        f"Its threads used {collectors:.0f} s of CPU in {elapsed:.0f} s; all other threads used {others:.0f} s.",
        "Look at the occupancy of the heap and at its largest classes.",
        directness=66,
        key="gc cpu",
    )


def java_thread_leak(dumps: ThreadDumps) -> Iterator[Finding]:
    """The JVM has many thread pools of the same kind, or very many threads at the same place.

    An executor, a Timer or a client that is created per request and never closed leaves its threads behind. Source:
    Java SE API, Executors: threads live "until explicitly shutdown"; the default names are pool-N-thread-M and Timer-N.
    """
    pools: dict[str, dict[str, list[JavaThread]]] = {}
    for thread in dumps.last.java_threads:
        if match := _POOL_NAME.match(thread.name):
            number = match.group(2) or str(thread.line)
            pools.setdefault(match.group(1), {}).setdefault(number, []).append(thread)
    for kind, numbered in pools.items():
        threads = [thread for group in numbered.values() for thread in group]
        if len(numbered) < _MANY_POOLS or not all(len(group) <= 8 for group in numbered.values()):
            continue
        idle = sum(is_idle(thread) for thread in threads)
        yield Finding(
            "warning",
            f"{len(numbered)} thread pools with names like {threads[0].label}: pools are created and not closed",
            f"{len(threads)} threads ({names(threads, 2)}), {idle} of them idle. Each of these {len(numbered)} pools "
            f'or clients named "{kind}" has its own threads.',
            "Create the executor or client once, and close those that are no longer used.",
            tuple(dumps.quote_thread(thread, *frames_text(thread, 2)) for thread in threads[:3]),
            directness=60,
            key=f"thread leak {kind}",
        )
    yield from _many(dumps)


def java_finalizer_blocked(dumps: ThreadDumps) -> Iterator[Finding]:
    """The Finalizer or the Reference Handler thread waits in code of the application: objects are no longer finalized.

    Their memory and native resources are not released until the thread continues. Source: JDK, java.lang.ref.Finalizer;
    JEP 421, https://openjdk.org/jeps/421.
    """
    dump = dumps.last
    for thread in dump.threads:
        if thread.name not in ("Finalizer", "Reference Handler", "Finalizer thread") or not thread.frames:
            continue
        blocked = thread.wait == "monitor" or thread.state == "BLOCKED"
        inside = thread.frame_of(("Finalizer.runFinalizer", "Cleaner.clean"))
        if not blocked and not (inside and activity_of(thread) not in ("runs", "idle")):
            continue
        if (
            blocked
            and not inside
            and thread.frame_of(("ReferenceQueue.remove", "ReferenceQueue.enqueue", "Object.wait"), 4)
        ):
            continue
        yield Finding(
            "warning",
            f"{thread.label} is blocked: objects are not finalized",
            f"{thread.label} {describe(dump, thread)}.",
            "",
            (dumps.quote_thread(thread, *frames_text(thread)),),
            directness=63,
        )


def java_threads_summary(dumps: ThreadDumps) -> Iterator[Finding]:
    """States how many threads the dump has and in which states they are.

    Source: Java SE API, java.lang.Thread.State.
    """
    threads = [thread for thread in dumps.last.java_threads if not is_infrastructure(thread)]
    states: dict[str, int] = {}
    for thread in threads:
        if thread.state:
            states[thread.state] = states.get(thread.state, 0) + 1
    idle = sum(is_idle(thread) for thread in threads)
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items(), key=lambda item: -item[1]))
    several = f" The file has {len(dumps.dumps)} dumps; this is the last." if len(dumps.dumps) > 1 else ""
    yield Finding(
        "info",
        f"{len(threads)} {'thread' if len(threads) == 1 else 'threads'} of the application, {idle} of them idle",
        f"{f'{counts}.' if counts else 'The dump has no states.'}{several}",
        directness=5,
        key="threads",
    )


def _share(dumps: ThreadDumps, thread: JavaThread) -> float:
    """Return the share of a processor that ``thread`` used; 0 if the dump does not say or the time is too short."""
    if thread.cpu_s is None or not thread.elapsed_s:
        return 0.0
    earlier = next((other for other in dumps.same(thread) if other.cpu_s is not None and other.elapsed_s), None)
    if earlier is not None and earlier.cpu_s is not None and earlier.elapsed_s is not None:
        elapsed = thread.elapsed_s - earlier.elapsed_s
        if elapsed >= 1:
            return (thread.cpu_s - earlier.cpu_s) / elapsed
    share = thread.cpu_s / thread.elapsed_s
    # The first seconds of a thread say little, unless it has done nothing but compute.
    young = thread.elapsed_s < _MIN_SECONDS
    return 0.0 if young and (share < _YOUNG_BUSY or thread.elapsed_s < _MIN_YOUNG_SECONDS) else share


def _many(dumps: ThreadDumps) -> Iterator[Finding]:
    threads = [
        thread
        for thread in dumps.last.java_threads
        if not is_infrastructure(thread) and thread.frames and not thread.is_virtual
    ]
    groups = by_stack(threads)
    if not groups or len(groups[0]) < _MANY_THREADS:
        return
    same = groups[0]
    yield Finding(
        "warning",
        f"{len(threads)} threads, {len(same)} of them at the same place",
        f"{names(same)}: each {describe(dumps.last, same[0])}.",
        "",
        (dumps.quote_thread(same[0], *frames_text(same[0])),),
        directness=59,
    )
