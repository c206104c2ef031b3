"""PagerDuty's REST API v2: an incident, its alerts, and its notes.

Source: PagerDuty API reference, "Get an incident", "List alerts for an incident", "List notes", "Create a note on an
incident", "Update a note", "Errors", "REST API Rate Limits", "Pagination", "Set custom field values", "Create a status
update".
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
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
from .client import TRIES, Client, RequestFailed, no_limit

MAX_NOTES = 2000
MAX_ALERTS = 500
# A page is in memory as one piece, and one alert may have half a megabyte.
_ALERTS_PER_PAGE = 25
# The limit of a custom field of type text or URL.
MAX_FIELD_CHARACTERS = 200
_EU_HOST = "api.eu.pagerduty.com"
Json = dict[str, Any]
_NOT_PAGERDUTY_REMEDY = "Check the API URL, and whether a proxy or a login page intercepts it."
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


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach an account.

    ``token`` is an API key or an OAuth token, ``from_email`` the address of a user of the account or "". ``ca`` (PEM)
    is trusted in addition to the CAs of the system.
    """

    url: str
    token: str
    from_email: str = ""
    ca: str = ""


class PagerDuty:
    """One PagerDuty account."""

    def __init__(
        self,
        access: Access,
        sleep: Callable[[float], None] = time.sleep,
        rate_limit: Callable[[], None] = no_limit,
    ) -> None:
        """Open the account. ``rate_limit`` waits until the next request may be sent. Raises BadInput."""
        for name, value in (("PagerDuty API key", access.token), ("From e-mail", access.from_email)):
            if not (value.isascii() and value.isprintable()):
                raise BadInput(f"invalid {name}", "it contains line breaks or non-ASCII characters", "Correct it.")
        scheme = "Bearer " if access.token.startswith("pdus+") else "Token token="
        headers = {
            "Authorization": f"{scheme}{access.token}",
            "Accept": "application/vnd.pagerduty+json;version=2",
            **({"From": access.from_email} if access.from_email else {}),
        }
        self.client = Client(access.url, headers, access.ca, sleep, rate_limit)

    def annotate(self, incident: str, marker: str, content: str, tries: int = TRIES) -> str:
        """Write ``content`` as the note with ``marker``. Return "added", "edited" or "already exists".

        Each attempt looks for the marker first, so that a lost response does not cause a second note.
        Raises NoteNotSent.
        """
        path = f"/incidents/{quote(incident)}/notes"
        result = ""

        def attempt() -> BaseHTTPResponse:
            nonlocal result
            response = self.client.send("GET", path)
            if response.status != 200:
                return response
            notes = _notes(incident, response)
            existing = next((note for note in notes if marker in str(note.get("content", ""))), None)
            if existing and existing["content"] == content:
                # An earlier attempt wrote it, and only its response was lost.
                result = result or "already exists"
                return response
            if not existing and len(notes) >= MAX_NOTES:
                raise _not_sent(
                    incident, f"it has {len(notes):,} notes, which is PagerDuty's limit", "Delete some of them."
                )
            body = {"note": {"content": content}}
            if existing:
                result = "edited"
                return self.client.send("PUT", f"{path}/{quote(str(existing.get('id')))}", body)
            result = "added"
            return self.client.send("POST", path, body)

        try:
            self.client.retry(attempt, tries)
        except RequestFailed as error:
            # Somebody will correct a wrong key. A wrong incident or note stays wrong.
            waits = error.is_temporary or error.status == 401
            remedy = self._remedy(error.status)
            raise _not_sent(incident, error.reason, remedy, status=error.status, waits=waits) from None
        return result

    def edit_note(self, incident: str, marker: str, change: Callable[[str], str]) -> str:
        """Replace the text of the note with ``marker`` by what ``change`` makes of it.

        Return "edited", "unchanged", or "" if there is no such note or incident. Raises NoteNotSent.
        """
        path = f"/incidents/{quote(incident)}/notes"
        result = ""

        def attempt() -> BaseHTTPResponse:
            nonlocal result
            response = self.client.send("GET", path)
            if response.status != 200:
                return response
            notes = [note for note in _notes(incident, response) if marker in str(note.get("content", ""))]
            if not notes:
                return response
            content = change(str(notes[0]["content"]))
            if content == notes[0]["content"]:
                # An earlier attempt may have written it, whose response was lost.
                result = result or "unchanged"
                return response
            result = "edited"
            return self.client.send("PUT", f"{path}/{quote(str(notes[0].get('id')))}", {"note": {"content": content}})

        try:
            self.client.retry(attempt)
        except RequestFailed as error:
            if error.status == 404:
                return ""
            action = f"cannot edit the note of incident {incident}"
            raise NoteNotSent(action, error.reason, self._remedy(error.status), status=error.status) from None
        return result

    def note_texts(self, incident: str) -> list[str]:
        """Return the texts of the notes of ``incident``. Raises the same errors as `alerts`."""
        notes = self._read(incident, "/notes", {}).get("notes")
        if not isinstance(notes, list):
            raise _not_pagerduty(_cannot_read(incident))
        return [str(note.get("content", "")) for note in notes if isinstance(note, dict)]

    def check(self) -> None:
        """Check that the account accepts the key. Raises NotAllowed, Unreachable or Rejected."""
        try:
            self.client.retry(lambda: self.client.send("GET", "/abilities"), tries=1)
        except RequestFailed as error:
            remedy = "Check the API URL." if error.status == 404 else self._remedy(error.status)
            raise _refusal(f"PagerDuty at {self.client.url}", error, remedy) from None

    @property
    def region(self) -> str:
        """Return the service region of the account: EU or US."""
        return "EU" if _EU_HOST in self.client.url else "US"

    def set_field(self, incident: str, name: str, value: str) -> None:
        """Set the custom field ``name`` of the incident to ``value`` (at most MAX_FIELD_CHARACTERS).

        Raises NoteNotSent.
        """
        path, body = f"/incidents/{quote(incident)}/custom_fields/values", {"name": name, "value": value}
        try:
            self.client.retry(lambda: self.client.send("PUT", path, {"custom_fields": [body]}), TRIES)
        except RequestFailed as error:
            action = f"cannot set the custom field {name} of incident {incident}"
            raise NoteNotSent(action, error.reason, "The note contains the link.") from None

    def update_status(self, incident: str, message: str) -> None:
        """Publish ``message`` to the subscribers of the incident, also by mail. Raises NoteNotSent."""
        path = f"/incidents/{quote(incident)}/status_updates"
        try:
            self.client.retry(lambda: self.client.send("POST", path, {"message": message}))
        except RequestFailed as error:
            action = f"cannot publish a status update of incident {incident}"
            raise NoteNotSent(action, error.reason, "The note contains the same information.") from None

    def alerts(self, incident: str) -> list[Json]:
        """Return the alerts of the incident, at most MAX_ALERTS.

        Raises TargetNotFound (no such incident), NotAllowed, Unreachable, Rejected, UnexpectedAnswer (a login page).
        """
        alerts: list[Json] = []
        while True:
            page = self._read(incident, "/alerts", {"limit": str(_ALERTS_PER_PAGE), "offset": str(len(alerts))})
            page_alerts = page.get("alerts")
            if not isinstance(page_alerts, list):
                raise _not_pagerduty(_cannot_read(incident))
            alerts += page_alerts
            if not page_alerts or page.get("more") is not True or len(alerts) >= MAX_ALERTS:
                return alerts

    def incident(self, incident: str) -> Json:
        """Return the incident. Raises the same errors as `alerts`."""
        details = self._read(incident, "", {}).get("incident")
        if not isinstance(details, dict):
            raise _not_pagerduty(_cannot_read(incident))
        return details

    def _read(self, incident: str, suffix: str, query: dict[str, str]) -> Json:
        path = f"/incidents/{quote(incident)}{suffix}" + (f"?{urlencode(query)}" if query else "")
        try:
            content = self.client.retry(lambda: self.client.send("GET", path), TRIES).json()
        except RequestFailed as error:
            remedy = _READ_REMEDIES.get(error.status) or self._remedy(error.status)
            raise _refusal(_cannot_read(incident), error, remedy) from None
        except ValueError:
            raise _not_pagerduty(_cannot_read(incident)) from None
        if not isinstance(content, dict):
            raise _not_pagerduty(_cannot_read(incident))
        return content

    def _remedy(self, status: int) -> str:
        if status != 401:
            return _REMEDIES.get(status, "")
        other_region = "https://api.pagerduty.com" if self.region == "EU" else f"https://{_EU_HOST}"
        advice = f"If it does not belong to the {self.region} region, set pagerduty_url to {other_region}."
        return f"Check the API key. {advice}"


def _not_sent(incident: str, reason: str, remedy: str, *, status: int = 0, waits: bool = False) -> NoteNotSent:
    return NoteNotSent(f"cannot add a note to incident {incident}", reason, remedy, status=status, waits=waits)


def _refusal(action: str, error: RequestFailed, remedy: str) -> CaptureError:
    error_type = _CAUSES.get(error.status, Unreachable if error.is_temporary else Rejected)
    return error_type(action, error.reason, remedy, status=error.status)


def _cannot_read(incident: str) -> str:
    return f"cannot read incident {incident}"


def _not_pagerduty(action: str) -> UnexpectedAnswer:
    return UnexpectedAnswer(action, "the response is not from PagerDuty", _NOT_PAGERDUTY_REMEDY)


def _notes(incident: str, response: BaseHTTPResponse) -> list[dict[str, Any]]:
    """Return the notes in the response. Raises NoteNotSent if another server answered."""
    try:
        return [dict(note) for note in response.json()["notes"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _not_sent(incident, "the response is not from PagerDuty", _NOT_PAGERDUTY_REMEDY) from None
