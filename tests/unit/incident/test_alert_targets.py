"""alert_targets.py: pods of this cluster that alerts name, unhealthy pods first, or an error that quotes the alerts."""

from __future__ import annotations

from typing import Any, cast

import pytest

from debugcapture.errors import NotAllowed, TargetNotFound
from debugcapture.incident.alert_targets import (
    AlertTargets,
    IncidentAlerts,
    find_targets,
    is_same_cluster,
    read_alerts,
    step_data,
)
from debugcapture.kube.client import Api
from debugcapture.model import Json
from debugcapture.pagerduty.alerts import Candidate
from debugcapture.pagerduty.api import PagerDuty
from debugcapture.runtime.exit_codes import exit_code
from debugcapture.settings.incident import AlertSettings
from tests.unit.builders import container, pod, status, terminated
from tests.unit.fakes import Lists

POD = "checkout-7d9f8b6c5d-abcde"
CRASHED = {"containerStatuses": [status(state=terminated("Error", 1))]}


class Cluster(Lists):
    """An API server with some pods, and deployments that own them by their names' beginning."""

    def __init__(self, *pods: Json, deployments: tuple[str, ...] = ()) -> None:
        self._pods, self._deployments = pods, deployments

    def pod(self, namespace: str, name: str) -> Json:
        for existing in self._pods:
            if (existing["metadata"]["namespace"], existing["metadata"]["name"]) == (namespace, name):
                return existing
        raise TargetNotFound(f"cannot read pod {namespace}/{name}", "not found")

    def pods(self, _namespace: str, _selector: str = "") -> list[Json]:
        return list(self._pods)

    def get(self, path: str, doing: str) -> Json:
        name = path.rpartition("/")[2]
        if "/deployments/" in path and name in self._deployments:
            return {"metadata": {"uid": f"uid {name}", "name": name}, "spec": {}}
        raise TargetNotFound(doing, "not found")

    def items(self, path: str, _doing: str) -> list[Json]:
        if not path.endswith("/replicasets"):
            return []
        return [{"metadata": {"uid": f"rs {name}", **owned_by(f"uid {name}")}} for name in self._deployments]

    def namespace_exists(self, _namespace: str) -> bool:
        return True


def owned_by(uid: str) -> Json:
    return {"ownerReferences": [{"controller": True, "uid": uid, "kind": "ReplicaSet", "name": "x"}]}


def named(name: str, **more: Any) -> Json:
    return pod(metadata={"name": name, "uid": name, **more.pop("metadata", {})}, **more)


def targets_of(api: Cluster, *candidates: Candidate, max_pods: int = 3, **settings: str) -> AlertTargets:
    settings = {"alert_namespaces": "shop", **settings}
    alerts = IncidentAlerts("Q1ABCDEF", candidates, ("checkout is down",))
    return find_targets(cast("Api", api), alerts, AlertSettings(**settings), "", max_pods)


def pods(result: AlertTargets) -> list[str]:
    return [selection.target.pod for selection in result.targets]


def test_unhealthy_pods_come_first_in_any_order_of_alerts() -> None:
    cluster = Cluster(named("well"), named("ill", status=CRASHED))
    result = targets_of(cluster, *(Candidate("Grafana", namespace="shop", pod=pod) for pod in ("gone", "well", "ill")))
    assert pods(result) == ["ill", "well"]
    assert result.remarks == [
        "incident Q1ABCDEF: 3 candidates in its alerts; 2 of their pods are in this cluster. Selected, the "
        "unhealthy ones first:",
        "shop/ill (container app), from an alert of Grafana: app: ended with exit code 1",
        "shop/well (container app), from an alert of Grafana: app: not ready",
    ]


def test_a_pod_that_was_replaced_since_the_alert_is_found_by_its_workload() -> None:
    new = named("checkout-7d9f8b6c5d-fffff", metadata=owned_by("rs checkout"))
    assert pods(targets_of(Cluster(new, deployments=("checkout",)), Candidate("x", namespace="shop", pod=POD))) == [
        "checkout-7d9f8b6c5d-fffff"
    ]


