"""Which requests to the API server are retried, and when."""

from collections.abc import Mapping

import urllib3
from urllib3.response import BaseHTTPResponse

_MAX_WAIT_S = 30
_BUSY = (429, 503)


class _Retry(urllib3.Retry):
    """Retries after the time in the server's Retry-After, but no later than an incident can wait."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        return retry_after(response.status, response.headers)


# Only a GET is repeated after it was sent. An attach is repeated only if the server rejects it with 429 or 503 and
# Retry-After, because then it did not process it. If the connection failed, nothing was sent: a server that has
# responded before is restarting, and the request waits for it.
_FIRST = _Retry(total=3, connect=1, read=1, backoff_factor=0.2, status_forcelist=_BUSY, raise_on_status=False)
_AGAIN = _Retry(total=9, connect=6, backoff_factor=0.5, backoff_max=8, status_forcelist=_BUSY, raise_on_status=False)
_WRITE = {"read": 0, "other": 0, "status_forcelist": (), "allowed_methods": None}
_FIRST_WRITE, _WRITE_AGAIN = _FIRST.new(**_WRITE), _AGAIN.new(**_WRITE)
ONCE = urllib3.Retry(total=0, raise_on_status=False)


def retry_policy(method: str, *, has_answered: bool) -> urllib3.Retry:
    """Return how a request is retried. ``has_answered``: whether the server has responded before."""
    if method == "GET":
        return _AGAIN if has_answered else _FIRST
    return _WRITE_AGAIN if has_answered else _FIRST_WRITE


def retry_after(status: int, headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a busy server asks to wait, at most _MAX_WAIT_S; None if it does not.

    Source: Kubernetes documentation, "API Priority and Fairness". The API server sends whole seconds.
    """
    value = str(headers.get("Retry-After") or headers.get("retry-after") or "")
    return min(float(value), _MAX_WAIT_S) if status in _BUSY and value.isdigit() else None
