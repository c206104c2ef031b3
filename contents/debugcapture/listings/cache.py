"""A cache of lists, for when the API server is slow or unreachable: in the spool, or in memory."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as ReadTimeout
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Lock, Thread
from typing import Final, Generic, Protocol, TypeVar

from ..errors import CaptureError, Unreachable
from ..files import own_part, replace_text
from ..model import Report

# If the API server hangs, no more threads than this wait for it.
MAX_CONCURRENT_READS: Final = 8
# Older lists of pods are of no use.
DEFAULT_MAX_AGE: Final = timedelta(days=1)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Entry:
    """A list, and the time when it was read."""

    text: str
    time: datetime


@dataclass(frozen=True, slots=True)
class CachedList:
    """The result of a read. ``stale_reason`` is the reason why it is an old list, or "" if it is current."""

    entry: Entry
    stale_reason: str = ""


class CacheStorage(Protocol):
    """The storage of a cache."""

    def get(self, name: str) -> Entry | None:
        """Return the last entry, or None."""

    def put(self, name: str, value: Entry) -> None:
        """Replace the entry."""


class FileStorage:
    """Entries in a folder, which short-lived processes share."""

    def __init__(self, folder: Path, report: Report) -> None:
        """Use ``folder``, which is created if necessary. ``report`` gets a line if it cannot be written."""
        self._folder, self._report = folder, report

    def get(self, name: str) -> Entry | None:
        """Return the last entry, or None."""
        file = self._file(name)
        with suppress(OSError, UnicodeDecodeError):
            return Entry(file.read_text(encoding="utf-8"), datetime.fromtimestamp(file.stat().st_mtime, timezone.utc))
        return None

    def put(self, name: str, value: Entry) -> None:
        """Replace the entry. A reader gets the old one or the new one."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = self._file(name)
            replace_text(file, value.text, own_part(file), sync=False)  # it can be read again
        except OSError as error:
            self._report(f"cannot save the list in {self._folder}: {error.strerror or error}")

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"


class MemoryStorage(Generic[V]):
    """Entries in memory. If there are more than ``max_entries``, the oldest is removed."""

    def __init__(self, max_entries: int = 500) -> None:
        """Create an empty storage."""
        self._max_entries, self._lock = max_entries, Lock()
        self._values: OrderedDict[str, V] = OrderedDict()

    def get(self, name: str) -> V | None:
        """Return the value of ``name``, or None."""
        with self._lock:
            return self._values.get(name)

    def put(self, name: str, value: V) -> None:
        """Set the value of ``name``."""
        with self._lock:
            self._values[name] = value
            self._values.move_to_end(name)
            if len(self._values) > self._max_entries:
                self._values.popitem(last=False)


class Cache:
    """Reads each list at most once in ``ttl_s`` seconds, and waits at most ``timeout_s`` for it.

    Concurrent reads of the same list share one request. A list that arrives too late is there for the next read.
    """

    def __init__(
        self,
        storage: CacheStorage,
        *,
        ttl_s: float,
        timeout_s: float | None = None,
        max_age: timedelta = DEFAULT_MAX_AGE,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        """Keep entries in ``storage``. Without ``timeout_s``, there is no time limit."""
        self._storage, self._timeout_s, self._clock = storage, timeout_s, clock
        self._ttl, self._max_age = timedelta(seconds=ttl_s), max_age
        self._lock = Lock()
        self._reading: dict[str, Future[Entry]] = {}
        self._failures: MemoryStorage[tuple[datetime, CaptureError]] = MemoryStorage()

    def get(self, name: str, read: Callable[[], str]) -> CachedList:
        """Return the result of ``read``, or the previous list if the API server is unreachable or too slow.

        Raises Unreachable if there is no previous list or it is older than max_age, and the API server's refusals.
        """
        previous, now = self._storage.get(name), self._clock()
        if previous and now - previous.time < self._ttl:
            return CachedList(previous)
        try:
            return CachedList(self._read_once(name, read, now))
        except Unreachable as error:
            if previous and now - previous.time < self._max_age:
                return CachedList(previous, str(error))
            raise

    def _read_once(self, name: str, read: Callable[[], str], now: datetime) -> Entry:
        failure = self._failures.get(name)
        if failure and now - failure[0] < self._ttl:
            raise failure[1].with_traceback(None)
        try:
            return self._future(name, read).result(self._timeout_s)
        except ReadTimeout:
            reason = f"the API server did not respond within {self._timeout_s:g} s"
            raise Unreachable("cannot read the list", reason, "Try again later.") from None

    def _future(self, name: str, read: Callable[[], str]) -> "Future[Entry]":
        with self._lock:
            if name in self._reading:
                return self._reading[name]
            if len(self._reading) >= MAX_CONCURRENT_READS:
                reason = f"the API server is slow, and {MAX_CONCURRENT_READS} other lists are being read"
                raise Unreachable("cannot read the list", reason, "Try again later.")
            future: Future[Entry] = Future()
            self._reading[name] = future
        Thread(target=self._run_read, args=(name, read, future), daemon=True).start()
        return future

    def _run_read(self, name: str, read: Callable[[], str], future: "Future[Entry]") -> None:
        try:
            entry = Entry(read(), self._clock())
            self._storage.put(name, entry)
        except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
            if isinstance(error, CaptureError):
                self._failures.put(name, (self._clock(), error))
            self._remove(name)
            future.set_exception(error)
        else:
            self._remove(name)
            future.set_result(entry)

    def _remove(self, name: str) -> None:
        with self._lock:
            del self._reading[name]


def cache_key(*parts: str) -> str:
    """Return a key that identifies a list by ``parts``. None of them may be a credential."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
