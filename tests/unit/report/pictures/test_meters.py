"""meters.py: bars of usage against limits."""

from __future__ import annotations

import pytest

from debugcapture.picture import Meter, Tone, Unit
from debugcapture.report.pictures.meters import draw_meters, meter_tone
from debugcapture.report.pictures.shapes import Sources


def meter(used: float, limit: float, unit: Unit = "bytes") -> Meter:
    return Meter("Memory <of> app", used, limit, unit, "processes.txt", 7)


@pytest.mark.parametrize(
    ("used", "limit", "unit", "tone"),
    [
        (10, 0, "bytes", ""),
        (50, 100, "bytes", "good"),
        (75, 100, "bytes", "warning"),
        (90, 100, "count", "bad"),
        (9, 100, "percent", "good"),
        (10, 100, "percent", "warning"),
        (50, 100, "percent", "bad"),
    ],
)
def test_the_color_says_how_near_the_limit_is(used: float, limit: float, unit: Unit, tone: Tone) -> None:
    assert meter_tone(meter(used, limit, unit)) == tone


def test_the_text_has_the_values_of_the_bar() -> None:
    markup = draw_meters([meter(1 << 20, 4 << 20)], Sources({}))
    assert "1.0 MiB of 4.0 MiB (25 %)" in markup
    assert 'class="fill good" width="25%"' in markup
    assert "Memory &lt;of&gt; app" in markup
    assert ">processes.txt:7</a>" in markup


def test_without_a_limit_there_is_no_bar() -> None:
    markup = draw_meters([meter(1 << 20, 0)], Sources({}))
    assert "1.0 MiB, no limit" in markup
    assert "<svg" not in markup


def test_without_meters_there_is_no_picture() -> None:
    assert draw_meters([], Sources({})) == ""
