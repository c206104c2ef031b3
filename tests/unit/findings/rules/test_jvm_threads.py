"""Rules about Java threads: each is shown true on a dump, and silent on a dump that resembles it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.findings.jvm_dumps import (
    EPOLL,
    IDLE,
    READ,
    SLEEP,
    SUBJECT,
    WORKER,
    Thread,
    assert_quotes_are_in_the_file,
    blocked,
    dump,
    evidence,
    findings,
    of_rule,
    parked,
    pool,
)

RRW = "java.util.concurrent.locks.ReentrantReadWriteLock$NonfairSync"
LOCK = "java.util.concurrent.locks.ReentrantLock$NonfairSync"
FUTURE = "java.util.concurrent.CompletableFuture$Signaller"
SHOP = "com.shop.Cart.add(Cart.java:31)"
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
HEALTHY = dump(
    *pool("http-nio-8080-exec-", 10, (*IDLE, *WORKER)),
    *pool("pool-1-thread-", 4, (*IDLE, *WORKER)),
    Thread(
        "http-nio-8080-Poller",
        (*EPOLL, "at org.apache.tomcat.util.net.NioEndpoint$Poller.run(NioEndpoint.java:800)"),
        "RUNNABLE",
    ),
    Thread(
        "reactor-http-epoll-1",
        (
            "at io.netty.channel.epoll.Native.epollWait(Native Method)",
            "at io.netty.channel.epoll.EpollEventLoop.run(EpollEventLoop.java:395)",
        ),
        "RUNNABLE",
    ),
    Thread(
        "http-nio-8080-Acceptor",
        (
            "at sun.nio.ch.Net.accept(java.base@21.0.4/Native Method)",
            "at org.apache.tomcat.util.net.NioEndpoint.serverSocketAccept(NioEndpoint.java:520)",
        ),
        "RUNNABLE",
    ),
    Thread(
        "container-0",
        (*SLEEP, "at org.apache.catalina.core.StandardServer.await(StandardServer.java:563)"),
        "TIMED_WAITING (sleeping)",
    ),
    Thread(
        "HikariPool-1 housekeeper",
        parked("0x1", "java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject", *IDLE[2:], *WORKER),
        "TIMED_WAITING (parking)",
    ),
    Thread("main", (*SLEEP[:1], "at com.shop.Main.main(Main.java:9)"), "TIMED_WAITING (sleeping)"),
    Thread("worker-1", blocked("0x99", "java.lang.Object", SHOP), "BLOCKED (on object monitor)"),
)


def test_an_idle_application_gives_no_warning(tmp_path: Path) -> None:
    assert [finding.title for finding in findings(tmp_path, HEALTHY) if finding.severity != "info"] == []
    assert [finding.title for finding in findings(tmp_path, HEALTHY)] == [
        "21 threads of the application, 18 of them idle"
    ]


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


def test_contention_names_the_owner_and_what_it_does(tmp_path: Path) -> None:
    owner = Thread(
        "sync-1",
        (*SLEEP, "at com.shop.Stock.sync(Stock.java:44)", "- locked <0x5e> (a com.shop.Stock)"),
        "TIMED_WAITING (sleeping)",
    )
    waiting = pool(
        "web-", 6, blocked("0x5e", "com.shop.Stock", "com.shop.Stock.get(Stock.java:12)"), "BLOCKED (on object monitor)"
    )
    (finding,) = of_rule(tmp_path, "java-lock-contention", dump(owner, *waiting))
    assert finding.title == '6 threads wait for a monitor that "sync-1" holds'
    assert finding.severity == "critical"
    for fact in ("0x5e", "Stock.get(Stock.java:12)", "sleeps at Stock.sync(Stock.java:44)", '"web-1" to "web-6"'):
        assert fact in finding.detail


def test_the_owner_of_a_lock_is_among_its_synchronizers(tmp_path: Path) -> None:
    owner = Thread(
        "sync-1", (*READ, "at com.shop.Stock.sync(Stock.java:44)"), "RUNNABLE", owned=(f"<0x77> (a {LOCK})",)
    )
    waiting = pool("web-", 3, parked("0x77", LOCK, "at com.shop.Stock.get(Stock.java:12)"))
    (finding,) = of_rule(tmp_path, "java-lock-contention", dump(owner, *waiting))
    assert 'a lock that "sync-1" holds' in finding.title
    assert "NioSocketImpl.timedRead" in finding.detail


def test_one_waiting_thread_is_normal(tmp_path: Path) -> None:
    owner = Thread(
        "sync-1", ("at com.shop.Stock.sync(Stock.java:44)", "- locked <0x5e> (a com.shop.Stock)"), "RUNNABLE"
    )
    waiting = pool("web-", 1, blocked("0x5e", "com.shop.Stock", SHOP), "BLOCKED (on object monitor)")
    assert of_rule(tmp_path, "java-lock-contention", dump(owner, *waiting)) == []


def test_acceptors_take_turns(tmp_path: Path) -> None:
    accept = "at sun.nio.ch.ServerSocketChannelImpl.accept(java.base@21.0.4/ServerSocketChannelImpl.java:391)"
    waiting = (
        *parked("0x77", LOCK, "at java.util.concurrent.locks.ReentrantLock.lock(ReentrantLock.java:322)"),
        accept,
    )
    first = Thread("acceptor-0", ("at sun.nio.ch.Net.accept(Native Method)", accept), owned=(f"<0x77> (a {LOCK})",))
    assert of_rule(tmp_path, "java-lock-contention", dump(first, *pool("acceptor-", 4, waiting))) == []


def _round(owner: int) -> str:
    lines = ("at com.shop.Stock.get(Stock.java:12)", "- locked <0x5e> (a com.shop.Stock)")
    waiting = blocked("0x5e", "com.shop.Stock", "com.shop.Stock.get(Stock.java:12)")
    threads = [
        Thread(
            f"web-{number}",
            lines if number == owner else waiting,
            "RUNNABLE" if number == owner else "BLOCKED (on object monitor)",
            number,
        )
        for number in range(1, 6)
    ]
    return dump(*threads)


def test_the_owner_changes_between_dumps(tmp_path: Path) -> None:
    (finding,) = of_rule(tmp_path, "java-lock-owner-changes", _round(1), _round(2), _round(2))
    assert finding.title.endswith('"web-1", then "web-2"')
    assert finding.severity == "info"
    (contention,) = of_rule(tmp_path, "java-lock-contention", _round(1), _round(2), _round(2))
    assert (contention.severity, contention.title) == ("warning", '4 threads wait for a monitor that "web-2" holds')
    assert of_rule(tmp_path, "java-lock-owner-changes", _round(1), _round(1)) == []


def _read_lock(reader_line: int) -> str:
    writer = parked(
        "0x6f",
        RRW,
        "at java.util.concurrent.locks.ReentrantReadWriteLock$WriteLock.lock(RRWL.java:959)",
        "at com.bus.Bus.listen(Bus.java:20)",
    )
    reader = parked(
        "0x70",
        FUTURE,
        "at java.util.concurrent.CompletableFuture.get(CompletableFuture.java:2072)",
        "at com.bus.Call.send(Call.java:9)",
        f"at com.bus.Bus.handle(Bus.java:{reader_line})",
    )
    queued = parked(
        "0x6f",
        RRW,
        "at java.util.concurrent.locks.ReentrantReadWriteLock$ReadLock.lock(RRWL.java:738)",
        "at com.bus.Bus.handle(Bus.java:50)",
    )
    return dump(Thread("main", writer), Thread("bus", reader, number=41), Thread("bus", queued, number=42))


def test_readers_that_wait_for_a_future_hang_the_writer(tmp_path: Path) -> None:
    (finding,) = of_rule(tmp_path, "java-read-lock-hang", _read_lock(55))
    assert finding.title.startswith('"main" hangs')
    for fact in (
        "<0x6f>",
        "Bus.listen(Bus.java:20)",
        "Bus.handle(Bus.java:55)",
        "CompletableFuture",
        "No thread owns it",
    ):
        assert fact in finding.detail
    assert of_rule(tmp_path, "java-read-lock-hang", _read_lock(40)) == []


@pytest.mark.parametrize(
    "text",
    [
        dump(*CYCLE) + REPORT,
        HEALTHY,
        _round(1) + _round(2),
        _read_lock(55),
        dump(*pool("web-", 5, (*READ, SHOP), "RUNNABLE")),
    ],
)
def test_quotes_are_lines_of_the_file(tmp_path: Path, text: str) -> None:
    noise = "2026-11-30T01:00:00.5Z started\n" * 3
    file = evidence(tmp_path, noise, text)
    reported = list(SUBJECT.explain(file))
    assert reported
    assert_quotes_are_in_the_file(file, reported)
