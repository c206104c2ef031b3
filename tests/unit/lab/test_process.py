"""lab/process.py: how a condition is polled."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from lab.part import LabError
from lab.process import wait_until

_CHECK_S = 0.03


def test_a_slow_check_pauses_for_twice_its_time() -> None:
    starts: list[float] = []

    def ready() -> bool:
        starts.append(time.monotonic())
        time.sleep(_CHECK_S)
        return len(starts) == 4

    wait_until("the fourth check", ready, 30)
    assert all(later - earlier >= 3 * _CHECK_S for earlier, later in pairwise(starts))


def test_pauses_between_quick_checks_grow() -> None:
    starts: list[float] = []

    def ready() -> bool:
        starts.append(time.monotonic())
        return len(starts) == 4

    wait_until("the fourth check", ready, 30)
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert all(pause >= least for pause, least in zip(pauses, (0.05, 0.1, 0.2), strict=True))


def test_a_condition_that_stays_false_is_an_error() -> None:
    with pytest.raises(LabError, match="never: not after 0 s"):
        wait_until("never", lambda: False, 0.1)
