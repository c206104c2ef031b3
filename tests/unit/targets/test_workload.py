"""workload.py: the name of a workload does not change with its releases and runs."""

from __future__ import annotations

from typing import Any

import pytest

from debugcapture.targets.pods import workload_name
from tests.unit.builders import pod

CREATED = "2026-01-02T12:00:00Z"
MINUTES = 29455860  # 2026-01-02T11:00:00Z


def named(kind: str, name: str, **metadata: Any) -> str:
    owner = {"kind": kind, "name": name, "uid": "u", "controller": True}
    return workload_name(pod(metadata={"ownerReferences": [owner], "creationTimestamp": CREATED, **metadata}))


@pytest.mark.parametrize(
    ("kind", "owner", "metadata", "name"),
    [
        ("ReplicaSet", "shop-5f7d9", {"labels": {"rollouts-pod-template-hash": "5f7d9"}}, "shop"),
        ("ReplicaSet", "shop-5f7d9", {"labels": {"pod-template-hash": "5f7d9", "app": "shop"}}, "shop"),
        ("ReplicaSet", "shop-5f7d9", {"labels": {"app": "5f7d9"}}, "shop-5f7d9"),
        ("ReplicaSet", "shop-5f7d9", {"labels": {"pod-template-hash": ""}}, "shop-5f7d9"),
        ("ReplicationController", "shop-12", {"labels": {"deploymentconfig": "shop"}}, "shop"),
        ("ReplicationController", "shop-3", {"annotations": {"openshift.io/deployment-config.name": "shop"}}, "shop"),
        ("ReplicationController", "shop-12", {}, "shop-12"),
        ("ReplicationController", "shop-12", {"labels": {"deploymentconfig": "other"}}, "shop-12"),
        ("Job", f"report-{MINUTES}", {}, "report"),
        ("Job", f"report-{MINUTES - 3000}", {}, "report"),
        ("Job", f"report-{MINUTES + 600}", {}, f"report-{MINUTES + 600}"),
        ("Job", "report-20260102", {}, "report-20260102"),
        ("Job", "migrate", {}, "migrate"),
        ("StatefulSet", "db-5f7d9", {"labels": {"controller-revision-hash": "5f7d9"}}, "db-5f7d9"),
        ("CloneSet", "shop", {"labels": {"pod-template-hash": "5f7d9"}}, "shop"),
        ("GameServerSet", "arena-x7k2p", {"labels": {"arena-template-hash": "x7k2p"}}, "arena"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_name_has_no_hash_number_or_time(kind: str, owner: str, metadata: dict[str, Any], name: str) -> None:
    assert named(kind, owner, **metadata) == name


def test_a_static_pod_has_the_same_name_on_every_node() -> None:
    owner = {"kind": "Node", "name": "ip-10-0-0-7.test", "uid": "u", "controller": True}
    assert workload_name(pod(metadata={"ownerReferences": [owner], "name": "proxy-ip-10-0-0-7.test"})) == "proxy"
