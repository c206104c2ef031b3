"""Payloads of PagerDuty's V3 webhooks, one of each kind, written according to its documentation.

Source: PagerDuty developer documentation, "V3 webhooks overview", "Webhook event types".
"""

from __future__ import annotations

import secrets

from lab.pagerduty.incidents import now
from lab.pagerduty.model import Json

GUARANTEED_BYTES, LARGEST_BYTES = 55 * 1024, 256 * 1024


def event(event_type: str, data: Json | None) -> Json:
    """Return an event with its envelope."""
    return {
        "event": {
            "id": secrets.token_hex(13).upper(),
            "event_type": event_type,
            "resource_type": event_type.partition(".")[0],
            "occurred_at": now(),
            "agent": {"id": "PLH1HKV", "type": "user_reference", "summary": "Robin On-Call", "html_url": None},
            "client": None,
            "data": data,
        }
    }


def incident_event(incident: str, event_type: str = "incident.triggered", title: str = "Something is wrong") -> Json:
    """Return an event of an incident. It does not contain the alerts."""
    return event(
        event_type,
        {
            "id": incident,
            "type": "incident",
            "self": f"https://api.pagerduty.example/incidents/{incident}",
            "html_url": f"https://shop.pagerduty.example/incidents/{incident}",
            "number": 2,
            "status": "triggered",
            "incident_key": "d3640fbd41094207a1c11e58e46b1662",
            "created_at": now(),
            "title": title,
            "service": {"id": "PSHOP001", "type": "service_reference", "summary": "shop", "html_url": None},
            "assignees": [{"id": "PTUXL6G", "type": "user_reference", "summary": "Robin On-Call"}],
            "escalation_policy": {"id": "PESCAL1", "type": "escalation_policy_reference", "summary": "shop on-call"},
            "teams": [],
            "priority": None,
            "urgency": "high",
            "conference_bridge": None,
            "resolve_reason": None,
            "incident_type": {"name": "incident_default"},
        },
    )


def note_event(incident: str, note: str = "PNOTE00001", content: str = "Debug state of shop/checkout: …") -> Json:
    """Return the event of a note by the plugin, for accounts that subscribe to notes. Its ID is the ID of the note."""
    reference = {"id": incident, "type": "incident_reference", "summary": "Something is wrong", "html_url": None}
    data = {"incident": reference, "id": note, "content": content, "trimmed": False, "type": "incident_note"}
    return event("incident.annotated", data)


def fields_event(incident: str) -> Json:
    """Return the event of a change of a custom field."""
    reference = {"id": incident, "type": "incident_reference", "summary": "Something is wrong", "html_url": None}
    field = {"id": "PFIELD1", "name": "evidence_url", "type": "field_value", "value": "https://evidence.example/1"}
    data = {"incident": reference, "custom_fields": [field], "type": "incident_custom_field_values"}
    return event("incident.custom_field_values.updated", data)


def action_event(incident: str, invocation: str = "01HZX3B7K2M4N6P8Q0R2S4T6V8") -> Json:
    """Return the event of a click on an action in the incident. Its ID is the ID of the click."""
    reference = {"id": incident, "type": "incident_reference", "summary": "Something is wrong", "html_url": None}
    data = {"id": invocation, "type": "incident_action_invocation", "incident": reference, "state": "created"}
    return event("incident.action_invocation.created", data)


def ping() -> Json:
    """Return the payload of “Send test event”, without an incident."""
    return event("pagey.ping", {"message": "Hello from your friend Pagey!", "type": "ping"})


def other_events(incident: str) -> dict[str, Json]:
    """Return payloads that must neither start a capture nor be rejected, one of each kind."""
    large = incident_event(incident, "incident.status_update_published")
    large["event"]["data"]["message"] = "x" * (LARGEST_BYTES - 2048)
    return {
        "acknowledged": incident_event(incident, "incident.acknowledged"),
        "resolved": incident_event(incident, "incident.resolved"),
        "annotated": note_event(incident),
        "custom fields": fields_event(incident),
        "an action": action_event(incident),
        "a service": event("service.updated", {"id": "PSHOP001", "type": "service", "summary": "shop"}),
        "ping": ping(),
        "no data": event("incident.triggered", None),
        "an empty object": {},
        "256 KB": large,
    }
