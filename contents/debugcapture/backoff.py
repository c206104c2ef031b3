"""Retries with growing waits, and a token bucket for rate limits."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

T = TypeVar("T")
# Gets the error of an attempt and the planned wait in seconds; returns the seconds to wait, or None to give up.
Wait = Callable[[Exception, float], float | None]


class Clock(Protocol):
    """The time that passes while something is awaited: the module `time`, or the clock of a test."""

    def monotonic(self) -> float:
        """Return the seconds since some moment."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


_SLACK_S = 1e-6  # sums of fractions of a second are not exact


def retried(
    attempt: Callable[[], T], waits_s: Iterable[float], wait: Wait, sleep: Callable[[float], object] | None = None
) -> T:
    """Return the result of ``attempt``. After an error, retry after each of ``waits_s`` for which ``wait`` agrees.

    Raises the error of the last attempt. An exception in ``wait`` ends the retries.
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
    """Return a `Wait` that retries as planned after an error of ``kind``, and gives up after any other."""

    def wait(error: Exception, planned_s: float) -> float | None:
        return planned_s if isinstance(error, kind) else None

    return wait


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: ``burst`` requests at once, then ``per_s`` requests per second.

    It is the generic cell rate algorithm. Its only state is the time until which requests are reserved; the caller
    stores it.
    """

    per_s: float
    burst: float

    def promise(self, until: float, now: float) -> float:
        """Return the time until which requests are reserved after one more request, if it was ``until`` before."""
        return max(until, now - self.burst / self.per_s) + 1 / self.per_s

    def wait_s(self, until: float, now: float) -> float:
        """Return the seconds to wait before one more request."""
        missing = self.promise(until, now) - now
        return missing if missing > _SLACK_S else 0.0
