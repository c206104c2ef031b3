"""PagerDuty's REST API v2, as much of it as notes, incidents and alerts need.

Source: PagerDuty API reference, "List notes", "Create a note on an incident", "Update a note", "Get an incident",
"List alerts for an incident", "Create a status update", "Errors", "REST API Rate Limits", "Pagination"; Events API v2
reference, "Send a change event".
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path

from lab.pagerduty.account import Keys, authenticate, author
from lab.pagerduty.database import Database
from lab.pagerduty.incidents import make_alert, make_incident, now, seed_incidents
from lab.pagerduty.journal import Journal
from lab.pagerduty.limits import Limits
from lab.pagerduty.model import (
    Answer,
    ApiError,
    Json,
    Request,
    html_answer,
    incident_not_found,
    invalid_input,
    json_answer,
    not_found,
    too_many_notes,
)
from lab.pagerduty.page import incident_page, overview_page

MOST_NOTES = 2000
CUSTOM_FIELD, _LONGEST_FIELD = "evidence_url", 200
_IDS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PAGE = 25
_ROUTING_KEY_LENGTH = 32

Handler = Callable[[Request, str, str], Answer]


class Api:
    """The whole simulator without HTTP: a request in, an answer out. Safe to use from several threads."""

    def __init__(self, state: Path, base_url: str) -> None:
        """`state` keeps keys, incidents and notes; `base_url` is what links begin with."""
        self._keys = Keys.kept_in(state / "keys.json")
        self._db = Database(state / "incidents.sqlite")
        self._base_url = base_url
        self._limits = Limits()
        self._fields: dict[str, list[Json]] = {}  # custom fields of an incident, gone when the simulator stops
        self._journal = Journal()
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = [
            ("GET", _path("/abilities"), self._list_abilities),
            ("GET", _path("/incidents/{id}"), self._get_incident),
            ("POST", _path("/incidents/{id}/status_updates"), self._add_status_update),
            ("GET", _path("/incidents/{id}/alerts"), self._list_alerts),
            ("GET", _path("/incidents/{id}/notes"), self._list_notes),
            ("POST", _path("/incidents/{id}/notes"), self._add_note),
            ("PUT", _path("/incidents/{id}/notes/{id}"), self._edit_note),
            ("DELETE", _path("/incidents/{id}/notes/{id}"), self._delete_note),
            ("GET", _path("/incidents/{id}/custom_fields/values"), self._list_fields),
            ("PUT", _path("/incidents/{id}/custom_fields/values"), self._set_fields),
        ]
        if not self._db.incident_ids():
            self._seed()

    def answer(self, request: Request) -> Answer:
        """Answers the lab's own addresses, a browser, or a client of the API."""
        try:
            if request.path.startswith("/_"):
                return self._lab(request)
            if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
                return self._page(request.path)
        except ApiError as error:
            return error.answer()
        answer = self._change_event(request) if request.path == "/v2/change/enqueue" else self._rest(request)
        self._journal.add(request, answer.status)
        return answer

    def _rest(self, request: Request) -> Answer:
        headers: dict[str, str] = {}
        try:
            refusal = self._limits.refusal()
            if refusal:
                return refusal
            headers = self._limits.count(authenticate(request, self._keys))
            _check_version(request)
            answer = self._route(request)
        except ApiError as error:
            answer = error.answer()
        return Answer(answer.status, answer.content, answer.content_type, {**headers, **answer.headers})

    def _route(self, request: Request) -> Answer:
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return handler(request, *(*match.groups(), "", "")[:2])
        raise not_found()

    def _list_abilities(self, _request: Request, _first: str, _second: str) -> Answer:
        return json_answer(200, {"abilities": ["sso", "teams"]})

    def _get_incident(self, request: Request, incident: str, _: str) -> Answer:
        record = self._db.incident(incident)
        if record is None:
            raise not_found()
        return json_answer(200, {"incident": record})

    def _list_alerts(self, request: Request, incident: str, _: str) -> Answer:
        self._require(incident)
        alerts = self._db.alerts(incident)
        limit, offset = _number(request, "limit", _PAGE), _number(request, "offset", 0)
        page = alerts[offset : offset + min(limit, 100)]
        more = offset + len(page) < len(alerts)
        total = len(alerts) if request.query.get("total") == "true" else None
        fields: Json = {"limit": limit, "offset": offset, "more": more, "total": total}
        return json_answer(200, {"alerts": page, **fields})

    def _list_notes(self, request: Request, incident: str, _: str) -> Answer:
        self._require(incident)
        return json_answer(200, {"notes": self._db.notes(incident)})

    def _add_note(self, request: Request, incident: str, _: str) -> Answer:
        user = author(request, self._keys)
        self._require(incident)
        moment = now()
        note: Json = {
            "id": _new_id(),
            "user": user,
            "channel": {"summary": "The PagerDuty website or APIs"},
            "content": _note_content(request),
            "created_at": moment,
            "updated_at": moment,
        }
        if not self._db.add_note(incident, note, MOST_NOTES):
            raise too_many_notes(MOST_NOTES)
        return json_answer(200, {"note": note})

    def _edit_note(self, request: Request, incident: str, identity: str) -> Answer:
        author(request, self._keys)
        note = self._required_note(incident, identity)
        edited = {**note, "content": _note_content(request), "updated_at": now()}
        self._db.replace_note(edited)
        return json_answer(200, {"note": edited})

    def _delete_note(self, request: Request, incident: str, identity: str) -> Answer:
        self._required_note(incident, identity)
        self._db.delete_note(identity)
        return Answer(204, None)

    def _add_status_update(self, request: Request, incident: str, _: str) -> Answer:
        sender = author(request, self._keys)
        self._require(incident)
        message = request.json().get("message")
        if not isinstance(message, str) or not message:
            raise invalid_input("Message cannot be empty.")
        update = {"id": _new_id(), "message": message, "created_at": now(), "sender": sender}
        return json_answer(200, {"status_update": update})

    def _change_event(self, request: Request) -> Answer:
        """The Events API: no key of an account, but that of an integration, of 32 characters."""
        event = request.json()
        wrong = [] if isinstance((event.get("payload") or {}).get("summary"), str) else ["summary"]
        if len(str(event.get("routing_key", ""))) != _ROUTING_KEY_LENGTH:
            wrong.append("routing_key")
        if wrong:
            body = {"status": "invalid event", "message": "Event object is invalid", "errors": wrong}
            return json_answer(400, body)
        return json_answer(202, {"status": "success", "message": "Change event processed"})

    def _list_fields(self, request: Request, incident: str, _: str) -> Answer:
        self._require(incident)
        return json_answer(200, {"custom_fields": self._fields.get(incident, [])})

    def _set_fields(self, request: Request, incident: str, _: str) -> Answer:
        author(request, self._keys)
        self._require(incident)
        fields = [_field(field) for field in request.json().get("custom_fields") or [None]]
        existing = {field["name"]: field for field in self._fields.get(incident, [])}
        self._fields[incident] = list({**existing, **{field["name"]: field for field in fields}}.values())
        return json_answer(201, {"custom_fields": self._fields[incident]})

    def _require(self, incident: str) -> None:
        if self._db.incident(incident) is None:
            raise incident_not_found()

    def _required_note(self, incident: str, identity: str) -> Json:
        self._require(incident)
        note = self._db.note(incident, identity)
        if note is None:
            raise not_found()
        return note

    def _page(self, path: str) -> Answer:
        if path in ("/", "/incidents"):
            incidents = [self._db.incident(identity) for identity in self._db.incident_ids()]
            return html_answer(overview_page([incident for incident in incidents if incident]))
        identity = path.removeprefix("/incidents/")
        incident = self._db.incident(identity)
        if incident is None:
            raise not_found()
        return html_answer(incident_page(incident, self._db.alerts(identity), self._db.notes(identity)))

    def _lab(self, request: Request) -> Answer:
        if (request.method, request.path) == ("GET", "/_requests"):
            return json_answer(200, {"requests": self._journal.entries()})
        if (request.method, request.path) == ("POST", "/_control"):
            self._control(request.json())
            return json_answer(200, {"ok": True})
        raise not_found()

    def _control(self, order: Json) -> None:
        if order.get("reset"):
            self._db.clear()
            self._limits.reset()
            self._journal.clear()
            self._seed()
        self._limits.order(order)
        if "incident" in order:
            self._create(order["incident"])

    def _seed(self) -> None:
        for seed in seed_incidents():
            self._create(seed)

    def _create(self, fields: Json) -> None:
        if not re.fullmatch(r"[PQR][A-Z0-9]{5,31}", str(fields.get("id", ""))):
            raise invalid_input("incident.id must be upper-case letters and digits, beginning with P, Q or R")
        incident = make_incident(self._base_url, len(self._db.incident_ids()) + 1, fields)
        alerts = [make_alert(incident, n, details) for n, details in enumerate(fields.get("alerts", []), start=1)]
        self._db.add_incident(incident, alerts)


