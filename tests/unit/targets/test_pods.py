"""pods.py: the target container of a pod, its state, and its user."""

from __future__ import annotations

from typing import Any

import pytest

from debugcapture.errors import TargetNotFound
from debugcapture.model import ContainerState, Json, User
from debugcapture.targets.pods import (
    DEFAULT_CONTAINER,
    container_names,
    container_state,
    container_status,
    container_user,
    find_target,
    pod_not_found,
    workload_name,
)
from tests.unit.builders import NOON, container, pod, status, terminated

TWO = {"containers": [container("app"), container("proxy")], "initContainers": [container("setup")]}


@pytest.mark.parametrize(
    ("name", "annotation", "chosen"),
    [
        ("", None, "app"),
        ("", "proxy", "proxy"),
        ("", "gone", "app"),
        ("app", "proxy", "app"),
        ("setup", None, "setup"),
    ],
    ids=["first", "annotated", "annotation names none", "named beats annotated", "init container"],
)
def test_the_container_is_the_named_one_the_default_or_the_first(
    name: str, annotation: str | None, chosen: str
) -> None:
    annotations = {DEFAULT_CONTAINER: annotation} if annotation else None
    assert find_target(pod(metadata={"annotations": annotations}, spec=TWO), name, NOON).container == chosen


def test_unknown_container_is_reported_with_those_that_exist() -> None:
    with pytest.raises(TargetNotFound, match=r"no container web in pod shop/.*Available: app, proxy, setup\."):
        find_target(pod(spec=TWO), "web", NOON)


def test_a_target_shows_its_namespace_and_pod() -> None:
    target = find_target(pod(), "", NOON)
    assert (target.namespace, target.pod, target.uid, target.node) == ("shop", "checkout-7d9f-abcde", "u-1", "node-1")
    assert target.image == "registry.example/app:1"
    assert str(target) == "shop/checkout-7d9f-abcde"
    assert str(target.ref) == "shop/checkout-7d9f-abcde (container app)"


@pytest.mark.parametrize(
    ("spec", "shares"), [({}, False), ({"shareProcessNamespace": True}, True), ({"hostPID": True}, True)]
)
def test_target_knows_whether_it_sees_processes_of_others(spec: Json, shares: bool) -> None:
    assert find_target(pod(spec=spec), "", NOON).shares_processes is shares


def test_pod_that_is_not_scheduled_is_a_target() -> None:
    waiting = pod(spec={"nodeName": ""}, status={"phase": "Pending", "containerStatuses": None})
    del waiting["spec"]["nodeName"]
    target = find_target(waiting, "", NOON)
    assert (target.node, target.state.phase) == ("", "unknown")


@pytest.mark.parametrize(
    ("status_json", "state", "text"),
    [
        ({}, ContainerState("unknown"), "unknown"),
        ({"state": {"running": {}}}, ContainerState("running"), "running"),
        (
            {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 4}
            | {"lastState": terminated("OOMKilled", 137)},
            ContainerState("waiting", "CrashLoopBackOff", None, 4, "OOMKilled", 137),
            "waiting (CrashLoopBackOff), last ended with exit code 137 (OOMKilled), 4 restarts",
        ),
        (
            {"state": terminated("Error", 1)},
            ContainerState("terminated", "Error", 1),
            "terminated (Error), exit code 1",
        ),
        (
            {"state": terminated("Completed", 0)},
            ContainerState("terminated", "Completed", 0),
            "terminated (Completed), exit code 0",
        ),
        (
            {"state": {"running": {}}, "lastState": {"terminated": {"exitCode": 0}}},
            ContainerState("running", last_exit_code=0),
            "running, last ended with exit code 0 (no reason given)",
        ),
    ],
    ids=["none yet", "running", "crash loop", "failed", "completed", "no reason"],
)
def test_the_state_contains_the_current_and_the_previous_run(
    status_json: Json, state: ContainerState, text: str
) -> None:
    assert container_state(status_json) == state
    assert str(state) == text


