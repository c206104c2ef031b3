"""Rules about virtual threads."""

from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.jvm_model import JavaThread, ThreadDump, ThreadDumps
from .jvm_activity import frames_text, is_idle, names

_PINNED: Final = ("VirtualThread.parkOnCarrierThread",)
_MOUNTED: Final = ("VirtualThread.runContinuation", "jdk.internal.vm.Continuation.run")


def java_virtual_threads_pinned(dumps: ThreadDumps) -> Iterator[Finding]:
    """Virtual threads are pinned: they wait without releasing their carrier thread, which other virtual threads need.

    A virtual thread is pinned in a static initializer, in a native method and, before JDK 24, in a synchronized block.
    If all carriers are pinned, no virtual thread makes progress. Source: JEP 444 and JEP 491,
    https://openjdk.org/jeps/491.
    """
    dump = dumps.last
    pinned = [thread for thread in dump.threads if thread.frame_of(_PINNED, 6)]
    if not pinned:
        return
    carriers = [thread for thread in dump.threads if _is_carrier(thread)]
    busy = [thread for thread in carriers if thread.frame_of(_MOUNTED, 6)]
    full = bool(busy) and len(pinned) >= len(carriers)
    first = pinned[0]
    cause = _cause(first)
    carrier_words = "It occupies the carrier" if len(pinned) == 1 else "Carriers:"
    carried = f" {carrier_words} {names(busy)}." if busy else ""
    only = "the only carrier" if len(carriers) == 1 else f"all {len(carriers)} carriers"
    effect = f" and {'occupies' if len(pinned) == 1 else 'occupy'} {only}" if full else ""
    yield Finding(
        "critical" if full else "warning",
        f"{_labels(pinned)} {'is' if len(pinned) == 1 else 'are'} pinned to {'its' if len(pinned) == 1 else 'their'} "
        f"carrier{effect}",
        f"Virtual thread {first.label} waits in VirtualThread.parkOnCarrierThread{cause}: {_work(first)}.{carried}",
        "Do not block in static initializers and native methods of virtual threads; before JDK 24 also not in "
        "synchronized blocks.",
        (
            *(dumps.quote_thread(thread, *frames_text(thread, 5)) for thread in pinned[:2]),
            *(dumps.quote_thread(thread, *frames_text(thread, 2)) for thread in busy[:1]),
        ),
        directness=85,
        key=f"pinned {cause}",
    )
    if full:
        yield from _report_starved(dumps, dump)


def java_virtual_threads(dumps: ThreadDumps) -> Iterator[Finding]:
    """States how many virtual threads the dump has, and at how many places they are.

    Source: `jcmd Thread.dump_to_file`, JEP 444.
    """
    virtual = [thread for thread in dumps.last.threads if thread.is_virtual and thread.frames]
    if len(virtual) < 10:
        return
    places: dict[str, int] = {}
    for thread in virtual:
        places[str(thread.place)] = places.get(str(thread.place), 0) + 1
    top = sorted(places.items(), key=lambda item: -item[1])[:3]
    listed = ", ".join(f"{count} at {place}" for place, count in top)
    yield Finding("info", f"{len(virtual)} virtual threads", f"{listed}.", directness=20)


def _report_starved(dumps: ThreadDumps, dump: ThreadDump) -> Iterator[Finding]:
    waiting = [thread for thread in dump.threads if thread.is_virtual and not thread.frames]
    joining = [
        thread
        for thread in dump.threads
        if not thread.is_virtual and thread.frame_of(("Thread.join", "VirtualThread.joinNanos"), 10)
    ]
    if not waiting and not joining:
        return
    some = (
        f"{names(waiting)} {'has' if len(waiting) == 1 else 'have'} no stack: no carrier is free to run "
        f"{'it' if len(waiting) == 1 else 'them'}."
        if waiting
        else ""
    )
    pollers = [thread for thread in waiting if "oller" in thread.name]
    polls = f" {names(pollers)} would wake threads that wait for sockets." if pollers else ""
    main = joining[0] if joining else None
    waits = f" {main.label} waits in Thread.join at {main.place}." if main else ""
    yield Finding(
        "critical",
        f"{len(waiting)} virtual threads cannot run, because no carrier is free"
        if waiting
        else f"{names(joining)} waits for a virtual thread that cannot continue",
        f"{some}{polls}{waits}",
        "",
        tuple(dumps.quote_thread(thread, *frames_text(thread, 2)) for thread in [*waiting[:2], *joining[:1]]),
        directness=84,
    )


def _is_carrier(thread: JavaThread) -> bool:
    if thread.is_virtual:
        return False
    return thread.frame_of(_MOUNTED, 6) is not None or (
        thread.name.startswith("ForkJoinPool-1-worker-") and is_idle(thread)
    )


def _cause(thread: JavaThread) -> str:
    """Return why it is pinned, if the stack shows the reason."""
    for index, frame in enumerate(thread.frames):
        if frame.method == "<clinit>":
            return f" inside the static initializer {frame.call}"
        if frame.place == "Native Method" and index > 1 and not frame.call.startswith(("java.", "jdk.", "sun.")):
            return f" below the native method {frame.call}"
    locked = thread.holds[-1] if thread.holds else None
    return f" while it holds the monitor {locked}" if locked else ""


def _work(thread: JavaThread) -> str:
    """Return what a thread that is not parked does."""
    for words, calls in (
        ("it opens a network connection", ("NioSocketImpl.connect", "Socket.connect")),
        ("it reads from a socket", ("NioSocketImpl.read", "NioSocketImpl.implRead", "Socket$SocketInputStream.read")),
        ("it sleeps", ("VirtualThread.sleepNanos", "Thread.sleep")),
        ("it waits for a lock", ("ReentrantLock.lock",)),
    ):
        if thread.frame_of(calls):
            return f"{words}, called from {thread.caller or thread.top}"
    return f"called from {thread.caller or thread.top}"


def _labels(pinned: list[JavaThread]) -> str:
    if len(pinned) == 1:
        thread = pinned[0]
        return f"Virtual thread {thread.number}{f' {thread.label}' if thread.name else ''}"
    return f"{len(pinned)} virtual threads ({', '.join(thread.number or thread.label for thread in pinned[:3])}, …)"
