"""HTTP requests to PagerDuty, with retries that respect the rate limit and the proxy of the environment.

Source: PagerDuty API reference, "Errors", "REST API Rate Limits".
"""

import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.response import BaseHTTPResponse

from ..backoff import retried
from ..errors import BadInput

TRIES = 5
MAX_WAIT_S = 60


def no_limit() -> None:
    """Allow the next request at once."""


class RequestFailed(Exception):  # noqa: N818 - see errors.py
    """A request failed after all retries. Each caller turns it into an error that names its own action."""

    def __init__(self, reason: str, status: int, wait_s: float | None = None) -> None:
        """``status`` is the HTTP status, or 0 without a response. ``wait_s`` is the wait that the server requested."""
        super().__init__(reason)
        self.reason, self.status, self.wait_s = reason, status, wait_s

    @property
    def is_temporary(self) -> bool:
        """Return whether a later attempt may succeed."""
        return self.status in (0, 408, 429) or self.status >= 500


class Client:
    """The connection to one server of PagerDuty."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        ca: str = "",
        sleep: Callable[[float], None] = time.sleep,
        rate_limit: Callable[[], None] = no_limit,
    ) -> None:
        """Connect to ``url`` with ``headers``.

        ``ca`` (PEM) is trusted in addition to the CAs of the system. ``rate_limit`` waits until the next request may
        be sent.
        """
        self.url, self._sleep, self._rate_limit = url.rstrip("/"), sleep, rate_limit
        self._headers = {"Content-Type": "application/json", **headers}
        self.pool = _pool(self.url, _tls_context(ca))

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> BaseHTTPResponse:
        """Send one request and return the response, whatever its status."""
        self._rate_limit()
        content = json.dumps(body) if body else None
        return self.pool.request(method, self.url + path, body=content, headers=self._headers, redirect=False)

    def retry(self, attempt: Callable[[], BaseHTTPResponse], tries: int = TRIES) -> BaseHTTPResponse:
        """Return the response of ``attempt``, which is repeated after temporary failures. Raises RequestFailed."""

        def checked_attempt() -> BaseHTTPResponse:
            try:
                response = attempt()
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise RequestFailed(f"PagerDuty did not respond ({error})", 0) from None
            if response.status >= 300:
                raise RequestFailed(_failure_text(response), response.status, _requested_wait_s(response))
            return response

        return retried(checked_attempt, (2.0**number for number in range(tries - 1)), _wait, self._sleep)


def _wait(error: Exception, wait_s: float) -> float | None:
    """Return the seconds until the next attempt: those that the server requested, or else ``wait_s``."""
    if not (isinstance(error, RequestFailed) and error.is_temporary):
        return None
    return min(wait_s if error.wait_s is None else error.wait_s, MAX_WAIT_S)


@cache
def _tls_context(ca: str) -> ssl.SSLContext:
    """Return a context that trusts ``ca`` (PEM) as well. Raises BadInput if it is not a certificate.

    Loading the CAs of the system takes 30 ms, and a capture has two clients.
    """
    context = ssl.create_default_context()
    if ca:
        try:
            context.load_verify_locations(cadata=ca)
        except (ssl.SSLError, ValueError) as error:
            raise BadInput("invalid pagerduty_ca", f"it is not a PEM certificate ({error})", "Correct it.") from None
    return context


def _pool(url: str, tls: ssl.SSLContext) -> urllib3.PoolManager:
    """Return a pool of connections to ``url``, through the proxy of the environment if there is one."""
    parts = urlsplit(url)
    proxy = "" if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme, "")
    timeout = urllib3.Timeout(connect=10, read=30)
    if not proxy:
        return urllib3.PoolManager(retries=False, timeout=timeout, ssl_context=tls)
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    address = urlsplit(proxy)
    user, password = unquote(address.username or ""), unquote(address.password or "")
    login = urllib3.make_headers(proxy_basic_auth=f"{user}:{password}") if user else None
    return urllib3.ProxyManager(proxy, proxy_headers=login, retries=False, timeout=timeout, ssl_context=tls)


def _failure_text(response: BaseHTTPResponse) -> str:
    """Return the error message of PagerDuty. A response with status 429 may have none."""
    try:
        error = response.json()["error"]
        details = "; ".join(str(detail) for detail in error.get("errors") or [])
        return (
            f"{error['message']} (HTTP {response.status}, code {error.get('code')}{': ' + details if details else ''})"
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"HTTP {response.status}"


def _requested_wait_s(response: BaseHTTPResponse) -> float | None:
    """Return the seconds to wait that a rate-limited response requests, or None."""
    reset = response.headers.get("ratelimit-reset", "") if response.status == 429 else ""
    return float(reset) if re.fullmatch(r"[0-9]{1,9}", reset) else None
