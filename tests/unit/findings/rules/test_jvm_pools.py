"""Rules about pools and queues: each is shown true, and silent on a dump that resembles it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.findings.jvm_dumps import (
    IDLE,
    READ,
    SLEEP,
    WORKER,
    Thread,
    dump,
    of_rule,
    parked,
    pool,
)

BORROW = "at com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:163)"


def test_workers_wait_for_a_connection_of_a_pool(tmp_path: Path) -> None:
    waiting = parked(
        "0x31",
        "java.util.concurrent.SynchronousQueue$Transferer",
        "at java.util.concurrent.SynchronousQueue.poll(SynchronousQueue.java:903)",
        "at com.zaxxer.hikari.util.ConcurrentBag.borrow(ConcurrentBag.java:151)",
        BORROW,
        "at com.shop.Dao.load(Dao.java:77)",
        *WORKER,
    )
    users = pool(
        "job-",
        2,
        (
            *READ,
            "at org.postgresql.core.PGStream.receiveChar(PGStream.java:466)",
            "at com.shop.Report.run(Report.java:5)",
        ),
        "RUNNABLE",
    )
    (finding,) = of_rule(
        tmp_path,
        "java-connection-pool-exhausted",
        dump(*pool("http-nio-8080-exec-", 8, waiting, "TIMED_WAITING (parking)"), *users),
    )
    assert finding.title == "8 of 8 threads wait for a connection from the pool HikariCP (database connections)"
    for fact in ("Dao.load(Dao.java:77)", '"job-1" and "job-2"', "No thread of their pool is free"):
        assert fact in finding.detail
    busy = pool("http-nio-8080-exec-", 8, (*IDLE, *WORKER))
    assert of_rule(tmp_path, "java-connection-pool-exhausted", dump(*busy, *users)) == []


def test_a_client_says_more_than_the_pool_that_it_uses(tmp_path: Path) -> None:
    waiting = parked(
        "0x32",
        "java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject",
        "at org.apache.commons.pool2.impl.GenericObjectPool.borrowObject(GenericObjectPool.java:312)",
        "at redis.clients.jedis.util.Pool.getResource(Pool.java:38)",
        "at com.shop.Cache.get(Cache.java:20)",
        *WORKER,
    )
    (finding,) = of_rule(tmp_path, "java-connection-pool-exhausted", dump(*pool("exec-", 4, waiting)))
    assert finding.title == "4 of 4 threads wait for a connection from the pool Jedis (Redis connections)"
    assert "called from Cache.get(Cache.java:20)" in finding.detail
    other = tuple(line for line in waiting if "jedis" not in line)
    (finding,) = of_rule(tmp_path, "java-connection-pool-exhausted", dump(*pool("exec-", 4, other)))
    assert finding.title.endswith("from the pool Commons Pool")


def test_all_workers_are_at_the_same_place(tmp_path: Path) -> None:
    stuck = (*SLEEP, "at com.shop.Retry.again(Retry.java:18)", *WORKER)
    (finding,) = of_rule(tmp_path, "java-worker-pool-busy", dump(*pool("exec-", 5, stuck, "TIMED_WAITING (sleeping)")))
    assert finding.title == 'All 5 threads of the pool "exec-*" are busy: 5 are at the same place'
    free = Thread("exec-6", (*IDLE, *WORKER))
    assert of_rule(tmp_path, "java-worker-pool-busy", dump(*pool("exec-", 5, stuck), free)) == []


def test_a_server_marks_threads_as_stuck(tmp_path: Path) -> None:
    lines = (*READ, "at com.bank.Dao.find(Dao.java:55)")
    name = "ExecuteThread: '1' for queue: 'weblogic.kernel.Default (self-tuning)'"
    (finding,) = of_rule(tmp_path, "java-threads-marked-stuck", dump(Thread(f"[STUCK] {name}", lines, "RUNNABLE")))
    assert "Dao.find(Dao.java:55)" in finding.detail
    assert of_rule(tmp_path, "java-threads-marked-stuck", dump(Thread(f"[ACTIVE] {name}", lines, "RUNNABLE"))) == []


def test_a_full_queue_holds_its_producers(tmp_path: Path) -> None:
    put = parked(
        "0x8",
        "java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject",
        "at java.util.concurrent.ArrayBlockingQueue.put(ArrayBlockingQueue.java:376)",
        "at com.shop.Outbox.send(Outbox.java:3)",
    )
    (finding,) = of_rule(tmp_path, "java-queue-full", dump(*pool("producer-", 2, put)))
    assert "ArrayBlockingQueue.put" in finding.detail
    assert of_rule(tmp_path, "java-queue-full", dump(*pool("consumer-", 2, (*IDLE, *WORKER)))) == []


def test_a_full_ring_buffer_holds_its_producers(tmp_path: Path) -> None:
    lines = (
        "at jdk.internal.misc.Unsafe.park(Native Method)",
        "at java.util.concurrent.locks.LockSupport.parkNanos(LockSupport.java:376)",
        "at com.lmax.disruptor.{}(MultiProducerSequencer.java:136)",
        "at com.shop.Log.write(Log.java:9)",
    )
    full = tuple(line.format("MultiProducerSequencer.next") for line in lines)
    (finding,) = of_rule(tmp_path, "java-queue-full", dump(*pool("web-", 2, full, "TIMED_WAITING (parking)")))
    assert "called from Log.write(Log.java:9)" in finding.detail
    reads = tuple(line.format("BlockingWaitStrategy.waitFor") for line in lines)
    assert of_rule(tmp_path, "java-queue-full", dump(*pool("log-", 2, reads, "TIMED_WAITING (parking)"))) == []


def test_no_permit_of_a_semaphore_is_free(tmp_path: Path) -> None:
    acquire = parked(
        "0x9",
        "java.util.concurrent.Semaphore$NonfairSync",
        "at java.util.concurrent.Semaphore.acquire(Semaphore.java:318)",
        "at com.shop.Gate.enter(Gate.java:3)",
    )
    (finding,) = of_rule(tmp_path, "java-semaphore-exhausted", dump(*pool("web-", 3, acquire)))
    assert "Semaphore$NonfairSync <0x9>" in finding.detail
    assert of_rule(tmp_path, "java-semaphore-exhausted", dump(*pool("web-", 2, acquire))) == []


def test_a_pool_that_waits_for_its_own_tasks(tmp_path: Path) -> None:
    get = parked(
        "0x4",
        "java.util.concurrent.FutureTask",
        "at java.util.concurrent.FutureTask.get(FutureTask.java:190)",
        "at com.shop.Split.join(Split.java:6)",
        *WORKER,
    )
    (finding,) = of_rule(tmp_path, "java-pool-starvation", dump(*pool("pool-2-thread-", 4, get)))
    assert finding.title == 'All 4 threads of the pool "pool-2-thread-*" wait for results of other tasks'
    free = Thread("pool-2-thread-9", (*IDLE, *WORKER))
    assert of_rule(tmp_path, "java-pool-starvation", dump(*pool("pool-2-thread-", 4, get), free)) == []
