"""Logs of the collectors of Java 8: problems are found in each format, and healthy logs stay quiet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain, subjects_of
from tests.unit.findings import gc_java8 as java8
from tests.unit.findings.gc_java8 import dated, log
from tests.unit.findings.jvm_dumps import assert_quotes_are_in_the_file

HEALTHY = {
    "Serial": log(java8.SERIAL) + log(java8.SERIAL_FULL, 1, first=200),
    "Parallel": java8.HEAD + log(java8.PARALLEL) + log(java8.PARALLEL_FULL, 2, first=200, young=0, after=120000),
    "CMS": log(java8.CMS) + log(java8.CMS_CYCLE, 3, first=200) + log(java8.CMS, first=300),
    "G1": java8.HEAD + log(java8.G1),
    "G1 marking": log(java8.G1_MIXED, 3),
    "plain": log(java8.PLAIN) + log(java8.PLAIN_FULL, 2, first=200, cause="System.gc()", after=99000),
    "plain G1": log(java8.G1_PLAIN, after=120),
    "dates": dated(java8.HEAD + log(java8.PARALLEL), with_uptime=False),
    "rotated": java8.ROTATED + log(java8.CMS) + java8.ROTATED + log(java8.CMS, first=140),
    "start": log(java8.PARALLEL_FULL, 3, step=1, first=1, young=0, old=8000, after=8000, cause="Metadata GC Threshold"),
}


def _never(_file: Evidence, error: Exception) -> None:
    raise AssertionError from error


def _explained(folder: Path, text: str) -> list[Finding]:
    path = folder / "gc.log"
    path.write_text(text)
    file = Evidence(path, "gc.log")
    assert [subject.name for subject in subjects_of(file)] == ["Log of a Java garbage collector"]
    findings = explain([file], _never)
    assert_quotes_are_in_the_file(file, findings)
    return findings


def _problems(folder: Path, text: str) -> dict[str, str]:
    return {finding.rule: finding.title for finding in _explained(folder, text) if finding.severity != "info"}


@pytest.mark.parametrize("text", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_log_gives_no_warning(tmp_path: Path, text: str) -> None:
    (finding,) = _explained(tmp_path, text)
    assert finding.rule == "java-heap-after-gc"


@pytest.mark.parametrize("with_uptime", [True, False])
@pytest.mark.parametrize(
    "line",
    [java8.SERIAL, java8.PARALLEL, java8.CMS, java8.G1, java8.G1_MIXED, java8.PLAIN, java8.G1_PLAIN],
    ids=["Serial", "Parallel", "CMS", "G1", "G1 marking", "plain", "plain G1"],
)
def test_a_long_pause(tmp_path: Path, line: str, with_uptime: bool) -> None:
    text = dated(log(line, 9) + log(line, 1, first=150, seconds="2.4302210"), with_uptime)
    assert _problems(tmp_path, text) == {
        "java-long-gc-pauses": "The garbage collector stops the application for up to 2.4 s"
    }


def test_the_pause_of_a_heap_dump_is_no_problem_of_the_application(tmp_path: Path) -> None:
    text = log(java8.PARALLEL) + log(
        java8.PARALLEL_FULL, 1, first=200, young=0, seconds="3.5000000", cause="Heap Dump Initiated GC"
    )
    assert _problems(tmp_path, text) == {}


@pytest.mark.parametrize(
    ("full", "values"),
    [
        (java8.SERIAL_FULL, {"old": 349500, "after": 500000}),
        (java8.PARALLEL_FULL, {"young": 140000, "old": 349590, "after": 489590}),
        (java8.PARALLEL_FULL, {"young": 0, "old": 349590, "after": 349590}),  # the old generation is full
        (java8.CMS_FAILED, {"old": 349500, "after": 500000}),
        (java8.G1_FULL, {"after": "510.9M"}),
        (java8.PLAIN_FULL, {"after": 500000}),
    ],
    ids=["Serial", "Parallel", "old generation", "CMS", "G1", "plain"],
)
def test_full_collections_that_free_nothing(tmp_path: Path, full: str, values: dict[str, Any]) -> None:
    problems = _problems(tmp_path, log(java8.PLAIN, 5) + log(full, 6, step=1, first=70, seconds="0.8101230", **values))
    assert problems["java-heap-exhausted"] == "The Java heap is full: 6 full collections free nearly nothing"


def test_full_collections_one_after_the_other(tmp_path: Path) -> None:
    text = log(java8.PARALLEL) + log(
        java8.PARALLEL_FULL, 6, step=1, first=200, seconds="0.9000000", young=0, after=300000, old=300000
    )
    assert _problems(tmp_path, text)["java-full-collections-follow"] == (
        "6 full collections follow each other: they take 5.4 s of 5.9 s"
    )
    requested = text.replace("Ergonomics", "System.gc()")
    assert "java-full-collections-follow" not in _problems(tmp_path, requested)


def test_a_minute_in_which_the_collector_runs_most_of_the_time(tmp_path: Path) -> None:
    calm = log(java8.CMS, 40)
    busy = log(java8.CMS, 50, step=1, first=500, seconds="0.7000000")
    assert _problems(tmp_path, calm + busy + log(java8.CMS, 40, first=600)) == {
        "java-gc-overhead": "The garbage collector runs 58% of the time"
    }


def test_one_long_pause_is_no_overhead(tmp_path: Path) -> None:
    text = log(java8.PARALLEL, 3, step=300, seconds="12.5000000")
    assert set(_problems(tmp_path, text)) == {"java-long-gc-pauses"}


@pytest.mark.parametrize(
    ("line", "title"),
    [
        (java8.CMS_FAILED, "Concurrent mode failure 3 times: the old generation was full before CMS had finished"),
        (java8.CMS_PROMOTION, "Promotion failed 3 times: the old generation had no room"),
        (java8.PARALLEL_FAILED, "Promotion failed 3 times: the old generation had no room"),
        (java8.G1.replace("{failure}", " (to-space exhausted)"), "To-space exhausted 3 times: the heap had no room"),
    ],
    ids=["CMS", "ParNew", "Parallel", "G1"],
)
def test_collections_that_fail(tmp_path: Path, line: str, title: str) -> None:
    problems = _problems(tmp_path, log(line, 3, seconds="0.4000000"))
    assert set(problems) == {"java-collection-failed"}
    assert problems["java-collection-failed"].startswith(title)
    (once, _) = _explained(tmp_path, log(line, 1, seconds="0.4000000"))
    assert (once.rule, once.severity) == ("java-collection-failed", "info")


def test_a_full_metaspace(tmp_path: Path) -> None:
    text = log(java8.PARALLEL) + log(java8.PARALLEL_FULL, 2, first=200, young=0, cause="Last ditch collection")
    (finding, _) = _explained(tmp_path, text)
    assert (finding.severity, finding.title) == ("critical", "Metaspace is full: 2 full collections as a last resort")


def test_a_log_that_continues_after_a_restart_has_the_times_of_two_runs(tmp_path: Path) -> None:
    run = log(java8.PARALLEL, 5) + log(java8.PARALLEL_FULL, 5, step=1, first=90, after=510000, seconds="0.9000000")
    problems = _problems(tmp_path, run + log(java8.PARALLEL, 40))
    assert problems["java-heap-exhausted"] == "The Java heap is full: 5 full collections free nearly nothing"


def test_the_output_of_a_container_with_messages_of_the_application(tmp_path: Path) -> None:
    collections = log(java8.PLAIN_FULL, 6, step=1, after=500000, seconds="0.8000000").splitlines(keepends=True)
    path = tmp_path / "app.log"
    path.write_text(
        "".join(f"INFO order {number} was paid\nDEBUG done\n{line}" for number, line in enumerate(collections))
    )
    file = Evidence(path, "app.log")
    assert [subject.name for subject in subjects_of(file)] == ["Log of a Java garbage collector", "Log"]
    assert "java-heap-exhausted" in {finding.rule for finding in explain([file], _never)}
