"""minute_cache.py: at most one read per key and minute."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from debugcapture.errors import NotStored
from debugcapture.links.minute_cache import KEEP_S, MinuteCache


class Source:
    """Counts how often it is read."""

    def __init__(self) -> None:
        self.reads = 0
        self.error: NotStored | None = None

    def read(self) -> str:
        self.reads += 1
        if self.error:
            raise self.error
        return f"value {self.reads}"


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def source() -> Source:
    return Source()


def test_value_is_read_once_a_minute(pool: ThreadPoolExecutor, source: Source) -> None:
    time = [0.0]
    cache = MinuteCache[str](pool, 10, len, lambda: time[0])
    assert not cache.is_ready("a")
    assert [cache.get("a", source.read, 5) for _ in range(3)] == ["value 1"] * 3
    assert cache.is_ready("a")
    time[0] = KEEP_S
    assert not cache.is_ready("a")
    assert cache.get("a", source.read, 5) == "value 2"
    assert source.reads == 2


def test_failure_is_remembered_for_seconds_only(pool: ThreadPoolExecutor, source: Source) -> None:
    time = [0.0]
    cache = MinuteCache[str](pool, 10, len, lambda: time[0])
    source.error = NotStored("cannot read", "SlowDown")
    for _ in range(3):
        with pytest.raises(NotStored, match="SlowDown"):
            cache.get("a", source.read, 5)
    assert source.reads == 1
    source.error, time[0] = None, 6.0
    assert cache.get("a", source.read, 5) == "value 2"


def test_concurrent_readers_share_one_response(pool: ThreadPoolExecutor, source: Source) -> None:
    cache, may_read = MinuteCache[str](pool, 10, len), threading.Event()

    def read() -> str:
        assert may_read.wait(30)
        return source.read()

    with ThreadPoolExecutor(3) as readers:
        values = [readers.submit(cache.get, "a", read, 30) for _ in range(3)]
        may_read.set()
        assert [value.result(30) for value in values] == ["value 1"] * 3


def test_a_store_that_does_not_answer_is_reported(pool: ThreadPoolExecutor) -> None:
    cache, released = MinuteCache[str](pool, 10, len), threading.Event()

    def read() -> str:
        assert released.wait(30)
        return "late"

    with pytest.raises(NotStored, match="it did not answer within 0 s"):
        cache.get("a", read, 0.01)
    released.set()
    assert cache.get("a", read, 30) == "late"


def test_the_oldest_entries_are_removed_first(pool: ThreadPoolExecutor, source: Source) -> None:
    cache = MinuteCache[str](pool, 20, len)  # "value 1" has 7 characters
    for key in ("a", "b", "c"):
        cache.get(key, source.read, 5)
    wait_for(lambda: not cache.is_ready("a"))
    assert cache.is_ready("b")
    assert cache.is_ready("c")


def test_value_that_is_too_large_is_not_kept(pool: ThreadPoolExecutor, source: Source) -> None:
    cache = MinuteCache[str](pool, 5, len)
    assert cache.get("a", source.read, 5) == "value 1"
    wait_for(lambda: not cache.is_ready("a"))
    assert cache.get("a", source.read, 5) == "value 2"


def wait_for(condition: Callable[[], bool]) -> None:
    """The end of a read is recorded right after its result is there."""
    for _ in range(1000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it did not happen within five seconds")
