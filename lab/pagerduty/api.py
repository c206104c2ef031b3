"""The endpoints of PagerDuty's REST API v2 for notes, incidents and alerts.

Each function implements a page of the reference.
Source: PagerDuty API reference, "List notes", "Create a note on an incident", "Update a note", "Get an incident",
"List alerts for an incident", "Create a status update", "Errors", "REST API Rate Limits", "Pagination"; Events API v2
reference, "Send a change event".
"""

from __future__ import annotations

import secrets

from flask import Blueprint, request

from lab.pagerduty.incidents import now
from lab.pagerduty.incoming import author, body, number, simulator
from lab.pagerduty.model import Json, incident_not_found, invalid_input, not_found, too_many_notes

MOST_NOTES = 2000
CUSTOM_FIELD, _LONGEST_FIELD = "evidence_url", 200
_IDS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PAGE, _LARGEST_PAGE = 25, 100
_ROUTING_KEY_LENGTH = 32

api = Blueprint("api", __name__)
events = Blueprint("events", __name__)


@api.get("/abilities")
def list_abilities() -> Json:
    """List abilities."""
    return {"abilities": ["sso", "teams"]}


@api.get("/incidents/<incident>")
def get_incident(incident: str) -> Json:
    """Get an incident."""
    record = simulator().database.incident(incident)
    if record is None:
        raise not_found()
    return {"incident": record}


@api.get("/incidents/<incident>/alerts")
def list_alerts(incident: str) -> Json:
    """List alerts for an incident."""
    _require(incident)
    alerts = simulator().database.alerts(incident)
    limit, offset = number("limit", _PAGE), number("offset", 0)
    page = alerts[offset : offset + min(limit, _LARGEST_PAGE)]
    total = len(alerts) if request.args.get("total") == "true" else None
    more = offset + len(page) < len(alerts)
    return {"alerts": page, "limit": limit, "offset": offset, "more": more, "total": total}


@api.get("/incidents/<incident>/notes")
def list_notes(incident: str) -> Json:
    """List notes for an incident."""
    _require(incident)
    return {"notes": simulator().database.notes(incident)}


@api.post("/incidents/<incident>/notes")
def add_note(incident: str) -> Json:
    """Create a note on an incident."""
    user, moment = author(), now()
    _require(incident)
    note = {
        "id": _new_id(),
        "user": user,
        "channel": {"summary": "The PagerDuty website or APIs"},
        "content": _note_content(),
        "created_at": moment,
        "updated_at": moment,
    }
    if not simulator().database.add_note(incident, note, MOST_NOTES):
        raise too_many_notes(MOST_NOTES)
    return {"note": note}


@api.put("/incidents/<incident>/notes/<identity>")
def edit_note(incident: str, identity: str) -> Json:
    """Update a note on an incident."""
    author()
    note = _required_note(incident, identity) | {"content": _note_content(), "updated_at": now()}
    simulator().database.replace_note(note)
    return {"note": note}


@api.delete("/incidents/<incident>/notes/<identity>")
def delete_note(incident: str, identity: str) -> tuple[str, int]:
    """Delete a note from an incident."""
    _required_note(incident, identity)
    simulator().database.delete_note(identity)
    return "", 204


@api.post("/incidents/<incident>/status_updates")
def add_status_update(incident: str) -> Json:
    """Create a status update on an incident."""
    sender = author()
    _require(incident)
    message = body().get("message")
    if not isinstance(message, str) or not message:
        raise invalid_input("Message cannot be empty.")
    return {"status_update": {"id": _new_id(), "message": message, "created_at": now(), "sender": sender}}


@api.get("/incidents/<incident>/custom_fields/values")
def list_fields(incident: str) -> Json:
    """Get the custom field values of an incident."""
    _require(incident)
    return {"custom_fields": simulator().fields.get(incident, [])}


@api.put("/incidents/<incident>/custom_fields/values")
def set_fields(incident: str) -> tuple[Json, int]:
    """Set the custom field values of an incident."""
    author()
    _require(incident)
    fields = [_field(field) for field in body().get("custom_fields") or [None]]
    merged = {field["name"]: field for field in [*simulator().fields.get(incident, []), *fields]}
    simulator().fields[incident] = list(merged.values())
    return {"custom_fields": simulator().fields[incident]}, 201


@events.post("/v2/change/enqueue")
def send_change_event() -> tuple[Json, int]:
    """Send a change event. It has the key of an integration, of 32 characters, instead of a key of the account."""
    event = body()
    wrong = [] if isinstance((event.get("payload") or {}).get("summary"), str) else ["summary"]
    if len(str(event.get("routing_key", ""))) != _ROUTING_KEY_LENGTH:
        wrong.append("routing_key")
    if wrong:
        return {"status": "invalid event", "message": "Event object is invalid", "errors": wrong}, 400
    return {"status": "success", "message": "Change event processed"}, 202


def _require(incident: str) -> None:
    if simulator().database.incident(incident) is None:
        raise incident_not_found()


def _required_note(incident: str, identity: str) -> Json:
    _require(incident)
    note = simulator().database.note(incident, identity)
    if note is None:
        raise not_found()
    return note


def _new_id() -> str:
    return "P" + "".join(secrets.choice(_IDS) for _ in range(13))


def _note_content() -> str:
    note = body().get("note")
    content = note.get("content") if isinstance(note, dict) else None
    if not isinstance(content, str) or not content.strip():
        raise invalid_input("Note content cannot be empty")
    return content


def _field(raw: object) -> Json:
    """Return the custom field with its new value. The account has one field, of type URL."""
    if not isinstance(raw, dict) or raw.get("name") != CUSTOM_FIELD:
        raise invalid_input("Custom Field does not exist")
    value = raw.get("value")
    if not isinstance(value, str) or len(value) > _LONGEST_FIELD:
        raise invalid_input(f"value must be a string of at most {_LONGEST_FIELD} characters")
    return {"id": "PFIELD1", "name": CUSTOM_FIELD, "type": "field_value", "data_type": "url", "value": value}