@pytest.mark.parametrize(
    ("pod_context", "own_context", "status_user", "user"),
    [
        (None, None, None, None),
        ({"runAsNonRoot": True}, None, None, None),
        ({"runAsUser": 1000}, None, None, User(1000, 0)),
        ({"runAsUser": 1000, "runAsGroup": 2000}, None, None, User(1000, 2000)),
        ({"runAsUser": 1000, "runAsGroup": 2000}, {"runAsUser": 7}, None, User(7, 2000)),
        ({"runAsUser": 1000}, {"runAsUser": 0}, None, User(0, 0)),
        ({"runAsUser": 1000}, None, {"uid": 5, "gid": 6}, User(5, 6)),
        (None, None, {"uid": 0, "gid": 0}, User(0, 0)),
    ],
    ids=["image only", "not root", "pod", "pod's group", "container", "root", "kubelet's word", "kubelet says root"],
)
def test_the_user_comes_from_the_status_or_from_the_spec(
    pod_context: Json | None, own_context: Json | None, status_user: Json | None, user: User | None
) -> None:
    pod_json = pod(spec={"securityContext": pod_context})
    status_json = {"user": {"linux": status_user}} if status_user else {}
    assert container_user(pod_json, container(securityContext=own_context), status_json) == user


def owner(kind: str, name: str, *, controller: bool = True) -> Json:
    return {"kind": kind, "name": name, "controller": controller}


# The API server accepts any text as the name of an owner.
FORGED = ["../../../x", "..", "x,production,payments", "a/b", "x\ny", "X", " ", "a" * 300, "-x", "\u202e"]


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ({}, "checkout-7d9f-abcde"),
        ({"ownerReferences": [owner("StatefulSet", "db")]}, "db"),
        ({"ownerReferences": [owner("ReplicaSet", "web-7d9f")], "labels": {"pod-template-hash": "7d9f"}}, "web"),
        ({"ownerReferences": [owner("ReplicaSet", "web-7d9f")]}, "web-7d9f"),
        ({"ownerReferences": [owner("DaemonSet", "a-7d9f")], "labels": {"pod-template-hash": "7d9f"}}, "a-7d9f"),
        ({"ownerReferences": [owner("Thing", "x", controller=False)]}, "checkout-7d9f-abcde"),
        *[({"ownerReferences": [owner("Thing", name)]}, "checkout-7d9f-abcde") for name in FORGED],
        (
            {"ownerReferences": [owner("ReplicaSet", "a--x")], "labels": {"pod-template-hash": "x"}},
            "checkout-7d9f-abcde",
        ),
    ],
)
def test_the_workload_is_the_owner_that_people_configure(metadata: Json, name: str) -> None:
    assert workload_name(pod(metadata=metadata)) == name


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ({}, ""),
        ({"ownerReferences": [owner("StatefulSet", "db")]}, "statefulset"),
        ({"ownerReferences": [owner("DaemonSet", "agent")]}, "daemonset"),
        ({"ownerReferences": [owner("ReplicaSet", "web-7d9f")], "labels": {"pod-template-hash": "7d9f"}}, "deployment"),
        ({"ownerReferences": [owner("ReplicaSet", "web-7d9f")]}, ""),
        ({"ownerReferences": [owner("Foo", "web")]}, ""),
    ],
)
def test_the_kind_of_the_workload_is_known_for_what_can_be_restarted(metadata: Json, kind: str) -> None:
    assert find_target(pod(metadata=metadata), "", NOON).workload_kind == kind


def test_status_is_found_among_all_kinds_of_containers() -> None:
    both = pod(status={"initContainerStatuses": [status("setup")]})
    assert container_status(both, "setup")["name"] == "setup"
    assert container_status(both, "nobody") == {}


def test_container_names_leave_out_debug_containers() -> None:
    assert container_names(pod(spec=TWO | {"ephemeralContainers": [container("debug")]})) == ["app", "proxy", "setup"]


@pytest.mark.parametrize(
    ("existing", "exists", "message"),
    [
        (["checkout-7d9f-fghij", "web-0"], True, "Pods in the namespace: checkout-7d9f-fghij."),
        (["b", "a"], True, "Pods in the namespace: a, b."),
        ([], True, "The namespace has no pods."),
        ([], False, "namespace shop does not exist. Check the name of the namespace."),
    ],
    ids=["near", "none near", "empty", "no namespace"],
)
def test_missing_pod_is_reported_with_similar_names(existing: list[str], exists: bool, message: str) -> None:
    error = pod_not_found("shop", "checkout-7d9f-abcde", existing, exists)
    assert isinstance(error, TargetNotFound)
    assert str(error).startswith("no pod shop/checkout-7d9f-abcde: ")
    assert str(error).endswith(message)


def test_long_list_of_pods_is_cut() -> None:
    existing: list[Any] = [f"other-{number}" for number in range(9)]
    assert str(pod_not_found("shop", "zzz", existing, True)).count("other-") == 5
