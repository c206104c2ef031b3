"""Processes and limits of a container: each rule is shown true, and silent on a healthy container."""

from __future__ import annotations

import pytest

from tests.unit.findings.kube_evidence import (
    by_rule,
    findings,
    only,
)
from tests.unit.findings.system_files import processes


def test_a_healthy_container_has_no_finding() -> None:
    sections = (
        ("memory.current", "84066304"),
        ("memory.max", "268435456"),
        ("memory.events", "low 0\nhigh 0\nmax 3\noom 0\noom_kill 0"),
        ("memory.pressure", "some avg10=0.00 avg60=0.50 avg300=0 total=1\nfull avg10=0.00 avg60=0.10 avg300=0 total=1"),
        ("cpu.stat", "usage_usec 660546\nnr_periods 1000\nnr_throttled 0"),
        ("pids.current", "16"),
        ("pids.max", "max"),
    )
    assert not findings(processes(*sections))


@pytest.mark.parametrize(
    ("used", "limit", "stat", "is_near"),
    [
        ("260000000", "268435456", "anon 250000000\ninactive_file 1000", True),
        ("260000000", "268435456", "anon 50000000\ninactive_file 200000000", False),
        ("260000000", "max", "anon 250000000", False),
        ("100000000", "268435456", "anon 90000000", False),
    ],
)
def test_memory_near_its_limit(used: str, limit: str, stat: str, is_near: bool) -> None:
    text = processes(("memory.current", used), ("memory.max", limit), ("memory.stat", stat), rss=240_000)
    shown = by_rule(text, "memory-is-near-its-limit")
    assert bool(shown) == is_near
    if is_near:
        assert "96 %" in shown[0].title
        assert "shop (PID 1)" in shown[0].detail


def test_memory_near_its_limit_in_version_1() -> None:
    text = processes(
        ("memory/memory.usage_in_bytes", "260000000"),
        ("memory/memory.limit_in_bytes", "268435456"),
        ("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2"),
    )
    assert by_rule(text, "memory-is-near-its-limit")
    assert "killed 2 processes" in only(text, "processes-were-killed-for-memory").title
    unlimited = processes(("memory/memory.usage_in_bytes", "260000000"), ("memory/memory.limit_in_bytes", "9" * 19))
    assert not findings(unlimited)


@pytest.mark.parametrize(("throttled", "severity"), [(400, "warning"), (30, "info")])
def test_throttling(throttled: int, severity: str) -> None:
    stat = f"usage_usec 1\nnr_periods 1000\nnr_throttled {throttled}"
    finding = only(processes(("cpu.max", "50000 100000"), ("cpu.stat", stat)), "cpu-is-throttled")
    assert finding.severity == severity
    assert "CPU limit 0.50 cores" in finding.detail


def test_few_periods_say_nothing_about_throttling() -> None:
    assert not findings(processes(("cpu.stat", "nr_periods 20\nnr_throttled 20")))


def test_pressure() -> None:
    high = "some avg10=60.00 avg60=55.00 avg300=9 total=1\nfull avg10=9.00 avg60=30.10 avg300=0 total=1"
    finding = only(processes(("memory.pressure", high)), "tasks-wait-for-resources")
    assert (finding.severity, finding.title) == ("warning", "Tasks of the container wait for memory")
    node = processes().replace("some avg10=0.00 avg60=0.04", "some avg10=0.00 avg60=70.0")
    assert only(node, "tasks-wait-for-resources").severity == "info"


@pytest.mark.parametrize(("count", "severity"), [(99, "critical"), (85, "warning"), (50, "")])
def test_file_descriptors(count: int, severity: str) -> None:
    shown = by_rule(processes(descriptors=count), "file-descriptors-run-out")
    assert [finding.severity for finding in shown] == ([severity] if severity else [])
    assert all(f"{count} open files of 100 allowed" in finding.title for finding in shown)


@pytest.mark.parametrize(("count", "severity"), [("100", "critical"), ("95", "warning"), ("20", "")])
def test_process_ids(count: str, severity: str) -> None:
    shown = by_rule(processes(("pids.current", count), ("pids.max", "100")), "process-ids-run-out")
    assert [finding.severity for finding in shown] == ([severity] if severity else [])


def test_zombies_and_processes_that_wait_for_the_disk() -> None:
    rows = "".join(f"{pid} 1 Z 1 - sh\n" for pid in range(100, 130))
    finding = only(processes(rows=rows), "zombies-accumulate")
    assert (finding.severity, "30 processes" in finding.title) == ("warning", True)
    assert "Parent: shop (PID 1)" in finding.detail
    assert only(processes(rows="100 1 Z 1 - sh\n"), "zombies-accumulate").severity == "info"
    assert "shop-db (PID 7)" in only(processes(rows="7 1 D 4 100 kB shop-db\n"), "processes-wait-for-the-disk").detail


def test_processes_of_other_containers_are_not_those_of_the_container() -> None:
    title = "== processes of other containers: pid, parent, state, threads, resident memory, name"
    rows = f"\n{title}\n7 1 Z 1 - sh\n8 1 D 1 - sh\n"
    assert not findings(processes(rows=rows))
