"""rate_limit.py: no more requests than are allowed, and the urgent ones first."""

from __future__ import annotations

import threading
from functools import partial

from debugcapture.kube.rate_limit import RateLimit
from lab.process import wait_until


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _waits(limit: RateLimit, number: int) -> bool:
    return limit.waiting == number


def _has(order: list[str], number: int) -> bool:
    return len(order) == number


def test_a_burst_is_allowed_and_counted() -> None:
    limit = RateLimit(1, 3, Clock())
    for _ in range(3):
        limit.take()
    assert (limit.taken, limit.waiting) == (3, 0)


def test_an_attach_goes_before_others_that_wait() -> None:
    clock, order = Clock(), list[str]()
    limit = RateLimit(50, 1, clock)
    limit.take()

    def take(name: str, urgent: bool) -> None:
        limit.take(urgent=urgent)
        order.append(name)

    threads = []
    for number, (name, urgent) in enumerate([("read-1", False), ("read-2", False), ("attach", True)], 1):
        threads.append(threading.Thread(target=take, args=(name, urgent), daemon=True))
        threads[-1].start()
        wait_until("its turn", partial(_waits, limit, number), 10)
    for number in range(1, 4):
        clock.now += 1
        wait_until("a turn", partial(_has, order, number), 10)
    for thread in threads:
        thread.join()
    assert order == ["attach", "read-1", "read-2"]


def test_elapsed_time_fills_the_bucket_up_to_its_size() -> None:
    clock = Clock()
    limit = RateLimit(10, 2, clock)
    limit.take()
    limit.take()
    clock.now += 100
    limit.take()
    limit.take()
    waiting = threading.Thread(target=limit.take, daemon=True)
    waiting.start()
    wait_until("its turn", lambda: limit.waiting == 1, 10)
    clock.now += 1
    waiting.join(10)
    assert limit.taken == 5
