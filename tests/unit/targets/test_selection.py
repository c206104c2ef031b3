"""selection.py: the pods of a workload or a selector, and errors about missing ones."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from debugcapture.errors import (
    BadInput,
    NotAllowed,
    TargetNotFound,
)
from debugcapture.kube.client import Api
from debugcapture.model import Json
from debugcapture.settings.target import Sampling, TargetSettings
from debugcapture.targets.pods import find_target
from debugcapture.targets.selection import check_target, find_replacement, select_pods, target_name
from tests.unit.builders import NOON, pod, status, terminated
from tests.unit.fakes import Lists
from tests.unit.steps.support import Cluster as OnePod


def owned(by: str, kind: str = "ReplicaSet") -> list[Json]:
    return [{"kind": kind, "name": by, "uid": f"uid-{by}", "controller": True}]


def member(name: str, by: str, kind: str = "ReplicaSet", **more: Any) -> Json:
    metadata = {"name": name, "uid": f"uid-{name}", "ownerReferences": owned(by, kind), "labels": {"app": "web"}}
    return pod(metadata=metadata | more)


def thing(name: str, **more: Any) -> Json:
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", **more},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    }


CRASHING = member("web-5f-b", "web-5f")
CRASHING["status"] = {"containerStatuses": [status(state={"waiting": {"reason": "CrashLoopBackOff"}})]}


class Cluster(Lists):
    """Workloads by kind, and pods."""

    def __init__(self, **kinds: list[Json]) -> None:
        self.kinds, self.all_pods = kinds, [member("web-5f-a", "web-5f"), CRASHING, member("other-1", "other")]
        self.paths: list[tuple[str, str]] = []
        self.forbids = False

    def get(self, path: str, doing: str) -> Json:
        kind, name = re.fullmatch(r"/apis/\w+/v1/namespaces/shop/(\w+)/(.*)", path).groups()  # type: ignore[union-attr]
        if self.forbids:
            raise NotAllowed(doing, "forbidden")
        for workload in self.kinds.get(kind, []):
            if workload["metadata"]["name"] == name:
                return workload
        raise TargetNotFound(doing, "not found")

    def items(self, path: str, _doing: str) -> list[Json]:
        return self.kinds.get(path.rpartition("/")[2], [])

    def pods(self, namespace: str, selector: str = "") -> list[Json]:
        self.paths.append((namespace, selector))
        return self.all_pods

    def pod(self, _namespace: str, name: str) -> Json:
        return next(item for item in self.all_pods if item["metadata"]["name"] == name)

    def namespace_exists(self, namespace: str) -> bool:
        return namespace == "shop"


DEPLOYMENT = {
    "deployments": [thing("web")],
    "replicasets": [thing("web-5f", ownerReferences=owned("web", "Deployment")), thing("other")],
}


def selected(cluster: Cluster, most: int = 9, **settings: Any) -> list[str]:
    target_settings = TargetSettings(**{"namespace": "shop", **settings})
    return [selection.target.pod for selection in select_pods(cast("Api", cluster), target_settings, most)[0]]


@pytest.mark.parametrize("name", ["web", "deployment/web", "deploy/web", "Deployment/web", "deployments/web"])
def test_pods_of_a_deployment_are_those_of_its_replica_sets_the_unhealthy_first(name: str) -> None:
    cluster = Cluster(**DEPLOYMENT)
    assert selected(cluster, workload=name) == ["web-5f-b", "web-5f-a"]
    assert cluster.paths == [("shop", "app=web")]


@pytest.mark.parametrize(
    ("kind", "plural"),
    [("StatefulSet", "statefulsets"), ("DaemonSet", "daemonsets"), ("Job", "jobs"), ("ReplicaSet", "replicasets")],
)
def test_pods_of_other_workloads_are_their_own(kind: str, plural: str) -> None:
    cluster = Cluster(**{plural: [thing("db")]})
    cluster.all_pods = [member("db-0", "db", kind), member("web-1", "web", kind)]
    assert selected(cluster, workload="db") == selected(cluster, workload=f"{kind.lower()}/db") == ["db-0"]


def test_pods_of_a_cron_job_are_those_of_its_jobs() -> None:
    cron = {"metadata": {"name": "backup", "uid": "uid-backup"}, "spec": {}}
    cluster = Cluster(cronjobs=[cron], jobs=[thing("backup-1", ownerReferences=owned("backup", "CronJob"))])
    cluster.all_pods = [member("backup-1-x", "backup-1", "Job"), member("job-2-x", "job-2", "Job")]
    assert selected(cluster, workload="backup") == ["backup-1-x"]


def test_the_server_validates_the_selector() -> None:
    cluster = Cluster()
    assert selected(cluster, most=1, selector="app in (web),tier!=x") == ["web-5f-b"]
    assert cluster.paths == [("shop", "app in (web),tier!=x")]


@pytest.mark.parametrize(("order", "names"), [("newest", ["c", "b"]), ("oldest", ["a", "b"])])
def test_pods_are_sorted_by_age_if_the_job_requests_it(order: Any, names: list[str]) -> None:
    cluster = Cluster()
    cluster.all_pods = [member(name, "x", creationTimestamp=f"2026-01-0{i}") for i, name in enumerate("abc", 1)]
    assert selected(cluster, most=2, selector="a=b", order=order) == names


def test_without_a_sample_every_pod_is_selected() -> None:
    cluster = Cluster()
    cluster.all_pods = [member(f"web-{number}", "web-5f") for number in range(6)]
    settings = TargetSettings(namespace="shop", selector="app=web")
    assert len(select_pods(cast("Api", cluster), settings, 9, Sampling(above=5, per_workload=2))[0]) == 2
    assert len(select_pods(cast("Api", cluster), settings, 9, None)[0]) == 6


def test_each_choice_is_reported_in_a_line() -> None:
    settings = TargetSettings(namespace="shop", workload="web")
    _, lines = select_pods(cast("Api", Cluster(**DEPLOYMENT)), settings, 1)
    assert lines == [
        "selected 1 of 2 pods of deployment shop/web, unhealthy first",
        "shop/web-5f-b: app: CrashLoopBackOff (exit code unknown)",
    ]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"workload": "wep"}, r"no workload shop/wep: it does not exist. Available: web\."),
        ({"workload": "statefulset/web"}, r"no statefulset shop/web: it does not exist. The namespace has none\."),
        ({"workload": "web", "namespace": "shopp"}, "namespace shopp does not exist"),
        ({"selector": "a=b", "namespace": "shopp"}, "no pod of selector a=b in shopp"),
    ],
)
def test_missing_object_is_reported_with_those_that_exist(settings: dict[str, Any], reason: str) -> None:
    cluster = Cluster(**DEPLOYMENT)
    if "selector" in settings:
        cluster.all_pods = []
    if settings.get("namespace") == "shopp" and "workload" in settings:
        cluster.kinds, cluster.forbids = {}, True
        cluster.get = _forbidden  # type: ignore[assignment]
    with pytest.raises(TargetNotFound, match=reason):
        selected(cluster, **settings)


def _forbidden(_path: str, doing: str) -> Json:
    raise NotAllowed(doing, "forbidden")


def test_workload_without_pods_is_reported() -> None:
    cluster = Cluster(**DEPLOYMENT)
    cluster.all_pods = []
    with pytest.raises(
        TargetNotFound, match="no pod of deployment shop/web: it has no pods. Check whether it is scaled to zero"
    ):
        selected(cluster, workload="web")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "neither pod, workload nor selector is set"),
        ({"pod": "a", "workload": "b"}, "pod and workload are set"),
        ({"workload": "service/web"}, "cannot capture from a service"),
    ],
)
def test_settings_that_name_nothing_or_two_things_are_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        check_target(TargetSettings(**settings))


def test_the_given_name_is_used() -> None:
    assert target_name(TargetSettings(namespace="shop", workload="deploy/web")) == "shop/deploy/web"
    assert target_name(TargetSettings(namespace="shop")) == "shop"


def test_replacement_is_the_newest_of_the_same_workload() -> None:
    old_pod, cluster = member("web-5f-gone", "web-5f"), Cluster()
    cluster.all_pods = [
        member("web-5f-old", "web-5f", creationTimestamp="2026-01-01"),
        member("web-6a-new", "web-6a", creationTimestamp="2026-01-03", labels={"pod-template-hash": "6a"}),
        member("web-6a-dying", "web-6a", creationTimestamp="2026-01-04", deletionTimestamp="2026-01-04"),
        member("other-1", "other", creationTimestamp="2026-01-05"),
    ]
    for item in cluster.all_pods:
        name = item["metadata"]["ownerReferences"][0]["name"]
        item["metadata"]["labels"]["pod-template-hash"] = name.partition("-")[2]
    old_pod["metadata"]["labels"]["pod-template-hash"] = "5f"
    target = find_target(old_pod, "", NOON)
    replacement = find_replacement(cast("Api", cluster), target, old_pod, [])
    assert replacement
    assert replacement["metadata"]["name"] == "web-6a-new"
    again = find_replacement(cast("Api", cluster), target, old_pod, ["uid-web-6a-new", "uid-web-5f-old"])
    assert again is None
    assert find_replacement(cast("Api", cluster), target, pod(), []) is None


def test_container_that_is_failing_is_the_target_unless_another_is_named() -> None:
    pod_json = pod(
        spec={"containers": [{"name": "istio-proxy"}, {"name": "app"}, {"name": "worker"}]},
        status={"containerStatuses": [status("worker", state=terminated("Error", 1))]},
    )
    assert find_target(pod_json, "", NOON).container == "worker"
    assert find_target(pod_json, "app", NOON).container == "app"
    pod_json["status"]["containerStatuses"] = []
    assert find_target(pod_json, "", NOON).container == "app"  # the first that is not a sidecar


@pytest.mark.parametrize(
    ("namespace", "may_list", "message"),
    [
        ("shop", True, "Pods in the namespace: checkout-7d9f-abcde."),
        ("shop", False, "it does not exist"),
        ("mall", True, "namespace mall does not exist"),
    ],
    ids=["near", "may not list", "no namespace"],
)
def test_a_missing_pod_is_reported_with_a_remedy(namespace: str, may_list: bool, message: str) -> None:
    cluster = OnePod()
    cluster.may_list = may_list
    with pytest.raises(TargetNotFound, match=message):
        select_pods(cast("Api", cluster), TargetSettings(namespace=namespace, pod="checkout-7d9f-fghij"), 1)
