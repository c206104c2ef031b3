"""rules/kernel_log.py: the OOM killer of the kernel."""

from __future__ import annotations

from pathlib import Path

from tests.unit.findings.rules.test_log import alarms, findings

CGROUP = """[Fri Jan  2 10:00:00 2026] ledger invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=999
[Fri Jan  2 10:00:00 2026] CPU: 1 PID: 77 Comm: ledger Not tainted 6.1.0 #1
[Fri Jan  2 10:00:00 2026]  mem_cgroup_out_of_memory+0x131/0x150
[Fri Jan  2 10:00:00 2026] memory: usage 262144kB, limit 262144kB, failcnt 88
"""
KILLED = "Memory cgroup out of memory: Killed process 77 (ledger) total-vm:900000kB, anon-rss:250880kB, file-rss:0kB\n"


def test_a_container_at_its_limit(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, CGROUP + KILLED)
    assert finding.severity == "critical"
    assert finding.title == (
        "The OOM killer of the kernel: the memory limit of a container was reached, ledger (process 77) was killed"
    )
    assert "Usage 256 MiB, limit 256 MiB" in finding.detail
    assert "Its resident memory was 245 MiB" in finding.detail


def test_an_old_kernel_names_the_process_it_chooses_first(tmp_path: Path) -> None:
    chosen = "Memory cgroup out of memory: Kill process 70 (ledger) score 0 or sacrifice child\n"
    killed = "Killed process 77 (ledger-job) total-vm:900000kB, anon-rss:250880kB, file-rss:0kB\n"
    (finding,) = findings(tmp_path, CGROUP + chosen + killed)
    assert finding.title.endswith("ledger-job (process 77) was killed")
    (finding,) = findings(tmp_path, CGROUP + chosen)
    assert finding.title.endswith("ledger (process 70) was killed")


def test_a_name_in_parentheses(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, "Out of memory: Killed process 9 ((sd-pam)) total-vm:9kB, anon-rss:2048kB\n")
    assert finding.title.endswith("(sd-pam) (process 9) was killed")


def test_the_killed_process_may_be_missing(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, CGROUP)
    assert finding.title.endswith("it was invoked by ledger")
    assert "Invoked by ledger (PID 77)." in finding.detail
    assert "mem_cgroup_out_of_memory shows that the limit of the cgroup was reached" in finding.detail


def test_a_node_without_memory_is_not_a_container_at_its_limit(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, "Out of memory: Killed process 9 (ledger) total-vm:9kB, anon-rss:2048kB\n")
    assert "memory ran out" in finding.title
    assert "cgroup" not in finding.title + finding.detail


def test_other_lines_of_the_kernel_are_silent(tmp_path: Path) -> None:
    assert alarms(tmp_path, "[1.0] ledger: task killed\n[1.1] oom_reaper: idle\n") == []


def test_a_very_long_name_makes_no_long_title(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, f"{'x' * 1500} invoked oom-killer: gfp_mask=0xcc0\n")
    assert len(finding.title) < 200
