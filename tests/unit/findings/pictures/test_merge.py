"""merge.py: what the files contribute becomes one set of pictures for each pod."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from debugcapture.findings.pictures.merge import merged
from debugcapture.picture import FlameBar, Meter, Moment, Pictures, PodPictures, Ranking, Row, Stacks

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
METER = Meter("Memory", 1, 2, "bytes", "processes.txt", 3)


def test_parts_are_joined_by_pod_and_pods_without_pictures_are_left_out() -> None:
    pictures = merged([PodPictures("a", meters=(METER,)), PodPictures("b"), PodPictures("a", meters=(METER,))])
    assert pictures == Pictures((PodPictures("a", meters=(METER, METER)),))


def test_a_moment_that_two_files_contain_is_shown_once() -> None:
    started = Moment(NOON, "run", "started", file="pod.txt")
    moments = (Moment(NOON + timedelta(seconds=9), "run", "started"), started, Moment(NOON, "run", "other"))
    event = Moment(NOON + timedelta(seconds=1), "run", "started", file="events.txt")
    (pod,) = merged([PodPictures("a", moments=moments), PodPictures("a", moments=(event,))]).pods
    assert pod.moments == (started, moments[2], moments[0])


def test_a_log_that_is_stored_twice_is_shown_once() -> None:
    rows = (Row("refused", 3),)
    logs = [Ranking("log", file, "count", rows, 0) for file in ("app.previous.log", "app.log")]
    other = Ranking("connections", "network.txt", "count", rows, 0)
    (pod,) = merged(PodPictures("a", rankings=(ranking,)) for ranking in (*logs, other)).pods
    assert [ranking.file for ranking in pod.rankings] == ["app.previous.log", "network.txt"]


def test_pods_after_the_sixtieth_are_only_counted() -> None:
    pictures = merged(PodPictures(f"pod-{number}", meters=(METER,)) for number in range(70))
    assert (len(pictures.pods), pictures.hidden_pods) == (60, 10)


def test_flame_graphs_of_very_many_dumps_become_smaller() -> None:
    bars = tuple(FlameBar(place, 0, 1000 - place, "f") for place in range(400))
    stacks = Stacks("Java threads", "threads.txt", "threads", 1000, bars=bars)
    pictures = merged(PodPictures(f"pod-{number}", stacks=(stacks,)) for number in range(40))
    first_stacks = [pod.stacks[0] for pod in pictures.pods]
    assert sum(len(stacks.bars) for stacks in first_stacks) <= 8000
    assert first_stacks[0].bars == bars[:200]
    assert first_stacks[0].hidden_bars == 200
