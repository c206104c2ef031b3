"""rollout.py and restart.py: when a rollout is over, what a rollback means, and when the gate stays closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from debugcapture.errors import BadInput, CaptureError, RolloutBlocked, RolloutNotReady, TargetNotFound
from debugcapture.kube.client import Api
from debugcapture.kube.values import REVISION
from debugcapture.model import Json, Manifest
from debugcapture.restart import restart
from debugcapture.restart.restart import Plan, PodRef, gate, target_of
from debugcapture.restart.rollout import Progress, earlier, progress, require_moving, template_of
from debugcapture.settings.restart import GateSettings
from debugcapture.settings.target import TargetSettings
from tests.unit.builders import CAPTURE_ID, artifact, manifest, nothing, target

WANT_2 = {"replicas": 2}
GIVEN_UP = {"conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]}


def workload(status: Json, spec: Json | None = None, generation: int = 1) -> Json:
    seen = {"observedGeneration": 1, **status}
    return {"metadata": {"name": "checkout", "generation": generation}, "spec": spec or WANT_2, "status": seen}


def counts(replicas: int, updated: int, available: int) -> Json:
    both = {"availableReplicas": available, "readyReplicas": available}
    return {"replicas": replicas, "updatedReplicas": updated, **both}


@pytest.mark.parametrize(
    ("kind", "one", "expected"),
    [
        ("deployment", workload(counts(2, 2, 2), generation=2), "the controller has not seen the change yet"),
        ("deployment", workload({}), "0 of 2 pods are updated, 0 are available"),
        ("deployment", workload(counts(3, 1, 2)), "1 of 2 pods are updated, 2 are available"),
        ("deployment", workload(counts(3, 2, 2)), "1 old pods are still ending"),
        ("deployment", workload(counts(2, 2, 1)), "1 of 2 pods are available"),
        ("deployment", workload(counts(2, 2, 2)), Progress(True, "2 of 2 pods are available")),
        ("deployment", workload(counts(0, 0, 0), {"replicas": 0}), Progress(True, "0 of 0 pods are available")),
        (
            "deployment",
            workload(counts(3, 1, 2) | GIVEN_UP),
            Progress(False, "1 of 2 pods are updated, 2 are available", failed=True),
        ),
        (
            "statefulset",
            workload(counts(2, 1, 2) | {"currentRevision": "a", "updateRevision": "b"}),
            "1 of 2 pods are updated, 2 are available",
        ),
        (
            "statefulset",
            workload(counts(2, 0, 2) | {"currentRevision": "b", "updateRevision": "b"}),
            Progress(True, "2 of 2 pods are available"),
        ),
        (
            "daemonset",
            workload({"desiredNumberScheduled": 3, "updatedNumberScheduled": 1, "numberAvailable": 3}),
            "1 of 3 pods are updated, 3 are available",
        ),
        (
            "daemonset",
            workload({"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}),
            Progress(True, "3 of 3 pods are available"),
        ),
    ],
)
def test_a_rollout_is_over_when_all_new_pods_are_available(kind: str, one: Json, expected: Progress | str) -> None:
    assert progress(kind, one) == (expected if isinstance(expected, Progress) else Progress(False, expected))


def numbered(revision: int, owner: str = "d-1") -> Json:
    owners = [{"controller": True, "uid": owner}]
    template = {"metadata": {"labels": {"app": "x", "pod-template-hash": "7d9f"}}, "spec": {"revision": revision}}
    metadata = {"annotations": {REVISION: str(revision)}, "ownerReferences": owners}
    return {"metadata": metadata, "spec": {"template": template}}


DEPLOYMENT = {"metadata": {"name": "checkout", "uid": "d-1", "annotations": {REVISION: "4"}}}
REVISIONS = [numbered(one) for one in (1, 3, 4)] + [numbered(2, "other")]


@pytest.mark.parametrize(("asked", "found"), [(0, 3), (1, 1), (3, 3)])
def test_a_rollback_goes_to_the_revision_before_or_the_one_named(asked: int, found: int) -> None:
    one = earlier(DEPLOYMENT, REVISIONS, asked)
    assert template_of(one) == {"metadata": {"labels": {"app": "x"}}, "spec": {"revision": found}}


@pytest.mark.parametrize(
    ("asked", "there", "told"),
    [
        (4, REVISIONS, "revision 4 is the present one. There are: 1, 3."),
        (2, REVISIONS, "it has no revision 2. There are: 1, 3."),
        (0, [numbered(4)], "it has no earlier revision"),
    ],
)
def test_a_revision_that_is_not_there_is_told(asked: int, there: list[Json], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        earlier(DEPLOYMENT, there, asked)


@pytest.mark.parametrize(
    ("kind", "spec"), [("deployment", {"paused": True}), ("daemonset", {"updateStrategy": {"type": "OnDelete"}})]
)
def test_what_would_not_roll_is_not_restarted(kind: str, spec: Json) -> None:
    with pytest.raises(RolloutBlocked):
        require_moving(kind, {"spec": spec}, "cannot restart x")


COMPLETE, PARTIAL = manifest(), manifest(artifact(), nothing("failed", "no jcmd", collector="x"))
FAILED = manifest(nothing("failed", "no"))
OTHER = manifest(target=target(workload="orders", pod="orders-0"))


@pytest.mark.parametrize(
    ("one", "stored", "asked", "closed"),
    [
        (COMPLETE, True, {}, ""),
        (PARTIAL, True, {}, f"the capture {CAPTURE_ID} is partial, and the job asks for complete"),
        (PARTIAL, True, {"gate": "partial"}, ""),
        (FAILED, True, {"gate": "partial"}, f"the capture {CAPTURE_ID} is failed, and the job asks for partial"),
        (COMPLETE, False, {}, f"the capture {CAPTURE_ID} is not in the store"),
        (COMPLETE, False, {"gate_stored": False}, ""),
        (None, False, {}, "nothing was captured"),
        (None, False, {"gate": "none"}, ""),
        (OTHER, True, {}, f"the capture {CAPTURE_ID} is of shop/orders-0, not of shop/checkout"),
    ],
)
def test_the_gate_opens_for_a_capture_that_is_good_enough(
    one: Manifest | None, stored: bool, asked: dict[str, Any], closed: str
) -> None:
    wanted = TargetSettings(namespace="shop", workload="deployment/checkout")
    assert gate(one, stored, GateSettings(**asked), wanted) == closed


@pytest.mark.parametrize(
    ("action", "given", "expected"),
    [
        ("restart", {}, TargetSettings(namespace="shop", workload="checkout")),
        ("delete-pod", {}, TargetSettings(namespace="shop", pod="checkout-7d9f-abcde")),
        ("undo", {"workload": "orders", "pod": "x"}, TargetSettings(workload="orders")),
        ("delete-pod", {"workload": "orders", "pod": "x"}, TargetSettings(workload="orders", pod="x")),
    ],
)
def test_what_was_captured_is_restarted_unless_something_is_named(
    action: str, given: dict[str, Any], expected: TargetSettings
) -> None:
    assert target_of(COMPLETE, TargetSettings(**given), action) == expected


def test_without_a_bundle_something_has_to_be_named() -> None:
    with pytest.raises(CaptureError, match="neither a workload nor a bundle is given"):
        target_of(None, TargetSettings(), "restart")


def test_a_pod_that_does_not_go_is_told_though_its_workload_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = Plan("delete pod shop/web-1", (), "deployment", "shop", "web", PodRef("web-1", "u-1"))
    monkeypatch.setattr(restart, "pod_changes", lambda *_: iter([{"metadata": {"uid": "u-1"}}]))
    monkeypatch.setattr(restart, "changes", lambda *_: iter([workload(counts(2, 2, 2))]))
    monkeypatch.setattr(restart, "_unhealthy", lambda *_: "")
    with pytest.raises(RolloutNotReady, match="not well after 0 s: the pod is still ending"):
        restart.wait(cast(Api, None), planned, 0, lambda _: None)


@pytest.mark.parametrize("there", [[], [{"metadata": {"uid": "u-2"}}]], ids=["gone", "another of its name"])
def test_when_the_pod_is_gone_its_workload_is_waited_for(there: list[Json], monkeypatch: pytest.MonkeyPatch) -> None:
    def pods(*_: object) -> Iterator[Json]:
        yield from there
        raise TargetNotFound("cannot watch pods web-1", "it was deleted")

    planned = Plan("delete pod shop/web-1", (), "deployment", "shop", "web", PodRef("web-1", "u-1"))
    monkeypatch.setattr(restart, "pod_changes", pods)
    monkeypatch.setattr(restart, "changes", lambda *_: iter([workload(counts(2, 2, 2))]))
    assert "2 of 2 pods are available" in restart.wait(cast(Api, None), planned, 60, lambda _: None)
