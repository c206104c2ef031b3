"""How fast the processes of one Rundeck server may ask PagerDuty together: 960 requests in any minute, its limit.

Source: PagerDuty API reference, "REST API Rate Limits". The pace is a generic cell rate algorithm: one number in a
file, the moment up to which requests are promised.
"""

import time
from collections.abc import Callable
from pathlib import Path

from ..backoff import Rate
from ..files import locked

RATE = Rate(per_s=15, burst=60)  # 960 in the first minute, 900 in each later one
_LONGEST_WAIT_S = 600


class Pace:
    """A queue that all processes with the same ``file`` stand in."""

    def __init__(
        self, file: Path, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.time
    ) -> None:
        """Keep the number in ``file``; ``clock`` is the same in all processes."""
        self._file, self._sleep, self._clock = file, sleep, clock

    def __call__(self) -> None:
        """Return when the next request may be sent."""
        try:
            wait_s = self._promised()
        except OSError:
            return  # a spool that cannot be written: PagerDuty itself says when it is too much, and that is honoured
        if wait_s > 0:
            self._sleep(wait_s)

    def _promised(self) -> float:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file.touch(mode=0o600)
        with locked(self._file):
            now = self._clock()
            until = RATE.promise(_moment(self._file.read_bytes(), now), now)
            self._file.write_text(f"{until:020.6f}")
            return until - now


def _moment(text: bytes, now: float) -> float:
    """Return the moment in ``text``; one that is absurd (a torn file, a clock that was put back) counts for nothing."""
    try:
        moment = float(text)
    except ValueError:
        return 0
    return moment if moment < now + _LONGEST_WAIT_S else 0
