"""Remembers when the API server was unreachable, because after a start it rejects requests that it would allow.

It responds before its authorizer has read all roles and bindings, and its authenticator all accounts. Only its
`/readyz` waits for both. Source: Kubernetes documentation, "Kubernetes API health endpoints" (`informer-sync`).
"""

import time
from collections.abc import Callable

_RECOVERY_S = 30  # a rejection after this time is final
_SETTLE_S = 3
"""How long rejections are still doubted after `/readyz` succeeded. Behind a load balancer, another server may have
answered it than the one that rejects the request."""
_PAUSE_S = 0.5
_REFUSALS = (401, 403)
_NEVER = float("-inf")


class Outages:
    """When the API server was last unreachable, and when it was ready again. Shared by threads."""

    def __init__(
        self,
        is_ready: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """``is_ready`` asks the server."""
        self._is_ready, self._clock, self._sleep = is_ready, clock, sleep
        self._noticed_at = self._ready_at = _NEVER

    def now(self) -> float:
        """Return the current time of a monotonic clock, in seconds."""
        return self._clock()

    def record_failure(self) -> None:
        """Record that a connection was refused or has broken."""
        self._noticed_at = self._clock()

    def should_retry(self, status: int, asked_at: float) -> bool:
        """Return whether to repeat a request that got an HTTP ``status``. If so, wait until the server is ready.

        A 401 or 403 shortly after an outage may be wrong. It is final if the request was sent (``asked_at``) when the
        server had been ready for _SETTLE_S.
        """
        if status not in _REFUSALS or self._was_settled(asked_at):
            return False
        if self._noticed_at <= self._ready_at <= asked_at:
            self._sleep(_PAUSE_S)
        while self._clock() - self._noticed_at < _RECOVERY_S:
            if self._is_ready():
                if self._ready_at < self._noticed_at:
                    self._ready_at = self._clock()
                return True
            self._sleep(_PAUSE_S)
        return False

    def _was_settled(self, asked_at: float) -> bool:
        """Return whether the last outage, if there was one, had ended _SETTLE_S before ``asked_at``."""
        return self._noticed_at <= self._ready_at <= asked_at - _SETTLE_S
