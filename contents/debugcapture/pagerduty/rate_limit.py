"""The rate limit that all processes of one Rundeck server share: 960 requests per minute.

Source: PagerDuty API reference, "REST API Rate Limits". The algorithm is the generic cell rate algorithm: a file
contains one number, the time until which requests are already promised.
"""

import time
from collections.abc import Callable
from pathlib import Path

from ..backoff import Rate
from ..files import locked

# 960 requests in the first minute, and 900 in each later one.
RATE = Rate(per_s=15, burst=60)
_MAX_WAIT_S = 600


class SharedRateLimit:
    """A rate limit that all processes with the same ``file`` share."""

    def __init__(
        self, file: Path, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.time
    ) -> None:
        """Keep the number in ``file``. ``clock`` returns the same time in all processes."""
        self._file, self._sleep, self._clock = file, sleep, clock

    def __call__(self) -> None:
        """Wait until the next request may be sent."""
        try:
            wait_s = self._reserve()
        except OSError:
            return  # the spool cannot be written: PagerDuty itself rejects excess requests, which are then retried
        if wait_s > 0:
            self._sleep(wait_s)

    def _reserve(self) -> float:
        """Reserve the next request and return the seconds until it may be sent."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file.touch(mode=0o600)
        with locked(self._file):
            now = self._clock()
            until = RATE.promise(_parse_time(self._file.read_bytes(), now), now)
            self._file.write_text(f"{until:020.6f}")
            return until - now


def _parse_time(text: bytes, now: float) -> float:
    """Return the time in ``text``, or 0 if it is implausible: a damaged file, or a clock that was set back."""
    try:
        until = float(text)
    except ValueError:
        return 0
    return until if until < now + _MAX_WAIT_S else 0
