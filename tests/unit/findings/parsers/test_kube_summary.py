"""Summaries of a pod and a node, as a capture writes them."""

from __future__ import annotations

from debugcapture.capture.describe import describe_node
from tests.unit.findings.kube_evidence import (
    container,
    ended,
    findings,
    only,
    pod,
    waiting,
)
from tests.unit.findings.system_files import summary


def test_the_summary_of_a_pod() -> None:
    value = pod(
        container("app", waiting("CrashLoopBackOff"), ended(137, "OOMKilled", 9), restarts=4, ready=False),
        container("web", ended(3, message="no DSN"), ready=False),
        ready=False,
        spec={"containers": [{"name": "app", "resources": {"limits": {"memory": "64Mi"}}}, {"name": "web"}]},
    )
    finding = only(summary(value), "container-killed-for-memory")
    assert "memory limit 64Mi" in finding.title
    assert "CrashLoopBackOff, 4 restarts" in finding.detail
    assert "The last run lasted 9 s" in finding.detail
    assert 'Container "web" ended with exit code 3' in only(summary(value), "container-keeps-failing").title
    assert not findings(summary(pod(container(restarts=0))))


def test_the_summary_of_a_node() -> None:
    node = {
        "metadata": {"name": "node-1"},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]},
    }
    assert "Node node-1 is not ready" in only(describe_node(node), "node-is-unhealthy").title
    node["status"]["conditions"][0]["status"] = "True"  # type: ignore[index]
    assert not findings(describe_node(node))
