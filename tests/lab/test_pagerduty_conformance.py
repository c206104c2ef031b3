"""Each request of the client, and each answer that it reads, has the form in PagerDuty's reference.

The shapes are hand-written from the API reference, "Get an incident", "List alerts for an incident", "List notes",
"Create a note on an incident", "Update a note", "Set custom field values". The requests are what our client really
sends, taken from the simulator's journal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from urllib3.response import BaseHTTPResponse

from debugcapture.errors import NoteNotSent
from debugcapture.pagerduty.api import Access, PagerDuty
from debugcapture.pagerduty.events import Events, events_url
from lab.pagerduty.account import SENDER
from tests.simulator import Simulator, simulator

INCIDENT = "Q1CONFORM00001"
NOTE_BODY = {"note": {"content": str}}
REFERENCE = {"id": str, "type": str, "summary": str}
NOTE = {"id": str, "user": REFERENCE, "channel": {"summary": str}, "content": str, "created_at": str, "updated_at": str}
ALERT = {"id": str, "type": str, "summary": str, "status": str, "body": {"type": str, "details": dict}}


@dataclass(frozen=True)
class Operation:
    """One operation of the API: its parameters and its response."""

    method: str
    path: str
    answer: Any
    body: Any = None
    writes: bool = False  # a general access key must send From
    query: dict[str, str] = field(default_factory=dict)  # name → pattern


OPERATIONS = (
    Operation("GET", "/incidents/[A-Z0-9]+", {"incident": {"id": str, "title": str, "status": str}}),
    Operation(
        "GET",
        "/incidents/[A-Z0-9]+/alerts",
        {"alerts": [ALERT], "limit": int, "offset": int, "more": bool},
        query={"limit": "[1-9][0-9]?|100", "offset": "[0-9]+"},
    ),
    Operation("GET", "/incidents/[A-Z0-9]+/notes", {"notes": [NOTE]}),
    Operation(
        "PUT",
        "/incidents/[A-Z0-9]+/custom_fields/values",
        {"custom_fields": [{"id": str, "name": str, "value": str}]},
        {"custom_fields": [{"name": str, "value": str}]},
        writes=True,
    ),
    Operation(
        "POST",
        "/incidents/[A-Z0-9]+/status_updates",
        {"status_update": {"id": str, "message": str, "created_at": str, "sender": REFERENCE}},
        {"message": str},
        writes=True,
    ),
    Operation("POST", "/incidents/[A-Z0-9]+/notes", {"note": NOTE}, NOTE_BODY, writes=True),
    Operation("PUT", "/incidents/[A-Z0-9]+/notes/[A-Z0-9]+", {"note": NOTE}, NOTE_BODY, writes=True),
)


@pytest.fixture
def pagerduty(tmp_path: Path) -> Iterator[Simulator]:
    with simulator(tmp_path / "pagerduty") as pagerduty:
        yield pagerduty


def operation(method: str, path: str) -> Operation:
    (schema,) = [
        operation for operation in OPERATIONS if operation.method == method and re.fullmatch(operation.path, path)
    ]
    return schema


def wrong(value: Any, shape: Any, exact: bool, place: str = "") -> list[str]:
    """Return where ``value`` has another form. With ``exact``, it must not have other names."""
    if isinstance(shape, type):
        return [] if isinstance(value, shape) else [f"{place} is {value!r}, no {shape.__name__}"]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{place} is not a list"]
        return [
            problem
            for number, each in enumerate(value)
            for problem in wrong(each, shape[0], exact, f"{place}[{number}]")
        ]
    if not isinstance(value, dict):
        return [f"{place} is not an object"]
    missing = [f"{place}.{name} is missing" for name in shape.keys() - value.keys()]
    more = [f"{place}.{name} is unknown" for name in value.keys() - shape.keys()] if exact else []
    names = shape.keys() & value.keys()
    return [
        *missing,
        *more,
        *(problem for name in names for problem in wrong(value[name], shape[name], exact, f"{place}.{name}")),
    ]


@pytest.mark.parametrize("kind", ["account", "user", "bearer"])
def test_requests_and_responses_match_the_documentation(
    kind: str, pagerduty: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pagerduty.create(INCIDENT, *[{"namespace": "shop", "pod": f"x-{number}"} for number in range(60)])
    answers: list[Any] = []

    client = PagerDuty(Access(pagerduty.url, getattr(pagerduty.keys, kind), "" if kind == "user" else SENDER))
    send = client.client.send

    def recorded(method: str, path: str, body: Mapping[str, Any] | None = None) -> BaseHTTPResponse:
        answer = send(method, path, body)
        answers.append(answer.json())
        return answer

    monkeypatch.setattr(client.client, "send", recorded)
    assert len(client.alerts(INCIDENT)) == 60
    assert client.incident(INCIDENT)["id"] == INCIDENT
    for text in ("capturing [x]", "complete [x]", "complete [x]"):
        client.annotate(INCIDENT, "[x]", text)
    client.set_field(INCIDENT, "evidence_url", "https://evidence.example/1")
    client.update_status(INCIDENT, "complete")
    sent = pagerduty.requests()
    assert {(request["method"]) for request in sent} == {"GET", "POST", "PUT"}
    for request, answer in zip(sent, answers, strict=True):
        documented = operation(request["method"], request["path"])
        headers, body = request["headers"], request["body"]
        assert headers["accept"] == "application/vnd.pagerduty+json;version=2"
        assert headers["content-type"] == "application/json"
        assert re.fullmatch(r"(Token token|Bearer)[= ]?\[redacted\]", headers["authorization"])
        assert headers.get("from", "") == ("" if kind == "user" else SENDER) or not documented.writes
        assert request["query"].keys() == documented.query.keys()
        assert all(re.fullmatch(documented.query[name], value) for name, value in request["query"].items())
        assert wrong(json.loads(body), documented.body, exact=True) == [] if documented.body else body == ""
        assert wrong(answer, documented.answer, exact=False) == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, ".note is missing"),
        ({"note": {"content": 1}}, ".note.content is 1, no str"),
        ({"note": {"content": "x"}, "more": 1}, ".more is unknown"),
        ({"note": []}, ".note is not an object"),
    ],
)
def test_another_shape_is_noticed(value: Any, problem: str) -> None:
    assert wrong(value, NOTE_BODY, exact=True) == [problem]


CHANGE = {
    "routing_key": str,
    "payload": {"summary": str, "source": str, "timestamp": str, "custom_details": dict},
    "links": [{"href": str, "text": str}],
}


def test_a_change_event_is_as_documented_and_needs_no_key_of_the_account(pagerduty: Simulator) -> None:
    Events(pagerduty.url, "k" * 32).send_change(
        "complete: shop/web", "shop/web", "https://evidence.example/1", {"pod": "web"}
    )
    (sent,) = pagerduty.requests()
    assert (sent["method"], sent["path"]) == ("POST", "/v2/change/enqueue")
    assert "authorization" not in sent["headers"]
    assert wrong(json.loads(sent["body"]), CHANGE, exact=True) == []
    with pytest.raises(NoteNotSent, match="Check that pagerduty_integration_key"):
        Events(pagerduty.url, "short").send_change("x", "y", "", {})


@pytest.mark.parametrize(
    ("api", "events"),
    [
        ("https://api.pagerduty.com", "https://events.pagerduty.com"),
        ("https://api.eu.pagerduty.com", "https://events.eu.pagerduty.com"),
        ("http://127.0.0.1:18081", "http://127.0.0.1:18081"),
    ],
)
def test_events_go_to_the_service_region_of_the_account(api: str, events: str) -> None:
    assert events_url(api) == events
