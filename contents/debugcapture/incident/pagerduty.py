"""PagerDuty's REST API v2: the note of an incident.

Source: PagerDuty API reference, "List notes", "Create a note on an incident", "Update a note", "Errors", "REST API
Rate Limits".
"""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.response import BaseHTTPResponse

from ..errors import BadInput, NoteNotSent

TRIES = 5
LONGEST_WAIT_S = 60
MOST_NOTES = 2000
EU_HOST = "api.eu.pagerduty.com"
_REMEDIES = {
    400: "Set the From e-mail to a user of the account: an account key needs it.",
    402: "The account's plan does not include this.",
    403: "Give the API key write access to incidents.",
    404: "Check the incident's ID.",
}


class PagerDuty:
    """One PagerDuty account."""

    def __init__(self, url: str, token: str, sender: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """Talk to ``url`` as ``token`` (a key, or an OAuth token); ``sender`` is the e-mail of a user, or ""."""
        for name, value in (("PagerDuty API key", token), ("From e-mail", sender)):
            if not (value.isascii() and value.isprintable()):
                raise BadInput(f"wrong {name}", "it has line breaks or other than ASCII characters", "Correct it.")
        self._url, self._sleep = url.rstrip("/"), sleep
        self._headers = {
            "Authorization": f"Bearer {token}" if token.startswith("pdus+") else f"Token token={token}",
            "Accept": "application/vnd.pagerduty+json;version=2",
            "Content-Type": "application/json",
            **({"From": sender} if sender else {}),
        }
        self._pool = _pool(self._url)

    def annotate(self, incident: str, marker: str, content: str, tries: int = TRIES) -> str:
        """Make ``content`` the note with ``marker``; return what it took: "added", "edited" or "was there already".

        Each try looks for the marker first, so an answer that was lost on the way does not make a second note.
        Raises NoteNotSent.
        """
        path = f"/incidents/{quote(incident)}/notes"
        done = ""

        def attempt() -> BaseHTTPResponse:
            nonlocal done
            answer = self._send("GET", path, None)
            if answer.status != 200:
                return answer
            notes = _notes(incident, answer)
            ours = next((note for note in notes if marker in str(note.get("content", ""))), None)
            if ours and ours["content"] == content:
                done = done or "was there already"
                return answer
            if not ours and len(notes) >= MOST_NOTES:
                raise _not_sent(incident, f"it has {len(notes):,} notes, PagerDuty's limit", "Remove some of them.")
            done = "edited" if ours else "added"
            body = {"note": {"content": content}}
            method, place = ("PUT", f"{path}/{quote(str(ours.get('id')))}") if ours else ("POST", path)
            return self._send(method, place, body)

        self._retried(incident, attempt, tries)
        return done

    def _retried(self, incident: str, attempt: Callable[[], BaseHTTPResponse], tries: int) -> None:
        failure = ""
        for number in range(tries):
            try:
                answer = attempt()
            except (urllib3.exceptions.HTTPError, OSError) as error:
                failure, wait_s = f"PagerDuty did not answer ({error})", 2.0**number
            else:
                if answer.status < 300:
                    return
                failure, wait_s = _failure(answer), _wait(answer, number)
                if answer.status not in (408, 429) and answer.status < 500:
                    raise _not_sent(incident, failure, self._remedy(answer.status))
            if number + 1 < tries:
                self._sleep(min(wait_s, LONGEST_WAIT_S))
        raise _not_sent(incident, failure, "The evidence is safe; run the note step again later.", waits=True)

    def _remedy(self, status: int) -> str:
        if status != 401:
            return _REMEDIES.get(status, "")
        here, there = ("EU", "https://api.pagerduty.com") if EU_HOST in self._url else ("US", f"https://{EU_HOST}")
        return f"Check the API key; if it is not one of the {here} region, set the API URL to {there}."

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> BaseHTTPResponse:
        text = json.dumps(body) if body else None
        return self._pool.request(method, self._url + path, body=text, headers=self._headers, redirect=False)


def _pool(url: str) -> urllib3.PoolManager:
    """Return connections to ``url``, by the proxy that the environment names for it; the system's CAs are trusted."""
    parts = urlsplit(url)
    proxy = "" if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme, "")
    timeout = urllib3.Timeout(connect=10, read=30)
    if not proxy:
        return urllib3.PoolManager(retries=False, timeout=timeout)
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    user = urlsplit(proxy)
    login = urllib3.make_headers(proxy_basic_auth=f"{user.username}:{user.password or ''}") if user.username else None
    return urllib3.ProxyManager(proxy, proxy_headers=login, retries=False, timeout=timeout)


def _not_sent(incident: str, failure: str, remedy: str, *, waits: bool = False) -> NoteNotSent:
    error = NoteNotSent(f"cannot add a note to incident {incident}", failure, remedy)
    error.waits = waits
    return error


def _notes(incident: str, answer: BaseHTTPResponse) -> list[dict[str, Any]]:
    """Return the notes. Raises NoteNotSent when it is not PagerDuty that answers."""
    try:
        return [dict(note) for note in answer.json()["notes"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        remedy = "Check the API URL, and whether a proxy or a login page is in between."
        raise _not_sent(incident, "what answers is not PagerDuty", remedy) from None


def _failure(answer: BaseHTTPResponse) -> str:
    """Return PagerDuty's own words; a 429 may come without any."""
    try:
        error = answer.json()["error"]
        details = "; ".join(str(one) for one in error.get("errors") or [])
        return f"{error['message']} (HTTP {answer.status}, code {error.get('code')}{': ' + details if details else ''})"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"HTTP {answer.status}"


def _wait(answer: BaseHTTPResponse, number: int) -> float:
    """Return the seconds to wait: what a rate-limited answer asks for, else ever longer."""
    asked = answer.headers.get("ratelimit-reset", "") if answer.status == 429 else ""
    return float(asked) if asked.isdigit() else 2.0**number
