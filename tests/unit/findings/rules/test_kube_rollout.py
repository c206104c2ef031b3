"""Rules about a rollout: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

from tests.unit.findings.kube_evidence import (
    by_rule,
    event,
    listed,
    only,
)


def scaled(new_set: str, minute: int) -> dict[str, object]:
    message = f"Scaled up replica set {new_set} to 3"
    return event("ScalingReplicaSet", message, about="Deployment/shop", kind="Normal", minute=minute)


def test_failing_pods_of_a_rollout() -> None:
    rule = "failing-pods-belong-to-a-rollout"
    crash = event("BackOff", "Back-off restarting failed container", about="Pod/shop-547cd64cc7-sqwqb", minute=9)
    finding = only(listed(scaled("shop-6f4f5d48bc", 1), scaled("shop-547cd64cc7", 7), crash), rule)
    assert finding.title == (
        "The failing pods of Deployment shop belong to ReplicaSet shop-547cd64cc7, "
        "which was scaled up at 2026-11-30T10:07:00Z"
    )
    old = event("BackOff", "Back-off restarting failed container", about="Pod/shop-6f4f5d48bc-aaaaa", minute=9)
    assert not by_rule(listed(scaled("shop-547cd64cc7", 7), crash, old), rule)
    assert not by_rule(listed(scaled("shop-547cd64cc7", 7)), rule)
