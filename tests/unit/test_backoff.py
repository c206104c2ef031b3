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
def test_attempts_are_repeated_after_increasing_delays(failures: int) -> None:
    waited: list[float] = []
    assert retried(Tries(failures, OSError()), WAITS, on(OSError), waited.append) == failures + 1
    assert waited == list(WAITS[:failures])


def test_the_error_of_the_last_attempt_is_raised() -> None:
    attempt, error = Tries(9, OSError()), OSError("the last")
    attempt.error = error
    with pytest.raises(OSError, match="the last") as caught:
        retried(attempt, WAITS, on(OSError), lambda _: None)
    assert caught.value is error
    assert attempt.calls == len(WAITS) + 1


def test_a_permanent_error_is_raised_immediately() -> None:
    attempt = Tries(1, ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        retried(attempt, WAITS, on(OSError), lambda _: None)
    assert attempt.calls == 1


def test_a_server_may_ask_for_another_wait() -> None:
    waited: list[float] = []
    assert retried(Tries(1, OSError()), WAITS, lambda _error, planned_s: planned_s * 10, waited.append) == 2
    assert waited == [10.0]


def test_the_decision_function_can_stop_the_retries() -> None:
    def abort(_error: Exception, _planned_s: float) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retried(Tries(1, OSError()), WAITS, abort, lambda _: None)


@given(
    st.floats(0.1, 1000), st.integers(1, 100), st.lists(st.floats(0, 10), min_size=1, max_size=200), st.floats(0, 1e9)
)
def test_no_interval_has_more_requests_than_the_burst_and_the_rate_allow(
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


def test_a_burst_is_allowed_immediately_but_no_further_request() -> None:
    rate, until = Rate(10, 3), float("-inf")
    for _ in range(3):
        assert rate.wait_s(until, 1_000_000.0) == 0
        until = rate.promise(until, 1_000_000.0)
    assert rate.wait_s(until, 1_000_000.0) == pytest.approx(0.1, abs=1e-6)