@pytest.mark.parametrize(
    ("named_container", "expected"), [("sidecar", "sidecar"), ("kube-state-metrics", "app"), ("", "app")]
)
def test_a_container_counts_when_the_pod_has_it(named_container: str, expected: str) -> None:
    cluster = Cluster(named("well", spec={"containers": [container(), container("sidecar")]}))
    result = targets_of(cluster, Candidate("x", namespace="shop", pod="well", container=named_container))
    assert result.targets[0].target.container == expected


def test_an_alert_without_a_namespace_means_the_default_one() -> None:
    result = targets_of(Cluster(named("well")), Candidate("x", pod="well"), default_namespace="shop")
    assert pods(result) == ["well"]


@pytest.mark.parametrize(
    ("default", "allowed", "namespace", "is_allowed"),
    [
        ("default", "", "shop", False),
        ("default", "", "", True),
        ("shop", "", "shop", True),
        ("default", "other", "shop", False),
        ("default", "other, shop", "shop", True),
        ("default", "*", "shop", True),
    ],
)
def test_an_alert_names_only_the_namespaces_that_the_installation_allows(
    default: str, allowed: str, namespace: str, is_allowed: bool
) -> None:
    """The links are in the incident of the alert, whose sender may not be allowed to read the logs of the pod."""
    cluster = Cluster(pod(metadata={"name": "well", "uid": "well", "namespace": namespace or default}))
    named_pod = Candidate("x", namespace=namespace, pod="well")
    if is_allowed:
        assert pods(targets_of(cluster, named_pod, default_namespace=default, alert_namespaces=allowed)) == ["well"]
        return
    with pytest.raises(TargetNotFound, match=r"may not name namespace shop.*add the namespace to alert_namespaces"):
        targets_of(cluster, named_pod, default_namespace=default, alert_namespaces=allowed)


def test_an_alert_about_a_forbidden_namespace_does_not_affect_the_others() -> None:
    candidates = (Candidate("x", namespace="payments", pod="well"), Candidate("x", namespace="shop", pod="well"))
    result = targets_of(Cluster(named("well")), *candidates)
    assert pods(result) == ["well"]
    assert result.remarks[0] == "alerts may not name namespace payments (alert_namespaces)"


@pytest.mark.parametrize(
    ("alert", "cluster", "same"),
    [
        ("prod", "prod", True),
        ("PROD", "prod", True),
        ("arn:aws:eks:eu-central-1:1:cluster/prod", "prod", True),
        ("prod", "arn:aws:eks:eu-central-1:1:cluster/prod", True),
        ("prod-2", "prod", False),
        ("staging", "prod", False),
    ],
)
def test_a_cluster_is_known_by_its_name(alert: str, cluster: str, same: bool) -> None:
    assert is_same_cluster(alert, cluster) is same


def test_alerts_about_another_cluster_are_ignored() -> None:
    elsewhere = Candidate("Datadog", cluster="other", namespace="shop", pod="well")
    result = targets_of(Cluster(named("well")), elsewhere, cluster="lab")
    assert result.targets == []
    assert result.remarks[-1] == "incident Q1ABCDEF is not about a pod of cluster lab"
    both = targets_of(Cluster(named("well")), elsewhere, Candidate("x", namespace="shop", pod="well"), cluster="lab")
    assert pods(both) == ["well"]
    assert both.remarks[0] == "ignored: alerts about cluster other; this is lab"


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ((), "searched “checkout is down”; its alerts name no pod or workload"),
        (
            (Candidate("x", namespace="shop", pod=POD),),
            f"no pod shop/{POD}: not, or no longer, in this cluster",
        ),
    ],
)
def test_the_error_quotes_what_was_searched(candidates: tuple[Candidate, ...], message: str) -> None:
    with pytest.raises(TargetNotFound) as caught:
        targets_of(Cluster(), *candidates)
    assert message in str(caught.value)
    assert exit_code(caught.value) == 3


