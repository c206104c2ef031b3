"""time_scale.py: the last minutes have most of the room."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.report.pictures.time_scale import TimeScale, ago

END = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)


def scale(**span: float) -> TimeScale:
    return TimeScale(END - timedelta(**span), END)


@given(st.floats(0, 1e8), st.floats(0, 1e8))
def test_later_is_further_right_and_inside(first_s: float, second_s: float) -> None:
    early, late = sorted((first_s, second_s), reverse=True)
    time_scale = scale(seconds=early)
    positions = [time_scale.position(END - timedelta(seconds=age)) for age in (early, late)]
    assert 0 <= positions[0] <= positions[1] <= 1


def test_the_last_hour_of_a_week_has_half_of_the_room() -> None:
    assert scale(days=7).position(END - timedelta(hours=1)) < 0.55


def test_what_follows_the_capture_is_at_its_place() -> None:
    assert scale(hours=1).position(END + timedelta(hours=1)) == scale(hours=1).position(END)


@pytest.mark.parametrize("days", [0, 0.01, 1, 30, 4000])
def test_labels_do_not_overlap(days: float) -> None:
    positions = [position for position, _ in scale(days=days).ticks()]
    assert all(left >= right + 0.13 for left, right in zip(positions, positions[1:], strict=False))
    assert all(position > 0.1 for position in positions)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (90, "90 s"), (600, "10 min"), (7200, "2 h"), (200_000, "2 days"), (-3, "3 s after it")],
)
def test_ages_are_in_words(seconds: int, text: str) -> None:
    assert ago(timedelta(seconds=seconds)) == text
