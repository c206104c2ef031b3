"""pods.py: all pictures of a report, whatever the evidence contains."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.picture import FlameBar, Meter, Moment, Pictures, PodPictures, Ranking, Row, StackGroup, Stacks
from debugcapture.report.page import report_page
from debugcapture.report.pictures.pods import draw_pictures
from tests.unit.builders import NOON, artifact, manifest, target
from tests.unit.hostile import TEXT
from tests.unit.report.test_page import Page


def pictures_of(pod: str, text: str = "x", number: int = 1) -> PodPictures:
    """One of each picture, with ``text`` and ``number`` wherever evidence can bring them."""
    return PodPictures(
        pod,
        (Moment(NOON, "restart", text, "bad", NOON, number, text, number),),
        (
            Meter("Memory of the container", number, 100, "bytes", text, number),
            Meter(text, number, 0, "cores", text, 1),
        ),
        (Ranking("heap", text, "bytes", (Row(text, number, text, "bad", number),), number, number),),
        (
            Stacks(
                "Java threads",
                f"{text}.json",
                "threads",
                max(1, number),
                (Row(text, number),),
                (StackGroup(number, text, (text, text), number, (text,), 1, number),),
                number,
                (FlameBar(0, 0, number, text), FlameBar(1, 0, number, text, is_own=True)),
                number,
            ),
        ),
    )


def test_one_pod_has_its_pictures_on_the_page() -> None:
    markup = draw_pictures(Pictures((pictures_of(""),)), manifest(), {})
    titles = ("Timeline", "Use and limits", "Java threads", "Largest classes of the heap")
    assert [markup.index(f"<h2>{title}</h2>") for title in titles] == sorted(
        markup.index(f"<h2>{title}</h2>") for title in titles
    )


def test_the_alert_that_selected_the_pods_is_in_the_timeline() -> None:
    pictures = Pictures((pictures_of(""),))
    assert "Alert in PagerDuty" not in draw_pictures(pictures, manifest(), {})
    assert "Alert in PagerDuty" in draw_pictures(pictures, replace(manifest(), alerted=NOON), {})


def test_several_pods_have_an_overview_with_the_state_and_the_finding_of_each() -> None:
    finding = Finding("critical", "Deadlock of a", "", pod="a")
    several = replace(manifest(target=target(pod="a"), more_targets=(target(pod="b"),)), findings=(finding,))
    markup = draw_pictures(Pictures((pictures_of("a"), pictures_of("b")), 7), several, {})
    assert '<a href="#pod-1">b</a>' in markup
    assert '<summary id="pod-1">b</summary>' in markup
    assert markup.count("Deadlock of a") == 1
    assert markup.count("<h3>Timeline</h3>") == 2
    assert "7 more pods are not drawn" in markup
    assert markup.count("running") == 2


def test_without_pictures_there_is_no_section() -> None:
    assert draw_pictures(Pictures(), manifest(), {}) == ""
    assert draw_pictures(Pictures(), manifest(more_targets=(target(pod="b"),)), {}) == ""


def test_a_page_of_encrypted_evidence_has_no_pictures() -> None:
    pictures = Pictures((pictures_of(""),))
    assert "Timeline" in report_page(manifest(), {}, {}, pictures=pictures)
    assert "Timeline" not in report_page(manifest(), {}, {}, pictures=pictures, encrypted=True)


@given(TEXT, st.integers(0, 2**63), st.integers(0, 2))
def test_captured_text_never_becomes_markup(text: str, number: int, others: int) -> None:
    pods = tuple(replace(pictures_of(f"{text}{place}", text, number)) for place in range(others + 1))
    capture_manifest = manifest(artifact(), more_targets=tuple(target(pod=pod.pod) for pod in pods[1:]))
    page = Page(report_page(capture_manifest, {text: text}, {}, pictures=Pictures(pods, number)))
    assert not {"script", "img", "style-x", "iframe"} & set(page.tags)
    assert page.open == []


@pytest.mark.parametrize("time", [datetime.min, datetime.max, datetime(1970, 1, 1)])
def test_odd_times_can_be_drawn(time: datetime) -> None:
    moment = Moment(time.replace(tzinfo=timezone.utc), "probe", "odd", first=NOON)
    assert "odd" in draw_pictures(Pictures((PodPictures("", (moment,)),)), manifest(), {})


def test_only_the_page_imports_the_pictures() -> None:
    package = Path(__file__).parents[4] / "contents" / "debugcapture"
    importers = [
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if "report.pictures" in file.read_text(encoding="utf-8")
        or "from .pictures.pods" in file.read_text(encoding="utf-8")
    ]
    assert importers == ["report/page.py"]
