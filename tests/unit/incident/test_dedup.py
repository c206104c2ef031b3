"""dedup.py: one capture for all who want the same, and each of them hears of its end, whenever it came."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import Bundle, create_bundle
from debugcapture.incident.dedup import JOINED, Joins, Wanted, join, tell, untold
from tests.unit.builders import NOON, manifest, nothing

Sent = list[tuple[str, str]]


@pytest.fixture
def sent() -> Sent:
    return []


@pytest.fixture
def send(sent: Sent) -> Callable[[str, str], None]:
    return lambda incident, text: sent.append((incident, text))


def wanted(incident: str = "Q1", workload: str = "shop/checkout", after_s: int = 0) -> Wanted:
    return Wanted(incident, f"incident {incident}", workload, NOON + timedelta(seconds=after_s))


class Server:
    """The captures of one Rundeck; each lasts until it is ended."""

    def __init__(self, spool: Path) -> None:
        self.spool, self.held = spool, dict[str, ExitStack]()

    def begin(self, one: Wanted, within_s: int = 600) -> tuple[Bundle, bool]:
        held = ExitStack()
        bundle, ours = Joins(self.spool, within_s).begin(one, self._make, held)
        if ours:
            self.held[bundle.folder.name] = held
        return bundle, ours

    def end(self, bundle: Bundle, *, finished: bool = True, failed: bool = False) -> None:
        saved = manifest(*([nothing("failed", "no")] if failed else []), capture_id=bundle.folder.name)
        bundle.save(saved if finished else replace(saved, finished=None))
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
    [(wanted("Q2"), True), (wanted("Q1"), True), (wanted("Q2", "shop/orders"), False)],
    ids=["the same workload", "the same incident", "another workload"],
)
def test_what_runs_is_joined(second: Wanted, joins: bool, server: Server) -> None:
    first, ours = server.begin(wanted())
    assert ours
    there, ours = server.begin(second)
    assert (there.folder == first.folder, ours) == (joins, not joins)


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
def test_what_has_ended_is_joined_when_it_was_good_and_is_young(
    after_s: int, end: dict[str, bool], joins: bool, server: Server
) -> None:
    first, _ = server.begin(wanted())
    server.end(first, **end)
    there, ours = server.begin(wanted("Q2", after_s=after_s))
    assert (there.folder == first.folder, ours) == (joins, not joins)


def test_all_who_joined_hear_of_the_end_and_so_do_those_who_come_later(
    server: Server, send: Callable[[str, str], None], sent: Sent
) -> None:
    bundle, _ = server.begin(wanted())
    assert join(bundle, "Q2", "capturing", send)
    tell(bundle, "the link", send)
    assert join(bundle, "Q3", "capturing", send)
    assert sent == [("Q2", "capturing"), ("Q1", "the link"), ("Q2", "the link"), ("Q3", "the link")]


def test_who_joins_twice_is_told_once(server: Server, send: Callable[[str, str], None], sent: Sent) -> None:
    bundle, _ = server.begin(wanted())
    assert join(bundle, "Q2", "capturing", send)
    assert not join(bundle, "Q2", "capturing", send)
    assert not join(bundle, "Q1", "capturing", send), "it has started the capture"
    assert sent == [("Q2", "capturing")]


def test_a_capture_that_was_killed_is_found_by_the_next(server: Server, send: Callable[[str, str], None]) -> None:
    bundle, _ = server.begin(wanted())
    assert untold(server.spool) == [], "it runs"
    server.end(bundle, finished=False)
    assert [one.folder for one in untold(server.spool)] == [bundle.folder]
    tell(bundle, "killed", send)
    assert untold(server.spool) == []


def test_a_full_disk_is_told_to_all_who_joined(
    server: Server, send: Callable[[str, str], None], sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    bundle, _ = server.begin(wanted())
    monkeypatch.setattr(Path, "write_text", full)
    tell(bundle, "the disk is full", send)
    assert sent == [("Q1", "the disk is full")]


def test_a_capture_that_nobody_can_join_tells_nobody(tmp_path: Path, send: Callable[[str, str], None]) -> None:
    bundle = create_bundle(tmp_path, "x", NOON)
    tell(bundle, "text", send)
    assert list(bundle.folder.iterdir()) == []
    assert not (bundle.folder / JOINED).exists()
