"""When to try again: after growing waits where a try failed, and at a rate that is shared."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
# Is given what ended a try, and the next wait in seconds; returns how long to wait, None: another try is of no use.
Wait = Callable[[Exception, float], float | None]

_SLACK_S = 1e-6  # sums of fractions of a second are not exact


def retried(
    attempt: Callable[[], T], waits_s: Iterable[float], wait: Wait, sleep: Callable[[float], object] | None = None
) -> T:
    """Return what ``attempt`` returns, made again after each of ``waits_s`` while ``wait`` finds that it may help.

    What ends the last try is raised. An exception of ``wait`` itself ends the tries.
    """
    for planned_s in waits_s:
        try:
            return attempt()
        except Exception as error:
            wait_s = wait(error, planned_s)
            if wait_s is None:
                raise
        (sleep or time.sleep)(wait_s)
    return attempt()


def on(kind: type[Exception]) -> Wait:
    """Return what waits as planned after an error of ``kind``, and tries no further after any other."""
    return lambda error, planned_s: planned_s if isinstance(error, kind) else None


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` requests at once, and ``per_s`` a second from then on: a token bucket.

    All that has to be remembered is the moment up to which requests are promised (a generic cell rate algorithm).
    """

    per_s: float
    burst: float

    def promise(self, until: float, now: float) -> float:
        """Return the moment up to which requests are promised with one more, when they were ``until``."""
        return max(until, now - self.burst / self.per_s) + 1 / self.per_s

    def wait_s(self, until: float, now: float) -> float:
        """Return in how many seconds it is the turn of one more request."""
        missing = self.promise(until, now) - now
        return missing if missing > _SLACK_S else 0.0
