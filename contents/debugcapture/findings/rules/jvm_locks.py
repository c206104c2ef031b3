"""Rules about locks that Java threads wait for."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.jvm_model import Frame, JavaThread, Lock, ThreadDump, ThreadDumps
from .jvm_activity import activity_of, describe, frames_text, is_idle, names
from .jvm_deadlocks import deadlocks_of

_MIN_WAITERS: Final = 3  # fewer are normal for a moment
_STUCK_OWNER: Final = (
    "sleeps",
    "reads",
    "connects",
    "resolves",
    "future",
    "latch",
    "semaphore",
    "waits",
    "lock",
    "monitor",
)
_DEPTH: Final = 12
_ACCEPT: Final = ("SocketChannelImpl.accept", "SocketImpl.accept", "ServerSocket.implAccept", "ServerSocket.accept")
# Methods in which a thread waits for the next connection. In some servers, the workers take turns in them.
_ACCEPT_METHODS: Final = re.compile(r"(?i)(?:native|impl|socket|do)?accept\d?$")
_READ_WRITE: Final = ("ReentrantReadWriteLock$", "StampedLock", "Semaphore$")


def java_lock_contention(dumps: ThreadDumps) -> Iterator[Finding]:
    """Several threads wait for the same lock, and the dump shows which thread holds it and what that thread does.

    A few waiting threads are normal in a single dump. It is a problem if there are many, or if the owner itself waits:
    for the network, for another lock, or in a sleep. Source: Java SE API, java.lang.Thread.State, BLOCKED and WAITING;
    the owner of a java.util.concurrent lock is in "Locked ownable synchronizers" (`jstack -l`).
    """
    dump = dumps.last
    deadlocked = {name for deadlock in deadlocks_of(dump) for name in deadlock.names}
    groups = sorted(waiters_of(dump).values(), key=lambda group: -len(group))
    for waiters in groups[:3]:
        owner = dump.owner_of(waiters[0])
        if owner is not None and owner.name in deadlocked:
            continue
        if any(thread.name in deadlocked for thread in waiters) or not _is_contention(dumps, waiters, owner):
            continue
        if owner is None and _readers(dump, waiters):
            continue  # java_read_lock_hang explains it
        yield _contention(dumps, waiters, owner)


def java_lock_owner_changes(dumps: ThreadDumps) -> Iterator[Finding]:
    """The owner of a contended lock changes between dumps: the lock is busy, and no owner is stuck.

    Source: comparison of the dumps of one file, by the address of the lock.
    """
    if len(dumps.dumps) < 2:
        return
    for waiters in sorted(waiters_of(dumps.last).values(), key=lambda group: -len(group))[:1]:
        lock = waiters[0].waits_for
        if lock is None or len(waiters) < _MIN_WAITERS:
            return
        owners = _owners_over_time(dumps, lock)
        if len(set(owners)) < 2:
            return
        yield Finding(
            "info",
            f"The owner of the lock <{lock.address}> changes between the dumps: {', then '.join(_quote(owners))}",
            f"{len(dumps.dumps)} dumps. Threads make progress one after the other: this is contention, no owner "
            "is stuck.",
            directness=40,
        )


def java_read_lock_hang(dumps: ThreadDumps) -> Iterator[Finding]:
    """Threads wait for a lock without an owner in the dump, and a thread that took it waits for something else.

    A dump shows the owner of a write lock, but not the readers. If no thread owns the lock, readers hold it. A thread
    that is in the same method as the waiting threads, past the line where these acquire the lock, is such a reader. If
    it waits for a result that only the waiting threads can produce, the threads hang forever. Source: Java SE API,
    ReentrantReadWriteLock,
    https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/concurrent/locks/ReentrantReadWriteLock.html.
    """
    dump = dumps.last
    for waiters in waiters_of(dump).values():
        lock = waiters[0].waits_for
        if lock is not None and (readers := _readers(dump, waiters)):
            yield from _hang(dumps, waiters, readers, lock)


def waiters_of(dump: ThreadDump) -> dict[str, list[JavaThread]]:
    """Return the threads that wait for each lock, by its address. Waits for a condition or an event do not count."""
    groups: dict[str, list[JavaThread]] = {}
    for thread in dump.threads:
        if thread.waits_for is None or is_idle(thread) or thread.frame_of(_ACCEPT, _DEPTH):
            continue  # workers without work, and threads that take turns to accept connections
        if activity_of(thread) in ("monitor", "lock"):
            groups.setdefault(thread.waits_for.address, []).append(thread)
    return groups


def _is_contention(dumps: ThreadDumps, waiters: list[JavaThread], owner: JavaThread | None) -> bool:
    if owner is not None and _waits_for_work(owner):
        return False
    if len(waiters) >= _MIN_WAITERS:
        return True
    if owner is None:
        return False
    if len(waiters) >= 2 and activity_of(owner) in _STUCK_OWNER:
        return True
    # A single thread that waits for the same owner in every dump, or whose owner waits for the network or sleeps.
    lock = waiters[0].waits_for
    same = [name for name in _owners_over_time(dumps, lock) if name == owner.name] if lock else []
    return len(same) > 1 or activity_of(owner) in ("sleeps", "connects", "resolves", "reads", "future", "latch")


def _waits_for_work(owner: JavaThread) -> bool:
    """Return whether the owner of a lock waits for the next event or connection: the others are free workers."""
    accepts = owner.top is not None and _ACCEPT_METHODS.match(owner.top.method) is not None
    return accepts or activity_of(owner) in ("polls", "idle")


def _contention(dumps: ThreadDumps, waiters: list[JavaThread], owner: JavaThread | None) -> Finding:
    dump, lock = dumps.last, waiters[0].waits_for
    is_single = len(waiters) == 1
    places = list(dict.fromkeys(str(thread.place) for thread in waiters if thread.place))
    at = f", at {', '.join(places[:2])}" if places else ""
    lock_kind = "a monitor" if waiters[0].wait == "monitor" else "a lock"
    threads = f"{names(waiters)} {'waits' if is_single else 'wait'}"
    count = f"{len(waiters)} threads wait" if not is_single else f"{waiters[0].label} waits"
    holder = f" that {owner.label} holds" if owner else ""
    held = f" {owner.label} holds it and {describe(dump, owner)}." if owner else _without_owner(lock)
    duration = _duration(dumps, lock, owner)
    evidence = [dumps.quote_thread(thread, *frames_text(thread, 2)) for thread in waiters[:3]]
    if owner is not None:
        held_lines = [held.text for held in owner.holds if lock and held.address == lock.address]
        evidence.insert(0, dumps.quote_thread(owner, *frames_text(owner), *held_lines[:1]))
    return Finding(
        "critical" if owner and len(waiters) >= 5 and _is_stuck(dumps, owner, lock) else "warning",
        f"{count} for {lock_kind}{holder}",
        f"{threads} for {lock}{at}.{held}{duration}",
        f"Find out why {owner.label} keeps the lock." if owner else "",
        tuple(evidence),
        directness=70,
        key=f"lock {lock.type_name if lock else ''} {places[0] if places else ''}",
    )


def _without_owner(lock: Lock | None) -> str:
    if lock is not None and "ReentrantReadWriteLock$" in lock.type_name:
        return " The dump does not show which threads read under it."
    return " The dump does not show its owner."


def _is_stuck(dumps: ThreadDumps, owner: JavaThread, lock: Lock | None) -> bool:
    return activity_of(owner) in _STUCK_OWNER and len(set(_owners_over_time(dumps, lock))) < 2


def _duration(dumps: ThreadDumps, lock: Lock | None, owner: JavaThread | None) -> str:
    if lock is None or len(dumps.dumps) < 2:
        return ""
    owners = _owners_over_time(dumps, lock)
    if len(set(owners)) > 1:
        return f" The owner changes between the {len(dumps.dumps)} dumps: {', '.join(_quote(owners))}."
    if owner and len(owners) > 1:
        return f" The owner is the same in {len(owners)} of {len(dumps.dumps)} dumps."
    return ""


def _owners_over_time(dumps: ThreadDumps, lock: Lock | None) -> list[str]:
    owners = (dump.owners.get(lock.address) for dump in dumps.dumps) if lock else ()
    return [owner.name for owner in owners if owner]


def _quote(owners: list[str]) -> list[str]:
    """Return the owners in their order; one that stays is named once."""
    changes = [name for index, name in enumerate(owners) if index == 0 or owners[index - 1] != name]
    return [f'"{name}"' for name in changes[:6]]


def _readers(dump: ThreadDump, waiters: list[JavaThread]) -> list[JavaThread]:
    """Return the threads that took the lock of ``waiters`` for reading, as their stacks show, and wait themselves."""
    lock = waiters[0].waits_for
    if lock is None or dump.owner_of(waiters[0]) or not any(part in lock.type_name for part in _READ_WRITE):
        return []
    waiting = ("future", "latch", "lock", "monitor", "semaphore", "waits", "sleeps", "reads", "connects", "resolves")
    acquired = _acquired_lines(waiters)
    own = {id(thread) for thread in waiters}
    return [
        thread
        for thread in dump.threads
        if id(thread) not in own and activity_of(thread) in waiting and _is_past(thread, acquired)
    ]


def _acquired_lines(waiters: list[JavaThread]) -> dict[str, int]:
    """Return the first line at which each method acquires the lock, by its class and name."""
    lines: dict[str, int] = {}
    for waiter in waiters:
        frame = _acquired_at(waiter)
        if frame is not None and frame.source_line:
            lines[frame.call] = min(frame.source_line, lines.get(frame.call, frame.source_line))
    return lines


def _is_past(thread: JavaThread, acquired: dict[str, int]) -> bool:
    """Return whether ``thread`` is in a method that acquires the lock, at a later line."""
    return any(frame.source_line > acquired.get(frame.call, 1 << 31) for frame in thread.frames[1:])


def _acquired_at(thread: JavaThread) -> Frame | None:
    return next((frame for frame in thread.frames if not frame.call.startswith(("java.", "jdk.", "sun."))), None)


def _hang(dumps: ThreadDumps, waiters: list[JavaThread], readers: list[JavaThread], lock: Lock) -> Iterator[Finding]:
    dump = dumps.last
    writer = next(
        (thread for thread in waiters if thread.frame_of(("WriteLock.lock", "writeLock", "acquireWrite"), 8)),
        waiters[0],
    )
    others = [thread for thread in waiters if thread is not writer]
    kind = "write lock" if writer.frame_of(("WriteLock.lock", "writeLock", "acquireWrite"), 8) else "lock"
    addition = f" {names(others)} wait for it too, at {others[0].place}." if others else ""
    reader = readers[0]
    acquired = _acquired_lines(waiters)
    held_at = next(frame for frame in reader.frames if frame.call in acquired)
    yield Finding(
        "critical",
        f"{writer.label} hangs: it waits for a {kind}, whose holders wait for something else",
        f"{writer.label} waits for the {kind} {lock} at {writer.place}.{addition} No thread owns it exclusively, so "
        f"readers hold it. {len(readers)} threads ({names(readers)}) are in {held_at}, past the line that acquires it; "
        f"{reader.label} {describe(dump, reader)}.",
        "Do not wait for a result while the lock is held, or complete it in a thread that does not need the lock.",
        (
            dumps.quote_thread(writer, *frames_text(writer, 2)),
            *(dumps.quote_thread(thread, *frames_text(thread)) for thread in readers[:3]),
        ),
        directness=80,
        key=f"read lock {writer.place.call if writer.place else ''}",
    )
