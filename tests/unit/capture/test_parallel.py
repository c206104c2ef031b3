"""parallel.py: what the end of a capture writes besides its artifacts."""

from __future__ import annotations

from pathlib import Path

import pytest

from debugcapture.bundle.bundle import PICTURES, Bundle
from debugcapture.bundle.record import Record
from debugcapture.bundle.spool import Room
from debugcapture.capture.debug_session import DebugOptions
from debugcapture.capture.parallel import CaptureOptions, ParallelCapture
from debugcapture.collectors.catalog import choose
from debugcapture.kube.client import Api
from tests.unit.builders import artifact, manifest, written
from tests.unit.fakes import Cluster

DUMP = "goroutine 1 [running]:\nmain.main()\n\t/a.go:1 +0x1\n"


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def captures(tmp_path: Path, lines: list[str]) -> ParallelCapture:
    options = CaptureOptions(choose("quick"), DebugOptions("", "restricted", 60), False, False, 0, 0, 1)
    cluster: Api = Cluster()  # type: ignore[assignment] # it has what a capture without targets needs
    return ParallelCapture(cluster, options, Room(tmp_path, 0, 0), lines.append)


@pytest.fixture
def record(bundle: Bundle) -> Record:
    written(bundle.folder, "go-goroutines.txt", DUMP)
    return Record(bundle, manifest(artifact(file="go-goroutines.txt"), capture_id=bundle.folder.name))


def test_a_finished_capture_has_what_its_report_draws(captures: ParallelCapture, record: Record) -> None:
    captures.finish(record)
    (pod,) = record.bundle.pictures().pods
    assert [(stacks.title, stacks.total) for stacks in pod.stacks] == [("Goroutines", 1)]


def test_a_capture_whose_pictures_cannot_be_written_is_finished(
    captures: ParallelCapture, record: Record, lines: list[str]
) -> None:
    (record.bundle.folder / PICTURES).mkdir()
    finished = captures.finish(record)
    assert finished.finished
    assert any(line.startswith("the report will have no pictures: ") for line in lines)
