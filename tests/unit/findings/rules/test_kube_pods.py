"""Rules about whole pods: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

import pytest

from tests.unit.findings.kube_evidence import (
    by_rule,
    container,
    ended,
    event,
    findings,
    listed,
    only,
    pod,
    waiting,
)


def test_an_eviction() -> None:
    message = (
        "The node was low on resource: memory. Container app was using 9402820Ki, which exceeds its request of 7G."
    )
    value = pod(phase="Failed", status={"reason": "Evicted", "message": message, "containerStatuses": []})
    finding = only(listed(value), "pod-was-evicted")
    assert (finding.severity, message in finding.title) == ("critical", True)
    text = listed(event("Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."))
    assert "1Gi" in only(text, "pod-was-evicted").title
    assert not by_rule(listed(pod(container())), "pod-was-evicted")


def test_a_pod_that_failed() -> None:
    value = pod(phase="Failed", status={"reason": "OutOfcpu", "message": "Node didn't have enough resource: cpu"})
    assert "too little CPU" in only(listed(value), "pod-failed-as-a-whole").title


def test_an_init_container_that_fails_holds_up_the_pod() -> None:
    init = container("wait", waiting("CrashLoopBackOff"), ended(1), restarts=5, ready=False)
    app = container(state=waiting("PodInitializing"), ready=False)
    value = pod(app, phase="Pending", ready=False, status={"initContainerStatuses": [init]})
    value["spec"]["initContainers"] = [{"name": "wait"}]
    finding = only(listed(value), "pod-waits-for-an-init-container")
    assert finding.severity == "warning"
    assert 'init container "wait"' in finding.title
    assert 'container "app" not started (PodInitializing)' in finding.title


def test_an_init_container_that_runs_is_information() -> None:
    init = container("wait", ready=False)
    app = container(state=waiting("PodInitializing"), ready=False)
    value = pod(app, phase="Pending", ready=False, status={"initContainerStatuses": [init]})
    assert only(listed(value), "pod-waits-for-an-init-container").severity == "info"
    init = container("wait", ended(0, "Completed"))
    value = pod(container(), status={"initContainerStatuses": [init]})
    assert not findings(listed(value))


@pytest.mark.parametrize(
    ("status", "metadata", "severity"),
    [
        (container(state=ended(0, "Completed")), {}, "warning"),
        (container(), {"finalizers": ["shop.test/cleanup"]}, "warning"),
        (container(), {}, "info"),
    ],
)
def test_a_deletion_that_does_not_end(status: dict[str, object], metadata: dict[str, object], severity: str) -> None:
    value = pod(status, metadata={"deletionTimestamp": "2026-11-30T10:00:05Z", **metadata})
    finding = only(listed(value), "pod-deletion-does-not-end")
    assert finding.severity == severity
    assert "deletionTimestamp 2026-11-30T10:00:05Z" in finding.title
    assert all(name in finding.title for name in metadata.get("finalizers", ()))  # type: ignore[attr-defined]
