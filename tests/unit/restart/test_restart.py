"""restart.py: when a rollout is complete, the effects of a rollback, and when the gate stays closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from debugcapture.errors import CaptureError, RolloutNotReady, TargetNotFound
from debugcapture.kube.client import Api
from debugcapture.manifest import Manifest
from debugcapture.model import Json
from debugcapture.restart import restart
from debugcapture.restart.restart import Plan, PodRef, find_gate_problem, find_kind_problem, target_of
from debugcapture.settings.restart import GateSettings
from debugcapture.settings.target import TargetSettings
from tests.unit.builders import CAPTURE_ID, artifact, manifest, nothing, target


def workload(status: Json, spec: Json | None = None, generation: int = 1) -> Json:
    observed = {"observedGeneration": 1, **status}
    return {"metadata": {"name": "checkout", "generation": generation}, "spec": spec or WANT_2, "status": observed}


def counts(replicas: int, updated: int, available: int) -> Json:
    both = {"availableReplicas": available, "readyReplicas": available}
    return {"replicas": replicas, "updatedReplicas": updated, **both}


WANT_2 = {"replicas": 2}


COMPLETE, PARTIAL = manifest(), manifest(artifact(), nothing("failed", "no jcmd", collector="x"))


FAILED = manifest(nothing("failed", "no"))
OTHER = manifest(target=target(workload="orders", pod="orders-0"))


@pytest.mark.parametrize(
    ("capture", "stored", "settings", "closed"),
    [
        (COMPLETE, True, {}, ""),
        (PARTIAL, True, {}, f"the capture {CAPTURE_ID} is partial, but the job requires complete"),
        (PARTIAL, True, {"gate": "partial"}, ""),
        (FAILED, True, {"gate": "partial"}, f"the capture {CAPTURE_ID} is failed, but the job requires partial"),
        (COMPLETE, False, {}, f"the capture {CAPTURE_ID} is not in the store"),
        (COMPLETE, False, {"gate_stored": False}, ""),
        (None, False, {}, "nothing was captured"),
        (None, False, {"gate": "none"}, ""),
        (OTHER, True, {}, f"the capture {CAPTURE_ID} is of shop/orders-0, not of shop/checkout"),
    ],
)
def test_the_gate_opens_for_a_capture_with_the_required_status(
    capture: Manifest | None, stored: bool, settings: dict[str, Any], closed: str
) -> None:
    target = TargetSettings(namespace="shop", workload="deployment/checkout")
    assert find_gate_problem(capture, stored, GateSettings(**settings), target) == closed


@pytest.mark.parametrize(
    ("captured_kind", "gate", "closed"),
    [
        ("deployment", "complete", ""),
        ("", "complete", ""),
        ("statefulset", "none", ""),
        (
            "statefulset",
            "complete",
            f"the capture {CAPTURE_ID} is of statefulset shop/checkout, not of deployment shop/checkout",
        ),
    ],
)
def test_the_gate_stays_closed_for_another_kind_with_the_same_name(captured_kind: str, gate: Any, closed: str) -> None:
    capture = manifest(target=target(workload_kind=captured_kind))
    planned = Plan("rollout restart", (), "deployment", "shop", "checkout")
    assert find_kind_problem(capture, GateSettings(gate=gate), planned) == closed


@pytest.mark.parametrize(
    ("action", "settings", "expected"),
    [
        ("restart", {}, TargetSettings(namespace="shop", workload="checkout")),
        ("delete-pod", {}, TargetSettings(namespace="shop", pod="checkout-7d9f-abcde")),
        ("undo", {"workload": "orders", "pod": "x"}, TargetSettings(workload="orders")),
        ("delete-pod", {"workload": "orders", "pod": "x"}, TargetSettings(workload="orders", pod="x")),
    ],
)
def test_what_was_captured_is_restarted_unless_something_is_named(
    action: str, settings: dict[str, Any], expected: TargetSettings
) -> None:
    assert target_of(COMPLETE, TargetSettings(**settings), action) == expected


def test_without_a_bundle_something_has_to_be_named() -> None:
    with pytest.raises(CaptureError, match="neither a workload nor a bundle is set"):
        target_of(None, TargetSettings(), "restart")


def test_a_pod_that_does_not_end_is_reported_even_if_its_workload_is_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = Plan("delete pod shop/web-1", (), "deployment", "shop", "web", PodRef("web-1", "u-1"))
    monkeypatch.setattr(restart, "watch_pod", lambda *_: iter([{"metadata": {"uid": "u-1"}}]))
    monkeypatch.setattr(restart, "watch_object", lambda *_: iter([workload(counts(2, 2, 2))]))
    monkeypatch.setattr(restart, "_unhealthy", lambda *_: "")
    with pytest.raises(RolloutNotReady, match="not complete after 0 s: the pod is still terminating"):
        restart.wait(cast(Api, None), planned, 0, lambda _: None)


@pytest.mark.parametrize("existing", [[], [{"metadata": {"uid": "u-2"}}]], ids=["gone", "another of its name"])
def test_when_the_pod_is_gone_its_workload_is_waited_for(existing: list[Json], monkeypatch: pytest.MonkeyPatch) -> None:
    def pods(*_: object) -> Iterator[Json]:
        yield from existing
        raise TargetNotFound("cannot watch pods web-1", "it was deleted")

    planned = Plan("delete pod shop/web-1", (), "deployment", "shop", "web", PodRef("web-1", "u-1"))
    monkeypatch.setattr(restart, "watch_pod", pods)
    monkeypatch.setattr(restart, "watch_object", lambda *_: iter([workload(counts(2, 2, 2))]))
    assert "2 of 2 pods are available" in restart.wait(cast(Api, None), planned, 60, lambda _: None)
