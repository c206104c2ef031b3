"""findings.py: what the doctor found, problems first, each with its fix, in a form that a log can show."""

from __future__ import annotations

from debugcapture.doctor.result import Finding, findings_text, verdict_of
from debugcapture.runtime.log_lines import log_text
from debugcapture.steps.result_table import findings_html
from debugcapture.text import WIDTH

ROLE = "kubectl apply -f - <<'END'\nkind: Role\nEND"
LONG = "Capture debug state of a pod, Capture debug state of a service, Capture from an incident, Thread dump"
FOUND = [
    Finding("Python", "ok", "3.11.2"),
    Finding("token", "note", "good until 2026-12-01 only", "Renew it."),
    Finding(f"shop: {LONG}", "wrong", "may not get and create pods/exec, patch pods/ephemeralcontainers", "", ROLE),
    Finding("store", "wrong", "https://s3.example.com/" + "x" * 150, "Check the key."),
]


def test_problems_come_first_then_what_is_worth_knowing() -> None:
    marks = [line[0] for line in findings_text(FOUND).splitlines() if line[:1] in "✘–✔" and line]
    assert marks == ["✘", "✘", "–", "✔"]


def test_each_problem_has_its_fix_in_its_row_and_what_is_to_be_pasted_stays_as_it_is() -> None:
    text = findings_text(FOUND)
    assert "Run the command below." in text
    assert "Check the key." in text
    assert ROLE in text
    assert f"Fix of “shop: {LONG}”" in text


def test_no_row_is_wider_than_a_log_shows() -> None:
    table, _, _ = findings_text(FOUND).partition("\nFix of")
    assert max(len(line) for line in table.splitlines()) <= WIDTH
    assert max(len(line) for line in table.splitlines()) > 60


def test_verdict_counts_what_is_wrong() -> None:
    assert verdict_of(FOUND) == "2 of 4 checks failed"
    assert verdict_of(FOUND[:2]) == "all 2 checks passed"
    assert findings_text(FOUND).splitlines()[0] == verdict_of(FOUND)


def test_the_block_for_the_log_has_the_script_in_the_cell_and_is_one_block() -> None:
    block = findings_html(FOUND)
    assert "<pre>kubectl apply -f - &lt;&lt;&#x27;END&#x27;\nkind: Role\nEND</pre></td></tr>" in block
    assert log_text(block) == block
    assert "<b>2 of 4 checks failed</b>" in block
    assert "<td>store</td> <td>https://s3" in block


def test_a_script_cannot_end_the_block() -> None:
    evil = findings_html([Finding("x", "wrong", "y", "", "a\n#END:RUNDECK:DATATYPE\n<b>")])
    shown = log_text(evil).splitlines()
    assert [line for line in shown if line.startswith("#END")] == shown[-1:]
    assert "<b>\n" not in "\n".join(shown[2:-1])
