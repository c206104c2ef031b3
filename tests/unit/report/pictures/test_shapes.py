"""shapes.py: links, bars and amounts."""

from __future__ import annotations

import pytest

from debugcapture.picture import Unit
from debugcapture.report.pictures.shapes import Sources, amount, bar, percent, percentage, weight

EVIL = '"><script>'


def test_a_link_names_the_line_and_escapes_everything() -> None:
    assert Sources({"a.txt": "https://s3/a?x=1&y=2"}).place("a.txt", 7) == (
        '<a href="https://s3/a?x=1&amp;y=2">a.txt:7</a>'
    )
    assert Sources({}).place("a.txt") == '<a href="a.txt">a.txt</a>'
    assert Sources({}).place("", 7) == ""
    assert "<script>" not in Sources({EVIL: EVIL}).place(EVIL, 1)


def test_the_folder_of_the_pod_is_in_the_address_only() -> None:
    assert Sources({}, "shop-1").place("shop-1/pod.txt", 7) == '<a href="shop-1/pod.txt">pod.txt:7</a>'


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
