"""isolation.py: a file that takes too long costs its own findings only, and nothing waits for it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import inf
from pathlib import Path
from time import process_time

import pytest

from debugcapture.finding import Finding
from debugcapture.findings.comparison.facts import facts_of
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain
from debugcapture.findings.isolation import Isolation, TimeLimits, TooSlow
from debugcapture.findings.subject import Subject

EXPONENTIAL = re.compile(r"(?:a+)+$")
HOSTILE = "a" * 60 + "b"
LIMITS = TimeLimits(file_s=0.1, all_s=inf)
MOST_S = 5.0


def backtrack(text: str) -> bool:
    """Search in ``text``. In HOSTILE, this takes thousands of years."""
    return EXPONENTIAL.search(text) is not None


def parse(evidence: Evidence) -> str:
    backtrack(evidence.head)
    return evidence.head


def parse_in_a_loop(evidence: Evidence) -> str:
    while evidence.head == HOSTILE:
        pass
    return evidence.head


def parse_without_errors(evidence: Evidence) -> str:
    """Parse, and catch the first exception, as a library may do."""
    try:
        return parse(evidence)
    except TooSlow:
        return parse(evidence)


def says_it(text: str) -> Iterator[Finding]:
    yield Finding("critical", text, "")


def thinks(text: str) -> Iterator[Finding]:
    backtrack(text)
    yield from says_it(text)


def merge(texts: Sequence[str]) -> str:
    return parse_in_a_loop_of("".join(texts))


def parse_in_a_loop_of(text: str) -> str:
    while HOSTILE in text:
        pass
    return text


def head(evidence: Evidence) -> str:
    return evidence.head


def recognize(_evidence: Evidence) -> bool:
    return True


def recognize_slowly(evidence: Evidence) -> bool:
    return backtrack(evidence.head) or True


TEXT = Subject("text", recognize, head, (says_it,))


def write(folder: Path, *texts: str) -> list[Evidence]:
    files = []
    for number, text in enumerate(texts):
        path = folder / str(number)
        path.write_text(text)
        files.append(Evidence(path, path.name, "shop-1"))
    return files


@pytest.mark.parametrize(
    "subject",
    [
        replace(TEXT, parse=parse),
        replace(TEXT, parse=parse_in_a_loop),
        replace(TEXT, parse=parse_without_errors),
        replace(TEXT, recognize=recognize_slowly),
        replace(TEXT, rules=(thinks,)),
    ],
    ids=["regular expression", "loop", "caught", "recognition", "rule"],
)
def test_a_file_that_takes_too_long_costs_its_own_findings_only(subject: Subject[str], tmp_path: Path) -> None:
    failures: list[tuple[str, str]] = []
    start = process_time()
    findings = explain(
        write(tmp_path, "first", HOSTILE, "last"),
        lambda file, error: failures.append((file.name, str(error))),
        (subject,),
        LIMITS,
    )
    assert [finding.title for finding in findings] == ["first", "last"]
    assert failures == [("1", "this takes longer than 0.1 s of processor time")]
    assert process_time() - start < MOST_S
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)


def test_files_that_take_too_long_together_cost_the_findings_about_both(tmp_path: Path) -> None:
    failures: list[str] = []
    subjects = (replace(TEXT, merge=merge),)
    explain(write(tmp_path, "first", HOSTILE), lambda file, _error: failures.append(file.name), subjects, LIMITS)
    assert failures == ["0"]


def test_all_files_together_have_a_limit_too(tmp_path: Path) -> None:
    failures: list[tuple[str, str]] = []
    findings = explain(
        write(tmp_path, "first", HOSTILE, "last"),
        lambda file, error: failures.append((file.name, str(error))),
        (replace(TEXT, parse=parse),),
        TimeLimits(file_s=60, all_s=0.2),
    )
    assert [finding.title for finding in findings] == ["first"]
    assert failures == [
        ("1", "this takes longer than what is left of the 0.2 s of processor time for all files"),
        ("2", "earlier files took the 0.2 s of processor time for all files"),
    ]


def test_files_are_compared_within_the_limit(tmp_path: Path) -> None:
    failures: list[str] = []
    isolation = Isolation(lambda _file, error: failures.append(str(error)), TimeLimits(all_s=0))
    facts_of("shop-1", write(tmp_path, "first"), isolation, masked=True)
    assert failures == ["earlier files took the 0 s of processor time for all files"]


def test_after_the_last_file_nothing_is_interrupted(tmp_path: Path) -> None:
    explain(write(tmp_path, "first"), lambda _file, _error: None, (TEXT,), TimeLimits(file_s=0.05))
    end = process_time() + 0.1
    while process_time() < end:
        pass
    signal.raise_signal(signal.SIGPROF)  # a late one


@pytest.mark.parametrize("limits", [TimeLimits(inf, inf), TimeLimits()])
def test_other_threads_and_no_limit_need_no_timer(limits: TimeLimits, tmp_path: Path) -> None:
    def explain_all() -> list[Finding]:
        return explain(
            write(tmp_path, "first"), lambda _file, _error: None, (replace(TEXT, parse=timer_is_off),), limits
        )

    if limits.file_s == inf:
        assert [finding.title for finding in explain_all()] == ["first"]
    with ThreadPoolExecutor(1) as pool:
        assert [finding.title for finding in pool.submit(explain_all).result()] == ["first"]


def timer_is_off(evidence: Evidence) -> str:
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
    return evidence.head
