"""Our client and the simulator: one note from start to end, with each kind of key, and through an outage."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from debugcapture.errors import NoteNotSent
from debugcapture.incident.outbox import FOLDER, Note, Outbox
from debugcapture.incident.pagerduty import PagerDuty
from lab.pagerduty.account import SENDER, Keys
from lab.pagerduty.server import server

INCIDENT, MARK = "Q1CHECKOUT0001", "[debug-capture x]"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    state = tmp_path / "pagerduty"
    state.mkdir()
    listening = server(state, 0)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_address[1]}"
    listening.shutdown()
    thread.join()
    listening.server_close()


def account(url: str, keys: Keys, kind: str = "user") -> PagerDuty:
    return PagerDuty(url, getattr(keys, kind), "" if kind == "user" else SENDER, lambda _: None)


def notes(url: str, keys: Keys) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = account(url, keys)._send("GET", f"/incidents/{INCIDENT}/notes", None).json()["notes"]
    return found


@pytest.mark.parametrize("kind", ["account", "user", "bearer"])
def test_one_note_is_edited_in_place(kind: str, url: str, tmp_path: Path) -> None:
    keys = Keys.kept_in(tmp_path / "pagerduty" / "keys.json")
    client = account(url, keys, kind)
    done = [client.annotate(INCIDENT, MARK, f"{text} {MARK}") for text in ("capturing", "complete", "complete")]
    assert done == ["added", "edited", "was there already"]
    (note,) = notes(url, keys)
    assert note["content"] == f"complete {MARK}"


def test_a_note_waits_for_the_end_of_an_outage(url: str, tmp_path: Path) -> None:
    keys = Keys.kept_in(tmp_path / "pagerduty" / "keys.json")
    down = PagerDuty("http://127.0.0.1:9", keys.user, "", lambda _: None)
    with pytest.raises(NoteNotSent, match="the next run sends it"):
        Outbox(tmp_path, down, print).send(Note(url, INCIDENT, MARK, f"first {MARK}"))
    Outbox(tmp_path, account(url, keys), print).send(Note(url, INCIDENT, "[y]", "second [y]"))
    assert [note["content"] for note in notes(url, keys)] == ["second [y]", f"first {MARK}"]
    assert list((tmp_path / FOLDER).iterdir()) == []
