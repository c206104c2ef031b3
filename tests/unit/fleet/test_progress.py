"""progress.py: a capture in the cluster, reported as one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from debugcapture.fleet.progress import pod_artifact, progress_line
from debugcapture.fleet.shards import PodRecord
from debugcapture.manifest import Receipt, Stored
from debugcapture.pagerduty.note_text import Addresses, capture_note
from debugcapture.report.page import report_page
from tests.unit.builders import NOON, manifest, target

RECORD = PodRecord("u-1", "shop/web-1", "id", "shop/web/id", "complete", 3, 2048, 200, "ab")
PAGE = Stored("shop/web/id/index.html", "s3://b/p", "https://store/p", None, 200, "ab")


def status(completed: str = "", failed: str = "", of: int = 4, **more: Any) -> Any:
    return {"spec": {"completions": of}, "status": {"completedIndexes": completed, "failedIndexes": failed, **more}}


@pytest.mark.parametrize(
    ("record", "outcome"),
    [("complete", "complete"), ("partial", "truncated"), ("failed", "failed"), (None, "skipped")],
)
def test_outcome_of_a_pod_is_that_of_its_capture(record: Any, outcome: str) -> None:
    assert pod_artifact(target(), replace(RECORD, status=record), None, NOON).outcome == outcome


def test_progress_has_indexes_pods_bytes_and_the_remaining_time() -> None:
    line = progress_line(status("0-1", "3"), [RECORD, replace(RECORD, status="failed")], 8, 20)
    assert line == (
        "in the cluster: 2 of 4 workers done, 1 failed; 2 of 8 pods, 1 of them not captured; 4.0 KiB; about 60 s left"
    )


def test_progress_at_begin_and_end_has_no_time() -> None:
    failure_of: Any = {"conditions": [{"type": "Complete", "status": "True"}]}
    assert "left" not in progress_line(status(), [], 8, 20)
    assert "left" not in progress_line(status("0-3", **failure_of), [RECORD], 8, 20)


def test_report_and_note_have_a_line_per_pod_with_a_link_to_its_page() -> None:
    lost = PodRecord("u-2", "shop/web-2", "", "", "failed", reason="not captured: OOMKilled, exit code 137")
    pods = [target(pod="web-1", uid="u-1"), target(pod="web-2", uid="u-2")]
    lines = (pod_artifact(pods[0], RECORD, PAGE, NOON), pod_artifact(pods[1], lost, None, NOON))
    capture_manifest = manifest(target=pods[0], more_targets=(pods[1],), artifacts=lines)
    assert capture_manifest.status == "partial"
    links = {PAGE.file_key: PAGE.link}
    page = report_page(capture_manifest, links, {})
    assert 'href="https://store/p"' in page
    assert "shop/web-2" in page
    assert "OOMKilled, exit code 137" in page
    own = Stored(f"{capture_manifest.key}/index.html", "s3://b/all", "https://store/all", None, 9, "cd")
    receipt = Receipt("s3://b", (PAGE, own))
    assert receipt.page == "https://store/all"
    note = capture_note(capture_manifest, receipt, "", Addresses(), "")
    assert "Evidence: https://store/all" in note
    assert "1 of 2 pods, each with its own report page; 2,048 bytes in total" in note
    assert "shop/web-2" in note
