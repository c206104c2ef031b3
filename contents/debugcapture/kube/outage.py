"""Remember when the API server was away: one that has just started refuses what it allows a moment later.

It answers before its authorizer has read all roles and bindings, and its authenticator all accounts; only its
`/readyz` waits for both. Source: Kubernetes documentation, "Kubernetes API health endpoints" (`informer-sync`).
"""

import time
from collections.abc import Callable

_RECOVERY_S = 30  # after which a refusal is meant
_PAUSE_S = 0.5
_REFUSALS = (401, 403)
_NEVER = float("-inf")


class Outages:
    """The last time that the API server was away, and was ready again; shared by threads."""

    def __init__(
        self,
        is_ready: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Begin with none; ``is_ready`` asks the server."""
        self._is_ready, self._clock, self._sleep = is_ready, clock, sleep
        self._noticed_at = self._ready_at = _NEVER

    def now(self) -> float:
        """Return the time, in seconds from anywhere."""
        return self._clock()

    def notice(self) -> None:
        """Take note of a connection that was refused, or has broken."""
        self._noticed_at = self._clock()

    def excuse(self, status: int, asked_at: float) -> bool:
        """Tell whether to ask again what was answered with an HTTP ``status``, having waited until the server is ready.

        What was asked when it was known to be ready is not excused: its refusal is meant.
        """
        was_ready = self._noticed_at < self._ready_at <= asked_at
        if status not in _REFUSALS or was_ready:
            return False
        while self._clock() - self._noticed_at < _RECOVERY_S:
            if self._is_ready():
                self._ready_at = self._clock()
                return True
            self._sleep(_PAUSE_S)
        return False
