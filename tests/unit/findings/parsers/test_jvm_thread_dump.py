"""Parsers of Java thread dumps: the formats of several versions and tools, in logs, and hostile content."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import subjects_of
from debugcapture.findings.parsers import jvm_thread_dump, jvm_thread_file
from debugcapture.findings.parsers.jvm_model import ThreadDumps
from debugcapture.findings.rules.jvm_threads import RULES
from debugcapture.findings.subject import Subject
from tests.unit.findings.jvm_dumps import VIRTUAL, dump, evidence, findings_of, of_rule, pool
from tests.unit.hostile import UTF8

FILE = Subject("Java thread dump file", jvm_thread_file.recognize, jvm_thread_file.parse, RULES)
JAVA_6 = """Full thread dump Java HotSpot(TM) 64-Bit Server VM (20.4-b02 mixed mode):

"Remoting "node" write-1" prio=10 tid=0x0000000060126800 nid=0x6c57 in Object.wait() [0x00000000450dc000]
   java.lang.Thread.State: WAITING (on object monitor)
\tat java.lang.Object.wait(Native Method)
\t- waiting on <0x00000007> (a com.app.Queue)
\tat com.app.Queue.take(Queue.java:5)

"VM Periodic Task Thread" prio=10 tid=0x000000005f11a000 nid=0x6c19 waiting on condition

JNI global references: 12
"""
MOUNTED = """Full thread dump OpenJDK 64-Bit Server VM (21.0.4+7-LTS mixed mode):

"ForkJoinPool-1-worker-1" #31 [99] daemon prio=5 os_prio=0 cpu=4,72ms elapsed=40,57s tid=0x00007 nid=99 [0x00007f]
   Carrying virtual thread #30
\tat jdk.internal.vm.Continuation.run(java.base@21.0.4/Continuation.java:251)
\tat java.lang.VirtualThread.runContinuation(java.base@21.0.4/VirtualThread.java:221)
   Mounted virtual thread #30
\tat java.lang.VirtualThread.parkOnCarrierThread(java.base@21.0.4/VirtualThread.java:689)
\tat com.shop.Cart.add(Cart.java:31)
\t- locked <0x01> (a com.shop.Cart)

"main" #1 prio=5 os_prio=0 cpu=1.00ms elapsed=41.00s tid=0x00008 nid=1 runnable
   java.lang.Thread.State: RUNNABLE
\tat com.shop.Main$$Lambda/0x00007f12.run(Unknown Source)
"""
MANAGEMENT = """"web-1" Id=27 BLOCKED on com.shop.Cart@1f2e owned by "web-2" Id=28
\tat com.shop.Cart.add(Cart.java:31)
\t-  blocked on com.shop.Cart@1f2e

"web-2" Id=28 TIMED_WAITING
   java.lang.Thread.State: TIMED_WAITING
\tat java.lang.Thread.sleep(Native Method)
"""
JAVA_5 = """Full thread dump Java HotSpot(TM) Client VM (1.5.0_22-b03 mixed mode, sharing):

"worker-1" prio=1 tid=0x0834a1b8 nid=0x1f2a waiting for monitor entry [0xb1f3e000..0xb1f3ee20]
\tat com.shop.Cart.add(Cart.java:31)
\t- waiting to lock <0x8a5b2c10> (a com.shop.Cart)

"VM Thread" prio=1 tid=0x08097f28 nid=0x1f1c runnable
"""
SERVICEABILITY = """Deadlock Detection:

No deadlocks found.

"main" #1 prio=5 tid=0x00007f01 nid=0x1 waiting on condition [0x00007f02]
   java.lang.Thread.State: TIMED_WAITING (sleeping)
   JavaThread state: _thread_blocked
 - java.lang.Thread.sleep(long) @bci=0 (Interpreted frame)
 - com.shop.Main.main(java.lang.String[]) @bci=12, line=9 (Interpreted frame)
"""
NUMBERS_ONLY = """Attaching to process ID 77, please wait...
Debugger attached successfully.
Deadlock Detection:

