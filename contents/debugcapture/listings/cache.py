"""The last answer to a question, kept for when the API server is away or slow: in the spool, or in memory."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Lock, Thread
from typing import Final, Generic, Protocol, TypeVar

from ..errors import CaptureError, Unreachable
from ..files import own_part, replace_text

AT_ONCE: Final = 8  # questions; a server that hangs must not collect threads
OLDEST: Final = timedelta(days=1)  # pods of yesterday help nobody
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, and when it was given."""

    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered; ``late`` says why it is that of an earlier time, "" when it is not."""

    kept: Kept
    late: str = ""


class Shelf(Protocol):
    """Where answers are kept, by the name of their question."""

    def get(self, name: str) -> Kept | None:
        """Return the last answer, or None."""

    def put(self, name: str, value: Kept) -> None:
        """Keep an answer in the place of the last one."""


class FileShelf:
    """Answers in a folder, for processes that come and go."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        """Use ``folder``, which need not exist; ``say`` is told when it cannot be written."""
        self._folder, self._say = folder, say

    def get(self, name: str) -> Kept | None:
        """Return the last answer, or None."""
        file = self._file(name)
        with suppress(OSError, UnicodeDecodeError):
            return Kept(file.read_text(encoding="utf-8"), datetime.fromtimestamp(file.stat().st_mtime, timezone.utc))
        return None

    def put(self, name: str, value: Kept) -> None:
        """Keep an answer; a reader sees the old one or the new one."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = self._file(name)
            replace_text(file, value.text, own_part(file), sync=False)  # it can be asked for again
        except OSError as error:
            self._say(f"cannot save the list in {self._folder}: {error.strerror or error}")

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"


class MemoryShelf(Generic[V]):
    """What was put there last, in memory; the oldest goes when there is more than ``most``."""

    def __init__(self, most: int = 500) -> None:
        """Begin with nothing."""
        self._most, self._lock = most, Lock()
        self._values: OrderedDict[str, V] = OrderedDict()

    def get(self, name: str) -> V | None:
        """Return what is kept under ``name``, or None."""
        with self._lock:
            return self._values.get(name)

    def put(self, name: str, value: V) -> None:
        """Keep ``value``."""
        with self._lock:
            self._values[name] = value
            self._values.move_to_end(name)
            if len(self._values) > self._most:
                self._values.popitem(last=False)


class Answers:
    """Asks, but not more often than once in ``fresh_s`` seconds, and waits no longer than ``wait_s``.

    Who asks the same at the same time waits for the same answer. One that comes late is there for the next who asks.
    """

    def __init__(
        self,
        shelf: Shelf,
        *,
        fresh_s: float,
        wait_s: float | None = None,
        oldest: timedelta = OLDEST,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        """Keep answers on ``shelf``; without ``wait_s`` wait as long as it takes."""
        self._shelf, self._wait_s, self._now = shelf, wait_s, now
        self._fresh, self._oldest = timedelta(seconds=fresh_s), oldest
        self._lock = Lock()
        self._asking: dict[str, Future[Kept]] = {}
        self._failed: MemoryShelf[tuple[datetime, CaptureError]] = MemoryShelf()

    def get(self, name: str, ask: Callable[[], str]) -> Answer:
        """Return the answer of ``ask``, or the last one where the API server does not give it in time.

        Raises Unreachable when there is no last one, or none younger than ``oldest``, and what the API server refuses.
        """
        last, now = self._shelf.get(name), self._now()
        if last and now - last.at < self._fresh:
            return Answer(last)
        try:
            return Answer(self._asked(name, ask, now))
        except Unreachable as error:
            if last and now - last.at < self._oldest:
                return Answer(last, str(error))
            raise

    def _asked(self, name: str, ask: Callable[[], str], now: datetime) -> Kept:
        failed = self._failed.get(name)
        if failed and now - failed[0] < self._fresh:
            raise failed[1].with_traceback(None)
        try:
            return self._future(name, ask).result(self._wait_s)
        except NotInTime:
            why = f"the API server did not respond within {self._wait_s:g} s"
            raise Unreachable("cannot read the list", why, "Try again later.") from None

    def _future(self, name: str, ask: Callable[[], str]) -> "Future[Kept]":
        with self._lock:
            if name in self._asking:
                return self._asking[name]
            if len(self._asking) >= AT_ONCE:
                why = f"the API server is slow, and {AT_ONCE} other lists are being read"
                raise Unreachable("cannot read the list", why, "Try again later.")
            future: Future[Kept] = Future()
            self._asking[name] = future
        Thread(target=self._ask, args=(name, ask, future), daemon=True).start()
        return future

    def _ask(self, name: str, ask: Callable[[], str], future: "Future[Kept]") -> None:
        try:
            kept = Kept(ask(), self._now())
            self._shelf.put(name, kept)
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
            if isinstance(error, CaptureError):
                self._failed.put(name, (self._now(), error))
            self._done(name)
            future.set_exception(error)
        else:
            self._done(name)
            future.set_result(kept)

    def _done(self, name: str) -> None:
        with self._lock:
            del self._asking[name]


def name_of(*parts: str) -> str:
    """Return the name of a question that differs from others in ``parts``; none of them may be a credential."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
