"""Rules about locks: each is shown true, and silent on a dump that resembles it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.findings.jvm_dumps import (
    LOCK,
    READ,
    SHOP,
    SLEEP,
    WORKER,
    Thread,
    blocked,
    dump,
    of_rule,
    parked,
    pool,
)

RRW = "java.util.concurrent.locks.ReentrantReadWriteLock$NonfairSync"
FUTURE = "java.util.concurrent.CompletableFuture$Signaller"


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


def test_workers_take_turns_in_a_native_accept(tmp_path: Path) -> None:
    waiting = (*blocked("0x78", "com.web.Server", "com.web.Server.accept(Server.java:112)"), *WORKER)
    rule, held = "java-lock-contention", "- locked <0x78> (a com.web.Server)"
    first = Thread("worker-0", ("at com.web.Server.nativeAccept(Native Method)", held), "RUNNABLE")
    assert of_rule(tmp_path, rule, dump(first, *pool("worker-", 4, waiting, "BLOCKED (on object monitor)"))) == []
    busy = Thread("worker-0", ("at com.web.Server.write(Native Method)", held), "RUNNABLE")
    assert of_rule(tmp_path, rule, dump(busy, *pool("worker-", 4, waiting, "BLOCKED (on object monitor)"))) != []
