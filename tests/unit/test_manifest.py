"""manifest.py: the status of a capture, and links in a receipt."""

from __future__ import annotations

import pytest

from debugcapture.manifest import Artifact, Receipt, Stored
from tests.unit.builders import artifact, manifest, nothing

WHOLE, CUT = artifact(), artifact(outcome="truncated")
FAILED, SKIPPED = nothing("failed", "x"), nothing("skipped", "x")


@pytest.mark.parametrize(
    ("artifacts", "status"),
    [
        ([WHOLE], "complete"),
        ([WHOLE, SKIPPED], "complete"),
        ([WHOLE, FAILED], "partial"),
        ([WHOLE, CUT], "partial"),
        ([CUT], "partial"),
        ([CUT, FAILED], "partial"),
        ([FAILED], "failed"),
        ([SKIPPED], "failed"),
        ([FAILED, SKIPPED], "failed"),
    ],
    ids=lambda value: "+".join(entry.outcome for entry in value) if isinstance(value, list) else "",
)
def test_the_status_is_that_of_the_worst_artifact(artifacts: list[Artifact], status: str) -> None:
    assert manifest(*artifacts).status == status


def test_a_manifest_without_artifacts_is_failed() -> None:
    assert manifest(artifacts=()).status == "failed"


def test_capture_that_did_not_finish_is_not_complete() -> None:
    assert manifest(finished=None).status == "partial"


@pytest.mark.parametrize(
    ("file", "link"),
    [("a.log", "L1"), ("logs/b.log", "L2"), ("b.log", "L2"), ("c.log", ""), (".log", "")],
    ids=["top", "below", "name only", "none", "part of a name"],
)
def test_link_is_that_of_the_file(file: str, link: str) -> None:
    stored = [("ns/w/id/a.log", "L1"), ("ns/w/id/logs/b.log", "L2")]
    receipt = Receipt("s3://b", tuple(Stored(key, "", link, None, 1, "") for key, link in stored))
    assert receipt.link(file) == link