def _new_id() -> str:
    return "P" + "".join(secrets.choice(_IDS) for _ in range(13))


def _path(template: str) -> re.Pattern[str]:
    return re.compile(template.replace("{id}", "([^/]+)"))


def _check_version(request: Request) -> None:
    """Accept may be left out; the version in it may not be another one."""
    version = re.search(r"version=(\w+)", request.headers.get("accept", ""))
    if version and version[1] != "2":
        raise invalid_input(f"API version {version[1]} is not supported: use version=2")


def _note_content(request: Request) -> str:
    note = request.json().get("note")
    content = note.get("content") if isinstance(note, dict) else None
    if not isinstance(content, str) or not content.strip():
        raise invalid_input("Note content cannot be empty")
    return content


def _field(raw: object) -> Json:
    """A custom field with its new value; this account has one, of type URL."""
    if not isinstance(raw, dict) or raw.get("name") != CUSTOM_FIELD:
        raise invalid_input("Custom Field does not exist")
    value = raw.get("value")
    if not isinstance(value, str) or len(value) > _LONGEST_FIELD:
        raise invalid_input(f"value must be a string of at most {_LONGEST_FIELD} characters")
    return {"id": "PFIELD1", "name": CUSTOM_FIELD, "type": "field_value", "data_type": "url", "value": value}


def _number(request: Request, name: str, usual: int) -> int:
    text = request.query.get(name, str(usual))
    if not text.isdigit():
        raise invalid_input(f"{name} must be a number")
    return int(text)
