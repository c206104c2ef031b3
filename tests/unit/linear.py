"""Checks that the work of a function grows in proportion to its input, by doubling the input."""

from __future__ import annotations

import time
from collections.abc import Callable

MOST_GROWTH = 2.5
# Work below this is not compared: a step of the clock, or a pause of the machine, would decide. Most texts of the first
# size take less. Quadratic work that takes this long for 6 KiB takes 5 s for 256 KiB.
_LEAST_S = 0.0025
# The last pair decides. Quadratic work takes four times as long for the double input, however busy the machine is.
_SIZES = (3 << 10, 6 << 10, 32 << 10, 64 << 10)
_RUNS = (1, 2, 3, 5)


def assert_linear(work: Callable[[bytes], object], unit: bytes, end: bytes = b"") -> None:
    """Fail if the time of ``work`` grows more than ``MOST_GROWTH`` times when repeats of ``unit`` double.

    The time is that of the processor, the least of several runs. A pair of sizes that fails is measured again with
    larger sizes and more runs.
    """
    for size, runs in zip(_SIZES, _RUNS, strict=True):
        double = _least_s(work, unit * (2 * size // len(unit)) + end, runs)
        if double <= _LEAST_S:
            return
        single = _least_s(work, unit * (size // len(unit)) + end, runs)
        if double <= MOST_GROWTH * single:
            return
    growth = f"{double / single:.1f} times the time for double the input ({single:.3f} s, {double:.3f} s)"
    raise AssertionError(f"{unit[:60]!r} … {end!r}: {growth}")


def _least_s(work: Callable[[bytes], object], text: bytes, runs: int) -> float:
    times_s = []
    for _ in range(runs):
        begin = time.process_time()
        work(text)
        times_s.append(time.process_time() - begin)
    return min(times_s)
