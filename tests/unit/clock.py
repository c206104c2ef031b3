"""A clock for tests."""

from __future__ import annotations


class Clock:
    """Time that passes only during waits."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
