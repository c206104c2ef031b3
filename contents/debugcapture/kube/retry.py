"""Which requests to the API server are made again, and when."""

from collections.abc import Mapping

import urllib3
from urllib3.response import BaseHTTPResponse

_LONGEST_WAIT_S = 30
_BUSY = (429, 503)


class _Repeats(urllib3.Retry):
    """Repeats that wait for as long as the server's Retry-After says, within limits: an incident cannot wait longer."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        return retry_after(response.status, response.headers)


# What was sent is repeated for GET only: a read may be repeated, an attach may not, unless the server itself says that
# it has not looked at it, and when to come again. Without a connection nothing was sent: a server that has answered
# before is being restarted, and is waited for.
_FIRST = _Repeats(total=3, connect=1, read=1, backoff_factor=0.2, status_forcelist=_BUSY, raise_on_status=False)
_AGAIN = _Repeats(total=9, connect=6, backoff_factor=0.5, backoff_max=8, status_forcelist=_BUSY, raise_on_status=False)
_WRITE = {"read": 0, "other": 0, "status_forcelist": (), "allowed_methods": None}
_FIRST_WRITE, _WRITE_AGAIN = _FIRST.new(**_WRITE), _AGAIN.new(**_WRITE)
ONCE = urllib3.Retry(total=0, raise_on_status=False)


def retries(method: str, *, has_answered: bool) -> urllib3.Retry:
    """Return which tries of a request follow the first one; ``has_answered``: the server did before."""
    if method == "GET":
        return _AGAIN if has_answered else _FIRST
    return _WRITE_AGAIN if has_answered else _FIRST_WRITE


def retry_after(status: int, headers: Mapping[str, str]) -> float | None:
    """Return in how many seconds, within limits, a server that is busy wants to be asked again, or None.

    Source: Kubernetes documentation, "API Priority and Fairness"; the API server says it in whole seconds.
    """
    said = str(headers.get("Retry-After") or headers.get("retry-after") or "")
    return min(float(said), _LONGEST_WAIT_S) if status in _BUSY and said.isdigit() else None
