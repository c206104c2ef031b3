"""jobs/archive/webhooks.yaml: the incident of an event of PagerDuty. docs/pagerduty.md says the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.pagerduty.webhooks import action_event, event, fields_event, incident_event, note_event
from lab.rundeck.webhook import Webhook

ROOT = Path(__file__).parents[3]
INCIDENT = "Q1CHECKOUT0001"
OTHER = {"id": "01HZX3B7K2M4N6P8Q0R2S4T6V8", "type": "incident_responder_request"}


@pytest.fixture
def hook() -> Webhook:
    return Webhook.defined_in(ROOT / "jobs/archive/webhooks.yaml", ROOT / "jobs", "token", "secret")


@pytest.mark.parametrize(
    ("payload", "incident"),
    [
        (incident_event(INCIDENT), INCIDENT),
        (action_event(INCIDENT), INCIDENT),
        (note_event(INCIDENT), INCIDENT),
        (fields_event(INCIDENT), INCIDENT),
        (event("incident.responder.added", OTHER | {"incident": {"id": INCIDENT}}), INCIDENT),
        (event("incident.responder.added", OTHER | {"incident": None}), OTHER["id"]),
        (event("incident.triggered", None), "null"),
        ({}, "null"),
    ],
    ids=["incident", "action", "note", "custom fields", "something else", "no incident", "no data", "empty"],
)
def test_the_incident_of_an_event_is_its_own_or_the_one_inside(payload: Any, incident: str, hook: Webhook) -> None:
    assert hook.options(json.dumps(payload).encode())["incident_id"] == incident


def test_the_page_has_the_same_options(hook: Webhook) -> None:
    assert hook.argument_string in (ROOT / "docs/pagerduty.md").read_text(encoding="utf-8")
