"""open_capture.py: a capture in the store, with fresh links."""

from __future__ import annotations

from pathlib import Path

import pytest

from debugcapture.errors import BadInput, CaptureGone, NotStored, Unreachable
from debugcapture.links.sign import links_of
from debugcapture.manifest import PAGE, Stored
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.steps import open_capture as module
from debugcapture.steps.open_capture import OpenStep, open_capture
from debugcapture.stores.encrypted import EncryptedStore
from tests.unit.links.stored import URL, SigningStore, stored_capture
from tests.unit.links.test_sign import RECIPIENT


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> SigningStore:
    opened = SigningStore()
    monkeypatch.setattr(module, "open_readable", lambda _settings: opened)
    return opened


def step(capture: str, **settings: str) -> OpenStep:
    return read(OpenStep, {"capture": capture, "store": URL, **settings})


def test_findings_and_files_are_shown_with_fresh_links(
    store: SigningStore, run_context: RunContext, log_lines: list[str]
) -> None:
    capture, old = stored_capture(run_context.spool, store)
    outcome = open_capture(step(capture.key, rendered="true"), run_context)
    (table,) = log_lines
    assert table.startswith("#BEGIN:RUNDECK:DATATYPE:text/html")
    assert outcome.data["link"] != old.page
    assert outcome.data["link"].replace("&", "&amp;") in table
    page = store.files[f"{capture.key}/{PAGE}"].decode()
    assert old.link("jvm-threads.txt") not in links_of(page)
    assert outcome.document["manifest"]["capture_id"] == capture.capture_id
    assert outcome.document["receipt"]["stored"][-1]["link"] == outcome.data["link"]


def test_without_the_filter_of_rundeck_the_result_is_text(
    store: SigningStore, run_context: RunContext, log_lines: list[str]
) -> None:
    capture, _ = stored_capture(run_context.spool, store)
    outcome = open_capture(step(capture.capture_id), run_context)
    head, evidence, ends, *files = log_lines[0].splitlines()
    assert head.startswith("complete: 1 artifacts of shop/checkout-7d9f-abcde")
    assert evidence == f"Evidence: {outcome.data['link']}"
    assert ends == "Links open until 2026-01-09 12:00 UTC"
    assert [line.partition(": https://")[0] for line in files] == ["jvm-threads.txt", "manifest.json"]


@pytest.mark.parametrize("rendered", ["true", "false"])
def test_an_encrypted_capture_is_opened_too(
    rendered: str, store: SigningStore, run_context: RunContext, log_lines: list[str]
) -> None:
    capture, _ = stored_capture(run_context.spool, EncryptedStore(store, [RECIPIENT]))
    outcome = open_capture(step(capture.key, rendered=rendered), run_context)
    assert "jvm-threads.txt.age" in log_lines[0]
    assert "encrypted" in log_lines[0]
    assert outcome.document["manifest"] is None


def test_a_page_that_cannot_be_renewed_does_not_hide_the_links(
    store: SigningStore, run_context: RunContext, log_lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    capture, _ = stored_capture(run_context.spool, store)

    def refuse(key: str, *_: object) -> Stored:
        raise NotStored(f"cannot store {key}", "AccessDenied", "Allow it.")

    monkeypatch.setattr(store, "put", refuse)
    assert open_capture(step(capture.key), run_context).exit_code == 0
    assert log_lines[0].endswith(
        "AccessDenied. Allow it. The links in the report page are not renewed. Use the links below."
    )
    assert "Evidence: https://" in log_lines[1]


def test_a_store_that_cannot_be_read_is_unreachable(
    store: SigningStore, run_context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(key: str) -> bytes:
        raise NotStored(f"cannot read {key}", "AccessDenied", "Allow it.")

    monkeypatch.setattr(store, "read", refuse)
    with pytest.raises(Unreachable, match="AccessDenied"):
        open_capture(step("shop/checkout/20260102T120000Z-x-1a2b"), run_context)


def test_what_the_store_does_not_have_is_reported(run_context: RunContext, tmp_path: Path) -> None:
    settings = {"store": (tmp_path / "store").as_uri()}
    with pytest.raises(CaptureGone, match="retention"):
        open_capture(step("shop/checkout/20260102T120000Z-x-1a2b", **settings), run_context)


def test_a_store_and_a_capture_are_required(run_context: RunContext) -> None:
    with pytest.raises(BadInput, match="cannot open the capture: store is missing"):
        open_capture(read(OpenStep, {"capture": "20260102T120000Z-x-1a2b"}), run_context)
    with pytest.raises(BadInput, match="cannot open a capture: capture is missing"):
        open_capture(read(OpenStep, {}), run_context)
