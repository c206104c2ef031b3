"""retry.py: which requests are repeated, and how long they wait for a busy server."""

from __future__ import annotations

import pytest

from debugcapture.kube.retry import ONCE, retry_after, retry_policy


@pytest.mark.parametrize(
    ("status", "value", "wait_s"),
    [
        (429, "1", 1),
        (503, "7", 7),
        (429, "3600", 30),
        (500, "1", None),
        (200, "1", None),
        (429, "", None),
        (429, "-1", None),
        (429, "Fri, 02 Jan 2026 12:00:00 GMT", None),
    ],
)
def test_a_busy_server_is_waited_for_within_limits(status: int, value: str, wait_s: float | None) -> None:
    assert retry_after(status, {"Retry-After": value}) == wait_s
    assert retry_after(status, {"retry-after": value}) == wait_s


@pytest.mark.parametrize("status", [429, 503])
def test_a_get_is_repeated_when_the_server_is_busy_and_a_write_only_when_it_asks(status: int) -> None:
    for has_answered in (False, True):
        assert retry_policy("GET", has_answered=has_answered).is_retry("GET", status)
        write = retry_policy("PATCH", has_answered=has_answered)
        assert not write.is_retry("PATCH", status)
        assert write.is_retry("PATCH", status, has_retry_after=True)


def test_a_write_is_not_repeated_after_it_was_sent() -> None:
    assert retry_policy("POST", has_answered=True).read == 0
    assert retry_policy("GET", has_answered=True).read != 0


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_server_that_has_answered_before_is_waited_for_longer(method: str) -> None:
    unknown, after_answer = retry_policy(method, has_answered=False), retry_policy(method, has_answered=True)
    assert (unknown.connect or 0) < (after_answer.connect or 0)


def test_a_request_without_retries_is_sent_once() -> None:
    assert ONCE.total == 0
    assert not ONCE.is_retry("GET", 503)
