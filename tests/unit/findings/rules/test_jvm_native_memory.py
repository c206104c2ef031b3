"""Native memory of a JVM."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from debugcapture.findings.evidence import Evidence
from debugcapture.findings.parsers import jvm_native_memory
from debugcapture.findings.rules import jvm_native_memory as native_rules
from debugcapture.findings.subject import Subject
from tests.unit.findings.jvm_dumps import findings_of
from tests.unit.hostile import UTF8

NATIVE = Subject("Native memory", jvm_native_memory.recognize, jvm_native_memory.parse, native_rules.RULES)
NATIVE_MEMORY = """7:

Native Memory Tracking:

Total: reserved=7735960KB, committed=465092KB
-                 Java Heap (reserved=6172672KB, committed=393216KB)
                            (mmap: reserved=6172672KB, committed=393216KB, at peak)
-                    Thread (reserved=2363000KB, committed=94208KB)
                            (threads #{threads})
"""


def test_native_memory(tmp_path: Path) -> None:
    threads, usage = findings_of(NATIVE, tmp_path, NATIVE_MEMORY.format(threads=2300))
    assert threads.title == "The JVM has 2300 threads"
    assert "Category Thread: 92.0 MiB committed" in threads.detail
    assert usage.title == "The JVM has committed 454.2 MiB of memory"
    assert "Java Heap 384.0 MiB, Thread 92.0 MiB" in usage.detail
    assert [item.severity for item in findings_of(NATIVE, tmp_path, NATIVE_MEMORY.format(threads=23))] == ["info"]


@given(st.lists(st.sampled_from([f"{line}\n" for line in NATIVE_MEMORY.splitlines()]) | UTF8, max_size=30))
def test_hostile_native_memory_is_read(pieces: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_text("".join(pieces), errors="replace")
        memory = jvm_native_memory.parse(Evidence(path, "file"))
        assert all(finding.title for rule in native_rules.RULES for finding in rule(memory))
