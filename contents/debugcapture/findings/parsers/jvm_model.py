"""The threads of a Java virtual machine, as rules read them, whichever format the dump has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

from ...finding import EvidenceLines
from ..evidence import Evidence, Line

Wait = Literal["", "monitor", "synchronizer", "notify"]
"""What a thread waits for: a monitor to enter, a java.util.concurrent object, or a call of notify()."""
_MOST_NAME: Final = 70
# Frames of these are on the way from the application to what it waits for.
LIBRARIES: Final = (
    *("java.", "javax.", "jdk.", "sun.", "com.sun.", "scala.concurrent.", "kotlin.", "kotlinx.coroutines."),
    *("org.apache.http.", "org.apache.hc.", "okhttp3.", "okio.", "io.netty.", "org.springframework.cglib."),
    *("com.zaxxer.hikari.", "org.apache.commons.dbcp", "org.apache.commons.pool", "com.mchange.", "com.alibaba.druid."),
    *("org.postgresql.", "com.mysql.", "org.mariadb.", "oracle.jdbc.", "oracle.net.", "com.microsoft.sqlserver."),
    *("org.apache.tomcat.jdbc.", "org.apache.tomcat.dbcp.", "reactor.core.", "io.lettuce.", "redis.clients."),
    *("com.mongodb.", "com.lmax.disruptor."),
)


def short_name(name: str) -> str:
    """Return ``name``, shortened: some servers write the whole request into the name of a thread."""
    return name if len(name) <= _MOST_NAME else f"{name[: _MOST_NAME - 1]}…"


class Frame(NamedTuple):
    """A frame of a stack."""

    call: str
    """Class and method, without the module: `java.lang.Thread.sleep`."""
    place: str
    """File and line: `Thread.java:340`, `Native Method`, or `Unknown Source`."""
    line: int
    """Number of its line in the evidence."""
    text: str = ""
    """Its line, as it is in the evidence."""

    @property
    def method(self) -> str:
        """Return the name of the method."""
        return self.call.rpartition(".")[2]

    @property
    def type_name(self) -> str:
        """Return the name of the class."""
        return self.call.rpartition(".")[0]

    @property
    def source_line(self) -> int:
        """Return the line in the source; 0 if it is unknown."""
        digits = self.place.rpartition(":")[2]
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 9 else 0

    def __str__(self) -> str:
        short = ".".join(self.call.split(".")[-2:])
        return f"{short}({self.place})" if self.place else short


class Lock(NamedTuple):
    """A monitor, or an object of java.util.concurrent."""

    address: str
    type_name: str
    line: int
    """Number of the line that names it."""
    text: str = ""
    """This line, as it is in the evidence."""

    def __str__(self) -> str:
        return f"{self.type_name} <{self.address}>" if self.type_name else f"<{self.address}>"


@dataclass(frozen=True, slots=True, eq=False)
class JavaThread:
    """A thread of a dump. Two threads are equal only if they are the same object."""

    name: str
    line: int
    """Number of its first line."""
    last: int = 0
    text: str = ""
    """Its first line, as it is in the evidence."""
    number: str = ""
    """`#12`; "" in dumps of Java 7 and earlier."""
    state: str = ""
    """`BLOCKED`, `RUNNABLE`, …; "" if the dump has no states."""
    is_daemon: bool = False
    is_virtual: bool = False
    has_tid: bool = False
    cpu_s: float | None = None
    elapsed_s: float | None = None
    wait: Wait = ""
    waits_for: Lock | None = None
    owner: str = ""
    """Name of the owner, if the line of `waits_for` contains it."""
    holds: tuple[Lock, ...] = ()
    frames: tuple[Frame, ...] = ()
    carries: str = ""
    """Number of the virtual thread that runs on it."""
    is_native: bool = False
    """A thread of the JVM itself, which has neither a Java state nor Java frames."""
    notes: dict[str, Any] = field(default_factory=dict, repr=False)
    """What rules found out about it, so that each of them need not do so again."""
    initializes: str = ""
    """Class whose initialization by another thread it waits for."""

    @property
    def label(self) -> str:
        """Return its name in quotation marks, or its number if it has no name."""
        return f'"{short_name(self.name)}"' if self.name else self.number or '""'

    @property
    def top(self) -> Frame | None:
        """Return its innermost frame."""
        return self.frames[0] if self.frames else None

    @property
    def caller(self) -> Frame | None:
        """Return the innermost frame that belongs to the application; None if there is none."""
        return next((frame for frame in self.frames if not frame.call.startswith(LIBRARIES)), None)

    @property
    def place(self) -> Frame | None:
        """Return the frame that says best where it is: the innermost of the application, or the innermost of all."""
        return self.caller or self.top

    def frame_of(self, calls: Sequence[str], depth: int = 200) -> Frame | None:
        """Return the innermost frame whose class and method end with one of ``calls``."""
        endings = tuple(calls)
        return next((frame for frame in self.frames[:depth] if frame.call.endswith(endings)), None)


@dataclass(frozen=True, slots=True)
class Edge:
    """A thread that waits for a lock which another thread holds."""

    thread: str
    lock: Lock
    owner: str


@dataclass(frozen=True, slots=True)
class Deadlock:
    """A cycle of threads. ``reported``: the JVM found it."""

    edges: tuple[Edge, ...]
    first: int
    last: int
    reported: bool

    @property
    def key(self) -> frozenset[str]:
        """Return the addresses of its locks. They stay the same in later dumps; names of threads can be ambiguous."""
        return frozenset(edge.lock.address for edge in self.edges)

    @property
    def names(self) -> list[str]:
        """Return the names of its threads."""
        return [edge.thread for edge in self.edges]


@dataclass(frozen=True)
class ThreadDump:
    """All threads at one time."""

    line: int
    date: str
    threads: tuple[JavaThread, ...]
    reported: tuple[Deadlock, ...] = ()
    has_states: bool = True

    @cached_property
    def owners(self) -> dict[str, JavaThread]:
        """Return the owner of each lock, by address."""
        return {lock.address: thread for thread in self.threads for lock in thread.holds}

    @cached_property
    def by_name(self) -> dict[str, JavaThread]:
        """Return the first thread of each name."""
        names: dict[str, JavaThread] = {}
        for thread in self.threads:
            names.setdefault(thread.name, thread)
        return names

    def owner_of(self, thread: JavaThread) -> JavaThread | None:
        """Return the thread that holds what ``thread`` waits for; None if the dump does not say."""
        if thread.waits_for is None or thread.wait == "notify":
            return None
        owner = self.owners.get(thread.waits_for.address)
        if owner is None and thread.owner:
            owner = self.by_name.get(thread.owner)
        return None if owner is thread else owner

    @cached_property
    def java_threads(self) -> tuple[JavaThread, ...]:
        """Return the threads that run Java code."""
        return tuple(thread for thread in self.threads if not thread.is_native)


@dataclass(frozen=True, slots=True)
class Javacore:
    """The content of a javacore except the threads."""

    event: str = ""
    """Why it was written: `Dump Event "systhrow" (00040000) Detail "java/lang/OutOfMemoryError" …`"""
    event_line: Line = Line(1, "")
    heap_total: int = 0
    heap_used: int = 0
    heap_line: int = 0
    heap_option: str = ""
    current: str = ""
    """Name of the thread that caused the dump."""
    crash: tuple[Line, ...] = ()
    """Lines about the signal and the module of a crash."""


@dataclass(frozen=True)
class ThreadDumps:
    """The dumps of one file, in their order."""

    evidence: Evidence
    dumps: tuple[ThreadDump, ...]
    javacore: Javacore | None = None

    @property
    def last(self) -> ThreadDump:
        """Return the newest dump; one without threads if the file has none."""
        return self.dumps[-1] if self.dumps else ThreadDump(1, "", ())

    def quote_thread(self, thread: JavaThread, *lines: str) -> EvidenceLines:
        """Return the lines of ``thread`` as evidence; its quotation is its first line and ``lines``."""
        return self.evidence.quote(thread.line, max(thread.last, thread.line), thread.text, *lines)

    def same(self, thread: JavaThread) -> Iterator[JavaThread]:
        """Yield ``thread`` as the other dumps of the file show it."""
        for other in self._by_identity.get((thread.name, thread.number), ()):
            if other is not thread:
                yield other

    @cached_property
    def _by_identity(self) -> dict[tuple[str, str], list[JavaThread]]:
        threads: dict[tuple[str, str], list[JavaThread]] = {}
        for dump in self.dumps:
            for thread in dump.threads:
                threads.setdefault((thread.name, thread.number), []).append(thread)
        return threads
