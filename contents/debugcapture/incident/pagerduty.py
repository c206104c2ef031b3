"""PagerDuty's REST API v2: the note of an incident.

Source: PagerDuty API reference, "List notes", "Create a note on an incident", "Errors", "REST API Rate Limits".
"""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import urllib3
from urllib3.response import BaseHTTPResponse

from ..errors import BadInput, NoteNotSent

TRIES = 5
LONGEST_WAIT_S = 60
_REMEDIES = {
    400: "Set the From e-mail to a user of the account: an account key needs it.",
    401: "Check the API key, and the API URL: the US and the EU region refuse each other's keys.",
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
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=10, read=30))

    def annotate(self, incident: str, marker: str, content: str) -> bool:
        """Post ``content`` as a note unless the incident has one with ``marker``; tell whether it was posted.

        Each try looks for the marker first, so an answer that was lost on the way does not make a second note.
        Raises NoteNotSent.
        """
        path = f"/incidents/{quote(incident)}/notes"
        posted = False

        def attempt() -> BaseHTTPResponse:
            nonlocal posted
            notes = self._send("GET", path, None)
            if notes.status != 200 or any(marker in one for one in _contents(incident, notes)):
                return notes
            answer = self._send("POST", path, {"note": {"content": content}})
            posted = answer.status < 300
            return answer

        self._retried(incident, attempt)
        return posted

    def _retried(self, incident: str, attempt: Callable[[], BaseHTTPResponse]) -> None:
        failure = ""
        for number in range(TRIES):
            try:
                answer = attempt()
            except (urllib3.exceptions.HTTPError, OSError) as error:
                failure, wait_s = f"PagerDuty did not answer ({error})", 2.0**number
            else:
                if answer.status < 300:
                    return
                failure, wait_s = _failure(answer), _wait(answer, number)
                if answer.status not in (408, 429) and answer.status < 500:
                    raise _not_sent(incident, failure, _REMEDIES.get(answer.status, ""))
            if number + 1 < TRIES:
                self._sleep(min(wait_s, LONGEST_WAIT_S))
        raise _not_sent(incident, failure, "The evidence is safe; run the note step again later.")

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> BaseHTTPResponse:
        text = json.dumps(body) if body else None
        return self._pool.request(method, self._url + path, body=text, headers=self._headers, redirect=False)


def _not_sent(incident: str, failure: str, remedy: str) -> NoteNotSent:
    return NoteNotSent(f"cannot add a note to incident {incident}", failure, remedy)


def _contents(incident: str, answer: BaseHTTPResponse) -> list[str]:
    """Return the texts of the notes. Raises NoteNotSent when it is not PagerDuty that answers."""
    try:
        return [str(note.get("content", "")) for note in answer.json()["notes"]]
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
