"""recurrence.py: a finding that an earlier capture of the workload had is not new."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from debugcapture.bundle.recurrence import FOLDER, KEPT, fingerprint, prune_recurrences, with_recurrences
from debugcapture.finding import Finding, Recurrence
from debugcapture.manifest import Manifest
from tests.unit.builders import NOON, manifest, target

DEADLOCK = Finding("critical", "Deadlock: pool-1-thread-3, pool-1-thread-4", "", rule="java-deadlock")


def capture(number: int, *findings: Finding, workload: str = "checkout") -> Manifest:
    capture_manifest = manifest(target=replace(target(), workload=workload))
    started = NOON + timedelta(days=number)
    return replace(capture_manifest, capture_id=f"capture-{number}", started=started, findings=findings)


def recurrences(spool: Path, *captures: Manifest) -> list[Recurrence | None]:
    return [finding.recurrence for capture in captures for finding in with_recurrences(capture, spool).findings]


def test_earlier_captures_of_the_workload_are_counted(tmp_path: Path) -> None:
    result = recurrences(tmp_path, *(capture(day, DEADLOCK) for day in (0, 1, 5)))
    assert result == [None, Recurrence(1, NOON, "capture-0"), Recurrence(2, NOON, "capture-1")]
    assert str(result[1]) == "seen once since 2 Jan, last in capture-0"
    assert str(result[2]) == "seen 2 times since 2 Jan, last in capture-1"


def test_numbers_and_addresses_do_not_make_another_finding() -> None:
    other = replace(DEADLOCK, title="Deadlock: pool-2-thread-31, pool-2-thread-5")
    assert fingerprint(DEADLOCK, target()) == fingerprint(other, target())


def test_another_workload_rule_or_subject_is_another_finding(tmp_path: Path) -> None:
    recurrences(tmp_path, capture(0, DEADLOCK))
    others = (replace(DEADLOCK, rule="go-deadlock"), replace(DEADLOCK, key="worker"))
    assert recurrences(tmp_path, capture(1, *others), capture(1, DEADLOCK, workload="orders")) == [None, None, None]


def test_the_same_capture_is_not_an_earlier_one(tmp_path: Path) -> None:
    assert recurrences(tmp_path, capture(0, DEADLOCK), capture(0, DEADLOCK)) == [None, None]


def test_a_damaged_line_and_old_captures_are_skipped(tmp_path: Path) -> None:
    recurrences(tmp_path, capture(0, DEADLOCK))
    (file,) = (tmp_path / FOLDER).iterdir()
    file.write_text(file.read_text() + "2026-01-0")
    assert recurrences(tmp_path, capture(2, DEADLOCK)) == [Recurrence(1, NOON, "capture-0")]
    assert recurrences(tmp_path, capture(KEPT.days + 1, DEADLOCK)) == [
        Recurrence(1, NOON + timedelta(days=2), "capture-2")
    ]


def test_old_findings_are_removed(tmp_path: Path) -> None:
    recurrences(tmp_path, capture(0, DEADLOCK))
    (file,) = (tmp_path / FOLDER).iterdir()
    os.utime(file, (NOON.timestamp(), NOON.timestamp()))
    prune_recurrences(tmp_path, NOON + KEPT)
    assert file.exists()
    prune_recurrences(tmp_path, NOON + KEPT + timedelta(seconds=1))
    assert not file.exists()
