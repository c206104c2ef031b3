"""Writes thread dumps of Java as HotSpot prints them, for the tests of parsers and rules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.parsers import jvm_thread_dump
from debugcapture.findings.rules.jvm_threads import RULES
from debugcapture.findings.subject import Subject

SUBJECT = Subject("Java thread dump", jvm_thread_dump.recognize, jvm_thread_dump.parse, RULES)
TITLE = "2026-11-30 01:02:03\nFull thread dump OpenJDK 64-Bit Server VM (21.0.4+7-LTS mixed mode, sharing):\n\n"
PARKED = (
    "at jdk.internal.misc.Unsafe.park(java.base@21.0.4/Native Method)",
    "at java.util.concurrent.locks.LockSupport.park(java.base@21.0.4/LockSupport.java:221)",
)
IDLE = (
    *PARKED,
    "at java.util.concurrent.LinkedBlockingQueue.take(java.base@21.0.4/LinkedBlockingQueue.java:435)",
    "at java.util.concurrent.ThreadPoolExecutor.getTask(java.base@21.0.4/ThreadPoolExecutor.java:1070)",
)
WORKER = (
    "at java.util.concurrent.ThreadPoolExecutor.runWorker(java.base@21.0.4/ThreadPoolExecutor.java:1144)",
    "at java.lang.Thread.run(java.base@21.0.4/Thread.java:1583)",
)
SLEEP = (
    "at java.lang.Thread.sleep0(java.base@21.0.4/Native Method)",
    "at java.lang.Thread.sleep(java.base@21.0.4/Thread.java:509)",
)
READ = (
    "at sun.nio.ch.Net.poll(java.base@21.0.4/Native Method)",
    "at sun.nio.ch.NioSocketImpl.park(java.base@21.0.4/NioSocketImpl.java:191)",
    "at sun.nio.ch.NioSocketImpl.timedRead(java.base@21.0.4/NioSocketImpl.java:280)",
)
CONNECT = (
    "at sun.nio.ch.Net.poll(java.base@21.0.4/Native Method)",
    "at sun.nio.ch.NioSocketImpl.timedFinishConnect(java.base@21.0.4/NioSocketImpl.java:542)",
    "at sun.nio.ch.NioSocketImpl.connect(java.base@21.0.4/NioSocketImpl.java:592)",
)
SHOP = "com.shop.Cart.add(Cart.java:31)"
LOCK = "java.util.concurrent.locks.ReentrantLock$NonfairSync"
EPOLL = (
    "at sun.nio.ch.EPoll.wait(java.base@21.0.4/Native Method)",
    "at sun.nio.ch.EPollSelectorImpl.doSelect(java.base@21.0.4/EPollSelectorImpl.java:121)",
)
VIRTUAL = """64933
2026-11-30T07:47:09.198298561Z
24+36

#3 "main"
      java.base/java.lang.VirtualThread.joinNanos(VirtualThread.java:998)
      java.base/java.lang.Thread.join(Thread.java:1843)
      com.shop.Main.main(Main.java:14)

#16 "" virtual
      java.base/jdk.internal.misc.Unsafe.park(Native Method)
      java.base/java.lang.VirtualThread.parkOnCarrierThread(VirtualThread.java:821)
      java.base/sun.nio.ch.NioSocketImpl.connect(NioSocketImpl.java:588)
      com.shop.Config.<clinit>(Config.java:16)

#17 "ForkJoinPool-1-worker-1"
      java.base/jdk.internal.vm.Continuation.run(Continuation.java:251)
      java.base/java.lang.VirtualThread.runContinuation(VirtualThread.java:303)

#21 "SubPoller-0" virtual
"""


@dataclass(frozen=True)
class Thread:
    """A thread of a dump. ``lines``: its frames and the lines about locks."""

    name: str
    lines: tuple[str, ...] = ()
    state: str = "WAITING (parking)"
    number: int = 7
    cpu_ms: float = 12.5
    elapsed_s: float = 600.0
    daemon: bool = True
    owned: tuple[str, ...] = ()

    def __str__(self) -> str:
        header = (
            f'"{self.name}" #{self.number} [{self.number + 100}] {"daemon " if self.daemon else ""}prio=5 os_prio=0 '
            f"cpu={self.cpu_ms:.2f}ms elapsed={self.elapsed_s:.2f}s tid=0x00007f{self.number:010x} nid=0x1 runnable\n"
        )
        lines = "".join(f"\t{line}\n" for line in self.lines)
        owned = "".join(f"\t- {line}\n" for line in self.owned) or "\t- None\n"
        return f"{header}   java.lang.Thread.State: {self.state}\n{lines}\n   Locked ownable synchronizers:\n{owned}\n"


def pool(name: str, count: int, lines: tuple[str, ...], state: str = "WAITING (parking)") -> list[Thread]:
    """Return ``count`` threads of a pool at the same place."""
    return [Thread(f"{name}{number}", lines, state, number=20 + number) for number in range(1, count + 1)]


def blocked(lock: str, type_name: str, place: str) -> tuple[str, ...]:
    """Return the lines of a thread that waits for a monitor."""
    return (f"at {place}", f"- waiting to lock <{lock}> (a {type_name})")


def parked(lock: str, type_name: str, *frames: str) -> tuple[str, ...]:
    """Return the lines of a thread that is parked for a java.util.concurrent object."""
    return (PARKED[0], f"- parking to wait for  <{lock}> (a {type_name})", PARKED[1], *frames)


def dump(*threads: Thread) -> str:
    """Return a dump with ``threads``."""
    return (
        TITLE
        + "".join(str(thread) for thread in threads)
        + '"VM Thread" os_prio=0 cpu=1.00ms tid=0x1 nid=2 runnable\n\n'
    )


def evidence(folder: Path, *texts: str) -> Evidence:
    """Write a file that contains ``texts``."""
    path = folder / "jvm-threads.txt"
    path.write_text("".join(texts))
    return Evidence(path, path.name, "web-0")


def findings_of(subject: Subject[Any], folder: Path, text: str) -> list[Finding]:
    """Return the findings about a file of another subject; each quotes lines of the file."""
    path = folder / "file.txt"
    path.write_text(text)
    file = Evidence(path, path.name)
    assert subject.recognize(file)
    reported = list(subject.explain(file))
    assert_quotes_are_in_the_file(file, reported)
    return reported


def findings(folder: Path, *texts: str) -> list[Finding]:
    """Return the findings about a file that contains ``texts``; each quotes lines of the file."""
    file = evidence(folder, *texts)
    assert SUBJECT.recognize(file)
    reported = list(SUBJECT.explain(file))
    assert_quotes_are_in_the_file(file, reported)
    return reported


def of_rule(folder: Path, rule: str, *texts: str) -> list[Finding]:
    """Return the findings of one rule."""
    return [finding for finding in findings(folder, *texts) if finding.rule == rule]


def assert_quotes_are_in_the_file(file: Evidence, reported: list[Finding]) -> None:
    """Check that each quoted line is in the lines that the evidence names."""
    lines = [line.text.strip() for line in file.lines()]
    for finding in reported:
        for passage in finding.evidence:
            assert 1 <= passage.first <= passage.last <= len(lines), (finding.title, passage)
            for quote in passage.quote:
                assert any(line.startswith(quote.strip()) for line in lines[passage.first - 1 : passage.last]), quote
