"""Rules about deadlocks: each is shown true, and silent on a dump that resembles it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.findings.jvm_dumps import (
    IDLE,
    LOCK,
    SHOP,
    Thread,
    blocked,
    dump,
    of_rule,
    parked,
)

CYCLE = (
    Thread(
        "order-1",
        (*blocked("0xa1", "com.shop.Cart", SHOP), "- locked <0xb2> (a com.shop.Order)"),
        "BLOCKED (on object monitor)",
        31,
    ),
    Thread(
        "order-2",
        (*blocked("0xb2", "com.shop.Order", "com.shop.Order.pay(Order.java:8)"), "- locked <0xa1> (a com.shop.Cart)"),
        "BLOCKED (on object monitor)",
        32,
    ),
)
REPORT = """
Found one Java-level deadlock:
=============================
"order-1":
  waiting to lock monitor 0x00007f01 (object 0xa1, a com.shop.Cart),
  which is held by "order-2"

"order-2":
  waiting for ownable synchronizer 0xb2, (a java.util.concurrent.locks.ReentrantLock$NonfairSync),
  which is held by "order-1"

Java stack information for the threads listed above:
===================================================
"order-1":
\tat com.shop.Cart.add(Cart.java:31)
"order-2":
\tat com.shop.Order.pay(Order.java:8)

Found 1 deadlock.

"""


def test_the_jvm_reports_a_deadlock(tmp_path: Path) -> None:
    (finding,) = of_rule(tmp_path, "java-deadlock", dump(*CYCLE), REPORT)
    assert finding.title == 'Deadlock between the threads "order-1" and "order-2"'
    assert finding.severity == "critical"
    assert '"order-1" waits at Cart.add(Cart.java:31) for com.shop.Cart <0xa1>, held by "order-2"' in finding.detail
    assert "ReentrantLock$NonfairSync <0xb2>" in finding.detail
    assert "The JVM reports it." in finding.detail


def test_a_deadlock_follows_from_the_owners(tmp_path: Path) -> None:
    (finding,) = of_rule(tmp_path, "java-deadlock", dump(*CYCLE))
    assert "Found from the owners of the locks in the dump." in finding.detail


def test_a_deadlock_crosses_monitors_and_locks(tmp_path: Path) -> None:
    crossed = (
        Thread("a", (*parked("0xc3", LOCK, f"at {SHOP}"), "- locked <0xd4> (a java.lang.Object)")),
        Thread(
            "b", blocked("0xd4", "java.lang.Object", SHOP), "BLOCKED (on object monitor)", owned=(f"<0xc3> (a {LOCK})",)
        ),
    )
    (finding,) = of_rule(tmp_path, "java-deadlock", dump(*crossed))
    assert finding.title == 'Deadlock between the threads "a" and "b"'


def test_the_same_deadlock_in_three_dumps_is_one(tmp_path: Path) -> None:
    (finding,) = of_rule(tmp_path, "java-deadlock", *[dump(*CYCLE) + REPORT] * 3)
    assert "It is in all 3 dumps of the file." in finding.detail


def test_a_chain_of_waits_is_not_a_deadlock(tmp_path: Path) -> None:
    chain = (
        CYCLE[0],
        Thread("order-2", ("at com.shop.Order.pay(Order.java:8)", "- locked <0xa1> (a com.shop.Cart)"), "RUNNABLE"),
    )
    assert of_rule(tmp_path, "java-deadlock", dump(*chain)) == []


def test_object_wait_releases_its_monitor(tmp_path: Path) -> None:
    waits = (
        "at java.lang.Object.wait0(Native Method)",
        "- waiting on <0xa1> (a com.shop.Cart)",
        f"at {SHOP}",
        "- locked <0xa1> (a com.shop.Cart)",
    )
    assert (
        of_rule(tmp_path, "java-deadlock", dump(CYCLE[0], Thread("order-2", waits, "WAITING (on object monitor)")))
        == []
    )
    assert (
        of_rule(
            tmp_path, "java-lock-contention", dump(CYCLE[0], Thread("order-2", waits, "WAITING (on object monitor)"))
        )
        == []
    )


def test_threads_behind_a_deadlock(tmp_path: Path) -> None:
    third = Thread("order-3", blocked("0xa1", "com.shop.Cart", SHOP), "BLOCKED (on object monitor)", 33)
    (finding,) = of_rule(tmp_path, "behind-java-deadlock", dump(*CYCLE, third))
    assert finding.title == '"order-3" is blocked behind the deadlock'
    assert "com.shop.Cart <0xa1>" in finding.detail
    assert of_rule(tmp_path, "behind-java-deadlock", dump(*CYCLE)) == []


def test_class_initialization_deadlock(tmp_path: Path) -> None:
    def initializing(name: str, own: str, other: str) -> Thread:
        lines = (f"at {own}.<clinit>({own}.java:3)", f"- waiting on the Class initialization monitor for {other}")
        return Thread(name, lines, "RUNNABLE")

    rule = "java-class-initialization-deadlock"
    (finding,) = of_rule(
        tmp_path, rule, dump(initializing("t1", "com.A", "com.B"), initializing("t2", "com.B", "com.A"))
    )
    assert '"t1" initializes com.A and waits for com.B' in finding.detail
    assert of_rule(tmp_path, rule, dump(initializing("t1", "com.A", "com.B"), Thread("t2", IDLE))) == []
