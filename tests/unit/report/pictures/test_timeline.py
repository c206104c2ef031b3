"""timeline.py: a lane for each kind of moment, and the moments as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from debugcapture.picture import Moment
from debugcapture.report.pictures.shapes import Sources
from debugcapture.report.pictures.time_scale import TimeScale
from debugcapture.report.pictures.timeline import draw_strip, draw_timeline
from tests.unit.builders import NOON

CAPTURE = Moment(NOON, "capture", "Capture", first=NOON - timedelta(seconds=9))


def ended(minutes: int, **fields: object) -> Moment:
    return Moment(NOON - timedelta(minutes=minutes), "restart", "app <ended>", "bad", **fields)  # type: ignore[arg-type]


def test_only_kinds_with_events_have_a_lane() -> None:
    markup = draw_timeline([ended(5)], CAPTURE, Sources({}))
    assert "<span>Ended runs</span>" in markup
    assert "<span>Capture</span>" in markup
    assert "<span>Rollout</span>" not in markup
    assert "app &lt;ended&gt;" in markup
    assert "Timeline with 1 moments, which the table below lists" in markup


def test_a_run_has_its_length_and_repeated_events_their_number() -> None:
    markup = draw_timeline([ended(5, first=NOON - timedelta(minutes=9), count=12)], CAPTURE, Sources({}))
    assert '<rect class="span bad"' in markup
    assert "app &lt;ended&gt; (12 times), since Jan 2 11:51:00" in markup


def test_the_newest_moments_come_first_and_old_ones_are_closed() -> None:
    moments = [replace(ended(minutes, file="pod.txt", line=minutes), text=str(minutes)) for minutes in range(1, 15)]
    markup = draw_timeline(moments, CAPTURE, Sources({"pod.txt": "https://s3/pod"}))
    assert markup.index(">pod.txt:1<") < markup.index("4 earlier") < markup.index(">pod.txt:14<")
    assert '<a href="https://s3/pod">' in markup
    assert '<td class="time">Jan 2 11:46:00</td><td class="time">14 min</td>' in markup


def test_what_happened_again_and_again_is_one_row() -> None:
    moments = [ended(minutes, count=2) for minutes in (1, 5, 9)]
    markup = draw_timeline(moments, CAPTURE, Sources({}))
    assert markup.count('class="mark bad"') == 3
    assert markup.count('<td class="what bad">') == 1
    assert "(6 times), since Jan 2 11:51:00" in markup.partition("<table")[2]


def test_without_moments_there_is_no_picture() -> None:
    assert draw_timeline([], CAPTURE, Sources({})) == ""


def test_a_strip_has_all_kinds_in_one_lane() -> None:
    scale = TimeScale(NOON - timedelta(hours=1), NOON)
    markup = draw_strip([ended(5), Moment(NOON, "probe", "ready")], scale)
    assert markup.count("<path") == 2
    assert 'role="img" aria-label="2 moments"' in markup
