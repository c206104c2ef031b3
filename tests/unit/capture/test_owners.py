"""owners.py: the owners of a pod with what limits them, and what the last release changed."""

from __future__ import annotations

from typing import Any, cast

import pytest

from debugcapture.capture.owners import last_release_diff, owner_chain, release_diff
from debugcapture.errors import NotAllowed, TargetNotFound
from debugcapture.kube.client import Api
from debugcapture.kube.resources import path_of
from debugcapture.kube.values import REVISION
from debugcapture.model import Json
from tests.unit.builders import pod


def owned_by(kind: str, name: str) -> Json:
    return {"ownerReferences": [{"kind": kind, "name": name, "uid": f"uid-{name}", "controller": True}]}


def replica_set(name: str, revision: int, image: str, **environment: str) -> Json:
    container = {"name": "app", "image": image, "env": [{"name": k, "value": v} for k, v in environment.items()]}
    metadata = {"name": name, "uid": f"uid-{name}", "annotations": {REVISION: str(revision)}}
    labels = {"app": "web", "pod-template-hash": name.rpartition("-")[2]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {"metadata": {**metadata, **owned_by("Deployment", "web")}, "spec": {"template": template}}


class Cluster:
    """Objects by path, and lists by path; a list that is missing is forbidden."""

    def __init__(self, objects: dict[str, Json], lists: dict[str, list[Json]]) -> None:
        self.objects, self.lists = objects, lists

    def get(self, path: str, action: str) -> Json:
        if path not in self.objects:
            raise TargetNotFound(action, "not found")
        return self.objects[path]

    def items(self, path: str, action: str) -> list[Json]:
        if path not in self.lists:
            raise NotAllowed(action, "forbidden")
        return self.lists[path]


POD = pod(metadata={**owned_by("ReplicaSet", "web-6a"), "labels": {"app": "web", "tier": "front"}})
OBJECTS = {
    path_of("ReplicaSet", "shop", "web-6a"): replica_set("web-6a", 2, "web:2"),
    path_of("Deployment", "shop", "web"): {"metadata": {"name": "web", "uid": "uid-web"}, "spec": {}},
}


def autoscaler(name: str, kind: str, target: str) -> Json:
    return {"metadata": {"name": name}, "spec": {"scaleTargetRef": {"kind": kind, "name": target}}}


def budget(name: str, **labels: str) -> Json:
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": labels}}}


LISTS = {
    path_of("HorizontalPodAutoscaler", "shop"): [
        autoscaler("web", "Deployment", "web"),
        autoscaler("other", "Deployment", "other"),
        autoscaler("same-name", "StatefulSet", "web"),
    ],
    path_of("PodDisruptionBudget", "shop"): [budget("fits", app="web"), budget("other", app="db")],
    path_of("ResourceQuota", "shop"): [{"metadata": {"name": "compute"}, "spec": {}}],
}


def names(objects: list[Json]) -> list[str]:
    return [f"{item['kind']}/{item['metadata']['name']}" for item in objects]


def chain(cluster: Cluster, of: Json = POD) -> tuple[list[str], list[str]]:
    objects, left_out = owner_chain(cast("Api", cluster), of)
    return names(objects), left_out


def test_owners_come_first_and_then_only_the_limits_that_apply() -> None:
    assert chain(Cluster(OBJECTS, LISTS)) == (
        [
            "ReplicaSet/web-6a",
            "Deployment/web",
            "HorizontalPodAutoscaler/web",
            "PodDisruptionBudget/fits",
            "ResourceQuota/compute",
        ],
        [],
    )


def test_limits_that_the_account_may_not_list_are_left_out_with_a_reason() -> None:
    lists = {path: items for path, items in LISTS.items() if "autoscalers" not in path}
    owners, left_out = chain(Cluster(OBJECTS, lists))
    assert "HorizontalPodAutoscaler/web" not in owners
    assert left_out == ["cannot list HorizontalPodAutoscalers of shop: forbidden"]


def test_an_owner_of_an_unknown_kind_ends_the_chain() -> None:
    custom = pod(metadata=owned_by("Rollout", "web"))
    assert chain(Cluster({}, LISTS), custom)[0] == ["ResourceQuota/compute"]


def test_an_owner_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(TargetNotFound, match="cannot read ReplicaSet shop/web-6a"):
        chain(Cluster({}, LISTS))


def test_the_diff_compares_the_last_two_revisions_by_number_without_the_hash() -> None:
    sets = [replica_set("web-a", 10, "web:10"), replica_set("web-b", 9, "web:9"), replica_set("web-c", 2, "web:2")]
    diff = release_diff(sets)
    assert diff.splitlines()[:2] == ["--- revision 9 (web-b)", "+++ revision 10 (web-a)"]
    changed = [line for line in diff.splitlines()[2:] if line[0] in "+-"]
    assert [line.strip("+- ") for line in changed] == ["image: web:9", "image: web:10"]


@pytest.mark.parametrize("count", [0, 1])
def test_one_release_has_no_diff(count: int) -> None:
    assert release_diff([replica_set("web-a", 1, "web:1")][:count]) == ""


def test_credentials_are_masked_in_a_diff() -> None:
    sets = [
        replica_set("web-a", 1, "web:1", DB_PASSWORD="hunter2"),
        replica_set("web-b", 2, "web:2", DB_PASSWORD="x1y2"),
    ]
    diff = release_diff(sets)
    assert "image: web:2" in diff
    assert "hunter2" not in diff
    assert "x1y2" not in diff


def test_the_release_of_a_pod_is_that_of_its_deployment() -> None:
    foreign: Any = replica_set("other-1", 7, "other:7")
    foreign["metadata"]["ownerReferences"][0]["uid"] = "uid-other"
    sets = [replica_set("web-5f", 1, "web:1"), replica_set("web-6a", 2, "web:2"), foreign]
    cluster = Cluster(OBJECTS, {path_of("ReplicaSet", "shop"): sets})
    assert "+++ revision 2 (web-6a)" in last_release_diff(cast("Api", cluster), POD)
    assert last_release_diff(cast("Api", cluster), pod()) == ""
