"""Incidents and alerts in the format of PagerDuty's REST API, and the initial ones of the lab."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from lab.pagerduty.account import user_reference
from lab.pagerduty.model import Json

STAMP = "%Y-%m-%dT%H:%M:%SZ"
_SERVICE = {"id": "PSHOP001", "type": "service_reference", "summary": "shop"}


def now() -> str:
    """Return the current time as a timestamp of PagerDuty."""
    return datetime.now(timezone.utc).strftime(STAMP)


def make_incident(base_url: str, number: int, fields: Mapping[str, Any]) -> Json:
    """Return an incident. The fields in `wanted` replace the defaults."""
    identity, title = str(fields["id"]), str(fields.get("title", "Something is wrong"))
    created = now()
    incident: Json = {
        "id": identity,
        "type": "incident",
        "summary": f"[#{number}] {title}",
        "self": f"{base_url}/incidents/{identity}",
        "html_url": f"{base_url}/incidents/{identity}",
        "incident_number": number,
        "title": title,
        "description": title,
        "created_at": created,
        "updated_at": created,
        "status": "triggered",
        "urgency": "high",
        "priority": {"id": "PPRIO01", "type": "priority", "summary": "P1", "name": "P1"},
        "incident_key": f"lab-{identity.lower()}",
        "service": {**_SERVICE, "html_url": None, "self": None},
        "assignments": [{"at": created, "assignee": user_reference("oncall@shop.example")}],
        "acknowledgements": [],
        "teams": [],
        "escalation_policy": {"id": "PESCAL1", "type": "escalation_policy_reference", "summary": "shop on-call"},
    }
    return incident | {key: value for key, value in fields.items() if key != "alerts"}


def make_alert(incident: Json, position: int, details: Mapping[str, str], title: str = "") -> Json:
    """Return an alert as the Events API v2 stores it, with the custom details of the event in `body.details`."""
    identity = f"{incident['id']}A{position}"
    return {
        "id": identity,
        "type": "alert",
        "summary": title or incident["title"],
        "self": f"{incident['self']}/alerts/{identity}",
        "html_url": None,
        "created_at": incident["created_at"],
        "status": "triggered",
        "alert_key": f"{incident['incident_key']}-{position}",
        "service": incident["service"],
        "severity": details.get("severity", "critical"),
        "suppressed": False,
        "incident": {"id": incident["id"], "type": "incident_reference", "summary": incident["summary"]},
        "body": {"type": "alert_body", "contexts": [], "details": dict(details)},
    }


def alertmanager_details(labels: Mapping[str, str], summary: str, description: str) -> dict[str, str]:
    """Return custom details as Alertmanager's PagerDuty receiver sends them, with each label as a separate detail."""
    firing = "".join(f" - {name} = {value}\n" for name, value in sorted(labels.items()))
    return {
        **labels,
        "summary": summary,
        "description": description,
        "num_firing": "1",
        "num_resolved": "0",
        "firing": f"Labels:\n{firing}Annotations:\n - description = {description}\n - summary = {summary}\n",
        "resolved": "",
    }


def _shop_labels(alertname: str, app: str) -> dict[str, str]:
    return {
        "alertname": alertname,
        "cluster": "lab",
        "namespace": "shop",
        "app": app,
        "container": app,
        "severity": "critical",
    }


def seed_incidents() -> list[Json]:
    """Return the arguments of `make_incident` for the initial incidents: one for each failing workload."""
    return [
        {
            "id": "Q1CHECKOUT0001",
            "title": "checkout: requests time out (shop)",
            "alerts": [
                alertmanager_details(
                    _shop_labels("CheckoutRequestsTimeOut", "checkout"),
                    "checkout answers no requests",
                    "All request threads of checkout are busy, p99 latency is above 10 s for 5 minutes.",
                )
            ],
        },
        {
            "id": "Q1ORDERS000001",
            "title": "orders: memory keeps growing (shop)",
            "alerts": [
                alertmanager_details(
                    _shop_labels("OrdersMemoryGrows", "orders"),
                    "orders will be killed for its memory",
                    "The working set of orders is above 90 % of its limit and grows for 15 minutes.",
                )
            ],
        },
        {
            "id": "Q1GATEWAY00001",
            "title": "gateway: restarts in a loop (shop)",
            "alerts": [
                alertmanager_details(
                    _shop_labels("GatewayCrashLoops", "gateway"),
                    "gateway restarts again and again",
                    "The container gateway ended 5 times within 10 minutes.",
                )
            ],
        },
    ]
