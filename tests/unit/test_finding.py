"""finding.py: how often a finding appeared, in words."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from debugcapture.finding import Recurrence


@pytest.mark.parametrize(("times", "words"), [(1, "once"), (4, "4 times")])
def test_recurrence_in_words(times: int, words: str) -> None:
    recurrence = Recurrence(times, datetime(2026, 11, 2, tzinfo=timezone.utc), "20261112T180231Z-web-0-3f9a")
    assert str(recurrence) == f"seen {words} since 2 Nov, last in 20261112T180231Z-web-0-3f9a"
