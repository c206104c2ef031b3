"""incident_note.py: a note about a bundle, or about a failure."""

from __future__ import annotations

from typing import Any

import pytest

from debugcapture.bundle.bundle import Bundle
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.steps.incident_note import NoteStep, annotate
from tests.unit.steps.support import INCIDENT


def test_the_note_of_a_bundle_has_its_marker(
    bundle: Bundle, run_context: RunContext, notes: list[Any], log_lines: list[str]
) -> None:
    annotate(read(NoteStep, INCIDENT | {"bundle": str(bundle.folder)}), run_context)
    assert notes[0][1] == f"[debug-capture {bundle.folder.name}]"
    assert log_lines == ["incident Q1ABCDEF: note added"]


@pytest.mark.parametrize(("failure", "message"), [("no pod x", "no pod x"), ("", "no bundle was captured")])
def test_note_without_a_bundle_has_the_failure(
    failure: str, message: str, run_context: RunContext, notes: list[Any]
) -> None:
    annotate(read(NoteStep, INCIDENT | {"failure": failure}), run_context)
    assert f"Debug capture failed\n{message}\n" in notes[0][2]


def test_without_an_incident_there_is_no_note(run_context: RunContext, notes: list[Any]) -> None:
    annotate(read(NoteStep, {"failure": "x"}), run_context)
    assert notes == []


def test_the_note_of_a_failure_replaces_the_note_about_the_start(run_context: RunContext, notes: list[Any]) -> None:
    capture_id = "20260102T120000Z-checkout-1a2b"
    annotate(read(NoteStep, INCIDENT | {"failure": "x", "capture_id": capture_id}), run_context)
    assert notes[0][1] == f"[debug-capture {capture_id}]"
