"""What tests have instead of the time."""

from __future__ import annotations


class Clock:
    """Time that passes only where it is waited for."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
