"""Owners of pods other than Deployments: their pods are found, and a restart rejects what it does not support."""

from __future__ import annotations

from pathlib import Path

import pytest

import lab.kubernetes
from debugcapture.errors import BadInput, CaptureError, RolloutBlocked
from debugcapture.settings.declare import read
from debugcapture.settings.forms import RestartStep
from debugcapture.steps.restart import restart
from lab.kubernetes import zoo
from tests.cluster.captures import as_captures, captured, run_context

pytestmark = pytest.mark.xdist_group("zoo")
NOT_OURS = "the step changes only a deployment, statefulset or daemonset.*kubectl argo rollouts restart"


@pytest.mark.parametrize(
    ("workload", "name", "source"),
    [
        ("rollout", "rollout", "Rollout zoo/rollout"),
        ("rollout/rollout", "rollout", "Rollout zoo/rollout"),
        ("ro/rollout", "rollout", "Rollout zoo/rollout"),
        ("deployment-config", "deployment-config", "workload zoo/deployment-config"),
        ("dc/deployment-config", "deployment-config", "deploymentconfig zoo/deployment-config"),
        ("partitioned", "partitioned", "statefulset zoo/partitioned"),
        ("job/import", "import", "job zoo/import"),
        ("report", "report", "cronjob zoo/report"),
    ],
)
def test_the_pods_of_every_owner_are_found(workload: str, name: str, source: str, tmp_path: Path) -> None:
    options = {"namespace": zoo.NAMESPACE, "workload": workload, "collectors": "events"}
    run = captured(tmp_path, **options, **as_captures())
    assert run.manifest.target.workload == name
    assert any(f"selected 1 of 1 pods of {source}" in line for line in run.log), run.log


@pytest.mark.parametrize(
    ("workload", "action", "error", "reason"),
    [
        ("rollout", "restart", BadInput, f"cannot restart Rollout zoo/rollout: {NOT_OURS}"),
        ("rollout/rollout", "undo", BadInput, f"cannot undo Rollout zoo/rollout: {NOT_OURS}"),
        ("dc/deployment-config", "restart", BadInput, f"cannot restart .*zoo/deployment-config: {NOT_OURS}"),
        ("partitioned", "restart", RolloutBlocked, "its partition is 1, and it has 1 pods, so none of them would be"),
        ("partitioned", "undo", RolloutBlocked, "its partition is 1"),
        ("job/import", "restart", BadInput, "a job has no rollout. Run it again instead"),
        ("cronjob/report", "restart", BadInput, "a cronjob has no rollout"),
    ],
)
def test_a_restart_refuses_what_it_cannot_do(
    workload: str, action: str, error: type[CaptureError], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=reason):
        change(tmp_path, workload=workload, action=action)


@pytest.mark.parametrize("pod", ["static-localhost", "terminating"])
def test_a_pod_that_nothing_would_create_again_is_not_deleted(pod: str, tmp_path: Path) -> None:
    with pytest.raises(RolloutBlocked, match="it has no known owner that would create it again"):
        change(tmp_path, pod=pod, action="delete-pod")


def change(spool: Path, **options: str) -> None:
    common = {"kubeconfig": str(lab.kubernetes.endpoint().kubeconfig), "namespace": zoo.NAMESPACE, "gate": "none"}
    step = read(RestartStep, {**common, "gate_stored": "false", "dry_run": "true", **options})
    restart(step, run_context(spool, []))
