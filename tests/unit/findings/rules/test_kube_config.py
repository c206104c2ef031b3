"""Rules about the configuration of a container: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

import pytest

from tests.unit.findings.kube_evidence import (
    alarms,
    container,
    described_events,
    event,
    listed,
    only,
    pod,
    waiting,
    words_of,
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('secret "shop-db" not found', "Create the object"),
        ("couldn't find key DB_URL in ConfigMap shop/settings", "Add the key"),
        ("container has runAsNonRoot and image will run as root", "runAsUser"),
    ],
)
def test_a_container_without_its_configuration(message: str, expected: str) -> None:
    state = listed(pod(container(state=waiting("CreateContainerConfigError", message), ready=False), ready=False))
    shown = described_events([("Warning", "Failed", "9s (x4 over 1m)", f"Error: {message}")])
    for text in (state, shown):
        finding = only(text, "container-lacks-its-configuration")
        assert finding.severity == "critical"
        assert message in words_of(finding)
        assert expected in finding.advice


def test_a_configuration_that_was_created_later() -> None:
    text = listed(
        event("Failed", 'Error: configmap "settings" not found', minute=1),
        event("Started", "Started container app", kind="Normal", minute=2),
    )
    assert not alarms(text)