Found one Java-level deadlock:
=============================

"web-1":
  waiting to lock Monitor@0x00007f3a (Object@0x00000000d6f0e1b8, a com/shop/Cart),
  which is held by "web-2"
"web-2":
  waiting to lock Monitor@0x00007f3b (Object@0x00000000d6f0e1c8, a com/shop/Order),
  which is held by "web-1"

Found a total of 1 deadlock.

Thread 93: (state = BLOCKED)
 - com.shop.Cart.add(int) @bci=31, line=38 (Interpreted frame)
 - java.lang.Thread.run() @bci=11, line=748 (Interpreted frame)


Thread 92: (state = BLOCKED)
 - sun.misc.Unsafe.park(boolean, long) @bci=0 (Compiled frame; information may be imprecise)
 - com.shop.Order.pay() @bci=2, line=9 (Interpreted frame)


Thread 91: (state = IN_NATIVE)
 - java.net.SocketInputStream.socketRead0(java.io.FileDescriptor, byte[], int, int, int) @bci=0 (Compiled frame)
"""
JAVA_25 = """7
2026-11-30T07:47:09.198298561Z
25+36

#40 "a" virtual BLOCKED 2026-11-30T07:47:09.2Z
      com.shop.Cart.add(Cart.java:31)
      // blocked on com.shop.Cart@aa, owned by #41
      // locked com.shop.Order@bb

#41 "b" virtual BLOCKED 2026-11-30T07:47:09.2Z
      com.shop.Order.pay(Order.java:8)
      // blocked on com.shop.Order@bb
      // locked com.shop.Cart@aa
