"""renew_links.py: which links are renewed, and how the step ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

import pytest

from debugcapture.errors import BadInput, CaptureGone, Unreachable
from debugcapture.links.records import LinkRecords
from debugcapture.manifest import Manifest
from debugcapture.pagerduty.api import PagerDuty
from debugcapture.pagerduty.note_text import marker
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.steps import renew_links as module
from debugcapture.steps.renew_links import LinksStep, renew
from tests.unit.links.stored import URL, SigningStore, stored_capture

SETTINGS = {"store": URL, "pagerduty_token": "t", "pagerduty_url": "https://api.example"}
INCIDENT = "Q1ABCDEF"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> SigningStore:
    opened = SigningStore()
    opened.time = datetime.now(timezone.utc)
    monkeypatch.setattr(module, "open_readable", lambda _settings: opened)
    return opened


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return the list of incidents and markers whose notes were edited."""
    notes: list[tuple[str, str]] = []

    def edit_note(_account: PagerDuty, incident: str, mark: str, _change: Callable[[str], str]) -> str:
        notes.append((incident, mark))
        return "edited"

    monkeypatch.setattr(PagerDuty, "edit_note", edit_note)
    return notes


@pytest.fixture
def capture(store: SigningStore, run_context: RunContext) -> Manifest:
    capture, receipt = stored_capture(run_context.spool, store)
    LinkRecords(run_context.spool).add(capture.capture_id, receipt, SETTINGS["pagerduty_url"], [INCIDENT])
    return capture


def test_links_that_expire_soon_are_renewed(
    capture: Manifest, run_context: RunContext, edited: list[tuple[str, str]], log_lines: list[str]
) -> None:
    outcome = renew(read(LinksStep, SETTINGS | {"renew_before_h": "100"}), run_context)
    assert (edited, outcome.data["summary"]) == ([], log_lines[-1])
    outcome = renew(read(LinksStep, SETTINGS | {"renew_before_h": "168"}), run_context)
    assert edited == [(INCIDENT, marker(capture.capture_id))]
    assert outcome.document == {"renewed": [capture.capture_id], "missing": []}
    assert log_lines[-1] == "links renewed for 1 captures, 0 no longer in the store, 0 failed"


def test_links_of_one_capture_are_renewed_at_once(
    capture: Manifest, run_context: RunContext, edited: list[tuple[str, str]]
) -> None:
    renew(read(LinksStep, SETTINGS | {"capture": capture.key, "incident_id": "Q2ABCDEF"}), run_context)
    assert [incident for incident, _ in edited] == ["Q2ABCDEF", INCIDENT]


def test_links_of_one_incident_are_those_of_its_notes(
    capture: Manifest, run_context: RunContext, edited: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PagerDuty, "note_texts", lambda *_: [f"x\n{marker(capture.capture_id)}"])
    renew(read(LinksStep, SETTINGS | {"incident_id": INCIDENT}), run_context)
    assert edited == [(INCIDENT, marker(capture.capture_id))]


def test_a_named_capture_that_is_gone_fails_the_step(
    store: SigningStore, capture: Manifest, run_context: RunContext
) -> None:
    store.files.clear()
    with pytest.raises(CaptureGone, match="the store does not contain it"):
        renew(read(LinksStep, SETTINGS | {"capture": capture.capture_id}), run_context)
    assert renew(read(LinksStep, SETTINGS | {"renew_before_h": "168"}), run_context).exit_code == 0


def test_a_failure_fails_the_step_with_the_numbers(capture: Manifest, run_context: RunContext) -> None:
    settings = SETTINGS | {"store": "s3://other", "capture": capture.capture_id}
    with pytest.raises(Unreachable, match="it is in s3://captures/debug") as failure:
        renew(read(LinksStep, settings), run_context)
    assert failure.value.data["summary"].endswith("1 failed")


@pytest.mark.parametrize("name", ["store", "pagerduty_token"])
def test_what_is_missing_is_named(name: str, run_context: RunContext) -> None:
    with pytest.raises(BadInput, match=f"{name} is missing"):
        renew(read(LinksStep, SETTINGS | {name: ""}), run_context)
