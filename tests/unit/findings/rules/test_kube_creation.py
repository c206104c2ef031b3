"""Rules about pods that cannot be created: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

import pytest

from tests.unit.findings.kube_evidence import (
    QUOTA,
    alarms,
    event,
    listed,
    only,
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (QUOTA, "quota team is used up: used limits.cpu=6 of limits.cpu=6, requested limits.cpu=1"),
        (
            'Error creating: pods "shop-1" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi',
            "maximum memory usage per Container is 1Gi, but limit is 2Gi",
        ),
        (
            'Error creating: admission webhook "policy.test" denied the request: no latest tag',
            'admission webhook "policy.test" denied the request: no latest tag',
        ),
        (
            'Error creating: pods "a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            "runAsNonRoot != true",
        ),
        (
            'Error creating: Internal error occurred: failed calling webhook "inject.test": connection refused',
            "inject.test",
        ),
    ],
)
def test_pods_that_the_server_refuses(message: str, expected: str) -> None:
    text = listed(event("FailedCreate", message, about="ReplicaSet/shop-6d4f5b9c7d", count=124))
    finding = only(text, "pods-cannot-be-created")
    assert finding.severity == "critical"
    assert finding.title.startswith("ReplicaSet shop-6d4f5b9c7d cannot create pods: ")
    assert expected in finding.title
    assert "124 times" in finding.detail
    assert finding.advice


def test_pods_that_were_created_later() -> None:
    text = listed(
        event("FailedCreate", QUOTA, about="ReplicaSet/shop", minute=1),
        event("SuccessfulCreate", "Created pod: shop-1", about="ReplicaSet/shop", kind="Normal", minute=2),
    )
    assert not alarms(text)
