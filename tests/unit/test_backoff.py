"""backoff.py: attempts are repeated while that may help, and all users of a rate limit respect it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.backoff import Rate, on, retried

WAITS = (1.0, 2.0, 4.0)


class Tries:
    """Fails ``failures`` times with ``error``, and counts its calls."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures, self.error, self.calls = failures, error, 0

    def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return self.calls


@pytest.mark.parametrize("failures", range(4))
def test_a_try_is_made_again_after_growing_waits(failures: int) -> None:
    waited: list[float] = []
    assert retried(Tries(failures, OSError()), WAITS, on(OSError), waited.append) == failures + 1
    assert waited == list(WAITS[:failures])


def test_what_ends_the_last_try_is_raised() -> None:
    attempt, error = Tries(9, OSError()), OSError("the last")
    attempt.error = error
    with pytest.raises(OSError, match="the last") as caught:
        retried(attempt, WAITS, on(OSError), lambda _: None)
    assert caught.value is error
    assert attempt.calls == len(WAITS) + 1


def test_what_no_other_try_can_help_is_raised_at_once() -> None:
    attempt = Tries(1, ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        retried(attempt, WAITS, on(OSError), lambda _: None)
    assert attempt.calls == 1


def test_a_server_may_ask_for_another_wait() -> None:
    waited: list[float] = []
    assert retried(Tries(1, OSError()), WAITS, lambda _error, planned_s: planned_s * 10, waited.append) == 2
    assert waited == [10.0]


def test_what_decides_may_end_the_tries() -> None:
    def abort(_error: Exception, _planned_s: float) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retried(Tries(1, OSError()), WAITS, abort, lambda _: None)


@given(
    st.floats(0.1, 1000), st.integers(1, 100), st.lists(st.floats(0, 10), min_size=1, max_size=200), st.floats(0, 1e9)
)
def test_no_span_has_more_than_the_burst_and_what_the_rate_adds(
    per_s: float, burst: int, pauses: list[float], start: float
) -> None:
    rate, until, now = Rate(per_s, burst), float("-inf"), start
    taken: list[float] = []
    for pause in pauses:
        now += pause + rate.wait_s(until, now + pause)
        until = rate.promise(until, now)
        taken.append(now)
    for first, begin in enumerate(taken):
        for last in range(first, len(taken), 7):
            assert last - first + 1 <= burst + (taken[last] - begin) * per_s + 1.1


def test_burst_is_let_through_at_once_and_not_one_more() -> None:
    rate, until = Rate(10, 3), float("-inf")
    for _ in range(3):
        assert rate.wait_s(until, 1_000_000.0) == 0
        until = rate.promise(until, 1_000_000.0)
    assert rate.wait_s(until, 1_000_000.0) == pytest.approx(0.1, abs=1e-6)
