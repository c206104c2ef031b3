"""The job “Capture, then restart”, as the captures' service account with the second manifest."""

from __future__ import annotations

import json
from pathlib import Path

from lab.kubernetes.kubectl import Kubectl
from lab.paths import REPO
from lab.project import Project
from tests.cluster.test_incidents import deployment
from tests.simulator import simulator

INCIDENT = "Q1RESTART00001"


def test_a_service_is_captured_then_restarted_and_the_incident_hears_of_both(
    project: Project, namespace: str, kubectl: Kubectl, tmp_path: Path
) -> None:
    role = f"restart-{namespace}"
    manifest = (REPO / "deploy" / "rbac-restart.yaml").read_text()
    kubectl("apply", "-f", "-", stdin=manifest.replace("name: debug-capture-restart", f"name: {role}"))
    try:
        for one in ("debug-capture", role):
            bound = (f"--clusterrole={one}", "--serviceaccount=debug-capture:debug-capture")
            kubectl("create", "rolebinding", one, f"--namespace={namespace}", *bound)
        kubectl("apply", f"--namespace={namespace}", "-f", "-", stdin=json.dumps(deployment("checkout")))
        kubectl("rollout", "status", f"--namespace={namespace}", "deployment/checkout", "--timeout=60s")
        with simulator(tmp_path / "pagerduty") as pagerduty:
            pagerduty.create(INCIDENT)
            own = project.changed(pagerduty_url=pagerduty.url, pagerduty_token=pagerduty.keys.account)
            options = {"namespace": namespace, "workload": "checkout", "incident_id": INCIDENT}
            run = own.run("capture-then-restart.yaml", options | {"symptom": "quick"})
            assert run.succeeded, (run.refused, run.errors)
            notes = pagerduty.notes(INCIDENT)
    finally:
        kubectl("delete", "clusterrole", role)
    assert [step.exit_code for step in run.steps] == [0, 0, 0, 0]
    capture, restart = sorted(notes)
    assert f"[debug-capture {run.data['capture_id']}]" in capture
    assert restart.startswith(f"Restarted: rollout restart of deployment {namespace}/checkout")
    assert "1 of 1 pods are available" in restart
