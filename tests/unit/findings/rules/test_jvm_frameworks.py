"""Rules about threads of a framework: each is shown true, and silent on a dump that resembles it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.findings.jvm_dumps import (
    EPOLL,
    SLEEP,
    Thread,
    dump,
    of_rule,
    parked,
    pool,
)


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


def test_blocked_event_loops_name_the_code_of_the_application(tmp_path: Path) -> None:
    lines = parked(
        "0x41",
        "java.util.concurrent.CountDownLatch$Sync",
        "at java.util.concurrent.CountDownLatch.await(CountDownLatch.java:230)",
        "at reactor.core.publisher.Mono.block(Mono.java:1742)",
        "at com.shop.TokenFilter.filter(TokenFilter.java:44)",
    )
    (finding,) = of_rule(tmp_path, "java-event-loop-blocked", dump(*pool("reactor-http-epoll-", 2, lines)))
    assert finding.title == 'The event loop threads "reactor-http-epoll-1" and "reactor-http-epoll-2" are blocked'
    assert "waits for a CountDownLatch at TokenFilter.filter(TokenFilter.java:44)" in finding.detail
    assert of_rule(tmp_path, "java-event-loop-blocked", dump(*pool("worker-", 2, lines))) == []