def test_later_steps_get_only_the_known_names() -> None:
    result = targets_of(Cluster(named("well")), Candidate("Grafana", namespace="shop", pod="well"))
    assert {name: value for name, value in step_data(result).items() if value} == {
        "namespace": "shop",
        "pod": "well",
        "container": "app",
        "sender": "Grafana",
    }


class Account(PagerDuty):
    def __init__(self, alerts: list[Json], title: str = "Something") -> None:
        self._alerts, self._title = alerts, title

    def alerts(self, incident: str) -> list[Json]:
        assert incident
        return self._alerts

    def incident(self, incident: str) -> Json:
        return {"id": incident, "title": self._title}


@pytest.mark.parametrize("alerts", [[], [{"summary": "It is slow", "body": {"details": {}}}], [None, 7]], ids=str)
def test_the_title_is_read_if_the_alerts_name_nothing(alerts: list[Any]) -> None:
    result = read_alerts(Account(alerts, "Pod shop/checkout-0 is not ready"), "Q1", AlertSettings())
    assert result.candidates == (Candidate("plain text", namespace="shop", pod="checkout-0"),)
    assert result.titles[-1] == "Pod shop/checkout-0 is not ready"


@pytest.mark.parametrize(
    ("times", "first"),
    [
        (["2026-11-25T09:30:00Z", "2026-11-25T10:28:00+01:00"], "2026-11-25T09:28:00+00:00"),
        (["soon", None, 7], None),
        ([], None),
    ],
    ids=str,
)
def test_the_incident_starts_with_its_first_alert(times: list[Any], first: str | None) -> None:
    alerts: list[Any] = [None]
    alerts += [{"summary": "Pod shop/well is not ready", "created_at": time} for time in times]
    read = read_alerts(Account(alerts), "Q1", AlertSettings())
    assert (read.created and read.created.isoformat()) == first


def test_a_namespace_without_permission_does_not_affect_other_targets() -> None:
    class Guarded(Cluster):
        def pod(self, namespace: str, name: str) -> Json:
            if namespace == "bank":
                raise NotAllowed(f"cannot read pod {namespace}/{name}", "forbidden", "Grant it.")
            return super().pod(namespace, name)

    bank = Candidate("Alertmanager", namespace="bank", pod="pay-0")
    well = Candidate("Alertmanager", namespace="shop", pod="well")
    both = targets_of(Guarded(named("well")), bank, well, alert_namespaces="*")
    assert pods(both) == ["well"]
    assert "ignored: cannot read pod bank/pay-0: forbidden. Grant it." in both.remarks
    with pytest.raises(NotAllowed, match="bank/pay-0"):
        targets_of(Guarded(named("well")), bank, alert_namespaces="*")


def test_each_alert_of_a_group_counts_for_its_own_cluster() -> None:
    node = "Labels:\n - alertname = A\n - namespace = monitoring\n - cluster = eu\n"
    pod_labels = "Labels:\n - alertname = B\n - namespace = shop\n - pod = well\n - cluster = us\n"
    account = Account([{"summary": "[FIRING:2]", "body": {"details": {"firing": node + pod_labels}}}])
    alerts = read_alerts(account, "Q1ABCDEF", AlertSettings())
    cluster = cast("Api", Cluster(named("well")))
    settings = {"alert_namespaces": "*"}
    targets = find_targets(cluster, alerts, AlertSettings(cluster="us", **settings), "", 3)
    assert pods(targets) == ["well"]
    elsewhere = find_targets(cluster, alerts, AlertSettings(cluster="eu", **settings), "", 3)
    assert (elsewhere.targets, elsewhere.remarks[-1]) == ([], "incident Q1ABCDEF is not about a pod of cluster eu")
