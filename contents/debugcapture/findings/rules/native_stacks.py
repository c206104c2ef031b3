"""Rules for native stacks."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import EvidenceLines, Finding, Severity
from ..parsers.native_stacks import NativeStacks, NativeThread, signal_of

_CALLERS: Final = 4
_MOST_SHOWN: Final = 4
_SEVERAL: Final = 4  # waiters for one mutex
_MANY: Final = 10
_JOIN: Final = re.compile(r"_{0,2}pthread_(?:timed|clock)?join|std::thread::join")
_ON_REQUEST: Final = ("SIGSTOP", "SIGINT", "SIGTRAP", "SIGQUIT", "SIGTERM")


def native_crash(stacks: NativeStacks) -> Iterator[Finding]:
    """The program ended with a signal, such as SIGSEGV. The first stack shows where.

    Source: https://man7.org/linux/man-pages/man7/signal.7.html
    """
    if stacks.signal is None:
        return
    name, meaning = signal_of(stacks.signal)
    if name in _ON_REQUEST or not stacks.threads:
        return
    crashed = stacks.threads[0]
    own = crashed.own or crashed.frames[0]
    program = f" {stacks.program}" if stacks.program else ""
    yield Finding(
        "critical",
        f"The program{program} ended with {name}{f' ({meaning})' if meaning else ''} in {own}",
        f"Its stack: {_path(crashed)}.",
        "",
        (
            stacks.evidence.quote(stacks.signal.number, stacks.signal.number, stacks.signal.text),
            _quote(stacks, crashed),
        ),
        directness=85,
        key=f"native {name} {own.function}",
    )


def native_mutex(stacks: NativeStacks) -> Iterator[Finding]:
    """Threads wait for mutexes. Threads that wait for different mutexes may wait for each other.

    A stack does not show the owner of a mutex, unless the debugger printed it (`__owner`).
    Source: https://man7.org/linux/man-pages/man3/pthread_mutex_lock.3p.html
    """
    waiting = [thread for thread in stacks.threads if thread.mutex]
    if not waiting:
        return
    mutexes: dict[str, list[NativeThread]] = {}
    for thread in waiting:
        mutexes.setdefault(thread.mutex, []).append(thread)
    owners = [thread for thread in waiting if thread.id in stacks.owners]
    is_deadlock = len(owners) > 1
    nobody_releases = not is_deadlock and _nobody_releases(stacks, waiting)
    several = len(waiting) > 1
    title = f"{len(waiting)} threads wait for {_mutex_names(mutexes)}" if several else (
        f"{_capital(waiting[0].label)} waits for {_mutex_names(mutexes)}"
    )  # fmt: skip
    places = {str(thread.own or thread.frames[0]): thread for thread in waiting}
    parts = [f"{thread.label} in {place}" for place, thread in list(places.items())[:_MOST_SHOWN]]
    if len(mutexes) > 1 and not is_deadlock:
        parts.append("threads that wait for different mutexes may wait for each other")
    if is_deadlock:
        holders = " and ".join(thread.label for thread in owners[:2])
        parts.append(f"the debugger shows that {holders} hold mutexes themselves")
    if is_deadlock:
        title = f"Deadlock: {title}, and the owners wait as well"
    elif nobody_releases:
        title = f"Deadlock: {title}, and every other thread waits for a thread to end"
    yield Finding(
        _severity(len(waiting), mutexes, is_deadlock or nobody_releases),
        title,
        f"{_capital('; '.join(parts))}.",
        "Look at the code that takes these mutexes: in which order, and what it does while it holds them.",
        tuple(_quote(stacks, thread) for thread in waiting[:3]),
        directness=75,
        key=f"native mutex {waiting[0].own.function if waiting[0].own else ''}",
    )


def _nobody_releases(stacks: NativeStacks, waiting: Sequence[NativeThread]) -> bool:
    """Return whether all threads wait for mutexes or join other threads, so that none can release a mutex.

    Without a thread that joins, the text may be a part of the stacks.
    """
    joining = [thread for thread in stacks.threads if any(_JOIN.match(frame.function) for frame in thread.frames[:4])]
    return len(waiting) > 1 and bool(joining) and len(waiting) + len(joining) == len(stacks.threads)


def _severity(waiting: int, mutexes: dict[str, list[NativeThread]], is_deadlock: bool) -> Severity:
    """Return how serious the waits are: a few threads that wait for the same mutex may do so for a moment."""
    if is_deadlock:
        return "critical"
    return "warning" if len(mutexes) > 1 or waiting >= _SEVERAL else "info"


def native_same_place(stacks: NativeStacks) -> Iterator[Finding]:
    """States at which places of the program most threads are.

    Source: https://sourceware.org/gdb/current/onlinedocs/gdb
    """
    places: dict[str, list[NativeThread]] = {}
    for thread in stacks.threads:
        if thread.own and not thread.mutex:
            places.setdefault(str(thread.own), []).append(thread)
    if stacks.signal or not places:
        return
    groups = sorted(places.items(), key=lambda place: -len(place[1]))[:_MOST_SHOWN]
    yield Finding(
        "info",
        f"{len(stacks.threads)} threads, {len(groups[0][1])} of them in {groups[0][0]}",
        "; ".join(f"{len(threads)} in {place}, innermost {threads[0].frames[0].function}" for place, threads in groups)
        + ".",
        evidence=(_quote(stacks, groups[0][1][0]),),
        directness=20 + (len(groups[0][1]) >= _MANY) * 10,
        key="native threads",
    )


def _mutex_names(mutexes: dict[str, list[NativeThread]]) -> str:
    names = [name for name in mutexes if name != "?"]
    if not names:
        return "a mutex"
    return f"the mutex {names[0]}" if len(names) == 1 else f"the mutexes {' and '.join(names[:3])}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _path(thread: NativeThread) -> str:
    return ", ".join(str(frame) for frame in thread.frames[: _CALLERS + 4])


def _quote(stacks: NativeStacks, thread: NativeThread) -> EvidenceLines:
    frames: Sequence[str] = [str(frame) for frame in thread.frames[:4]]
    return stacks.evidence.quote(thread.first_line, thread.last_line, thread.label, *frames)


RULES: Final = (native_crash, native_mutex, native_same_place)
