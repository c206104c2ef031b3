"""objects.py: parts of objects that are missing or null are read as empty."""

from __future__ import annotations

from typing import Any

import pytest

from debugcapture.kube import objects
from debugcapture.model import Json

OWNERS = [{"kind": "Node", "uid": "n"}, {"kind": "ReplicaSet", "name": "web-5f", "uid": "r", "controller": True}]


@pytest.mark.parametrize(
    ("read", "present", "value"),
    [
        (objects.labels_of, {"metadata": {"labels": {"a": "1"}}}, {"a": "1"}),
        (objects.annotations_of, {"metadata": {"annotations": {"a": "1"}}}, {"a": "1"}),
        (objects.conditions_of, {"status": {"conditions": [{"type": "Ready"}]}}, [{"type": "Ready"}]),
        (objects.match_labels_of, {"spec": {"selector": {"matchLabels": {"a": "1"}}}}, {"a": "1"}),
        (objects.limits_of, {"resources": {"limits": {"memory": "1Gi"}}}, {"memory": "1Gi"}),
        (objects.requests_of, {"resources": {"requests": {"cpu": "1"}}}, {"cpu": "1"}),
        (objects.waiting_state, {"state": {"waiting": {"reason": "X"}}}, {"reason": "X"}),
        (objects.running_state, {"state": {"running": {"startedAt": "t"}}}, {"startedAt": "t"}),
        (objects.terminated_state, {"state": {"terminated": {"exitCode": 3}}}, {"exitCode": 3}),
        (objects.last_terminated_state, {"lastState": {"terminated": {"exitCode": 3}}}, {"exitCode": 3}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_part_is_returned_and_a_null_one_is_empty(read: Any, present: Json, value: Any) -> None:
    assert read(present) == value
    assert read({"metadata": {}, "spec": {}, "status": {}}) == type(value)()
    assert read({key: dict.fromkeys(part) for key, part in present.items()}) == type(value)()


def test_the_controller_is_the_owner_that_is_marked() -> None:
    assert objects.controller_of({"metadata": {"ownerReferences": OWNERS}}) == OWNERS[1]
    assert objects.controller_uid({"metadata": {"ownerReferences": OWNERS}}) == "r"
    assert objects.controller_of({"metadata": {"ownerReferences": OWNERS[:1]}}) == {}
    assert objects.controller_uid({"metadata": {"ownerReferences": None}}) == ""


def test_a_condition_is_found_by_its_type() -> None:
    pod = {"status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "Initialized", "status": "True"}]}}
    assert objects.condition_of(pod, "Initialized")["status"] == "True"
    assert objects.condition_of(pod, "DisruptionTarget") == {}


@pytest.mark.parametrize(
    ("spec", "shares"),
    [({}, False), ({"shareProcessNamespace": True}, True), ({"hostPID": True}, True), ({"hostPID": None}, False)],
)
def test_processes_are_shared_in_the_pod_or_with_the_node(spec: Json, shares: bool) -> None:
    assert objects.shares_processes({"spec": spec}) is shares


def test_an_object_with_a_deletion_timestamp_is_terminating() -> None:
    assert objects.is_terminating({"metadata": {"deletionTimestamp": "2026-01-02T12:00:00Z"}})
    assert not objects.is_terminating({"metadata": {"deletionTimestamp": None}})
