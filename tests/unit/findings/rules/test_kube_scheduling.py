"""Rules about pods without a node: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

import pytest

from tests.unit.findings.kube_evidence import (
    event,
    listed,
    only,
    pod,
)

NODES = "0/5 nodes are available: "


@pytest.mark.parametrize(
    ("causes", "expected"),
    [
        ("2 Insufficient cpu, 3 Insufficient memory.", "2 Insufficient cpu, 3 Insufficient memory"),
        ("5 node(s) had untolerated taint {dedicated: gpu}.", "5 node(s) had untolerated taint {dedicated: gpu}"),
        ("5 node(s) had volume node affinity conflict.", "5 node(s) had volume node affinity conflict"),
        ("pod has unbound immediate PersistentVolumeClaims.", "pod has unbound immediate PersistentVolumeClaims"),
    ],
)
def test_a_pod_without_a_node(causes: str, expected: str) -> None:
    message = f"{NODES}{causes} preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling."
    finding = only(listed(event("FailedScheduling", message)), "pod-is-not-scheduled")
    assert finding.severity == "critical"
    assert finding.title == f'Pod "shop-1" is not scheduled: 0/5 nodes are available: {expected}'
    assert finding.advice


def test_a_pod_without_a_node_in_its_conditions() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    condition["message"] = NODES + "5 Insufficient cpu, 5 node(s) didn't match Pod's node affinity/selector."
    resources = {"requests": {"cpu": "64"}}
    value = pod(phase="Pending", status={"conditions": [condition], "containerStatuses": []})
    value["spec"] = {"containers": [{"name": "app", "resources": resources}], "nodeSelector": {"disk": "fast"}}
    finding = only(listed(value), "pod-is-not-scheduled")
    assert "label disk=fast" in finding.detail
    assert "container app requests cpu 64" in finding.detail


def test_a_pod_that_got_a_node_later() -> None:
    text = listed(
        event("FailedScheduling", NODES + "5 Insufficient cpu.", minute=1),
        event("Scheduled", "Successfully assigned shop/shop-1 to node-1", kind="Normal", minute=2),
    )
    assert only(text, "pod-is-not-scheduled").severity == "info"


def test_what_the_autoscaler_does_about_a_pod() -> None:
    text = listed(
        event("FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu."),
        event("NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max node group size reached", kind="Normal"),
    )
    assert "Autoscaler: pod didn't trigger scale-up: 1 max" in only(text, "pod-is-not-scheduled").detail
