"""findings.py of the report: findings as text and as JSON."""

from __future__ import annotations

import pytest

from debugcapture.finding import EvidenceLines, Finding
from debugcapture.report.findings import findings_document, findings_text, place

DEADLOCK = Finding(
    "critical",
    "Deadlock: a and b",
    "a waits for b.",
    "Restart it.",
    (EvidenceLines("threads.txt", 74, 80, ("Found one\x1b[31m",)),),
    pod="checkout-1",
    rule="java-deadlock",
)


def test_a_finding_as_text_has_its_facts_its_advice_and_its_lines() -> None:
    assert findings_text([DEADLOCK]).splitlines() == [
        "[critical] checkout-1: Deadlock: a and b",
        "    a waits for b.",
        "    Restart it.",
        "    threads.txt:74-80",
        "      | Found one[31m",
    ]


def test_the_text_does_not_claim_health_if_there_are_no_findings() -> None:
    assert findings_text([]) == "No findings: the rules recognize no problem in this evidence."


def test_the_document_has_stable_fields() -> None:
    (document,) = findings_document([DEADLOCK])
    assert document == {
        "rule": "java-deadlock",
        "severity": "critical",
        "title": "Deadlock: a and b",
        "detail": "a waits for b.",
        "advice": "Restart it.",
        "pod": "checkout-1",
        "pods": [],
        "evidence": [{"file": "threads.txt", "lines": [74, 80], "quote": ["Found one\x1b[31m"]}],
    }


@pytest.mark.parametrize(("first", "last", "text"), [(3, 3, "a.txt:3"), (3, 9, "a.txt:3-9")])
def test_place(first: int, last: int, text: str) -> None:
    assert place(EvidenceLines("a.txt", first, last)) == text
