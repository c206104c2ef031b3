"""PagerDuty's REST API v2: an incident, its alerts, and its notes.

Source: PagerDuty API reference, "Get an incident", "List alerts for an incident", "List notes", "Create a note on an
incident", "Update a note", "Errors", "REST API Rate Limits", "Pagination", "Set custom field values", "Create a status
update".
"""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from urllib3.response import BaseHTTPResponse

from ..errors import (
    BadInput,
    CaptureError,
    NotAllowed,
    NoteNotSent,
    Rejected,
    TargetNotFound,
    TooManyRequests,
    UnexpectedAnswer,
    Unreachable,
)
from .client import TRIES, Client, Failed

MOST_NOTES = 2000
MOST_ALERTS, _PAGE = 500, 25  # an alert may have half a megabyte, and a page is in memory as a whole
LONGEST_FIELD = 200  # characters of a custom field of text or URL
_EU_HOST = "api.eu.pagerduty.com"
Json = dict[str, Any]
_NO_PAGERDUTY = "Check the API URL, and whether a proxy or a login page intercepts it."
_REMEDIES = {
    400: "Set pagerduty_from to the e-mail address of a user: an account key requires it.",
    402: "The plan of the account does not include this.",
    403: "Give the API key write access to incidents.",
    404: "Check the incident's ID.",
}
_READ_REMEDIES = {403: "Give the API key read access to incidents."}
_CAUSES: dict[int, type[CaptureError]] = {
    401: NotAllowed,
    402: NotAllowed,
    403: NotAllowed,
    404: TargetNotFound,
    429: TooManyRequests,
}


