"""rollout.py: when a rollout is complete, and the effects of a rollback."""

from __future__ import annotations

import pytest

from debugcapture.errors import BadInput, RolloutBlocked
from debugcapture.kube.values import REVISION
from debugcapture.model import Json
from debugcapture.restart.rollout import Progress, find_revision, require_moving, rollout_progress, template_of

WANT_2 = {"replicas": 2}
GIVEN_UP = {"conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]}


def workload(status: Json, spec: Json | None = None, generation: int = 1) -> Json:
    observed = {"observedGeneration": 1, **status}
    return {"metadata": {"name": "checkout", "generation": generation}, "spec": spec or WANT_2, "status": observed}


def counts(replicas: int, updated: int, available: int) -> Json:
    both = {"availableReplicas": available, "readyReplicas": available}
    return {"replicas": replicas, "updatedReplicas": updated, **both}


@pytest.mark.parametrize(
    ("kind", "resource", "expected"),
    [
        ("deployment", workload(counts(2, 2, 2), generation=2), "the controller has not seen the change yet"),
        ("deployment", workload({}), "0 of 2 pods are updated, 0 are available"),
        ("deployment", workload(counts(3, 1, 2)), "1 of 2 pods are updated, 2 are available"),
        ("deployment", workload(counts(3, 2, 2)), "1 old pods are still terminating"),
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
def test_a_rollout_is_over_when_all_new_pods_are_available(kind: str, resource: Json, expected: Progress | str) -> None:
    assert rollout_progress(kind, resource) == (
        expected if isinstance(expected, Progress) else Progress(False, expected)
    )


def numbered(revision: int, owner: str = "d-1") -> Json:
    owners = [{"controller": True, "uid": owner}]
    template = {"metadata": {"labels": {"app": "x", "pod-template-hash": "7d9f"}}, "spec": {"revision": revision}}
    metadata = {"annotations": {REVISION: str(revision)}, "ownerReferences": owners}
    return {"metadata": metadata, "spec": {"template": template}}


DEPLOYMENT = {"metadata": {"name": "checkout", "uid": "d-1", "annotations": {REVISION: "4"}}}
REVISIONS = [numbered(revision) for revision in (1, 3, 4)] + [numbered(2, "other")]


@pytest.mark.parametrize(("revision", "expected"), [(0, 3), (1, 1), (3, 3)])
def test_a_rollback_goes_to_the_revision_before_or_the_one_named(revision: int, expected: int) -> None:
    replica_set = find_revision(DEPLOYMENT, REVISIONS, revision)
    assert template_of(replica_set) == {"metadata": {"labels": {"app": "x"}}, "spec": {"revision": expected}}


@pytest.mark.parametrize(
    ("revision", "existing", "message"),
    [
        (4, REVISIONS, "revision 4 is the current one. Available: 1, 3."),
        (2, REVISIONS, "it has no revision 2. Available: 1, 3."),
        (0, [numbered(4)], "it has no earlier revision"),
    ],
)
def test_a_missing_revision_is_reported(revision: int, existing: list[Json], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        find_revision(DEPLOYMENT, existing, revision)


@pytest.mark.parametrize(
    ("kind", "spec"), [("deployment", {"paused": True}), ("daemonset", {"updateStrategy": {"type": "OnDelete"}})]
)
def test_a_workload_whose_rollout_cannot_start_is_not_restarted(kind: str, spec: Json) -> None:
    with pytest.raises(RolloutBlocked):
        require_moving(kind, {"spec": spec}, "cannot restart x")


PARTITION: Json = {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}}
DIFFERENT = {"currentRevision": "a", "updateRevision": "b"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (counts(3, 0, 3) | DIFFERENT, Progress(False, "0 of 3 pods are updated, 3 are available")),
        (counts(3, 1, 2) | DIFFERENT, Progress(False, "2 of 3 pods are available; 2 keep their revision (partition)")),
        (counts(3, 1, 3) | DIFFERENT, Progress(True, "3 of 3 pods are available; 2 keep their revision (partition)")),
    ],
)
def test_a_stateful_set_with_a_partition_updates_only_the_pods_above_it(status: Json, expected: Progress) -> None:
    assert rollout_progress("statefulset", workload(status, PARTITION)) == expected


@pytest.mark.parametrize(("partition", "moves"), [(0, True), (2, True), (3, False), (9, False)])
def test_a_partition_above_all_pods_stops_a_restart(partition: int, moves: bool) -> None:
    spec = {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": partition}}}
    if moves:
        require_moving("statefulset", workload({}, spec), "cannot restart")
    else:
        with pytest.raises(RolloutBlocked, match=f"its partition is {partition}, and it has 3 pods"):
            require_moving("statefulset", workload({}, spec), "cannot restart")
