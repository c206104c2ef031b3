"""Rules about deadlocks of Java threads."""

from collections.abc import Iterator
from typing import Final

from ...finding import EvidenceLines, Finding
from ..parsers.jvm_model import Deadlock, Edge, JavaThread, ThreadDump, ThreadDumps, short_name
from .jvm_activity import frames_text, names

_MOST_CYCLES: Final = 4


def java_deadlock(dumps: ThreadDumps) -> Iterator[Finding]:
    """Threads wait for each other's locks and never continue.

    The JVM reports cycles of monitors and of locks that have an owner. If the dump contains no such report, the cycle
    is found from the lines "waiting to lock", "parking to wait for", "locked" and "Locked ownable synchronizers". Only
    a restart ends a deadlock of the JVM. Source:
    https://docs.oracle.com/en/java/javase/21/troubleshoot/troubleshoot-process-hangs-and-loops.html.
    """
    cycles = all_deadlocks(dumps)
    if not cycles:
        return
    latest = cycles[:_MOST_CYCLES]
    people = [names(deadlock.names, 5) for deadlock in latest]
    count = len(cycles)
    title = f"Deadlock between the threads {people[0]}" if count == 1 else f"{count} deadlocks: {'; '.join(people)}"
    in_all = _describe_repetition(dumps, cycles)
    places = _where(dumps, latest)
    sentences = [_sentence(edge, places) for deadlock in latest for edge in deadlock.edges]
    detail = _join_sentences(sentences, 700 - len(title[:300])) + "."
    origin = "The JVM reports it." if cycles[0].reported else "Found from the owners of the locks in the dump."
    yield Finding(
        "critical",
        title[:300],
        f"{detail} {origin}{in_all}",
        "Only a restart ends it. Acquire these locks in the same order everywhere.",
        tuple(_evidence(dumps, deadlock) for deadlock in latest),
        directness=95,
        key=f"deadlock {' '.join(sorted(set(cycles[0].names)))}",
    )


def behind_java_deadlock(dumps: ThreadDumps) -> Iterator[Finding]:
    """Further threads wait for a lock that a deadlocked thread holds. They are stuck as well, without being part of it.

    Source: the owners of the locks in the dump.
    """
    dump = dumps.last
    stuck = {name for deadlock in deadlocks_of(dump) for name in deadlock.names}
    waiters = [
        thread
        for thread in dump.threads
        if thread.name not in stuck and (owner := dump.owner_of(thread)) is not None and owner.name in stuck
    ]
    if not waiters:
        return
    first = waiters[0]
    owner = dump.owner_of(first)
    locks = ", ".join(dict.fromkeys(str(thread.waits_for) for thread in waiters[:5]))
    yield Finding(
        "warning",
        f"{names(waiters)} {'is' if len(waiters) == 1 else 'are'} blocked behind the deadlock",
        f"{names(waiters)} {'waits' if len(waiters) == 1 else 'wait'} for {locks}, which "
        f"{owner.label if owner else 'a deadlocked thread'} holds"
        f"{f', at {first.place}' if first.place else ''}. Not part of the cycle.",
        evidence=tuple(dumps.quote_thread(thread, *frames_text(thread, 2)) for thread in waiters[:3]),
        directness=60,
    )


def java_class_initialization_deadlock(dumps: ThreadDumps) -> Iterator[Finding]:
    """Threads wait for each other to initialize a class. The JVM does not report this kind of deadlock.

    A thread in a static initializer (`<clinit>`) holds the initialization lock of the class. A thread that needs the
    class waits with the state RUNNABLE and without a lock in the dump. Source: JLS 12.4.2, "Detailed Initialization
    Procedure", https://docs.oracle.com/javase/specs/jls/se21/html/jls-12.html#jls-12.4.2.
    """
    dump = dumps.last
    waiting = [thread for thread in dump.java_threads if thread.initializes]
    edges: dict[str, tuple[JavaThread, str]] = {}
    for thread in waiting:
        for frame in thread.frames:
            if frame.method == "<clinit>":
                edges[frame.type_name] = (thread, thread.initializes)
    cycle = [name for name, (_, needs) in edges.items() if needs in edges and needs != name]
    if len(cycle) < 2:
        return
    threads = [edges[name][0] for name in cycle]
    facts = "; ".join(f"{edges[name][0].label} initializes {name} and waits for {edges[name][1]}" for name in cycle)
    yield Finding(
        "critical",
        f"Deadlock of class initialization between the threads {names(threads)}",
        f"{facts}. The JVM shows these threads as RUNNABLE and does not report the deadlock.",
        "Only a restart ends it. Break the cycle between the static initializers.",
        tuple(dumps.quote_thread(thread, *frames_text(thread)) for thread in threads[:3]),
        directness=94,
    )


