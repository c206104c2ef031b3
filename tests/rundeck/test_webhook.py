"""From PagerDuty's webhook to the link in the incident, unattended: the job runs in Rundeck's engine."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.demo import artifact, links, running_pod, state_line
from lab.pagerduty.alerts import Subject, alert_bodies
from lab.pagerduty.webhooks import LARGEST_BYTES, action_event, incident_event, other_events
from lab.project import JOBS, JobSet
from lab.rundeck import JobRun
from lab.rundeck.webhook import Refused, Webhook, listening
from tests.simulator import Simulator, simulator

INCIDENT, SECRET = "Q1WEBHOOK00001", "Bearer s3cret"
DEFINITION = JOBS / "archive" / "webhooks.yaml"


@dataclass(frozen=True)
class Endpoint:
    url: str
    hook: Webhook

    def deliver(self, payload: Any, authorization: str = SECRET) -> int:
        """The status that PagerDuty gets."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, body, headers)) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            refused.close()
            return refused.code

    def runs(self) -> list[JobRun]:
        return [run.result() for run in self.hook.runs]


@pytest.fixture
def hook() -> Webhook:
    return Webhook.defined_in(DEFINITION, JOBS, secrets.token_hex(16), SECRET)


@pytest.fixture
def pagerduty(tmp_path: Path) -> Iterator[Simulator]:
    with simulator(tmp_path / "pagerduty") as pagerduty:
        yield pagerduty


@pytest.fixture
def endpoint(hook: Webhook, project: JobSet, pagerduty: Simulator) -> Iterator[Endpoint]:
    account = {"pagerduty_url": pagerduty.url, "pagerduty_token": pagerduty.keys.account, "cluster": "lab"}
    own = project.changed(**account, alert_namespaces="shop").for_alerts()
    with listening(hook, lambda file, options: own.run(file.name, options)) as url:
        yield Endpoint(url, hook)


def test_an_alert_leads_to_a_link_and_a_second_delivery_does_nothing(endpoint: Endpoint, pagerduty: Simulator) -> None:
    subject = Subject("lab", "shop", "orders", running_pod("orders"), "orders")
    pagerduty.create(INCIDENT, alert_bodies(subject)["Alertmanager"])
    event = incident_event(INCIDENT, title='"; -incident_id X $(id) ${1+1}')
    assert [endpoint.deliver(event) for _ in range(2)] == [200, 200]
    runs = endpoint.runs()
    assert [run.succeeded for run in runs] == [True, True], [run.errors or run.refused for run in runs]
    (note,) = pagerduty.notes(INCIDENT)
    assert state_line(note).endswith("complete")
    assert "Full thread dump" in artifact(links(note)[0], "jvm-threads.txt")
    assert len([run for run in runs if "link" in run.data]) == 1


def test_an_unrelated_event_starts_a_run_that_does_nothing(endpoint: Endpoint, pagerduty: Simulator) -> None:
    pagerduty.create(INCIDENT)
    assert [endpoint.deliver(event) for event in ({}, other_events(INCIDENT)["annotated"])] == [200, 200]
    runs = endpoint.runs()
    assert [(run.succeeded, run.refused) for run in runs] == [(True, None)] * 2, [run.errors for run in runs]
    assert all("does not start a capture" in "\n".join(run.output) for run in runs)
    assert pagerduty.requests() == []


@pytest.mark.parametrize("kind", ["annotated", "custom fields", "an action"])
def test_an_event_about_something_of_an_incident_is_about_the_incident(kind: str, hook: Webhook) -> None:
    options = hook.options(json.dumps(other_events(INCIDENT)[kind]).encode())
    assert options["incident_id"] == INCIDENT


def test_a_click_on_an_action_captures(hook: Webhook, project: JobSet, pagerduty: Simulator) -> None:
    subject = Subject("lab", "shop", "orders", running_pod("orders"), "orders")
    pagerduty.create(INCIDENT, alert_bodies(subject)["Alertmanager"])
    event = action_event(INCIDENT)
    account = {"pagerduty_url": pagerduty.url, "pagerduty_token": pagerduty.keys.account, "cluster": "lab"}
    own = project.changed(**account, alert_namespaces="shop", events=event["event"]["event_type"]).for_alerts()
    with listening(hook, lambda file, options: own.run(file.name, options)) as url:
        assert Endpoint(url, hook).deliver(event) == 200
        (run,) = Endpoint(url, hook).runs()
    assert run.succeeded, run.errors or run.refused
    notes = pagerduty.notes(INCIDENT)
    assert [state_line(note).endswith("complete") for note in notes] == [True], run.output


@pytest.mark.parametrize("kind", sorted(other_events(INCIDENT)))
def test_no_event_of_pagerduty_is_refused(kind: str, hook: Webhook) -> None:
    body = json.dumps(other_events(INCIDENT)[kind]).encode()
    assert len(body) < LARGEST_BYTES
    options = hook.options(body)
    assert options.keys() == {"incident_id", "event_type"}
    assert options["event_type"] != "incident.triggered" or options["incident_id"] == "null"


@pytest.mark.parametrize("identity", ["Q1 -event_type x", "$(id)", "${option.x}", "a\nb", "x" * 500, "../..", {"a": 1}])
def test_no_payload_adds_an_option(identity: Any, hook: Webhook) -> None:
    body = json.dumps({"event": {"event_type": "incident.triggered", "data": {"id": identity}}}).encode()
    with pytest.raises(Refused, match="Option 'incident_id' doesn't match regular expression"):
        hook.options(body)


@pytest.mark.parametrize("authorization", ["", "Bearer other", SECRET.lower()])
def test_request_without_the_secret_starts_nothing(authorization: str, endpoint: Endpoint) -> None:
    assert endpoint.deliver(incident_event(INCIDENT), authorization) == 401
    assert endpoint.runs() == []
