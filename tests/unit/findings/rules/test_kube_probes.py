"""Rules about probes: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

import pytest

from tests.unit.findings.kube_evidence import (
    alarms,
    described_events,
    description,
    event,
    listed,
    only,
)

PROBE = "probe-fails"


def test_a_liveness_probe_that_kills() -> None:
    text = listed(
        event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500", count=9, minute=1),
        event("Killing", "Container app failed liveness probe, will be restarted", kind="Normal", count=3, minute=2),
    )
    finding = only(text, PROBE)
    assert finding.severity == "critical"
    assert finding.title == ('Liveness probe failed: container "app" of shop-1, 9 times, the kubelet killed it 3 times')
    assert "HTTP probe failed with statuscode: 500" in finding.detail


def test_a_kill_for_a_probe_without_the_failures() -> None:
    text = listed(event("Killing", "Container app failed startup probe, will be restarted", kind="Normal"))
    assert "startup probe failed" in only(text, PROBE).title


@pytest.mark.parametrize(("ready", "severity"), [(True, "info"), (False, "warning")])
def test_a_readiness_probe(ready: bool, severity: str) -> None:
    row = (
        "Warning",
        "Unhealthy",
        "9s (x40 over 7m)",
        'Readiness probe failed: Get "http://10.1.0.7:8080/ready": refused',
    )
    finding = only(description(ready=ready, events=described_events([row])), PROBE)
    assert finding.severity == severity
    assert "40 times" in finding.title
    assert 'container "app"' in finding.title
    assert "http-get http://:8080/ready" in finding.detail


def test_a_probe_that_fails_while_the_pod_ends() -> None:
    text = listed(
        event("Killing", "Stopping container app", kind="Normal", minute=1),
        event("Unhealthy", "Liveness probe failed: connection refused", count=2, minute=2),
    )
    assert not alarms(text)