"""


def _parsed(folder: Path, text: str) -> ThreadDumps:
    file = evidence(folder, text)
    assert jvm_thread_dump.recognize(file)
    return jvm_thread_dump.parse(file)


def test_java_6_and_names_with_quotation_marks(tmp_path: Path) -> None:
    first, native = _parsed(tmp_path, JAVA_6).last.threads
    assert (first.name, first.line, first.last, first.state) == ('Remoting "node" write-1', 3, 7, "WAITING")
    assert (first.wait, first.waits_for and first.waits_for.type_name) == ("notify", "com.app.Queue")
    assert native.is_native


def test_a_mounted_virtual_thread_and_numbers_with_commas(tmp_path: Path) -> None:
    carrier, virtual, main = _parsed(tmp_path, MOUNTED).last.threads
    assert (carrier.carries, carrier.elapsed_s) == ("#30", 40.57)
    assert carrier.cpu_s == pytest.approx(0.00472)
    assert (virtual.number, virtual.is_virtual, len(virtual.frames), virtual.holds[0].address) == (
        "#30",
        True,
        2,
        "0x01",
    )
    assert main.frames[0].call == "com.shop.Main$$Lambda.run"


def test_a_dump_without_states(tmp_path: Path) -> None:
    worker, native = _parsed(tmp_path, JAVA_5).last.threads
    assert (worker.state, worker.is_native, worker.wait, native.is_native) == ("BLOCKED", False, "monitor", True)


def test_the_serviceability_agent(tmp_path: Path) -> None:
    (main,) = _parsed(tmp_path, SERVICEABILITY).last.threads
    assert [str(frame) for frame in main.frames] == ["Thread.sleep(Native Method)", "Main.main(Main.java:9)"]


def test_the_text_of_java_lang_management(tmp_path: Path) -> None:
    dumps = _parsed(tmp_path, MANAGEMENT)
    first, second = dumps.last.threads
    assert (first.state, first.owner, dumps.last.owner_of(first)) == ("BLOCKED", "web-2", second)


def test_a_dump_in_the_log_of_a_container(tmp_path: Path) -> None:
    lines = dump(*pool("web-", 3, ("at com.shop.Cart.add(Cart.java:31)",))).splitlines()
    stamped = "".join(f"2026-11-30T01:02:03.123456789Z {line}\n" for line in lines)
    noise = "2026-11-30T01:02:04Z ERROR failed\n2026-11-30T01:02:04Z \tat com.shop.Other.run(Other.java:1)\n"
    dumps = _parsed(tmp_path, noise + stamped + noise)
    assert [(thread.name, len(thread.frames)) for thread in dumps.last.threads] == [
        ("web-1", 1),
        ("web-2", 1),
        ("web-3", 1),
        ("VM Thread", 0),
    ]
    assert dumps.last.line == 4


def test_a_log_with_a_dump_is_explained_as_a_log_too(tmp_path: Path) -> None:
    text = dump(*pool("web-", 3, ("at com.shop.Cart.add(Cart.java:31)",)))
    log = evidence(tmp_path, "2026-11-30T01:02:04Z INFO request\n" * 9, text)
    assert [subject.name for subject in subjects_of(log)] == ["Threads of a JVM", "Log"]
    assert [subject.name for subject in subjects_of(evidence(tmp_path, "7:\n", text))] == ["Threads of a JVM"]


def test_a_dump_in_the_encoding_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "dump.txt"
    path.write_bytes(
        dump(*pool("web-", 3, ("at com.shop.Cart.add(Cart.java:31)",))).replace("\n", "\r\n").encode("utf-16")
    )
    file = Evidence(path, "dump.txt")
    assert jvm_thread_dump.recognize(file)
    assert [thread.line for thread in jvm_thread_dump.parse(file).last.threads] == [4, 11, 18, 25]


def test_virtual_threads_in_a_deadlock(tmp_path: Path) -> None:
    (finding,) = [item for item in findings_of(FILE, tmp_path, JAVA_25) if item.rule == "java-deadlock"]
    assert finding.title == 'Deadlock between the threads "a" and "b"'
    assert "com.shop.Order <bb>" in finding.detail


def test_the_serviceability_agent_of_java_8(tmp_path: Path) -> None:
    threads = _parsed(tmp_path, NUMBERS_ONLY).last.threads
    assert [(thread.name, thread.state) for thread in threads] == [
        ("Thread 93", "BLOCKED"),
        ("Thread 92", "WAITING"),
        ("Thread 91", "RUNNABLE"),
    ]
    assert str(threads[0].frames[0]) == "Cart.add(Cart.java:38)"
    (finding,) = of_rule(tmp_path, "java-deadlock", NUMBERS_ONLY)
    assert finding.title == 'Deadlock between the threads "web-1" and "web-2"'


@pytest.mark.parametrize(
    "text",
    [
        *("", "started\n", "7\n8\n9\n", '"a" is a word\n', "# comment\n"),
        *("Full thread dump soon\n", "Thread 7: (state = "),
    ],
)
def test_other_text_is_not_recognized(tmp_path: Path, text: str) -> None:
    file = evidence(tmp_path, text)
    assert not jvm_thread_dump.recognize(file)
    assert not jvm_thread_file.recognize(file)


PIECES = [
    *(f"{line}\n" for text in (JAVA_6, MOUNTED, MANAGEMENT, VIRTUAL, JAVA_25) for line in text.splitlines()),
    *(f"{line}\n" for line in NUMBERS_ONLY.splitlines()),
    "Found one Java-level deadlock:\n",
    '  waiting to lock monitor 0x01 (object 0x02, a java.lang.Object),\n  which is held by "main"\n',
    "\t- locked <0x01> (a com.shop.Cart)\n",
    "\t- waiting to lock <0x01> (a com.shop.Cart)\n",
    "\t- parking to wait for  <0x01> (a java.util.concurrent.locks.ReentrantReadWriteLock$Sync)\n",
]


@given(st.lists(st.sampled_from(PIECES) | UTF8, max_size=30))
def test_hostile_dumps_are_read(pieces: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = evidence(Path(folder), "".join(pieces).encode(errors="replace").decode())
        for parse in (jvm_thread_dump.parse, jvm_thread_file.parse):
            dumps = parse(file)
            for rule in RULES:
                for finding in rule(dumps):
                    assert finding.title
                    assert all(passage.first >= 1 for passage in finding.evidence)
