"""Javacores: deadlocks, memory errors, crashes, and healthy ones."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.parsers import jvm_javacore
from debugcapture.findings.rules import jvm_threads as thread_rules
from debugcapture.findings.subject import Subject
from tests.unit.findings.jvm_dumps import findings_of
from tests.unit.hostile import UTF8

JAVACORE = Subject("Threads of a JVM", jvm_javacore.recognize, jvm_javacore.parse, thread_rules.RULES)
JAVACORE_HEAD = """0SECTION       TITLE subcomponent dump routine
NULL           ===============================
1TISIGINFO     {event}
1TIDATETIME    Date: 2026/11/30 at 01:02:03:407
0SECTION       MEMINFO subcomponent dump routine
2CIUSERARG               -Xmx1G
1STHEAPTOTAL   Total memory:                  1073741824 (0x0000000040000000)
1STHEAPINUSE   Total memory in use:           1063741824 (0x000000003F676980)
0SECTION       LOCKS subcomponent dump routine
{deadlock}0SECTION       THREADS subcomponent dump routine
1XMCURTHDINFO  Current thread
3XMTHREADINFO      "a" J9VMThread:0x000000000000A100, omrthread_t:0x1, java/lang/Thread:0x2, state:B, prio=5
3XMJAVALTHREAD            (java/lang/Thread getId:0x1D, isDaemon:false)
3XMCPUTIME               CPU usage total: 0.156250000 secs, user: 0.07 secs, system: 0.07 secs
3XMTHREADBLOCK     Blocked on: com/shop/Cart@0x00000000E0000010 Owned by: "b" (J9VMThread:0x000000000000B200)
3XMTHREADINFO3           Java callstack:
4XESTACKTRACE                at com/shop/Order.pay(Order.java:8(Compiled Code))
5XESTACKTRACE                   (entered lock: com/shop/Order@0x00000000E0000020, entry count: 1)
1XMTHDINFO     Thread Details
3XMTHREADINFO      "b" J9VMThread:0x000000000000B200, omrthread_t:0x1, java/lang/Thread:0x3, state:{state}, prio=5
{blocked}3XMTHREADINFO3           Java callstack:
4XESTACKTRACE                at com/shop/Cart.add(Cart.java:31)
5XESTACKTRACE                   (entered lock: com/shop/Cart@0x00000000E0000010, entry count: 1)
3XMTHREADINFO      Anonymous native thread
"""
BLOCKED = (
    "3XMTHREADBLOCK     Blocked on: com/shop/Order@0x00000000E0000020 Owned by: "
    '"a" (J9VMThread:0x000000000000A100, java/lang/Thread:0x2)\n'
)
DEADLOCK = """1LKDEADLOCK    Deadlock detected !!!
2LKDEADLOCKTHR  Thread "a" (0x000000000000A100)
3LKDEADLOCKWTR    is waiting for:
4LKDEADLOCKOBJ      com/shop/Cart@0x00000000E0000010
3LKDEADLOCKOWN    which is owned by:
2LKDEADLOCKTHR  Thread "b" (0x000000000000B200)
3LKDEADLOCKWTR    which is waiting for:
4LKDEADLOCKOBJ      com/shop/Order@0x00000000E0000020
3LKDEADLOCKOWN    which is owned by:
2LKDEADLOCKTHR  Thread "a" (0x000000000000A100)
"""
USER = 'Dump Event "user" (00004000) received'


def _javacore(
    folder: Path, event: str = USER, deadlock: str = "", blocked: str = "", state: str = "R"
) -> list[Finding]:
    text = JAVACORE_HEAD.format(event=event, deadlock=deadlock, blocked=blocked, state=state)
    return findings_of(JAVACORE, folder, text)


@pytest.mark.parametrize("deadlock", [DEADLOCK, ""])
def test_a_deadlock_in_a_javacore(tmp_path: Path, deadlock: str) -> None:
    (finding,) = (item for item in _javacore(tmp_path, USER, deadlock, BLOCKED, "B") if item.rule == "java-deadlock")
    assert finding.title == 'Deadlock between the threads "a" and "b"'
    assert '"a" waits at Order.pay(Order.java:8) for com.shop.Cart <0x00000000E0000010>, held by "b"' in finding.detail
    assert ("The JVM reports it." in finding.detail) == bool(deadlock)


def test_a_javacore_that_a_user_requested(tmp_path: Path) -> None:
    assert [finding.severity for finding in _javacore(tmp_path)] == ["info", "info"]


def test_a_javacore_because_of_an_out_of_memory_error(tmp_path: Path) -> None:
    event = 'Dump Event "systhrow" (00040000) Detail "java/lang/OutOfMemoryError" "Java heap space" received'
    finding = _javacore(tmp_path, event.replace('" "Java', '" Detail "Java'))[0]
    assert finding.title == "OutOfMemoryError: Java heap space"
    for fact in ('The thread "a" asked for memory at Order.pay(Order.java:8)', "1014.5 MiB of 1024.0 MiB", "-Xmx1G"):
        assert fact in finding.detail


def test_a_javacore_because_of_a_crash(tmp_path: Path) -> None:
    finding = _javacore(tmp_path, 'Dump Event "gpf" (00002000) received')[0]
    assert finding.title == 'The JVM crashed on the thread "a"'


JAVACORE_LINES = [f"{line}\n" for line in (JAVACORE_HEAD + DEADLOCK + BLOCKED).splitlines()]


def test_a_deadlock_without_the_start_of_the_javacore(tmp_path: Path) -> None:
    path = tmp_path / "javacore.txt"
    path.write_text(DEADLOCK.partition("\n")[2])
    (dump,) = jvm_javacore.parse(Evidence(path, path.name)).dumps
    assert [deadlock.first for deadlock in dump.reported] == [1]


@given(st.lists(st.sampled_from(JAVACORE_LINES) | UTF8, max_size=30))
def test_hostile_javacores_are_read(pieces: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_text("".join(pieces), errors="replace")
        dumps = jvm_javacore.parse(Evidence(path, "file"))
        assert all(finding.title for rule in thread_rules.RULES for finding in rule(dumps))
