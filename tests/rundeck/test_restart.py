"""“Capture, then restart” and “Capture, then roll back”, with the service account of the captures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.kubernetes.kubectl import Kubectl
from lab.kubernetes.workloads import grant
from lab.project import JobSet
from tests.cluster.test_incidents import deployment
from tests.simulator import Simulator, simulator

INCIDENT = "Q1RESTART00001"


@pytest.fixture
def service(namespace: str, kubectl: Kubectl) -> str:
    """A service that may be captured and restarted; its namespace."""
    grant(kubectl, namespace, "capture-and-restart")
    kubectl("apply", f"--namespace={namespace}", "-f", "-", stdin=json.dumps(deployment("checkout")))
    rolled_out(namespace, kubectl)
    return namespace


@dataclass(frozen=True)
class RestartJobs:
    """The jobs that restart, with a separate PagerDuty."""

    project: JobSet
    pagerduty: Simulator

    def run(self, job: str, namespace: str, *, restarts: str) -> str:
        """Run ``job`` on the service; return the last step's note, which begins with ``restarts``."""
        options = {"namespace": namespace, "workload": "checkout", "incident_id": INCIDENT, "symptom": "quick"}
        run = self.project.run(job, options)
        assert run.succeeded, (run.refused, run.errors)
        assert {step.exit_code for step in run.steps} == {0}
        (restart_note,) = [note for note in self.pagerduty.notes(INCIDENT) if note.startswith(restarts)]
        (capture,) = [note for note in self.pagerduty.notes(INCIDENT) if note != restart_note]
        assert f"[debug-capture {run.data['capture_id']}]" in capture
        return restart_note


@pytest.fixture
def restart_jobs(project: JobSet, tmp_path: Path) -> Iterator[RestartJobs]:
    with simulator(tmp_path / "pagerduty") as pagerduty:
        pagerduty.create(INCIDENT)
        yield RestartJobs(
            project.changed(pagerduty_url=pagerduty.url, pagerduty_token=pagerduty.keys.account), pagerduty
        )


def rolled_out(namespace: str, kubectl: Kubectl) -> None:
    kubectl("rollout", "status", f"--namespace={namespace}", "deployment/checkout", "--timeout=60s")


def releases(namespace: str, kubectl: Kubectl) -> str:
    """The variables of the containers, as the Deployment has them now."""
    return kubectl(
        "get", f"--namespace={namespace}", "deployment/checkout", "-ojsonpath={.spec.template.spec.containers[*].env}"
    )


def test_a_service_is_captured_then_restarted_and_the_incident_gets_both_notes(
    service: str, restart_jobs: RestartJobs
) -> None:
    restart_note = restart_jobs.run(
        "capture-then-restart.yaml", service, restarts="Restarted: rollout restart of deployment"
    )
    assert f"deployment {service}/checkout" in restart_note
    assert "1 of 1 pods are available" in restart_note


def test_a_bad_release_is_captured_then_rolled_back(service: str, restart_jobs: RestartJobs, kubectl: Kubectl) -> None:
    kubectl("set", "env", f"--namespace={service}", "deployment/checkout", "RELEASE=bad")
    rolled_out(service, kubectl)
    assert "bad" in releases(service, kubectl)
    restart_note = restart_jobs.run("capture-then-roll-back.yaml", service, restarts="Restarted: rollout undo")
    assert f"deployment {service}/checkout" in restart_note
    assert "bad" not in releases(service, kubectl)
