"""HTTP to PagerDuty: bounded tries that honour what a rate limit asks for, by the environment's proxy.

Source: PagerDuty API reference, "Errors", "REST API Rate Limits".
"""

import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.response import BaseHTTPResponse

from ..backoff import retried
from ..errors import BadInput

TRIES = 5
LONGEST_WAIT_S = 60


class Failed(Exception):  # noqa: N818 - see errors.py
    """A request that was refused, or not answered, in the end; each caller tells it in its own words."""

    def __init__(self, why: str, status: int, wait_s: float | None = None) -> None:
        """Say ``why``; ``status`` is that of HTTP, 0 for no answer. ``wait_s`` is what the server asks to wait for."""
        super().__init__(why)
        self.why, self.status, self.wait_s = why, status, wait_s

    @property
    def passes(self) -> bool:
        """Tell whether a later try may succeed."""
        return self.status in (0, 408, 429) or self.status >= 500


class Client:
    """One server of PagerDuty's."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        ca: str = "",
        sleep: Callable[[float], None] = time.sleep,
        pace: Callable[[], None] = lambda: None,
    ) -> None:
        """Talk to ``url`` with ``headers``.

        ``ca`` (PEM) is trusted besides the system's CAs; ``pace`` returns when the next request may be sent.
        """
        self.url, self._sleep, self._pace = url.rstrip("/"), sleep, pace
        self._headers = {"Content-Type": "application/json", **headers}
        self.pool = _pool(self.url, _trusting(ca))

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> BaseHTTPResponse:
        """Send one request and return the answer, whatever it is."""
        self._pace()
        text = json.dumps(body) if body else None
        return self.pool.request(method, self.url + path, body=text, headers=self._headers, redirect=False)

    def retried(self, attempt: Callable[[], BaseHTTPResponse], tries: int = TRIES) -> BaseHTTPResponse:
        """Return the answer of ``attempt``, made again while that may help. Raises Failed."""

        def answered() -> BaseHTTPResponse:
            try:
                answer = attempt()
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise Failed(f"PagerDuty did not respond ({error})", 0) from None
            if answer.status >= 300:
                raise Failed(_failure(answer), answer.status, _asked_wait_s(answer))
            return answer

        return retried(answered, (2.0**number for number in range(tries - 1)), _wait, self._sleep)


def _wait(error: Exception, wait_s: float) -> float | None:
    """Return the seconds to wait: what a rate-limited answer asks for, else ever longer."""
    if not (isinstance(error, Failed) and error.passes):
        return None
    return min(wait_s if error.wait_s is None else error.wait_s, LONGEST_WAIT_S)


def _trusting(ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca:
        try:
            context.load_verify_locations(cadata=ca)
        except (ssl.SSLError, ValueError) as error:
            raise BadInput("invalid pagerduty_ca", f"it is not a PEM certificate ({error})", "Correct it.") from None
    return context


def _pool(url: str, tls: ssl.SSLContext) -> urllib3.PoolManager:
    """Return connections to ``url``, by the proxy that the environment names for it."""
    parts = urlsplit(url)
    proxy = "" if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme, "")
    timeout = urllib3.Timeout(connect=10, read=30)
    if not proxy:
        return urllib3.PoolManager(retries=False, timeout=timeout, ssl_context=tls)
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    user = urlsplit(proxy)
    login = urllib3.make_headers(proxy_basic_auth=f"{user.username}:{user.password or ''}") if user.username else None
    return urllib3.ProxyManager(proxy, proxy_headers=login, retries=False, timeout=timeout, ssl_context=tls)


def _failure(answer: BaseHTTPResponse) -> str:
    """Return PagerDuty's own words; a 429 may come without any."""
    try:
        error = answer.json()["error"]
        details = "; ".join(str(one) for one in error.get("errors") or [])
        return f"{error['message']} (HTTP {answer.status}, code {error.get('code')}{': ' + details if details else ''})"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"HTTP {answer.status}"


def _asked_wait_s(answer: BaseHTTPResponse) -> float | None:
    """Return the seconds that a rate-limited answer asks to wait for, or None."""
    asked = answer.headers.get("ratelimit-reset", "") if answer.status == 429 else ""
    return float(asked) if re.fullmatch(r"[0-9]{1,9}", asked) else None
