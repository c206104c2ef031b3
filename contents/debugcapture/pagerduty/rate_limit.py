"""How fast the processes of one Rundeck server may ask PagerDuty together: 960 requests in any minute, its limit.

Source: PagerDuty API reference, "REST API Rate Limits". The pace is a generic cell rate algorithm: one number in a
file, the moment up to which requests are promised.
"""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

BURST, PER_S = 60, 15  # 60 at once, and 15 more each second: 960 in the first minute, 900 in each later one
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
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            now = self._clock()
            until = max(_moment(os.pread(descriptor, 64, 0), now), now - BURST / PER_S) + 1 / PER_S
            os.pwrite(descriptor, f"{until:020.6f}".encode(), 0)
            return until - now
        finally:
            os.close(descriptor)


def _moment(text: bytes, now: float) -> float:
    """Return the moment in ``text``; one that is absurd (a torn file, a clock that was put back) counts for nothing."""
    try:
        moment = float(text)
    except ValueError:
        return 0
    return moment if moment < now + _LONGEST_WAIT_S else 0
