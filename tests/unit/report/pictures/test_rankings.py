"""rankings.py: tables with bars."""

from __future__ import annotations

from debugcapture.picture import Ranking, Row
from debugcapture.report.pictures.rankings import draw_ranking, ranking_title
from debugcapture.report.pictures.shapes import Sources

ROWS = (Row("byte[]", 3 << 20, "12 instances", line=4), Row("shop.<Cart>", 1 << 20, "1 instances", "bad"))


def test_the_longest_bar_is_that_of_the_largest_row_and_shares_are_of_the_total() -> None:
    markup = draw_ranking(Ranking("heap", "heap.txt", "bytes", ROWS, 8 << 20, 7), Sources({}))
    assert 'class="fill " width="100%"' in markup
    assert 'class="fill bad" width="33.33%"' in markup
    assert "38 %" in markup
    assert "shop.&lt;Cart&gt;" in markup
    assert "line 4" in markup
    assert "7 more classes are not shown" in markup


def test_without_a_total_there_are_not_shares() -> None:
    ranking = Ranking("log", "app.log", "count", ROWS, 0)
    markup = draw_ranking(ranking, Sources({}))
    assert "<span></span>" in markup
    assert "not shown" not in markup
    assert ranking_title(ranking, Sources({}, "a")) == "Messages of app.log"


def test_rows_of_zero_are_drawn_too() -> None:
    assert 'width="0%"' in draw_ranking(Ranking("connections", "", "count", (Row("a", 0),), 0), Sources({}))
