"""shapes.py: links, bars and amounts."""

from __future__ import annotations

import pytest

from debugcapture.picture import Unit
from debugcapture.report.pictures.shapes import amount, bar, percent, percentage, place_link, weight

EVIL = '"><script>'


def test_a_link_names_the_line_and_escapes_everything() -> None:
    assert place_link({"a.txt": "https://s3/a?x=1&y=2"}, "a.txt", 7) == (
        '<a href="https://s3/a?x=1&amp;y=2">a.txt:7</a>'
    )
    assert place_link({}, "a.txt", 0) == '<a href="a.txt">a.txt</a>'
    assert place_link({}, "", 7) == ""
    assert "<script>" not in place_link({EVIL: EVIL}, EVIL, 1)


@pytest.mark.parametrize(
    ("share", "text"), [(-1, "0"), (0, "0"), (0.125, "12.5"), (1 / 3, "33.33"), (1, "100"), (7, "100")]
)
def test_a_bar_is_never_wider_than_its_track(share: float, text: str) -> None:
    assert percentage(share) == text
    assert f'width="{text}%"' in bar(share, "bad")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1536, "bytes", "1.5 KiB"),
        (20 << 30, "bytes", "20.0 GiB"),
        (0.25, "cores", "0.25 cores"),
        (12345, "count", "12,345"),
        (12.4, "percent", "12 %"),
    ],
)
def test_amounts_have_a_unit(value: float, unit: Unit, text: str) -> None:
    assert amount(value, unit) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(1, "threads", "1 thread"), (1200, "threads", "1,200 threads"), (40, "ms", "40 ms"), (2500, "ms", "2.5 s"),
     (2048, "bytes", "2.0 KiB")],
)  # fmt: skip
def test_weights_have_a_unit(value: int, unit: str, text: str) -> None:
    assert weight(value, unit) == text


def test_a_small_share_is_not_zero() -> None:
    assert [percent(share) for share in (0, 0.001, 0.5)] == ["0 %", "< 1 %", "50 %"]
