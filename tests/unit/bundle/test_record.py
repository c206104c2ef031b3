"""record.py: the manifest of a capture while it grows."""

from __future__ import annotations

from pathlib import Path

from debugcapture.bundle.bundle import create_bundle
from debugcapture.bundle.record import Record
from tests.unit.builders import NOON, artifact, manifest, target


def test_a_finished_record_has_its_artifacts_by_pod_and_then_in_the_order_of_the_collectors(tmp_path: Path) -> None:
    first, second = target(pod="web-0"), target(pod="web-1")
    record = Record(
        create_bundle(tmp_path, "web-0", NOON),
        manifest(target=first, more_targets=(second,), artifacts=(), finished=None),
    )
    for pod, collector in (("web-1", "threads"), ("web-0", "network"), ("web-0", "own"), ("web-0", "threads")):
        record.add(artifact(pod=pod, collector=collector))
    finished = record.finish(7, ["threads", "network"])
    assert [(artifact.pod, artifact.collector) for artifact in finished.artifacts] == [
        ("web-0", "threads"),
        ("web-0", "network"),
        ("web-0", "own"),
        ("web-1", "threads"),
    ]
    assert finished.requests == 7
    assert record.bundle.manifest().artifacts == finished.artifacts