class PagerDuty:
    """One PagerDuty account."""

    def __init__(  # noqa: PLR0913 - all but three may be left out
        self,
        url: str,
        token: str,
        sender: str,
        sleep: Callable[[float], None] = time.sleep,
        pace: Callable[[], None] = lambda: None,
        ca: str = "",
    ) -> None:
        """Talk to ``url`` as ``token`` (a key, or an OAuth token); ``sender`` is the e-mail of a user, or "".

        ``pace`` returns when the next request may be sent; ``ca`` (PEM) is trusted besides the system's CAs.
        """
        for name, value in (("PagerDuty API key", token), ("From e-mail", sender)):
            if not (value.isascii() and value.isprintable()):
                raise BadInput(f"invalid {name}", "it contains line breaks or non-ASCII characters", "Correct it.")
        headers = {
            "Authorization": f"Bearer {token}" if token.startswith("pdus+") else f"Token token={token}",
            "Accept": "application/vnd.pagerduty+json;version=2",
            **({"From": sender} if sender else {}),
        }
        self.client = Client(url, headers, ca, sleep, pace)

    def annotate(self, incident: str, marker: str, content: str, tries: int = TRIES) -> str:
        """Make ``content`` the note with ``marker``; return what it took: "added", "edited" or "was there already".

        Each try looks for the marker first, so an answer that was lost on the way does not make a second note.
        Raises NoteNotSent.
        """
        path = f"/incidents/{quote(incident)}/notes"
        done = ""

        def attempt() -> BaseHTTPResponse:
            nonlocal done
            answer = self.client.send("GET", path)
            if answer.status != 200:
                return answer
            notes = _notes(incident, answer)
            ours = next((note for note in notes if marker in str(note.get("content", ""))), None)
            if ours and ours["content"] == content:
                done = done or "already exists"
                return answer
            if not ours and len(notes) >= MOST_NOTES:
                raise _not_sent(
                    incident, f"it has {len(notes):,} notes, which is PagerDuty's limit", "Delete some of them."
                )
            done = "edited" if ours else "added"
            body = {"note": {"content": content}}
            method, place = ("PUT", f"{path}/{quote(str(ours.get('id')))}") if ours else ("POST", path)
            return self.client.send(method, place, body)

        try:
            self.client.retried(attempt, tries)
        except Failed as failed:
            # A key that is wrong is put right some day; what is wrong with the incident or the note stays wrong.
            waits = failed.passes or failed.status == 401
            remedy = self._remedy(failed.status)
            raise _not_sent(incident, failed.why, remedy, status=failed.status, waits=waits) from None
        return done

    def check(self) -> None:
        """Ask whether the account takes the key. Raises NotAllowed, or Unreachable when it does not answer."""
        try:
            self.client.retried(lambda: self.client.send("GET", "/abilities"), tries=1)
        except Failed as failed:
            do = "Check the API URL." if failed.status == 404 else self._remedy(failed.status)
            raise _refused(f"PagerDuty at {self.client.url}", failed, do) from None

    @property
    def region(self) -> str:
        """Return the service region of the account: EU or US."""
        return "EU" if _EU_HOST in self.client.url else "US"

    def set_field(self, incident: str, name: str, value: str) -> None:
        """Give the incident's custom field ``name`` the ``value``, of LONGEST_FIELD characters at most.

        Raises NoteNotSent.
        """
        path, body = f"/incidents/{quote(incident)}/custom_fields/values", {"name": name, "value": value}
        try:
            self.client.retried(lambda: self.client.send("PUT", path, {"custom_fields": [body]}), TRIES)
        except Failed as failed:
            what = f"cannot set the custom field {name} of incident {incident}"
            raise NoteNotSent(what, failed.why, "The note contains the link.") from None

    def update_status(self, incident: str, message: str) -> None:
        """Publish ``message`` to those who subscribed to the incident, by mail as well. Raises NoteNotSent."""
        path = f"/incidents/{quote(incident)}/status_updates"
        try:
            self.client.retried(lambda: self.client.send("POST", path, {"message": message}))
        except Failed as failed:
            what = f"cannot publish a status update of incident {incident}"
            raise NoteNotSent(what, failed.why, "The note contains the same information.") from None

    def alerts(self, incident: str) -> list[Json]:
        """Return the incident's alerts, the first MOST_ALERTS of them.

        Raises TargetNotFound (no such incident), NotAllowed, Unreachable, Rejected, UnexpectedAnswer (a login page).
        """
        found: list[Json] = []
        while True:
            page = self._read(incident, "/alerts", {"limit": str(_PAGE), "offset": str(len(found))})
            alerts = page.get("alerts")
            if not isinstance(alerts, list):
                raise _not_pagerduty(_cannot_read(incident))
            found += alerts
            if not alerts or page.get("more") is not True or len(found) >= MOST_ALERTS:
                return found

    def incident(self, incident: str) -> Json:
        """Return the incident itself; raises as `alerts` does."""
        found = self._read(incident, "", {}).get("incident")
        if not isinstance(found, dict):
            raise _not_pagerduty(_cannot_read(incident))
        return found

    def _read(self, incident: str, below: str, query: dict[str, str]) -> Json:
        path = f"/incidents/{quote(incident)}{below}" + (f"?{urlencode(query)}" if query else "")
        try:
            content = self.client.retried(lambda: self.client.send("GET", path), TRIES).json()
        except Failed as failed:
            do = _READ_REMEDIES.get(failed.status) or self._remedy(failed.status)
            raise _refused(_cannot_read(incident), failed, do) from None
        except ValueError:
            raise _not_pagerduty(_cannot_read(incident)) from None
        if not isinstance(content, dict):
            raise _not_pagerduty(_cannot_read(incident))
        return content

    def _remedy(self, status: int) -> str:
        if status != 401:
            return _REMEDIES.get(status, "")
        there = "https://api.pagerduty.com" if self.region == "EU" else f"https://{_EU_HOST}"
        return f"Check the API key. If it does not belong to the {self.region} region, set pagerduty_url to {there}."


def _not_sent(incident: str, failure: str, remedy: str, *, status: int = 0, waits: bool = False) -> NoteNotSent:
    return NoteNotSent(f"cannot add a note to incident {incident}", failure, remedy, status=status, waits=waits)


def _refused(doing: str, failed: Failed, do: str) -> CaptureError:
    kind = _CAUSES.get(failed.status, Unreachable if failed.passes else Rejected)
    return kind(doing, failed.why, do, status=failed.status)


def _cannot_read(incident: str) -> str:
    return f"cannot read incident {incident}"


def _not_pagerduty(doing: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(doing, "the response is not from PagerDuty", _NO_PAGERDUTY)


def _notes(incident: str, answer: BaseHTTPResponse) -> list[dict[str, Any]]:
    """Return the notes. Raises NoteNotSent when it is not PagerDuty that answers."""
    try:
        return [dict(note) for note in answer.json()["notes"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _not_sent(incident, "the response is not from PagerDuty", _NO_PAGERDUTY) from None
