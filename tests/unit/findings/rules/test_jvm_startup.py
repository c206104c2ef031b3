"""Rules about the start of an application: each is shown true, and silent on a dump that resembles it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.findings.jvm_dumps import (
    READ,
    SLEEP,
    Thread,
    dump,
    of_rule,
)


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


def test_a_main_thread_that_waits_for_the_thread_of_the_start(tmp_path: Path) -> None:
    boot = "at org.springframework.boot.SpringApplication.run(SpringApplication.java:310)"
    joins = (
        "at java.lang.Object.wait0(Native Method)",
        "- waiting on <0x70> (a com.shop.Launcher)",
        "at java.lang.Thread.join(Thread.java:2079)",
        "at com.shop.Restarter.initialize(Restarter.java:163)",
        boot,
    )
    main = Thread("main", joins, "WAITING (on object monitor)")
    starts = Thread("restartedMain", (*READ, "at com.shop.Schema.migrate(Schema.java:8)", boot), "RUNNABLE")
    (finding,) = of_rule(tmp_path, "java-start-waits", dump(main, starts))
    assert "Schema.migrate(Schema.java:8)" in finding.detail
    assert of_rule(tmp_path, "java-start-waits", dump(main)) == []


def test_a_start_method_that_waits_for_the_end_is_normal(tmp_path: Path) -> None:
    lines = (
        "at java.lang.Object.wait(Native Method)",
        "- waiting on <0x71> (a com.shop.Engine)",
        "at com.shop.Engine.start(Engine.java:315)",
        "- locked <0x71> (a com.shop.Engine)",
        "at com.shop.Boot.startEngine(Boot.java:183)",
        "at com.shop.Boot.main(Boot.java:33)",
    )
    assert of_rule(tmp_path, "java-start-waits", dump(Thread("main", lines, "WAITING (on object monitor)"))) == []
