"""cache.py: when lists are read again, and which list is used during an outage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, Event, Thread

import pytest

from debugcapture.errors import NotAllowed, Unreachable
from debugcapture.listings.cache import MAX_CONCURRENT_READS, Cache, Entry, FileStorage, MemoryStorage, cache_key
from tests.unit.builders import NOON

AWAY = Unreachable("cannot list", "the API server did not respond")


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


class Server:
    """Returns a growing number, or fails."""

    def __init__(self) -> None:
        self.queries = 0
        self.error: Exception | None = None

    def __call__(self) -> str:
        self.queries += 1
        if self.error:
            raise self.error
        return f"answer {self.queries}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Server:
    return Server()


def answers(clock: Callable[[], datetime], timeout_s: float | None = None) -> Cache:
    return Cache(MemoryStorage(), ttl_s=10, timeout_s=timeout_s, clock=clock)


def test_a_fresh_entry_is_used_without_a_request(clock: Clock, server: Server) -> None:
    cache = answers(clock)
    assert cache.get("one", server).entry.text == "answer 1"
    clock.passes(seconds=9)
    assert cache.get("one", server).entry == Entry("answer 1", NOON)
    clock.passes(seconds=2)
    assert cache.get("one", server).entry.text == "answer 2"


def test_each_request_has_its_own_entry(clock: Clock, server: Server) -> None:
    cache = answers(clock)
    assert [cache.get(name, server).entry.text for name in ("one", "two", "one")] == [
        "answer 1",
        "answer 2",
        "answer 1",
    ]


def test_the_last_entry_is_used_while_the_server_is_unreachable_and_the_reason_is_reported(
    clock: Clock, server: Server
) -> None:
    cache = answers(clock)
    cache.get("one", server)
    clock.passes(minutes=5)
    server.error = AWAY
    answer = cache.get("one", server)
    assert answer.entry == Entry("answer 1", NOON)
    assert "did not respond" in answer.stale_reason


def test_an_old_entry_is_not_used(clock: Clock, server: Server) -> None:
    cache = answers(clock)
    cache.get("one", server)
    clock.passes(hours=25)
    server.error = AWAY
    with pytest.raises(Unreachable):
        cache.get("one", server)


def test_a_refusal_is_reported_even_if_there_is_a_cached_entry(clock: Clock, server: Server) -> None:
    cache = answers(clock)
    cache.get("one", server)
    clock.passes(minutes=5)
    server.error = NotAllowed("cannot list", "forbidden")
    with pytest.raises(NotAllowed):
        cache.get("one", server)


def test_a_server_that_failed_gets_no_requests_for_a_while(clock: Clock, server: Server) -> None:
    cache = answers(clock)
    server.error = AWAY
    for _ in range(3):
        with pytest.raises(Unreachable):
            cache.get("one", server)
    assert server.queries == 1
    clock.passes(seconds=11)
    server.error = None
    assert cache.get("one", server).entry.text == "answer 2"


def test_a_defect_is_not_treated_as_an_unreachable_server(clock: Clock, server: Server) -> None:
    cache = answers(clock)
    cache.get("one", server)
    clock.passes(minutes=5)
    server.error = KeyError("items")
    with pytest.raises(KeyError):
        cache.get("one", server)


def test_waits_have_a_limit_and_a_late_response_is_used_by_the_next_request(clock: Clock) -> None:
    release, arrived = Event(), Event()

    class CacheStorage(MemoryStorage[Entry]):
        def put(self, name: str, value: Entry) -> None:
            super().put(name, value)
            arrived.set()

    def slow() -> str:
        release.wait()
        return "late"

    cache = Cache(CacheStorage(), ttl_s=10, timeout_s=0.05, clock=clock)
    with pytest.raises(Unreachable, match=r"within 0\.05 s"):
        cache.get("one", slow)
    release.set()
    assert arrived.wait(10)
    assert cache.get("one", pytest.fail).entry.text == "late"


def test_concurrent_identical_requests_share_one_query(clock: Clock, server: Server) -> None:
    request, release = Event(), Event()
    together = Barrier(2)
    texts: list[str] = []

    def slow() -> str:
        request.set()
        release.wait()
        return server()

    cache = answers(clock)
    first = Thread(target=lambda: texts.append(cache.get("one", slow).entry.text))

    def join() -> None:
        together.wait()
        texts.append(cache.get("one", slow).entry.text)

    second = Thread(target=join)
    first.start()
    assert request.wait(10)
    second.start()
    together.wait()
    release.set()
    first.join()
    second.join()
    assert texts == ["answer 1", "answer 1"]
    assert server.queries == 1


def test_a_server_that_hangs_does_not_accumulate_threads(clock: Clock) -> None:
    release = Event()

    def hangs() -> str:
        release.wait()
        return ""

    cache = answers(clock, timeout_s=0.01)
    for number in range(MAX_CONCURRENT_READS):
        with pytest.raises(Unreachable, match="within"):
            cache.get(str(number), hangs)
    with pytest.raises(Unreachable, match="other lists"):
        cache.get("one more", hangs)
    release.set()


def test_the_file_store_returns_the_stored_entry(tmp_path: Path) -> None:
    log_lines: list[str] = []
    shelf = FileStorage(tmp_path / "options", log_lines.append)
    assert shelf.get("one") is None
    shelf.put("one", Entry("ä", NOON))
    entry = shelf.get("one")
    assert entry
    assert entry.text == "ä"
    assert [file.name for file in (tmp_path / "options").iterdir()] == ["one.json"]
    assert (tmp_path / "options").stat().st_mode & 0o077 == 0
    assert not log_lines


def test_a_folder_that_cannot_be_written_only_disables_the_cache(tmp_path: Path, clock: Clock) -> None:
    log_lines: list[str] = []
    (tmp_path / "file").touch()
    cache = Cache(FileStorage(tmp_path / "file" / "options", log_lines.append), ttl_s=10, clock=clock)
    assert cache.get("one", lambda: "text").entry.text == "text"
    assert "cannot save the list" in log_lines[0]


def test_the_memory_store_has_a_size_limit() -> None:
    shelf: MemoryStorage[int] = MemoryStorage(2)
    for number in range(3):
        shelf.put(str(number), number)
    assert [shelf.get(str(number)) for number in range(3)] == [None, 1, 2]


def test_the_name_identifies_the_request() -> None:
    assert cache_key("a", "b") == cache_key("a", "b")
    assert len({cache_key("a", "b"), cache_key("ab"), cache_key("a", "", "b"), cache_key("b", "a")}) == 4
