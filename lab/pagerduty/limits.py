"""PagerDuty's rate limit, and failures that a test requests."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

from lab.pagerduty.model import ApiError, Json, error_body, invalid_input, rate_limited

PER_MINUTE = 960
_WINDOW_S = 60


@dataclass
class _Refusal:
    """The next `times` requests are rejected with this error."""

    times: int
    status: int
    content: Json | None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class _Window:
    started: float = field(default_factory=time.monotonic)
    requests: int = 0


class Limits:
    """Counts requests by key in windows of a minute, and stores requested failures."""

    def __init__(self) -> None:
        """Start with PagerDuty's limit and no failures."""
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Reset counts and failures."""
        with self._lock:
            self._per_minute = PER_MINUTE
            self._windows: dict[str, _Window] = defaultdict(_Window)
            self._refusals: list[_Refusal] = []

    def order(self, control: Json) -> None:
        """Store the failures that a control request contains."""
        with self._lock:
            self._per_minute = int(control.get("limit_per_minute", self._per_minute))
            if control.get("heal"):
                self._refusals.clear()
            if "rate_limit" in control:
                self._refusals.append(_rate_limit(control))
            if "fail" in control:
                self._refusals.append(_failure(control["fail"]))

    def refuse(self) -> None:
        """Raise the failure that a test requested for this request."""
        with self._lock:
            self._refusals = [refusal for refusal in self._refusals if refusal.times > 0]
            for refusal in self._refusals:
                refusal.times -= 1
                raise ApiError(refusal.status, refusal.content, refusal.headers)

    def count(self, key: str) -> dict[str, str]:
        """Count a request with this key. Return the headers for the response, or of ApiError above the limit."""
        with self._lock:
            window = self._windows[key]
            if time.monotonic() - window.started >= _WINDOW_S:
                window = self._windows[key] = _Window()
            window.requests += 1
            remaining = max(0, self._per_minute - window.requests)
            reset_s = int(_WINDOW_S - (time.monotonic() - window.started)) + 1
            headers = _headers(self._per_minute, remaining, reset_s)
            if window.requests > self._per_minute:
                raise rate_limited(headers)
            return headers


def _headers(limit: int, remaining: int, reset_s: int) -> dict[str, str]:
    return {"ratelimit-limit": str(limit), "ratelimit-remaining": str(remaining), "ratelimit-reset": str(reset_s)}


def _rate_limit(order: Json) -> _Refusal:
    times = int(order["rate_limit"])
    # PagerDuty documents that a 429 may come without headers and body
    if order.get("bare"):
        return _Refusal(times, 429, None)
    error = rate_limited(_headers(PER_MINUTE, 0, int(order.get("reset_s", 1))))
    return _Refusal(times, error.status, error.content, error.headers)


def _failure(order: Json) -> _Refusal:
    status, times = int(order.get("status", 500)), int(order.get("times", 1))
    if not 400 <= status < 600:
        raise invalid_input("fail.status must be an HTTP error")
    message = str(order.get("message", "Internal Server Error"))
    return _Refusal(times, status, error_body(message, int(order.get("code", 2000))))
