"""renew.py: the notes of incidents get fresh links, one capture after another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from debugcapture.errors import NoteNotSent, NotStored, Unreachable
from debugcapture.incident.renew import Place, captures_of, renew_links
from debugcapture.links.records import LinkRecords
from debugcapture.links.sign import links_of
from debugcapture.manifest import PAGE, Manifest, Receipt
from debugcapture.pagerduty.api import Access, PagerDuty
from debugcapture.pagerduty.note_text import Addresses, capture_note, marker
from tests.unit.builders import CAPTURE_ID, NOON
from tests.unit.links.stored import URL, SigningStore, stored_capture

ACCOUNT = "https://api.example"
INCIDENT = "Q1ABCDEF"


class Account(PagerDuty):
    """An account in memory: the notes of each incident by their marker."""

    def __init__(self) -> None:
        super().__init__(Access(ACCOUNT, "t"))
        self.texts: dict[str, list[str]] = {INCIDENT: []}
        self.refuses = False

    def note_texts(self, incident: str) -> list[str]:
        return self.texts[incident]

    def edit_note(self, incident: str, marker: str, change: Callable[[str], str]) -> str:
        if self.refuses:
            raise NoteNotSent(f"cannot edit the note of incident {incident}", "HTTP 500")
        for index, text in enumerate(self.texts.get(incident, [])):
            if marker in text:
                self.texts[incident][index] = change(text)
                return "edited"
        return ""


@dataclass
class World:
    """A store, an account and the records of a spool, with a week-old capture and its note."""

    store: SigningStore
    account: Account
    records: LinkRecords
    spool: Path

    def place(self) -> Place:
        return Place(self.store, URL, self.account, self.records)

    def noted(self, *incidents: str) -> tuple[Manifest, Receipt]:
        """Store a capture, and write its note into ``incidents``."""
        capture, receipt = stored_capture(self.spool, self.store)
        for incident in incidents:
            text = capture_note(capture, receipt, "", Addresses(), "")
            self.account.texts.setdefault(incident, []).append(text)
        self.records.add(capture.capture_id, receipt, ACCOUNT, incidents)
        return capture, receipt


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(SigningStore(), Account(), LinkRecords(tmp_path), tmp_path)


def ignore(_line: str) -> None:
    pass


def test_every_note_and_the_page_get_fresh_links(world: World) -> None:
    capture, receipt = world.noted(INCIDENT, "Q2ABCDEF")
    world.store.time = NOON + timedelta(days=30)
    lines: list[str] = []
    renewal = renew_links(world.place(), world.records.due(world.store.time), (), lines.append)
    assert (renewal.renewed, renewal.missing, renewal.failures) == ([capture.capture_id], [], [])
    for incident in (INCIDENT, "Q2ABCDEF"):
        (text,) = world.account.texts[incident]
        assert receipt.page not in text
        assert f"Evidence: {receipt.page.partition('?')[0]}?" in text
        assert "Links open until 2026-02-08 12:00 UTC; stored in s3://captures/debug" in text
        assert f"incident {incident}: note edited" in lines
    assert receipt.link("jvm-threads.txt") not in links_of(world.store.files[f"{capture.key}/{PAGE}"].decode())
    assert f"{capture.capture_id}: links open until 2026-02-08 12:00 UTC" in lines
    assert world.records.due(world.store.time + timedelta(days=7)) == []


def test_captures_of_an_incident_are_those_of_its_notes(world: World) -> None:
    capture, _ = world.noted(INCIDENT)
    world.account.texts[INCIDENT] += ["a note of a person", f"x\n{marker(CAPTURE_ID)}", f"y\n{marker(CAPTURE_ID)}"]
    assert captures_of(world.account, INCIDENT) == [capture.capture_id, CAPTURE_ID]


def test_what_the_store_no_longer_has_is_reported_and_not_tried_again(world: World) -> None:
    first, _ = world.noted(INCIDENT)
    second, _ = world.noted(INCIDENT)
    world.store.files = {key: content for key, content in world.store.files.items() if first.capture_id not in key}
    lines: list[str] = []
    renewal = renew_links(world.place(), [first.capture_id, second.capture_id], [], lines.append)
    assert (renewal.renewed, renewal.missing) == ([second.capture_id], [first.capture_id])
    assert any(line.startswith(f"cannot open the capture {first.capture_id}: {URL} does not") for line in lines)
    assert world.records.find(first.capture_id) is None
    assert renewal.summary == "links renewed for 1 captures, 1 no longer in the store, 0 failed"


def test_a_failure_of_one_capture_does_not_stop_the_others_and_it_stays_due(world: World) -> None:
    first, _ = world.noted(INCIDENT)
    second, _ = world.noted(INCIDENT)
    read = world.store.read

    def refuse(key: str) -> bytes | None:
        if first.capture_id in key:
            raise NotStored(f"cannot read {key}", "AccessDenied", "Allow it.")
        return read(key)

    world.store.read = refuse  # type: ignore[method-assign]
    renewal = renew_links(world.place(), [first.capture_id, second.capture_id], [], ignore)
    assert renewal.renewed == [second.capture_id]
    assert [type(failure) for failure in renewal.failures] == [Unreachable]
    assert first.capture_id in world.records.due(NOON + timedelta(days=8))


def test_a_note_that_is_not_edited_stays_due(world: World) -> None:
    capture, _ = world.noted(INCIDENT)
    world.account.refuses = True
    renewal = renew_links(world.place(), [capture.capture_id], [], ignore)
    assert [type(failure) for failure in renewal.failures] == [NoteNotSent]
    assert world.records.due(NOON + timedelta(days=8)) == [capture.capture_id]


def test_an_incident_without_the_note_is_reported(world: World) -> None:
    capture, _ = world.noted()
    lines: list[str] = []
    assert renew_links(world.place(), [capture.key], ["Q9ABCDEF"], lines.append).renewed == [capture.capture_id]
    assert lines[0] == f"incident Q9ABCDEF: no note about {capture.capture_id}"


def test_captures_of_another_store_or_account_are_not_renewed(world: World) -> None:
    capture, receipt = world.noted()
    world.records.add(capture.capture_id, receipt, "https://other.example", [INCIDENT])
    other = Place(world.store, "s3://other", world.account, world.records)
    renewal = renew_links(other, [capture.capture_id], [], ignore)
    assert "it is in s3://captures/debug" in str(renewal.failures[0])
