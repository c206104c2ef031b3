"""Threads as JSON, and what a JVM says about its heap."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.parsers import jvm_heap, jvm_native_memory, jvm_thread_json
from debugcapture.findings.rules import jvm_heap as heap_rules
from debugcapture.findings.rules import jvm_native_memory as native_rules
from debugcapture.findings.rules import jvm_threads as thread_rules
from debugcapture.findings.subject import Subject
from tests.unit.findings.jvm_dumps import assert_quotes_are_in_the_file
from tests.unit.hostile import UTF8, changed

THREADS = Subject("Threads of a JVM", jvm_thread_json.recognize, jvm_thread_json.parse, thread_rules.RULES)
NATIVE = Subject("Native memory", jvm_native_memory.recognize, jvm_native_memory.parse, native_rules.RULES)
HEAP = Subject("Java heap", jvm_heap.recognize, jvm_heap.parse, heap_rules.RULES)


def _thread(name: str, tid: str, waits: str, owns: str) -> dict[str, Any]:
    return {
        "tid": tid,
        "name": name,
        "virtual": True,
        "state": "BLOCKED",
        "blockedOn": waits,
        "stack": ["com.shop.Cart.add(Cart.java:31)", "java.base/java.lang.VirtualThread.run(VirtualThread.java:460)"],
        "monitorsOwned": [{"depth": 0, "locks": [owns, None]}],
    }


FILE = {
    "threadDump": {
        "processId": "7",
        "time": "2026-11-30T01:02:03Z",
        "threadContainers": [
            {
                "container": "<root>",
                "threads": [
                    _thread("a", "40", "com.shop.Cart@aa", "com.shop.Order@bb"),
                    _thread("b", "41", "com.shop.Order@bb", "com.shop.Cart@aa"),
                ],
            }
        ],
    }
}


def _managed(name: str, number: int, waits: str, owner: str, owned: int) -> dict[str, Any]:
    frame = {"className": "com.shop.Cart", "methodName": "add", "fileName": "Cart.java", "lineNumber": 31}
    return {
        "threadName": name,
        "threadId": number,
        "threadState": "BLOCKED",
        "lockName": waits,
        "lockOwnerName": owner,
        "lockedMonitors": [{"className": "com.shop.X", "identityHashCode": owned, "lockedStackDepth": 0}],
        "stackTrace": [frame],
    }


ACTUATOR = {"threads": [_managed("a", 1, "com.shop.X@aa", "b", 0xBB), _managed("b", 2, "com.shop.X@bb", "a", 0xAA)]}
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
NATIVE_MEMORY = """7:

Native Memory Tracking:

Total: reserved=7735960KB, committed=465092KB
-                 Java Heap (reserved=6172672KB, committed=393216KB)
                            (mmap: reserved=6172672KB, committed=393216KB, at peak)
-                    Thread (reserved=2363000KB, committed=94208KB)
                            (threads #{threads})
"""
PARALLEL = """7:
-XX:MaxHeapSize=1073741824 -XX:+UseParallelGC
 PSYoungGen      total 305664K, used 305000K [0x1, 0x2, 0x3)
  eden space 262144K, 100% used [0x1,0x2,0x3)
 ParOldGen       total {old}K, used 699000K [0x1, 0x2, 0x3)
  object space 699392K, 99% used [0x1,0x2,0x3)
"""


def _findings(subject: Subject[Any], folder: Path, text: str) -> list[Finding]:
    path = folder / "file"
    path.write_text(text)
    file = Evidence(path, "file")
    assert subject.recognize(file)
    reported = list(subject.explain(file))
    assert_quotes_are_in_the_file(file, reported)
    return reported


@pytest.mark.parametrize("document", [FILE, ACTUATOR])
@pytest.mark.parametrize("indent", [2, None])
def test_a_deadlock_in_json(tmp_path: Path, document: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(document, indent=indent)
    (finding,) = (item for item in _findings(THREADS, tmp_path, text) if item.rule == "java-deadlock")
    assert finding.title == 'Deadlock between the threads "a" and "b"'
    assert '"a" waits at Cart.add(Cart.java:31)' in finding.detail


def test_frames_have_the_lines_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(text := json.dumps(FILE, indent=2))
    first, second = jvm_thread_json.parse(Evidence(path, "file")).last.threads
    lines = text.splitlines()
    for thread in (first, second):
        assert f'"{thread.number[1:]}"' in lines[thread.line - 1]
        assert "com.shop.Cart.add(Cart.java:31)" in lines[thread.frames[0].line - 1]


def test_other_json_is_not_recognized(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text('{"threads": 3}')
    assert not jvm_thread_json.recognize(Evidence(path, "file"))


@given(changed(FILE) | changed(ACTUATOR))
def test_hostile_json_is_read(document: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_text(json.dumps(document, indent=1))
        dumps = jvm_thread_json.parse(Evidence(path, "file"))
        assert all(finding.title for rule in thread_rules.RULES for finding in rule(dumps))


def test_a_full_heap(tmp_path: Path) -> None:
    full, usage = _findings(HEAP, tmp_path, HEAP_INFO.format(used=1_020_000))
    assert full.title == "The Java heap is 97% full: 996.1 MiB of 1024.0 MiB"
    assert usage.severity == "info"
    (usage,) = _findings(HEAP, tmp_path, HEAP_INFO.format(used=500_000))
    assert usage.title == "488.3 MiB of 1024.0 MiB of the Java heap are in use"
    assert "The JVM runs for 86400 s" in usage.detail


def test_a_full_old_generation(tmp_path: Path) -> None:
    full, _ = _findings(HEAP, tmp_path, PARALLEL.format(old=699_392))
    assert full.title.startswith("The old generation is 100% full")
    assert [item.severity for item in _findings(HEAP, tmp_path, PARALLEL.format(old=999_392))] == ["info"]


def test_a_full_permanent_generation(tmp_path: Path) -> None:
    full, _ = _findings(HEAP, tmp_path, JMAP.format(used=67_000_000))
    assert full.title == "The permanent generation is 100% full: 63.9 MiB of 64.0 MiB"
    assert [item.severity for item in _findings(HEAP, tmp_path, JMAP.format(used=5_500_000))] == ["info"]


def test_native_memory(tmp_path: Path) -> None:
    threads, usage = _findings(NATIVE, tmp_path, NATIVE_MEMORY.format(threads=2300))
    assert threads.title == "The JVM has 2300 threads"
    assert "Category Thread: 92.0 MiB committed" in threads.detail
    assert usage.title == "The JVM has committed 454.2 MiB of memory"
    assert "Java Heap 384.0 MiB, Thread 92.0 MiB" in usage.detail
    assert [item.severity for item in _findings(NATIVE, tmp_path, NATIVE_MEMORY.format(threads=23))] == ["info"]


def test_a_log_that_mentions_a_heap_is_no_heap_information(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("started with -XX:MaxHeapSize=1\n" + "line\n" * 200)
    assert not jvm_heap.recognize(Evidence(path, "log"))


@given(
    st.lists(
        st.sampled_from([f"{line}\n" for line in (HEAP_INFO + PARALLEL + JMAP + NATIVE_MEMORY).splitlines()]) | UTF8,
        max_size=30,
    )
)
def test_hostile_heap_information_is_read(pieces: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_text("".join(pieces), errors="replace")
        heap, memory = jvm_heap.parse(Evidence(path, "file")), jvm_native_memory.parse(Evidence(path, "file"))
        assert all(finding.title for rule in heap_rules.RULES for finding in rule(heap))
        assert all(finding.title for rule in native_rules.RULES for finding in rule(memory))
