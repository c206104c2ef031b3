"""dedup.py: one capture for all incidents about a workload, and each of them gets the final note."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import Bundle, create_bundle
from debugcapture.incident.dedup import (
    ATTACHED,
    CaptureIndex,
    CaptureRequest,
    attach_incident,
    find_interrupted,
    notify_attached,
)
from tests.unit.builders import NOON, manifest, nothing

Sent = list[tuple[str, str]]


@pytest.fixture
def sent() -> Sent:
    return []


@pytest.fixture
def send(sent: Sent) -> Callable[[str, str], None]:
    return lambda incident, text: sent.append((incident, text))


def request(incident: str = "Q1", workload: str = "shop/checkout", after_s: int = 0) -> CaptureRequest:
    return CaptureRequest(incident, f"incident {incident}", workload, NOON + timedelta(seconds=after_s))


class Server:
    """The captures of one Rundeck server. Each runs until `end`."""

    def __init__(self, spool: Path) -> None:
        self.spool, self.held = spool, dict[str, ExitStack]()

    def find_or_create(self, request: CaptureRequest, within_s: int = 600) -> tuple[Bundle, bool]:
        resources = ExitStack()
        bundle, is_new = CaptureIndex(self.spool, within_s).find_or_create(request, self._make, resources)
        if is_new:
            self.held[bundle.folder.name] = resources
        return bundle, is_new

    def end(self, bundle: Bundle, *, finished: bool = True, failed: bool = False) -> None:
        document = manifest(*([nothing("failed", "no")] if failed else []), capture_id=bundle.folder.name)
        bundle.save(document if finished else replace(document, finished=None))
        self.held[bundle.folder.name].close()

    def _make(self) -> Bundle:
        bundle = create_bundle(self.spool, "checkout-7d9f-abcde", NOON)
        bundle.save(manifest(capture_id=bundle.folder.name, finished=None))
        return bundle


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


@pytest.mark.parametrize(
    ("second", "joins"),
    [(request("Q2"), True), (request("Q1"), True), (request("Q2", "shop/orders"), False)],
    ids=["the same workload", "the same incident", "another workload"],
)
def test_a_running_capture_is_joined(second: CaptureRequest, joins: bool, server: Server) -> None:
    first, is_new = server.find_or_create(request())
    assert is_new
    joined, is_new = server.find_or_create(second)
    assert (joined.folder == first.folder, is_new) == (joins, not joins)


@pytest.mark.parametrize(
    ("after_s", "end", "joins"),
    [
        (60, {}, True),
        (700, {}, False),
        (60, {"failed": True}, False),
        (60, {"finished": False}, False),
    ],
    ids=["just ended", "long ended", "failed", "killed"],
)
def test_a_recent_successful_capture_is_joined(after_s: int, end: dict[str, bool], joins: bool, server: Server) -> None:
    first, _ = server.find_or_create(request())
    server.end(first, **end)
    joined, is_new = server.find_or_create(request("Q2", after_s=after_s))
    assert (joined.folder == first.folder, is_new) == (joins, not joins)


def test_all_attached_incidents_get_the_final_note_also_later_ones(
    server: Server, send: Callable[[str, str], None], sent: Sent
) -> None:
    bundle, _ = server.find_or_create(request())
    assert attach_incident(bundle, "Q2", "capturing", send)
    notify_attached(bundle, "the link", send)
    assert attach_incident(bundle, "Q3", "capturing", send)
    assert sent == [("Q2", "capturing"), ("Q1", "the link"), ("Q2", "the link"), ("Q3", "the link")]


def test_an_incident_attaches_once(server: Server, send: Callable[[str, str], None], sent: Sent) -> None:
    bundle, _ = server.find_or_create(request())
    assert attach_incident(bundle, "Q2", "capturing", send)
    assert not attach_incident(bundle, "Q2", "capturing", send)
    assert not attach_incident(bundle, "Q1", "capturing", send), "it has started the capture"
    assert sent == [("Q2", "capturing")]


def test_the_next_run_finds_a_capture_that_was_killed(server: Server, send: Callable[[str, str], None]) -> None:
    bundle, _ = server.find_or_create(request())
    assert find_interrupted(server.spool) == [], "it runs"
    server.end(bundle, finished=False)
    assert [bundle.folder for bundle in find_interrupted(server.spool)] == [bundle.folder]
    notify_attached(bundle, "killed", send)
    assert find_interrupted(server.spool) == []


def test_all_attached_incidents_are_notified_about_a_full_disk(
    server: Server, send: Callable[[str, str], None], sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    bundle, _ = server.find_or_create(request())
    monkeypatch.setattr(Path, "write_text", full)
    notify_attached(bundle, "the disk is full", send)
    assert sent == [("Q1", "the disk is full")]


def test_a_capture_without_attached_incidents_sends_no_note(tmp_path: Path, send: Callable[[str, str], None]) -> None:
    bundle = create_bundle(tmp_path, "x", NOON)
    notify_attached(bundle, "text", send)
    assert list(bundle.folder.iterdir()) == []
    assert not (bundle.folder / ATTACHED).exists()
