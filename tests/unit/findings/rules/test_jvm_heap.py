"""Heap information of a JVM: each rule is shown true, and hostile content breaks nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from debugcapture.findings.evidence import Evidence
from debugcapture.findings.parsers import jvm_heap
from debugcapture.findings.rules import jvm_heap as heap_rules
from debugcapture.findings.subject import Subject
from tests.unit.findings.jvm_dumps import findings_of
from tests.unit.hostile import UTF8

HEAP = Subject("Java heap", jvm_heap.recognize, jvm_heap.parse, heap_rules.RULES)
HEAP_INFO = """7:
OpenJDK 64-Bit Server VM version 21.0.4+7-LTS
7:
86400.123 s
7:
-XX:MaxHeapSize=1073741824 -XX:+UseG1GC
7:
 garbage-first heap   total 1048576K, used {used}K [0x00000000c0000000, 0x0000000100000000)
  region size 1024K, 1 young (1024K), 0 survivors (0K)
 Metaspace       used 7633K, committed 7872K, reserved 1114112K
"""
JMAP = """Heap Configuration:
   MaxHeapSize      = 419430400 (400.0MB)
   MaxPermSize      = 67108864 (64.0MB)

Heap Usage:
PS Old Generation
   capacity = 262144000 (250.0MB)
   used     = 100 (0.0MB)
PS Perm Generation
   capacity = 67108864 (64.0MB)
   used     = {used} (63.0MB)
"""
PARALLEL = """7:
-XX:MaxHeapSize=1073741824 -XX:+UseParallelGC
 PSYoungGen      total 305664K, used 305000K [0x1, 0x2, 0x3)
  eden space 262144K, 100% used [0x1,0x2,0x3)
 ParOldGen       total {old}K, used 699000K [0x1, 0x2, 0x3)
  object space 699392K, 99% used [0x1,0x2,0x3)
"""


def test_a_full_heap(tmp_path: Path) -> None:
    full, usage = findings_of(HEAP, tmp_path, HEAP_INFO.format(used=1_020_000))
    assert full.title == "The Java heap is 97% full: 996.1 MiB of 1024.0 MiB"
    assert usage.severity == "info"
    (usage,) = findings_of(HEAP, tmp_path, HEAP_INFO.format(used=500_000))
    assert usage.title == "488.3 MiB of 1024.0 MiB of the Java heap are in use"
    assert "The JVM runs for 86400 s" in usage.detail


def test_a_full_old_generation(tmp_path: Path) -> None:
    full, _ = findings_of(HEAP, tmp_path, PARALLEL.format(old=699_392))
    assert full.title.startswith("The old generation is 100% full")
    assert [item.severity for item in findings_of(HEAP, tmp_path, PARALLEL.format(old=999_392))] == ["info"]


def test_a_full_permanent_generation(tmp_path: Path) -> None:
    full, _ = findings_of(HEAP, tmp_path, JMAP.format(used=67_000_000))
    assert full.title == "The permanent generation is 100% full: 63.9 MiB of 64.0 MiB"
    assert [item.severity for item in findings_of(HEAP, tmp_path, JMAP.format(used=5_500_000))] == ["info"]


def test_a_log_that_mentions_a_heap_is_not_heap_information(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("started with -XX:MaxHeapSize=1\n" + "line\n" * 200)
    assert not jvm_heap.recognize(Evidence(path, "log"))


@given(
    st.lists(st.sampled_from([f"{line}\n" for line in (HEAP_INFO + PARALLEL + JMAP).splitlines()]) | UTF8, max_size=30)
)
def test_hostile_heap_information_is_read(pieces: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_text("".join(pieces), errors="replace")
        heap = jvm_heap.parse(Evidence(path, "file"))
        assert all(finding.title for rule in heap_rules.RULES for finding in rule(heap))
