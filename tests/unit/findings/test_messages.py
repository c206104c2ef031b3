"""messages.py: each known message fits its example and no similar line; a user's file is checked when it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debugcapture.errors import BadInput
from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain
from debugcapture.findings.logs import log_subject
from debugcapture.findings.messages import included_messages, load_messages
from debugcapture.findings.subjects import SUBJECTS, subjects_with
from tools.yaml_text import read_yaml

EXAMPLES: dict[str, dict[str, str]] = read_yaml(Path(__file__).with_name("message_examples.yaml").read_text())
OWN = """
- id: ledger-closed
  pattern: 'ledger (?P<name>\\w+) is closed'
  severity: critical
  title: 'The ledger {name} is closed{ at address}'
  advice: Open it.
- id: connection-refused
  pattern: 'refused by the ledger'
  severity: info
  title: The ledger refused
"""


def found_in(folder: Path, text: str, subjects: Any = SUBJECTS[-1:]) -> list[Finding]:
    log = folder / "app.log"
    log.write_text(text)

    def never(_file: Evidence, error: Exception) -> None:
        raise AssertionError from error

    return explain([Evidence(log, log.name)], never, subjects)


def test_every_message_has_an_example() -> None:
    assert {message.id for message in included_messages()} - {"harmless-line"} == EXAMPLES.keys()


@pytest.mark.parametrize("identity", EXAMPLES)
def test_a_message_is_recognized(tmp_path: Path, identity: str) -> None:
    example = EXAMPLES[identity]
    assert example["title"] in [finding.title for finding in found_in(tmp_path, example["shows"] + "\n")]


@pytest.mark.parametrize("identity", EXAMPLES)
def test_a_similar_line_is_not_a_message(tmp_path: Path, identity: str) -> None:
    findings = found_in(tmp_path, EXAMPLES[identity]["silent"] + "\n")
    assert EXAMPLES[identity]["title"] not in [finding.title for finding in findings]
    assert [finding.title for finding in findings if finding.key.startswith(f"{identity} ")] == []


@pytest.mark.parametrize("message", included_messages(), ids=lambda message: message.id)
def test_a_message_has_a_source_and_an_advice(message: Any) -> None:
    if message.severity != "none":
        assert message.source.startswith("https://")
        assert message.advice or message.id.startswith("kernel-oom")


def test_messages_of_the_user_come_before_the_included_ones(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(OWN)
    subjects = subjects_with(load_messages(rules))
    log = "ledger north is closed on tcp://ledger:77\nconnection refused\nrefused by the ledger\n"
    titles = [finding.title for finding in found_in(tmp_path, log, subjects)]
    assert titles == ["The ledger north is closed at ledger:77", "The ledger refused"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("id: x", "it is not a list"),
        ("- x", "it is not a mapping"),
        ("- {id: ledger, pattern: x, severity: info}", "it lacks title"),
        ("- {id: ledger, pattern: x, severity: info, title: t, pod: x}", "it has an unknown key, pod"),
        ("- {id: ledger, pattern: x, severity: bad, title: t}", "its severity is not one of"),
        ("- {id: 'L!', pattern: x, severity: info, title: t}", "its ID contains characters other than"),
        ("- {id: ledger, pattern: '(?=x)', severity: info, title: t}", "not a valid regular expression"),
        ("- {id: ledger, pattern: 1, severity: info, title: t}", "the value of pattern has the wrong type"),
        ("- {id: ledger, pattern: x, severity: info, title: t, directness: 101}", "its directness is not between"),
        ("- {id: ledger, pattern: x, severity: info, title: t, hides: [1]}", "the value of hides has the wrong type"),
        ("[", "cannot read the log messages"),
    ],
)
def test_a_wrong_file_is_rejected_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(text)
    with pytest.raises(BadInput) as rejected:
        load_messages(rules)
    assert reason in str(rejected.value)


def test_a_file_that_is_missing_or_too_large_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read the log messages"):
        load_messages(tmp_path / "absent.yaml")
    (tmp_path / "large.yaml").write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(BadInput, match="larger than 1 MiB"):
        load_messages(tmp_path / "large.yaml")


def test_a_log_subject_without_messages_reports_only_errors(tmp_path: Path) -> None:
    findings = found_in(tmp_path, "connection refused\nERROR no such order\n", [log_subject(())])
    assert [finding.title for finding in findings] == ["no such order"]
