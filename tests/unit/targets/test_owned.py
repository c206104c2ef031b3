"""owned.py, references.py: pods are found by an owner of any kind, and by objects that refer to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from debugcapture.errors import BadInput, NotAllowed, TargetNotFound
from debugcapture.kube.client import Api
from debugcapture.model import Json
from debugcapture.restart.restart import plan
from debugcapture.settings.restart import RestartSettings
from debugcapture.settings.target import TargetSettings
from debugcapture.targets.selection import check_target, select_pods
from tests.unit.builders import NOON, pod
from tests.unit.fakes import Lists


def owner(kind: str, name: str) -> Json:
    return {"ownerReferences": [{"kind": kind, "name": name, "uid": f"uid-{kind}-{name}", "controller": True}]}


def member(name: str, kind: str, owner_name: str, **fields: Any) -> Json:
    metadata = {"name": name, "uid": f"uid-{name}", **owner(kind, owner_name), **fields.pop("metadata", {})}
    return pod(metadata=metadata, **fields)


def replica_set(name: str, kind: str, owner_name: str) -> Json:
    return {"metadata": {"name": name, "uid": f"uid-ReplicaSet-{name}", **owner(kind, owner_name)}}


class Cluster(Lists):
    """An API server with pods, and with objects by the last word of their path. It has no readable workload."""

    def __init__(self, *pods: Json, **objects: list[Json]) -> None:
        self._pods, self.objects = pods, objects
        self.forbidden: set[str] = set()

    def get(self, path: str, doing: str) -> Json:
        kind, name = path.split("/")[-2:]
        for item in self.objects.get(kind, []):
            if item["metadata"]["name"] == name:
                return item
        raise TargetNotFound(doing, "not found")

    def items(self, path: str, doing: str) -> list[Json]:
        kind = path.rpartition("/")[2]
        if kind in self.forbidden:
            raise NotAllowed(doing, "forbidden")
        return self.objects.get(kind, [])

    def names(self, path: str, doing: str, _query: Mapping[str, str] | None = None) -> list[Json]:
        return self.items(path, doing)

    def pods(self, _namespace: str, selector: str = "") -> list[Json]:
        self.selector = selector
        return list(self._pods)

    def namespace_exists(self, _namespace: str) -> bool:
        return True


HASH = {"metadata": {"labels": {"rollouts-pod-template-hash": "5f7d9"}}}
ROLLOUT = (
    member("shop-5f7d9-aaaaa", "ReplicaSet", "shop-5f7d9", **HASH),
    member(
        "shop-6c8e1-bbbbb", "ReplicaSet", "shop-6c8e1", metadata={"labels": {"rollouts-pod-template-hash": "6c8e1"}}
    ),
    member("cart-5f7d9-ccccc", "ReplicaSet", "cart-5f7d9", **HASH),
)
SETS = [
    replica_set("shop-5f7d9", "Rollout", "shop"),
    replica_set("shop-6c8e1", "Rollout", "shop"),
    replica_set("cart-5f7d9", "Rollout", "cart"),
]
CONFIG = (
    member("shop-7-aaaaa", "ReplicationController", "shop-7", metadata={"labels": {"deploymentconfig": "shop"}}),
    member("shop-8-bbbbb", "ReplicationController", "shop-8", metadata={"labels": {"deploymentconfig": "shop"}}),
    member("cart-1-ccccc", "ReplicationController", "cart-1", metadata={"labels": {"deploymentconfig": "cart"}}),
)


def selected(cluster: Cluster, workload: str) -> list[str]:
    settings = TargetSettings(namespace="shop", workload=workload)
    check_target(settings)
    return sorted(item.target.pod for item in select_pods(cast("Api", cluster), settings, 9)[0])


@pytest.mark.parametrize("workload", ["shop", "rollout/shop", "Rollouts/shop", "ro/shop"])
@pytest.mark.parametrize("may_list", [True, False], ids=["lists", "labels only"])
def test_pods_of_a_rollout_are_those_of_its_replica_sets(workload: str, may_list: bool) -> None:
    cluster = Cluster(*ROLLOUT, replicasets=SETS)
    cluster.forbidden = set() if may_list else {"replicasets", "jobs"}
    assert selected(cluster, workload) == ["shop-5f7d9-aaaaa", "shop-6c8e1-bbbbb"]


def test_pods_without_a_hash_label_are_found_by_their_replica_set() -> None:
    plain = [
        member(item["metadata"]["name"], "ReplicaSet", item["metadata"]["ownerReferences"][0]["name"])
        for item in ROLLOUT
    ]
    assert selected(Cluster(*plain, replicasets=SETS), "shop") == ["shop-5f7d9-aaaaa", "shop-6c8e1-bbbbb"]


def test_a_deployment_of_the_same_name_is_not_the_rollout() -> None:
    sets = [replica_set("shop-5f7d9", "Rollout", "shop"), replica_set("shop-6c8e1", "Deployment", "shop")]
    assert selected(Cluster(*ROLLOUT[:2], replicasets=sets), "rollout/shop") == ["shop-5f7d9-aaaaa"]


@pytest.mark.parametrize("workload", ["shop", "deploymentconfig/shop", "dc/shop"])
def test_pods_of_a_deployment_config_are_those_of_its_controllers(workload: str) -> None:
    assert selected(Cluster(*CONFIG), workload) == ["shop-7-aaaaa", "shop-8-bbbbb"]


@pytest.mark.parametrize("workload", ["shop-7", "rc/shop-7", "replicationcontroller/shop-7"])
def test_one_release_can_be_named(workload: str) -> None:
    assert selected(Cluster(*CONFIG), workload) == ["shop-7-aaaaa"]


@pytest.mark.parametrize("kind", ["CloneSet", "SparkApplication", "Workflow"])
def test_pods_of_any_kind_are_found_by_the_name_of_their_owner(kind: str) -> None:
    cluster = Cluster(member("a", kind, "nightly"), member("b", kind, "other"), pod())
    assert selected(cluster, "nightly") == selected(cluster, f"{kind.lower()}/nightly") == ["a"]


@pytest.mark.parametrize(
    ("workload", "message"),
    [
        ("shopp", r"no workload shop/shopp: it does not exist\. .*"),
        (
            "rollout/shopp",
            r"no rollout shop/shopp: no pod belongs to a rollout of this name\. Check it, or set selector\.",
        ),
        ("statefulset/shop", r"no statefulset shop/shop: it does not exist"),
    ],
)
def test_a_workload_without_pods_is_an_error_that_says_what_to_do(workload: str, message: str) -> None:
    with pytest.raises(TargetNotFound, match=message):
        selected(Cluster(*ROLLOUT, replicasets=SETS), workload)


@pytest.mark.parametrize("workload", ["service/shop", "svc/shop", "ingress/shop", "pod/shop-0", "ConfigMaps/shop"])
def test_a_kind_that_has_no_pods_is_refused(workload: str) -> None:
    with pytest.raises(BadInput, match="workloads of this kind have no pods"):
        selected(Cluster(), workload)


def autoscaler(name: str, kind: str, target: str) -> Json:
    return {"metadata": {"name": name}, "spec": {"scaleTargetRef": {"kind": kind, "name": target}}}


@pytest.mark.parametrize("workload", ["horizontalpodautoscaler/scaler", "hpa/scaler"])
def test_an_autoscaler_stands_for_the_pods_that_it_scales(workload: str) -> None:
    cluster = Cluster(*ROLLOUT, replicasets=SETS, horizontalpodautoscalers=[autoscaler("scaler", "Rollout", "shop")])
    assert selected(cluster, workload) == ["shop-5f7d9-aaaaa", "shop-6c8e1-bbbbb"]


def test_without_access_an_autoscaler_scales_the_workload_of_its_name() -> None:
    cluster = Cluster(*ROLLOUT, replicasets=SETS)
    cluster.forbidden = {"horizontalpodautoscalers"}
    assert selected(cluster, "hpa/shop") == ["shop-5f7d9-aaaaa", "shop-6c8e1-bbbbb"]


def test_an_autoscaler_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(TargetNotFound, match="no horizontalpodautoscaler shop/gone: it does not exist"):
        selected(Cluster(*ROLLOUT), "hpa/gone")


def test_a_disruption_budget_stands_for_the_pods_that_it_selects() -> None:
    selector = {
        "matchLabels": {"app": "shop"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]},
            {"key": "track", "operator": "NotIn", "values": ["canary"]},
            {"key": "team", "operator": "Exists"},
            {"key": "old", "operator": "DoesNotExist"},
        ],
    }
    budget: Json = {"metadata": {"name": "budget"}, "spec": {"selector": selector}}
    cluster = Cluster(*ROLLOUT, poddisruptionbudgets=[budget])
    assert len(selected(cluster, "pdb/budget")) == 3
    assert cluster.selector == "app=shop,tier in (a,b),track notin (canary),team,!old"


def test_a_claim_stands_for_the_pods_that_mount_it() -> None:
    volumes = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}]}
    cluster = Cluster(member("db-0", "StatefulSet", "db", spec=volumes), member("db-1", "StatefulSet", "db"))
    assert selected(cluster, "pvc/data-db-0") == ["db-0"]


@pytest.mark.parametrize("workload", ["shop", "rollout/shop"])
def test_a_restart_of_a_kind_that_only_its_controller_restarts_says_so(workload: str) -> None:
    target = TargetSettings(namespace="shop", workload=workload)
    with pytest.raises(BadInput, match="cannot restart Rollout shop/shop: .*kubectl argo rollouts restart"):
        plan(cast("Api", Cluster(*ROLLOUT, replicasets=SETS)), target, RestartSettings(action="restart"), NOON)
