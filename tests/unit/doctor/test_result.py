"""result.py: what the doctor found, problems first, each with its fix."""

from __future__ import annotations

from debugcapture.doctor.result import CheckResult, results_text, verdict_of
from debugcapture.text import WIDTH

ROLE = "kubectl apply -f - <<'END'\nkind: Role\nEND"
LONG = "Capture debug state of a pod, Capture debug state of a service, Capture from an incident, Thread dump"
RESULTS = [
    CheckResult("Python", "ok", "3.11.2"),
    CheckResult("token", "note", "valid only until 2026-12-01", "Renew it."),
    CheckResult(f"shop: {LONG}", "wrong", "may not get and create pods/exec, patch pods/ephemeralcontainers", "", ROLE),
    CheckResult("store", "wrong", "https://s3.example.com/" + "x" * 150, "Check the key."),
]


def test_problems_come_first_then_notes() -> None:
    marks = [line[0] for line in results_text(RESULTS).splitlines() if line[:1] in "✘–✔" and line]
    assert marks == ["✘", "✘", "–", "✔"]


def test_each_problem_has_its_fix_in_its_row_and_what_is_to_be_pasted_stays_as_it_is() -> None:
    text = results_text(RESULTS)
    assert "Run the command below." in text
    assert "Check the key." in text
    assert ROLE in text
    assert f"Fix of “shop: {LONG}”" in text


def test_no_row_is_wider_than_a_log_shows() -> None:
    table, _, _ = results_text(RESULTS).partition("\nFix of")
    assert max(len(line) for line in table.splitlines()) <= WIDTH
    assert max(len(line) for line in table.splitlines()) > 60


def test_verdict_counts_what_is_wrong() -> None:
    assert verdict_of(RESULTS) == "2 of 4 checks failed"
    assert verdict_of(RESULTS[:2]) == "all 2 checks passed"
    assert results_text(RESULTS).splitlines()[0] == verdict_of(RESULTS)
