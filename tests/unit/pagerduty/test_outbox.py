"""outbox.py: a note that cannot be sent now is sent by the next run, and never lost or sent to another account."""

from __future__ import annotations

from pathlib import Path

import pytest

from debugcapture.errors import NoteNotSent
from debugcapture.pagerduty.api import PagerDuty
from debugcapture.pagerduty.outbox import FOLDER, Note, Outbox

URL = "https://api.example"


class Account(PagerDuty):
    """PagerDuty that is up, down, or refuses one incident."""

    def __init__(self) -> None:
        self.down = False
        self.refused = ""
        self.notes: list[tuple[str, str]] = []

    def annotate(self, incident: str, marker: str, content: str, tries: int = 1) -> str:
        assert incident in marker
        assert tries > 0
        if self.down or incident == self.refused:
            error = NoteNotSent(f"cannot add a note to incident {incident}", "HTTP 503")
            error.waits = self.down
            raise error
        self.notes.append((incident, content))
        return "added"


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def log_lines() -> list[str]:
    return []


@pytest.fixture
def outbox(tmp_path: Path, account: Account, log_lines: list[str]) -> Outbox:
    return Outbox(tmp_path, account, log_lines.append)


def note(incident: str = "Q1", content: str = "text", url: str = URL) -> Note:
    return Note(url, incident, f"[{incident}]", content)


def waiting(spool: Path) -> int:
    return len(list((spool / FOLDER).glob("*")))


def fails(outbox: Outbox, unsent: Note) -> str:
    with pytest.raises(NoteNotSent) as caught:
        outbox.send(unsent)
    return str(caught.value)


def test_a_sent_note_is_removed_from_the_outbox(outbox: Outbox, account: Account, tmp_path: Path) -> None:
    outbox.send(note())
    assert account.notes == [("Q1", "text")]
    assert waiting(tmp_path) == 0


def test_the_next_run_sends_the_last_version_of_a_waiting_note(
    outbox: Outbox, account: Account, tmp_path: Path
) -> None:
    account.down = True
    fails(outbox, note(content="capturing"))
    assert f"The note is saved in {tmp_path}/{FOLDER}/" in fails(outbox, note(content="complete"))
    account.down = False
    outbox.send(note("Q2"))
    assert account.notes == [("Q2", "text"), ("Q1", "complete")]
    assert waiting(tmp_path) == 0


def test_a_permanently_refused_note_does_not_wait(outbox: Outbox, account: Account, tmp_path: Path) -> None:
    account.refused = "Q1"
    fails(outbox, note())
    assert waiting(tmp_path) == 0


def test_a_note_waits_for_its_own_account(outbox: Outbox, account: Account, tmp_path: Path) -> None:
    account.down = True
    fails(outbox, note(url="https://api.eu.example"))
    account.down = False
    outbox.send(note("Q2"))
    assert account.notes == [("Q2", "text")]
    assert waiting(tmp_path) == 1


@pytest.mark.parametrize("content", ["", "[]", "{}", "{", '{"url": 1}'])
def test_a_foreign_file_is_reported_and_delays_nothing(
    content: str, outbox: Outbox, account: Account, log_lines: list[str], tmp_path: Path
) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "x.json").write_text(content)
    outbox.send(note())
    assert account.notes == [("Q1", "text")]
    assert any("x.json is not a valid note" in line for line in log_lines)


def test_an_unwritable_spool_does_not_stop_the_note(account: Account, log_lines: list[str]) -> None:
    Outbox(Path("/dev/null/spool"), account, log_lines.append).send(note())
    assert account.notes == [("Q1", "text")]
    assert "cannot save the note" in log_lines[0]
