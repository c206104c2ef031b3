"""Rules about Java threads: an idle application gives no warning, and quotes are lines of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.findings.jvm_dumps import (
    EPOLL,
    IDLE,
    READ,
    SHOP,
    SLEEP,
    SUBJECT,
    WORKER,
    Thread,
    assert_quotes_are_in_the_file,
    blocked,
    dump,
    evidence,
    findings,
    parked,
    pool,
)

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


@pytest.mark.parametrize("text", [HEALTHY, dump(*pool("web-", 5, (*READ, SHOP), "RUNNABLE"))])
def test_quotes_are_lines_of_the_file(tmp_path: Path, text: str) -> None:
    noise = "2026-11-30T01:00:00.5Z started\n" * 3
    file = evidence(tmp_path, noise, text)
    reported = list(SUBJECT.explain(file))
    assert reported
    assert_quotes_are_in_the_file(file, reported)