def all_deadlocks(dumps: ThreadDumps) -> list[Deadlock]:
    """Return the deadlocks of all dumps, each once: its locks keep their addresses while the deadlock lasts."""
    cycles: dict[frozenset[str], Deadlock] = {}
    for dump in reversed(dumps.dumps):
        for deadlock in deadlocks_of(dump):
            cycles.setdefault(deadlock.key, deadlock)
    if len(dumps.dumps) > 1:
        by_names = {tuple(sorted(deadlock.names)) for deadlock in deadlocks_of(dumps.last)}
        newest = {deadlock.key for deadlock in deadlocks_of(dumps.last)}
        # A collector may move the objects between two dumps. The same names are then the same deadlock.
        return [
            deadlock
            for key, deadlock in cycles.items()
            if key in newest or tuple(sorted(deadlock.names)) not in by_names
        ]
    return list(cycles.values())


def deadlocks_of(dump: ThreadDump) -> list[Deadlock]:
    """Return the deadlocks that the JVM reports, and those that follow from the owners of the locks."""
    cycles = {deadlock.key: deadlock for deadlock in dump.reported}
    visited: set[int] = set()
    for thread in dump.threads:
        path: list[JavaThread] = []
        current: JavaThread | None = thread
        while current is not None and id(current) not in visited:
            visited.add(id(current))
            path.append(current)
            current = dump.owner_of(current)
        if current is not None and current in path:
            cycle = _cycle(dump, path[path.index(current) :])
            cycles.setdefault(cycle.key, cycle)
    return list(cycles.values())


def _cycle(dump: ThreadDump, threads: list[JavaThread]) -> Deadlock:
    edges = []
    for thread in threads:
        owner = dump.owner_of(thread)
        if thread.waits_for is not None and owner is not None:
            edges.append(Edge(thread.name, thread.waits_for, owner.name))
    return Deadlock(tuple(edges), min(t.line for t in threads), max(t.last for t in threads), reported=False)


def _join_sentences(sentences: list[str], most: int) -> str:
    """Return as many whole ``sentences`` as fit into ``most`` characters, at least one."""
    text = sentences[0]
    for sentence in sentences[1:]:
        if len(text) + len(sentence) + 2 > most:
            return f"{text}; …"
        text = f"{text}; {sentence}"
    return text


def _where(dumps: ThreadDumps, cycles: list[Deadlock]) -> dict[tuple[str, str], str]:
    """Return where each thread of ``cycles`` waits: by its name and the address of the lock that it waits for."""
    edges = {(edge.thread, edge.lock.address) for deadlock in cycles for edge in deadlock.edges}
    places: dict[tuple[str, str], str] = {}
    for dump in dumps.dumps:
        for thread in dump.threads:
            address = thread.waits_for.address if thread.waits_for else ""
            if (thread.name, address) in edges and thread.place:
                places[thread.name, address] = str(thread.place)
    return places


def _sentence(edge: Edge, places: dict[tuple[str, str], str]) -> str:
    place = places.get((edge.thread, edge.lock.address), "")
    at = f" at {place}" if place else ""
    return f'"{short_name(edge.thread)}" waits{at} for {edge.lock}, held by "{short_name(edge.owner)}"'


def _describe_repetition(dumps: ThreadDumps, cycles: list[Deadlock]) -> str:
    count = len(dumps.dumps)
    if count < 2:
        return ""
    names_of = {tuple(sorted(deadlock.names)) for deadlock in cycles}
    repetitions = sum(
        any(tuple(sorted(deadlock.names)) in names_of for deadlock in deadlocks_of(dump)) for dump in dumps.dumps
    )
    return (
        f" It is in all {count} dumps of the file."
        if repetitions == count
        else f" It is in {repetitions} of {count} dumps."
    )


def _evidence(dumps: ThreadDumps, deadlock: Deadlock) -> EvidenceLines:
    lines = [edge.lock.text for edge in deadlock.edges[:4]]
    if deadlock.reported:
        return dumps.evidence.quote(deadlock.first, deadlock.last, *lines)
    numbers = [edge.lock.line for edge in deadlock.edges] or [deadlock.first]
    return dumps.evidence.quote(min(numbers), max(numbers), *lines)
