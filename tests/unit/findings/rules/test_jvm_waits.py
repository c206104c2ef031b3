"""Rules about Java threads that wait or work: each is shown true, and silent on a dump that resembles it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.findings.jvm_dumps import (
    CONNECT,
    EPOLL,
    IDLE,
    READ,
    SLEEP,
    WORKER,
    Thread,
    blocked,
    dump,
    of_rule,
    parked,
    pool,
)

SHOP = "com.shop.Cart.add(Cart.java:31)"


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


def test_the_start_sleeps_in_a_loop(tmp_path: Path) -> None:
    start = ("at com.shop.Broker.start(Broker.java:21)", "at com.shop.Boot.open(Boot.java:9)")
    lines = (*SLEEP, *start, "at com.shop.Main.main(Main.java:5)")
    (finding,) = of_rule(
        tmp_path, "java-start-waits", dump(Thread("main", lines, "TIMED_WAITING (sleeping)", elapsed_s=259))
    )
    assert finding.title == 'The start does not continue: "main" sleeps at Broker.start(Broker.java:21)'
    assert "259 s after its start" in finding.detail


def test_the_work_of_a_program_can_be_in_its_start(tmp_path: Path) -> None:
    lines = (*SLEEP, "at com.shop.Agent.start(Agent.java:21)", "at com.shop.Main.main(Main.java:5)")
    assert of_rule(tmp_path, "java-start-waits", dump(Thread("main", lines, "TIMED_WAITING (sleeping)"))) == []


@pytest.mark.parametrize("method", ["main", "await", "blockUntilShutdown", "join", "waitForDeath"])
def test_a_main_thread_that_only_waits_for_the_end_is_normal(tmp_path: Path, method: str) -> None:
    lines = (*SLEEP, f"at com.shop.Server.{method}(Server.java:21)", "at com.shop.Server.start(Server.java:5)")
    assert of_rule(tmp_path, "java-start-waits", dump(Thread("main", lines, "TIMED_WAITING (sleeping)"))) == []


def test_a_deployment_waits_for_a_component(tmp_path: Path) -> None:
    lines = (
        "at java.lang.Object.wait(Native Method)",
        "- waiting on <0x66> (a com.app.Component)",
        "at com.app.Component.waitForReady(Component.java:109)",
        "at com.shop.StartListener.contextInitialized(StartListener.java:33)",
        "at org.apache.catalina.core.StandardContext.listenerStart(StandardContext.java:4000)",
        "at org.apache.catalina.core.StandardContext.startInternal(StandardContext.java:4500)",
    )
    (finding,) = of_rule(
        tmp_path, "java-start-waits", dump(Thread("localhost-startStop-1", lines, "WAITING (on object monitor)"))
    )
    assert finding.severity == "critical"
    for fact in (
        "Component.waitForReady",
        "com.shop.StartListener.contextInitialized(StartListener.java:33)",
        "<0x66>",
    ):
        assert fact in finding.detail


def test_main_opens_a_connection(tmp_path: Path) -> None:
    lines = (*CONNECT, "at java.net.Socket.connect(Socket.java:751)", "at com.shop.Client.open(Client.java:12)")
    (finding,) = of_rule(tmp_path, "java-connecting", dump(Thread("main", lines, "RUNNABLE")))
    assert (finding.severity, finding.title) == ("warning", '"main" waits for a network connection to open')
    assert "com.shop.Client.open(Client.java:12)" in finding.detail
    (probe,) = of_rule(tmp_path, "java-connecting", dump(Thread("probe-1", lines, "RUNNABLE")))
    assert probe.severity == "info"


def test_threads_wait_for_dns(tmp_path: Path) -> None:
    lines = (
        "at java.net.Inet6AddressImpl.lookupAllHostAddr(java.base@21.0.4/Native Method)",
        "at com.shop.Client.open(Client.java:12)",
    )
    (finding,) = of_rule(tmp_path, "java-resolving", dump(*pool("web-", 2, lines, "RUNNABLE")))
    assert (finding.severity, finding.title) == ("warning", '"web-1" and "web-2" wait for DNS')
    assert of_rule(tmp_path, "java-resolving", dump(*pool("web-", 2, (*CONNECT, SHOP), "RUNNABLE"))) == []


def test_threads_wait_for_an_answer(tmp_path: Path) -> None:
    lines = (*READ, "at com.shop.Client.call(Client.java:40)", *WORKER)
    (finding,) = of_rule(tmp_path, "java-reading", dump(*pool("web-", 5, lines, "RUNNABLE")))
    for fact in ("NioSocketImpl.timedRead", '"web-1" to "web-5"', "com.shop.Client.call(Client.java:40)"):
        assert fact in finding.detail
    assert of_rule(tmp_path, "java-reading", dump(*pool("web-", 2, lines, "RUNNABLE"))) == []
    for root in ("com.rabbitmq.client.impl.AMQConnection$MainLoop.run(M.java:6)", "com.shop.EventReader.run(E.java:6)"):
        receiving = (*READ, f"at {root}")
        assert of_rule(tmp_path, "java-reading", dump(*pool("thread-", 5, receiving, "RUNNABLE"))) == []


def test_a_thread_uses_a_processor_all_the_time(tmp_path: Path) -> None:
    lines = ("at com.shop.Regex.match(Regex.java:99)", *WORKER)
    (finding,) = of_rule(
        tmp_path, "java-busy-thread", dump(Thread("web-1", lines, "RUNNABLE", cpu_ms=59_000, elapsed_s=60))
    )
    assert "59.0 s of CPU in 60.0 s (98%)" in finding.detail
    assert (
        of_rule(tmp_path, "java-busy-thread", dump(Thread("web-1", lines, "RUNNABLE", cpu_ms=9_000, elapsed_s=60)))
        == []
    )
    assert (
        of_rule(
            tmp_path,
            "java-busy-thread",
            dump(Thread("C2 CompilerThread0", lines, "RUNNABLE", cpu_ms=59_000, elapsed_s=60)),
        )
        == []
    )


def test_the_collector_uses_more_cpu_than_the_application(tmp_path: Path) -> None:
    collectors = "".join(
        f'"GC Thread#{n}" os_prio=0 cpu={{}}ms elapsed=200.00s tid=0x{n} nid=0x{n} runnable\n\n' for n in range(4)
    )
    assert of_rule(
        tmp_path, "java-gc-uses-cpu", dump(Thread("web-1", IDLE, elapsed_s=200)), collectors.replace("{}", "40000.00")
    )
    assert (
        of_rule(
            tmp_path, "java-gc-uses-cpu", dump(Thread("web-1", IDLE, elapsed_s=200)), collectors.replace("{}", "400.00")
        )
        == []
    )


def test_a_thread_runs_at_the_same_line_in_all_dumps(tmp_path: Path) -> None:
    def round_at(line: int) -> str:
        return dump(Thread("web-1", (f"at com.shop.Loop.spin(Loop.java:{line})", *WORKER), "RUNNABLE"))

    rule = "java-runs-at-same-place"
    (finding,) = of_rule(tmp_path, rule, *[round_at(7)] * 3)
    assert finding.title == '"web-1" runs at the same line in all 3 dumps'
    assert of_rule(tmp_path, rule, round_at(7), round_at(8), round_at(7)) == []
    idle = dump(Thread("web-1", (*IDLE, *WORKER)))
    assert of_rule(tmp_path, rule, *[idle] * 3) == []


def test_threads_are_in_a_map_without_a_lock(tmp_path: Path) -> None:
    lines = ("at java.util.HashMap.getEntry(HashMap.java:465)", "at com.shop.Cache.get(Cache.java:7)")
    rule = "java-map-without-lock"
    (finding,) = of_rule(tmp_path, rule, dump(*pool("web-", 3, lines, "RUNNABLE")))
    assert "HashMap.getEntry(HashMap.java:465), called from Cache.get(Cache.java:7)" in finding.detail
    assert of_rule(tmp_path, rule, dump(*pool("web-", 1, lines, "RUNNABLE"))) == []


def test_a_thread_waits_for_random_numbers(tmp_path: Path) -> None:
    lines = (
        "at java.io.FileInputStream.readBytes(Native Method)",
        "at sun.security.provider.SeedGenerator$URLSeedGenerator.getSeedBytes(SeedGenerator.java:505)",
        "at com.shop.Session.id(Session.java:4)",
    )
    (finding,) = of_rule(tmp_path, "java-entropy", dump(Thread("main", lines, "RUNNABLE")))
    assert "com.shop.Session.id(Session.java:4)" in finding.detail
    assert of_rule(tmp_path, "java-entropy", dump(Thread("main", lines[::2], "RUNNABLE"))) == []


def test_pools_that_nobody_closes(tmp_path: Path) -> None:
    leaked = [Thread(f"pool-{number}-thread-1", (*IDLE, *WORKER), number=number) for number in range(1, 31)]
    (finding,) = of_rule(tmp_path, "java-thread-leak", dump(*leaked))
    assert finding.title == '30 thread pools with names like "pool-1-thread-1": pools are created and not closed'
    one_pool = [Thread(f"pool-1-thread-{number}", (*IDLE, *WORKER), number=number) for number in range(1, 31)]
    assert of_rule(tmp_path, "java-thread-leak", dump(*one_pool)) == []


def test_the_finalizer_is_blocked(tmp_path: Path) -> None:
    lines = (
        *blocked("0x1", "com.shop.Log", "com.shop.Handle.finalize(Handle.java:5)"),
        "at java.lang.ref.Finalizer.runFinalizer(Finalizer.java:87)",
    )
    (finding,) = of_rule(
        tmp_path, "java-finalizer-blocked", dump(Thread("Finalizer", lines, "BLOCKED (on object monitor)"))
    )
    assert "Handle.finalize(Handle.java:5)" in finding.detail
    idle = (
        "at java.lang.Object.wait0(Native Method)",
        "- waiting on <0x2> (a java.lang.ref.ReferenceQueue$Lock)",
        "at java.lang.ref.ReferenceQueue.remove(ReferenceQueue.java:158)",
    )
    assert of_rule(tmp_path, "java-finalizer-blocked", dump(Thread("Finalizer", idle))) == []


def test_swing_components_belong_to_the_event_thread(tmp_path: Path) -> None:
    lines = ("at javax.swing.JLabel.setText(JLabel.java:330)", "at com.desk.Worker.show(Worker.java:7)")
    (finding,) = of_rule(tmp_path, "java-swing-thread", dump(Thread("loader-1", lines, "RUNNABLE")))
    assert "com.desk.Worker.show(Worker.java:7)" in finding.detail
    assert of_rule(tmp_path, "java-swing-thread", dump(Thread("AWT-EventQueue-0", lines, "RUNNABLE"))) == []


def test_an_event_loop_is_blocked(tmp_path: Path) -> None:
    lines = (*SLEEP, "at com.shop.Handler.channelRead(Handler.java:7)")
    (finding,) = of_rule(
        tmp_path, "java-event-loop-blocked", dump(Thread("reactor-http-epoll-3", lines, "TIMED_WAITING (sleeping)"))
    )
    assert "sleeps at Handler.channelRead(Handler.java:7)" in finding.detail
    assert of_rule(tmp_path, "java-event-loop-blocked", dump(Thread("reactor-http-epoll-3", EPOLL, "RUNNABLE"))) == []
