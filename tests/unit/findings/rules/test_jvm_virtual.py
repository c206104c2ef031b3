"""Rules about virtual threads: each is shown true, and silent on a dump that resembles it."""

from __future__ import annotations

from pathlib import Path

from debugcapture.findings.parsers import jvm_thread_file
from debugcapture.findings.rules.jvm_threads import RULES
from debugcapture.findings.subject import Subject
from tests.unit.findings.jvm_dumps import VIRTUAL, findings_of

RULE = "java-virtual-threads-pinned"
FILE = Subject("Java thread dump file", jvm_thread_file.recognize, jvm_thread_file.parse, RULES)


def test_a_pinned_virtual_thread_occupies_the_only_carrier(tmp_path: Path) -> None:
    pinned, starved = [item for item in findings_of(FILE, tmp_path, VIRTUAL) if item.rule == RULE]
    assert pinned.title == "Virtual thread #16 is pinned to its carrier and occupies the only carrier"
    for fact in (
        "parkOnCarrierThread",
        "com.shop.Config.<clinit>",
        '"ForkJoinPool-1-worker-1"',
        "opens a network connection",
    ):
        assert fact in pinned.detail
    assert '"SubPoller-0" has no stack' in starved.detail
    assert '"main" waits in Thread.join at Main.main(Main.java:14)' in starved.detail


def test_a_parked_virtual_thread_is_normal(tmp_path: Path) -> None:
    text = VIRTUAL.replace("parkOnCarrierThread", "park")
    assert [item for item in findings_of(FILE, tmp_path, text) if item.rule == RULE] == []
