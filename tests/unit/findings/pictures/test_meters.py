"""meters.py: usage with its limit, from each kind of evidence that contains it."""

from __future__ import annotations

from pathlib import Path

import pytest

from debugcapture.capture.describe import metrics_table
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import subjects_of
from debugcapture.picture import Meter
from tests.unit.findings.system_files import processes


def meters(folder: Path, text: str) -> list[tuple[str, float, float, str]]:
    path = folder / "file.txt"
    path.write_text(text)
    evidence = Evidence(path, "file.txt")
    subject = next(subjects_of(evidence))
    shown: tuple[Meter, ...] = subject.examine(subject.parse(evidence), "").pictures.meters
    return [(meter.name, meter.used, meter.limit, meter.unit) for meter in shown]


def test_the_metrics_server_reports_cpu_in_small_parts_of_a_core(tmp_path: Path) -> None:
    usage = {"containers": [{"name": "app", "usage": {"cpu": "250000000n", "memory": "64Mi"}}]}
    pod = {"spec": {"containers": [{"name": "app", "resources": {"limits": {"cpu": "500m"}}}]}}
    assert meters(tmp_path, metrics_table(usage, pod)) == [
        ("CPU of container app (metrics server)", pytest.approx(0.25), pytest.approx(0.5), "cores"),
        ("Memory of container app (metrics server)", 64 << 20, 0, "bytes"),
    ]


def test_a_control_group_shows_memory_processes_and_throttling(tmp_path: Path) -> None:
    text = processes(
        ("memory.current", "84066304"),
        ("memory.max", "268435456"),
        (
            "memory.pressure",
            "some avg10=0.00 avg60=12.50 avg300=0 total=1\nfull avg10=0.00 avg60=0.10 avg300=0 total=1",
        ),
        ("cpu.max", "50000 100000"),
        ("cpu.stat", "usage_usec 660546\nnr_periods 1000\nnr_throttled 250"),
        ("pids.current", "16"),
        ("pids.max", "max"),
    )
    assert meters(tmp_path, text) == [
        ("Memory of the container", 84066304, 268435456, "bytes"),
        ("Processes and threads", 16, 0, "count"),
        ("Periods in which the CPU limit of 0.5 cores stopped the container", 25.0, 100, "percent"),
        ("Open files of shop", 5, 100, "count"),
        ("Time waiting for memory (last 60 s)", 12.5, 100, "percent"),
    ]


def test_the_java_heap_is_the_sum_of_its_generations(tmp_path: Path) -> None:
    text = (
        " def new generation   total 29504K, used 1024K [0x0, 0x1, 0x2)\n"
        " tenured generation   total 65536K, used 2048K [0x0, 0x1, 0x2)\n"
        " Metaspace       used 168K, committed 384K, reserved 1114112K\n-XX:MaxHeapSize=100663296\n"
    )
    assert meters(tmp_path, text) == [("Java heap", 3 << 20, 100663296, "bytes")]


def test_only_full_disks_are_shown_and_each_once(tmp_path: Path) -> None:
    text = (
        "== file systems\n"
        "/proc/1/root/: UNKNOWN, blocks of 4096 bytes: 1000, free for users: 100; inodes: 100, free: 90\n"
        "/proc/1/root/tmp: ext2/ext3, blocks of 4096 bytes: 1000, free for users: 100; inodes: 100, free: 90\n"
        "/proc/1/root/dev: tmpfs, blocks of 4096 bytes: 1000, free for users: 900; inodes: 100, free: 90\n"
    )
    assert meters(tmp_path, text) == [("Disk at /", 900 * 4096, 1000 * 4096, "bytes")]


def test_a_node_report_shows_the_heap_and_the_process(tmp_path: Path) -> None:
    text = (
        '{"header": {"trigger": "API", "nodejsVersion": "v20"}, "javascriptHeap": '
        '{"usedMemory": 100, "heapSizeLimit": 400, "memoryLimit": 400}, "resourceUsage": {"rss": 500}}'
    )
    shown = meters(tmp_path, text)
    assert shown[0][0] == "JavaScript heap"
    assert shown[0][1] == 100
