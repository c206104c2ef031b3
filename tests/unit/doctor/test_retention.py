"""retention.py: evidence that never ends, or ends before its links."""

from __future__ import annotations

import pytest

from debugcapture.doctor.retention import retention_result
from debugcapture.settings.declare import DAY_S
from debugcapture.stores.base import Retention


@pytest.mark.parametrize(
    ("days", "link_valid_s", "verdict", "reason"),
    [
        (30, 7 * DAY_S, "ok", "the store deletes evidence after 30 days"),
        (7, 7 * DAY_S, "ok", "the store deletes evidence after 7 days"),
        (1, 0, "ok", "the store deletes evidence after 1 days"),
        (3, 7 * DAY_S, "note", "after 3 days, but its links are valid for 7 days"),
        (None, 7 * DAY_S, "note", "the store keeps evidence forever"),
    ],
)
def test_evidence_ends_and_not_before_its_links(days: int | None, link_valid_s: int, verdict: str, reason: str) -> None:
    result = retention_result(Retention(days), link_valid_s)
    assert result.verdict == verdict
    assert reason in result.result
