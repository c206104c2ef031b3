"""Rules that compare dumps: each is shown true on two dumps, and silent on two dumps that resemble them."""

from __future__ import annotations

from dataclasses import replace
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
    dump,
    evidence,
    of_rule,
)

STILL = "java-same-place-in-all-dumps"
CPU = "java-cpu-between-dumps"
READER = Thread("web-1", (*READ, "at com.shop.Payment.call(Payment.java:40)"), "RUNNABLE", cpu_ms=100, elapsed_s=60)
SPINS = Thread("cart-1", ("at com.shop.Cart.total(Cart.java:7)",), "RUNNABLE", 8, cpu_ms=1000, elapsed_s=60)


def later(thread: Thread, cpu_ms: float = 0.0, seconds: float = 5.0, lines: tuple[str, ...] = ()) -> Thread:
    """Return ``thread`` as the next dump shows it."""
    return replace(
        thread,
        cpu_ms=thread.cpu_ms + cpu_ms,
        elapsed_s=thread.elapsed_s + seconds,
        lines=lines or thread.lines,
    )


def test_a_thread_that_did_not_move_is_stated_with_what_it_does(tmp_path: Path) -> None:
    (finding,) = of_rule(tmp_path, STILL, dump(READER), dump(later(READER, 3)))
    assert finding.title == '"web-1" is at the same place in all 2 dumps, 5 s apart, and used no CPU'
    assert finding.severity == "info"
    assert "waits for data from a socket (NioSocketImpl.timedRead) at Payment.call(Payment.java:40)" in finding.detail


@pytest.mark.parametrize(
    "second",
    [
        later(READER, cpu_ms=500),
        later(READER, lines=(*READ, "at com.shop.Payment.call(Payment.java:41)")),
        later(READER, seconds=0.5),
        replace(later(READER), number=99),
    ],
    ids=["used CPU", "moved", "too soon", "another thread of this name"],
)
def test_a_thread_that_moved_is_not_stated(tmp_path: Path, second: Thread) -> None:
    assert of_rule(tmp_path, STILL, dump(READER), dump(second)) == []


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ((*IDLE, *WORKER), "WAITING (parking)"),
        ((*EPOLL, "at com.shop.Loop.run(Loop.java:3)"), "RUNNABLE"),
        ((*SLEEP, "at com.shop.Main.main(Main.java:9)"), "TIMED_WAITING (sleeping)"),
    ],
    ids=["no work", "events", "sleeps"],
)
def test_a_thread_at_rest_is_not_stated(tmp_path: Path, lines: tuple[str, ...], state: str) -> None:
    thread = Thread("pool-1-thread-1", lines, state)
    assert of_rule(tmp_path, STILL, dump(thread), dump(later(thread))) == []


def test_a_single_dump_says_nothing_about_progress(tmp_path: Path) -> None:
    assert of_rule(tmp_path, STILL, dump(READER)) == []
    assert of_rule(tmp_path, CPU, dump(SPINS)) == []


def test_cpu_between_the_dumps_is_that_of_the_interval(tmp_path: Path) -> None:
    (finding,) = of_rule(tmp_path, CPU, dump(SPINS, READER), dump(later(SPINS, 4000), later(READER, 250)))
    assert finding.title == 'Between the dumps, 5 s apart, the JVM used 4.25 s of CPU, most of it in "cart-1"'
    assert finding.detail == '"cart-1" 4.00 s (80%), "web-1" 0.25 s (5%).'
    (busy,) = of_rule(tmp_path, "java-busy-thread", dump(SPINS), dump(later(SPINS, 4500)))
    assert busy.title == '"cart-1" uses a processor nearly all the time'


def test_threads_that_used_little_are_not_stated(tmp_path: Path) -> None:
    assert of_rule(tmp_path, CPU, dump(SPINS), dump(later(SPINS, 50))) == []
    assert of_rule(tmp_path, "java-busy-thread", dump(SPINS), dump(later(SPINS, 50))) == []


def test_quotes_are_lines_of_the_file(tmp_path: Path) -> None:
    file = evidence(tmp_path, dump(SPINS, READER), dump(later(SPINS, 4000), later(READER, 3)))
    reported = list(SUBJECT.explain(file))
    assert {STILL, CPU} <= {finding.rule for finding in reported}
    assert_quotes_are_in_the_file(file, reported)
