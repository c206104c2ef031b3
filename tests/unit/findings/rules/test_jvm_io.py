"""Rules about threads that wait for others: each is shown true, and silent on a dump that resembles it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.findings.jvm_dumps import (
    CONNECT,
    READ,
    SHOP,
    WORKER,
    Thread,
    dump,
    of_rule,
    pool,
)


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
    for root in (
        "com.rabbitmq.client.impl.AMQConnection$MainLoop.run(M.java:6)",
        "com.shop.EventReader.run(E.java:6)",
        "com.web.Request.readRequestLine(Request.java:127)",
    ):
        receiving = (*READ, f"at {root}")
        assert of_rule(tmp_path, "java-reading", dump(*pool("thread-", 5, receiving, "RUNNABLE"))) == []


def test_a_thread_waits_for_random_numbers(tmp_path: Path) -> None:
    lines = (
        "at java.io.FileInputStream.readBytes(Native Method)",
        "at sun.security.provider.SeedGenerator$URLSeedGenerator.getSeedBytes(SeedGenerator.java:505)",
        "at com.shop.Session.id(Session.java:4)",
    )
    (finding,) = of_rule(tmp_path, "java-entropy", dump(Thread("main", lines, "RUNNABLE")))
    assert "com.shop.Session.id(Session.java:4)" in finding.detail
    assert of_rule(tmp_path, "java-entropy", dump(Thread("main", lines[::2], "RUNNABLE"))) == []
