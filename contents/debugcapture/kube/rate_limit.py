"""Limits the requests per second to the API server. Urgent requests go first.

The API server shares its capacity among all clients (API Priority and Fairness). A capture of many pods must not use
what the controllers of the cluster need in an incident.
"""

import heapq
import itertools
import time
from collections.abc import Callable
from threading import Condition

from ..backoff import Rate


class RateLimit:
    """A token bucket that refills with ``per_s`` requests per second, up to ``burst``. Shared by threads."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """The bucket starts full."""
        self._rate, self._until, self._clock = Rate(per_s, burst), float("-inf"), clock
        self._turn, self._numbers = Condition(), itertools.count()
        self._waiting: list[tuple[bool, int]] = []
        self.taken = 0

    @property
    def waiting(self) -> int:
        """Return the number of requests that wait."""
        return len(self._waiting)

    def take(self, *, urgent: bool = False) -> None:
        """Wait until one request is allowed. An attach or exec is ``urgent``: the pod may be gone a second later."""
        with self._turn:
            ticket = (not urgent, next(self._numbers))
            heapq.heappush(self._waiting, ticket)
            try:
                while self._waiting[0] != ticket or self._missing_s() > 0:
                    self._turn.wait(self._missing_s() if self._waiting[0] == ticket else None)
                self._until = self._rate.promise(self._until, self._clock())
                self.taken += 1
            finally:  # an abort may end the wait
                self._waiting.remove(ticket)
                heapq.heapify(self._waiting)
                self._turn.notify_all()

    def _missing_s(self) -> float:
        """Return the seconds until the bucket has a token."""
        return self._rate.wait_s(self._until, self._clock())
