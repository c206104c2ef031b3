"""How fast we may ask the API server: so many requests a second, and of those that wait the urgent ones first.

The server has limits of its own (API Priority and Fairness), which it shares out among all clients; a capture of many
pods must not use up what the cluster's own controllers need in an incident.
"""

import heapq
import itertools
import time
from collections.abc import Callable
from threading import Condition

from ..backoff import Rate


class RateLimit:
    """A bucket that fills by ``per_s`` requests a second, up to ``burst``; shared by threads."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with a full bucket."""
        self._rate, self._until, self._clock = Rate(per_s, burst), float("-inf"), clock
        self._turn, self._numbers = Condition(), itertools.count()
        self._waiting: list[tuple[bool, int]] = []
        self.taken = 0

    @property
    def waiting(self) -> int:
        """Return how many requests wait for their turn."""
        return len(self._waiting)

    def take(self, *, urgent: bool = False) -> None:
        """Wait for the turn of one request. An attach or exec is ``urgent``: the pod may be gone a second later."""
        with self._turn:
            mine = (not urgent, next(self._numbers))
            heapq.heappush(self._waiting, mine)
            try:
                while self._waiting[0] != mine or self._missing_s() > 0:
                    self._turn.wait(self._missing_s() if self._waiting[0] == mine else None)
                self._until = self._rate.promise(self._until, self._clock())
                self.taken += 1
            finally:  # an abort may end the wait
                self._waiting.remove(mine)
                heapq.heapify(self._waiting)
                self._turn.notify_all()

    def _missing_s(self) -> float:
        """Return in how many seconds there will be a whole request."""
        return self._rate.wait_s(self._until, self._clock())
