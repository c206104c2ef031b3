"""Remembers what a store returned for a minute, so that many readers of one capture cost it one request."""

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Final, Generic, TypeVar

from ..errors import NotStored

V = TypeVar("V")
KEEP_S: Final = 60.0
# A failure is remembered for a short time only.
_KEEP_FAILURE_S: Final = 5.0


@dataclass(slots=True)
class _Entry(Generic[V]):
    future: "Future[V]"
    ends: float | None = None
    """Time on the clock of the cache; None while the store is being asked."""
    cost: int = 0


class MinuteCache(Generic[V]):
    """A cache of at most ``max_cost``. Requests for the same key at the same time wait for one answer of the store."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        max_cost: int,
        cost_of: Callable[[V], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask the store in ``pool``. The ``clock`` does not depend on the time of day, which may jump."""
        self._pool, self._max_cost, self._cost_of, self._clock = pool, max_cost, cost_of, clock
        self._entries = OrderedDict[str, _Entry[V]]()
        self._total_cost, self._lock = 0, Lock()

    def is_ready(self, key: str) -> bool:
        """Return whether `get` would return at once."""
        with self._lock:
            entry = self._entries.get(key)
            return entry is not None and entry.future.done() and not self._is_over(entry)

    def get(self, key: str, read: Callable[[], V], wait_s: float) -> V:
        """Return the value of ``key``, which ``read`` gets from the store. Raises what ``read`` raises.

        Raises NotStored if the store does not answer within ``wait_s``. A later request may get its answer.
        """
        with self._lock:
            entry = self._entries.get(key)
            is_new = entry is None or self._is_over(entry)
            if entry is None or is_new:
                entry = self._start(key, read)
        if is_new:
            # Not with the lock: if the answer is there already, this thread calls it at once.
            entry.future.add_done_callback(partial(self._finish, key, entry))
        try:
            return entry.future.result(wait_s)
        except FutureTimeoutError:
            raise NotStored("cannot read the store", f"it did not answer within {wait_s:.0f} s") from None

    def _is_over(self, entry: _Entry[V]) -> bool:
        return entry.ends is not None and entry.ends <= self._clock()

    def _start(self, key: str, read: Callable[[], V]) -> _Entry[V]:
        self._drop(key)
        entry = _Entry(self._pool.submit(read))
        self._entries[key] = entry
        return entry

    def _finish(self, key: str, entry: _Entry[V], future: "Future[V]") -> None:
        """Set the end and the cost of ``entry``, and drop the oldest entries if all together cost too much."""
        is_failure = future.cancelled() or future.exception() is not None
        cost = 1 if is_failure else self._cost_of(future.result())
        with self._lock:
            entry.ends = self._clock() + (_KEEP_FAILURE_S if is_failure else KEEP_S)
            if self._entries.get(key) is not entry:
                return
            entry.cost = cost
            self._total_cost += cost
            while self._total_cost > self._max_cost and self._entries:
                self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry:
            self._total_cost -= entry.cost
