"""clock.py: the difference between this clock and that of a server."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from debugcapture.stores.clock import describe_skew, skew_s


@pytest.mark.parametrize("ahead_s", [3600, 0, -3600])
def test_skew_is_positive_if_this_clock_is_ahead(ahead_s: int) -> None:
    date = datetime.now(timezone.utc) - timedelta(seconds=ahead_s)
    assert skew_s(format_datetime(date, usegmt=True)) == pytest.approx(ahead_s, abs=5)


@pytest.mark.parametrize("date", [None, "", "yesterday", "2026-01-02"])
def test_without_a_valid_date_the_skew_is_unknown(date: str | None) -> None:
    assert skew_s(date) == 0
    assert describe_skew(0) == ""


def test_the_text_names_seconds_and_direction() -> None:
    assert describe_skew(901.4) == ": the clock of this machine is 901 s ahead"
    assert describe_skew(-1200) == ": the clock of this machine is 1200 s behind"
