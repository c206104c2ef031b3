"""Rules about what a pod waits for: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.findings.kube_evidence import (
    by_rule,
    container,
    described_events,
    description,
    listed,
    only,
    pod,
    waiting,
)
from tests.unit.findings.system_files import summary


def test_a_container_that_runs_and_is_not_ready() -> None:
    rule = "container-runs-and-is-not-ready"
    finding = only(description(ready=False), rule)
    assert (finding.severity, finding.title) == (
        "warning",
        'Pod "shop-6d4f5b9c7d-x2x4k" runs and is not ready: container "app"',
    )
    assert "http-get http://:8080/ready" in finding.detail
    young = described_events([("Normal", "Started", "9s", "Started container app")])
    assert only(description(ready=False, events=young), rule).severity == "info"
    assert not by_rule(description(), rule)


def test_a_pod_that_has_not_started() -> None:
    text = listed(pod(container(state=waiting("ContainerCreating"), ready=False), phase="Pending", ready=False))
    assert only(text, "pod-has-not-started").severity == "info"


@pytest.mark.parametrize(("restarts", "severity"), [(1, "info"), (40, "warning")])
def test_a_container_that_has_restarted(restarts: int, severity: str) -> None:
    assert only(listed(pod(container(restarts=restarts))), "container-has-restarted").severity == severity


def test_a_crash_loop_of_which_the_end_is_not_shown() -> None:
    state = waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container=app")
    finding = only(listed(pod(container(state=state, restarts=9, ready=False), ready=False)), "container-has-restarted")
    assert (finding.severity, "9 restarts (CrashLoopBackOff)" in finding.title) == ("critical", True)


def test_a_container_that_waits_for_another_reason() -> None:
    rule = "container-waits-for-another-reason"
    text = listed(pod(container(state=waiting("CreateContainerError"), ready=False), ready=False))
    assert only(text, rule).title == 'Container "app" does not start: CreateContainerError'
    for reason in ("ContainerCreating", "ImagePullBackOff", "CrashLoopBackOff"):
        assert not by_rule(listed(pod(container(state=waiting(reason), ready=False), ready=False)), rule)


@pytest.mark.parametrize(
    ("spec", "status", "title", "advice"),
    [
        (
            {"readinessGates": [{"conditionType": "example.com/in-load-balancer"}]},
            {
                "phase": "Running",
                "containerStatuses": [container()],
                "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-30T11:50:00Z"}],
            },
            "is not ready: readiness gate example.com/in-load-balancer is not met for 10 min",
            "Look at the controller that sets this condition",
        ),
        (
            {"initContainers": [{"name": "setup"}]},
            {
                "phase": "Pending",
                "containerStatuses": [container("app", waiting("PodInitializing"), ready=False)],
                "initContainerStatuses": [
                    {"name": "setup", "state": {"running": {"startedAt": "2026-11-30T11:50:00Z"}}}
                ],
            },
            'hangs: container "setup": init container has run for 10 min',
            "Look at the log and the stacks of setup.",
        ),
    ],
    ids=["readiness gate", "init container"],
)
def test_what_a_pod_waits_for(spec: dict[str, Any], status: dict[str, Any], title: str, advice: str) -> None:
    value = pod(container(), spec=spec, status=status)
    finding = only(summary(value), "pod-hangs")
    assert (finding.severity, finding.title) == ("warning", f'Pod "shop-6d4f5b9c7d-x2x4k" {title}')
    assert finding.advice.startswith(advice)
    assert not by_rule(summary(pod(container())), "pod-hangs")
