"""Logs of the garbage collector, of current versions and of Java 8: full heaps, long pauses, and normal work."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain, subjects_of
from debugcapture.findings.parsers import jvm_gc_log
from debugcapture.findings.rules.jvm_gc_log import RULES
from debugcapture.findings.subject import Subject
from tests.unit.findings.jvm_dumps import assert_quotes_are_in_the_file
from tests.unit.hostile import UTF8

SUBJECT = Subject("Log of a Java garbage collector", jvm_gc_log.recognize, jvm_gc_log.parse, RULES)
START = "[0.006s][info][gc] Using G1\n"
YOUNG = "[{at}.250s][info][gc] GC({number}) Pause Young (Normal) (G1 Evacuation Pause) 40M->12M(64M) {ms}.750ms\n"
FULL = "[{at}.375s][info][gc] GC({number}) Pause Full (G1 Compaction Pause) 63M->{after}M(64M) {ms}.627ms\n"
OLD_FULL = (
    "{at}.123: [Full GC (Ergonomics) [PSYoungGen: 9000K->8900K(9216K)] [ParOldGen: 49000K->48990K(49152K)] "
    "58000K->57890K(58368K), [Metaspace: 90000K->90000K(1100000K)], 0.7654321 secs] [Times: user=0.76 sys=0.00]\n"
)


def _findings(folder: Path, text: str) -> list[Finding]:
    path = folder / "gc.log"
    path.write_text(text)
    file = Evidence(path, "gc.log")
    assert SUBJECT.recognize(file)
    reported = list(SUBJECT.explain(file))
    assert_quotes_are_in_the_file(file, reported)
    return reported


def _full(after: int, ms: int = 20, count: int = 5) -> str:
    return START + "".join(FULL.format(at=10 * number, number=number, after=after, ms=ms) for number in range(1, count))


def test_normal_collections_give_no_warning(tmp_path: Path) -> None:
    text = START + "".join(YOUNG.format(at=10 * number, number=number, ms=4) for number in range(1, 9))
    (finding,) = _findings(tmp_path, text)
    assert finding.title == "12.0 MiB of 64.0 MiB of the Java heap are in use after the last collection"
    assert "8 collections, 0 of them full" in finding.detail


@pytest.mark.parametrize("text", [_full(63), "".join(OLD_FULL.format(at=number) for number in range(1, 5))])
def test_full_collections_that_free_nothing(tmp_path: Path, text: str) -> None:
    finding = _findings(tmp_path, text)[0]
    assert finding.severity == "critical"
    assert finding.title == "The Java heap is full: 4 full collections free nearly nothing"


def test_full_collections_that_free_memory(tmp_path: Path) -> None:
    assert [finding.severity for finding in _findings(tmp_path, _full(20))] == ["info"]


def test_a_long_pause(tmp_path: Path) -> None:
    text = START + YOUNG.format(at=10, number=1, ms=4) + YOUNG.format(at=90, number=2, ms=2400)
    pause, _ = _findings(tmp_path, text)
    assert pause.title == "The garbage collector stops the application for up to 2.4 s"


def test_the_collector_runs_most_of_the_time(tmp_path: Path) -> None:
    text = START + "".join(YOUNG.format(at=number, number=number, ms=600) for number in range(1, 30))
    assert _findings(tmp_path, text)[0].title.startswith("The garbage collector runs 61% of the time")


def test_an_application_that_writes_into_the_same_output(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(_full(63) + "INFO request\n" * 20)
    evidence = Evidence(path, "log")
    assert [subject.name for subject in subjects_of(evidence)] == ["Log of a Java garbage collector", "Log"]
    assert "java-heap-exhausted" in [finding.rule for finding in explain([evidence], _never)]


@pytest.mark.parametrize(
    "text",
    [
        "INFO [GC] job 3 collected 10K->2K(20K)\n" * 9,
        "INFO request\n" * 20 + YOUNG.format(at=1, number=1, ms=4) * 2,
        "[2026-01-01][info][web] GET /\n" * 20 + YOUNG.format(at=1, number=1, ms=4),
    ],
)
def test_a_log_of_an_application_is_not_recognized(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log"
    path.write_text(text)
    assert not SUBJECT.recognize(Evidence(path, "log"))


def _never(_file: Evidence, error: Exception) -> None:
    raise AssertionError from error


PIECES = [START, YOUNG, FULL, OLD_FULL, YOUNG.format(at=1, number=1, ms=4), FULL.format(at=1, number=1, after=63, ms=2)]


@given(st.lists(st.sampled_from([*PIECES, OLD_FULL.format(at=3)]) | UTF8, max_size=30))
def test_hostile_logs_are_read(pieces: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_text("".join(pieces), errors="replace")
        log = jvm_gc_log.parse(Evidence(path, "log"))
        assert all(finding.title for rule in RULES for finding in rule(log))
