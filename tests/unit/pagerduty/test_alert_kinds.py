"""alerts.py: alerts of many senders, of exporters about other objects, and alerts in plain words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from debugcapture.pagerduty.alerts import Candidate, find_candidates
from debugcapture.pagerduty.senders import load_senders

SENDERS = load_senders()
POD = "cart-6f8d9c7b54-q2w4x"


def alert(details: Any, summary: str = "Something is wrong") -> dict[str, Any]:
    return {"summary": summary, "body": {"type": "alert_body", "details": details}}


def candidates_in(details: Any, summary: str = "Something is wrong") -> list[tuple[str, ...]]:
    """Return each candidate as (sender, cluster, namespace, pod or KIND/WORKLOAD, container)."""
    return [
        (
            candidate.sender,
            candidate.cluster,
            candidate.namespace,
            candidate.pod or f"{candidate.kind}/{candidate.workload}",
            candidate.container,
        )
        for candidate in find_candidates([alert(details, summary)], SENDERS)
    ]


def firing(**labels: str) -> dict[str, str]:
    return {"firing": "Labels:\n" + "".join(f" - {name} = {value}\n" for name, value in labels.items())}


AZURE_CLUSTER = "/subscriptions/0-1/resourcegroups/rg/providers/Microsoft.ContainerService/managedClusters/eu"
AZURE_LOGS = "/subscriptions/0-1/resourcegroups/rg/providers/microsoft.operationalinsights/workspaces/logs"


def azure(target: str, *dimensions: tuple[str, str], **context: Any) -> dict[str, Any]:
    listed = [{"name": name, "value": value} for name, value in dimensions]
    condition = {"condition": {"allOf": [{"metricName": "m", "dimensions": listed}]}}
    essentials = {"monitorCondition": "Fired", "alertTargetIDs": [target]}
    data = {"essentials": essentials, "alertContext": condition | context}
    return {"schemaId": "azureMonitorCommonAlertSchema", "data": data}


SENDER_CASES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "Google Cloud, a container": (
        {"incident": {"resource": {"type": "k8s_container", "labels": {
            "cluster_name": "eu", "namespace_name": "shop", "pod_name": POD, "container_name": "web"}}}},
        ("Google Cloud Monitoring", "eu", "shop", POD, "web"),
    ),
    "Google Cloud, a controller": (
        {"resource": {"labels": {"cluster_name": "eu", "namespace_name": "shop"}},
         "metadata": {"system_labels": {
             "top_level_controller_name": "cart", "top_level_controller_type": "Deployment"}}},
        ("Google Cloud Monitoring", "eu", "shop", "deployment/cart", ""),
    ),
    "Azure, a platform metric": (
        azure(AZURE_CLUSTER, ("Kubernetes namespace", "shop"), ("controllerName", "cart-6f8d9c7b54")),
        ("Azure Monitor", "eu", "shop", "/cart-6f8d9c7b54", ""),
    ),
    "Azure, a log": (
        azure(AZURE_LOGS, ("Namespace", "shop"), ("PodName", POD), ("ContainerName", "web"), ("ClusterName", "eu")),
        ("Azure Monitor", "eu", "shop", POD, "web"),
    ),
    "Azure, a log without a cluster": (
        azure(AZURE_LOGS, ("Namespace", "shop"), ("PodName", POD)),
        ("Azure Monitor", "", "shop", POD, ""),
    ),
    "Azure, managed Prometheus": (
        azure(AZURE_CLUSTER, labels={"alertname": "X", "namespace": "shop", "pod": POD, "container": "web"}),
        ("Azure Monitor", "eu", "shop", POD, "web"),
    ),
    "Azure, exporter": (
        azure(AZURE_CLUSTER, labels={"namespace": "shop", "pod": "ama-metrics-ksm-5d8b9-abcde", "job_name": "report"}),
        ("Azure Monitor", "eu", "shop", "job/report", ""),
    ),
    "Elastic, flat": (
        {"kubernetes.namespace": "shop", "kubernetes.pod.name": POD, "orchestrator.cluster.name": "eu"},
        ("Elastic", "eu", "shop", POD, ""),
    ),
    "Elastic, nested": (
        {"context": {"hits": {"kubernetes": {"namespace": "shop", "pod": {"name": POD},
            "container": {"name": "web"}}}}},
        ("Elastic", "", "shop", POD, "web"),
    ),
    "Sysdig, scope": (
        {"Scope": f"kube_cluster_name = 'eu' and kube_namespace_name = 'shop' and kube_pod_name in ('{POD}')"},
        ("Sysdig", "eu", "shop", POD, ""),
    ),
    "Sysdig, older names": (
        {"scope": f'kubernetes.cluster.name = "eu" and kubernetes.namespace.name = "shop" '
         f'and kubernetes.pod.name = "{POD}"'},
        ("Sysdig", "eu", "shop", POD, ""),
    ),
    "Sysdig, workload": (
        {"scope": "kube_namespace_name='shop' and kube_workload_name='cart' and kube_workload_type='statefulset'"},
        ("Sysdig", "", "shop", "statefulset/cart", ""),
    ),
    "OpenTelemetry in Prometheus": (
        firing(alertname="Slow", namespace="monitoring", pod="collector-0", k8s_namespace_name="shop",
               k8s_pod_name=POD, k8s_container_name="web", k8s_cluster_name="eu"),
        ("OpenTelemetry", "eu", "shop", POD, "web"),
    ),
    "OpenTelemetry, a deployment": (
        firing(alertname="Slow", k8s_namespace_name="shop", k8s_deployment_name="cart", cluster="eu"),
        ("OpenTelemetry", "eu", "shop", "deployment/cart", ""),
    ),
    "OpenTelemetry, nested": (
        {"resource": {"k8s": {"namespace": {"name": "shop"}, "pod": {"name": POD}, "cluster": {"name": "eu"}}}},
        ("Dynatrace", "eu", "shop", POD, ""),
    ),
    "Promtail": (
        firing(alertname="Errors", kubernetes_namespace="shop", kubernetes_pod_name=POD, cluster="eu"),
        ("Promtail, Fluent Bit, Splunk", "eu", "shop", POD, ""),
    ),
    "Fluent Bit": (
        {"kubernetes": {"namespace_name": "shop", "pod_name": POD, "container_name": "web"},
         "kubernetes_cluster": "eu"},
        ("Promtail, Fluent Bit, Splunk", "eu", "shop", POD, "web"),
    ),
    "Splunk": (
        {"inputs": {"A": {"key": {
            "kubernetes_cluster": "eu", "kubernetes_namespace": "shop", "kubernetes_pod_name": POD}}}},
        ("Promtail, Fluent Bit, Splunk", "eu", "shop", POD, ""),
    ),
    "tags as JSON": (
        {"event_tags": json.dumps([{"tag": "namespace", "value": "shop"}, {"tag": "pod", "value": POD}])},
        ("names in the alert", "", "shop", POD, ""),
    ),
    "tags as pairs": (
        {"tags": [["namespace", "shop"], ["pod", POD], ["level", "error"]]},
        ("names in the alert", "", "shop", POD, ""),
    ),
    "fields of a message": (
        {"fields": [{"title": "Namespace", "value": "shop"}, {"title": "Pod Name", "value": POD}]},
        ("names in the alert", "", "shop", POD, ""),
    ),
    "details as JSON text": (
        json.dumps({"labels": {"namespace": "shop", "deployment": "cart", "cluster": "eu"}}),
        ("names in the alert", "eu", "shop", "deployment/cart", ""),
    ),
    "JSON inside of text": (
        f'Payload: {{"namespace": "shop", "pod": "{POD}"}} (cut',
        ("names in the alert", "", "shop", POD, ""),
    ),
    "lines": (
        "Problem P-7\nKubernetes cluster: eu\nKubernetes namespace: shop\nKubernetes workload: cart\n",
        ("names in the alert", "eu", "shop", "/cart", ""),
    ),
    "lines, another spelling": (
        f"Cluster Name: eu\nNAMESPACE = shop\nPod name: {POD}\n",
        ("names in the alert", "eu", "shop", POD, ""),
    ),
    "HTML": (
        f"<p><b>Kubernetes namespace:</b> shop<br/><b>Pod:</b> {POD}<br>Cluster: eu.</p>",
        ("names in the alert", "eu", "shop", POD, ""),
    ),
    "Markdown": (
        f"- **Namespace:** `shop`\n- **Pod:** `{POD}`\n- **Container**: web",
        ("names in the alert", "", "shop", POD, "web"),
    ),
    "one line": (
        "Kubernetes namespace: shop / workload: cart",
        ("names in the alert", "", "shop", "/cart", ""),
    ),
    "a pod without a namespace": ({"podName": POD, "severity": "high"}, ("New Relic", "", "", POD, "")),
    "a pod in any sender's key": ({"k8s_pod": "web"}, ("a pod without a namespace", "", "", "web", "")),
}  # fmt: skip


@pytest.mark.parametrize(("details", "expected"), SENDER_CASES.values(), ids=SENDER_CASES.keys())
def test_each_sender_is_understood(details: Any, expected: tuple[str, ...]) -> None:
    assert candidates_in(details) == [expected]


EXPORTER = {
    "job": "kube-state-metrics",
    "container": "kube-state-metrics",
    "pod": "prom-kube-state-metrics-5d8b9c-x7k2p",
}
OBJECTS = [
    ("job_name", "report-29455860", "job/report-29455860"),
    ("horizontalpodautoscaler", "cart", "horizontalpodautoscaler/cart"),
    ("deployment", "cart", "deployment/cart"),
    ("statefulset", "cart", "statefulset/cart"),
    ("daemonset", "cart", "daemonset/cart"),
    ("cronjob", "report", "cronjob/report"),
    ("replicaset", "cart-6f8d9c7b54", "replicaset/cart-6f8d9c7b54"),
    ("poddisruptionbudget", "cart", "poddisruptionbudget/cart"),
    ("persistentvolumeclaim", "data-cart-0", "persistentvolumeclaim/data-cart-0"),
]


@pytest.mark.parametrize("sender", ["Alertmanager", "Grafana"])
@pytest.mark.parametrize(("label", "name", "target"), OBJECTS, ids=[label for label, _, _ in OBJECTS])
def test_an_exporters_alert_leads_to_the_object(label: str, name: str, target: str, sender: str) -> None:
    more = {"grafana_folder": "x"} if sender == "Grafana" else {}
    details = firing(alertname="X", namespace="shop", **{label: name}, **EXPORTER, app="kube-state-metrics", **more)
    assert candidates_in(details) == [(sender, "", "shop", target, "")]


def test_an_exporter_with_another_name_is_recognized_by_its_job() -> None:
    details = firing(
        alertname="X",
        namespace="shop",
        job="kube-state-metrics",
        pod="ksm-5d8b9c-x7k2p",
        deployment="cart",
        container="m",
    )
    assert candidates_in(details) == [("Alertmanager", "", "shop", "deployment/cart", "")]


def test_an_exporter_reports_pods_too() -> None:
    details = firing(
        alertname="X", namespace="shop", job="kube-state-metrics", pod=POD, container="web", deployment="cart"
    )
    assert candidates_in(details) == [("Alertmanager", "", "shop", POD, "web")]


@pytest.mark.parametrize("more", [{}, {"node": "n7"}, {"exported_namespace": "shop"}], ids=str)
def test_the_exporter_itself_is_never_the_target(more: dict[str, str]) -> None:
    details = firing(alertname="KubeNodeNotReady", namespace="monitoring", **EXPORTER, **more)
    assert candidates_in(details, f"Pod monitoring/{EXPORTER['pod']} reports a node") == []


TEXTS = [
    (f"Pod {POD} in shop is in CrashLoopBackOff", POD, "shop"),
    (f"Pod {POD} in namespace shop is not ready.", POD, "shop"),
    (f"pod `{POD}` in the shop namespace restarts", POD, "shop"),
    (f"Pod {POD} (namespace: shop) restarted 5 times", POD, "shop"),
    (f"Pod {POD}, namespace shop: probe failed", POD, "shop"),
    (f"Namespace shop: pod {POD} was killed", POD, "shop"),
    (f"shop/{POD} is not answering", POD, "shop"),
    (f"Probe failed (shop/{POD}).", POD, "shop"),
    ("shop/cart-0: volume is full", "cart-0", "shop"),
    ("shop/cart-x7k2p does not answer", "cart-x7k2p", "shop"),
    (f"{POD} in namespace shop was killed", POD, "shop"),
    (f"{POD} is not ready", POD, ""),
    (f"The pod {POD} restarts", POD, ""),
    (f"Warning BackOff Pod/{POD} in namespace shop", POD, "shop"),
    (f"object: pod/shop/{POD} was evicted", POD, "shop"),
    ("deployment.apps/cart in namespace shop is not available", "deployment/cart", "shop"),
    ("Job shop/report failed", "job/report", "shop"),
    ("Job shop/report-123 failed to complete.", "job/report-123", "shop"),
    ("CronJob report in namespace shop has not run", "cronjob/report", "shop"),
    ("HPA shop/cart is at its maximum", "hpa/cart", "shop"),
    ("StatefulSet cart in the shop namespace has 0 replicas", "statefulset/cart", "shop"),
]


@pytest.mark.parametrize(("text", "target", "namespace"), TEXTS, ids=[text for text, _, _ in TEXTS])
def test_a_sentence_names_the_target(text: str, target: str, namespace: str) -> None:
    assert candidates_in({}, text) == [("plain text", "", namespace, target, "")]
    assert candidates_in({"description": text, "cluster": "eu"}) == [("plain text", "eu", namespace, target, "")]


def test_a_sentence_names_several_targets() -> None:
    text = "shop/db-0 and bank/db-0 do not answer, nor does pod cart-0 in namespace shop"
    targets = [(namespace, target) for _, _, namespace, target, _ in candidates_in({}, text)]
    assert targets == [("shop", "cart-0"), ("shop", "db-0"), ("bank", "db-0")]


def test_a_sentence_names_the_container() -> None:
    text = f"Container web in pod {POD} (namespace shop) restarted"
    assert candidates_in({}, text) == [("plain text", "", "shop", POD, "web")]
    assert candidates_in({}, f"container web of pod shop/{POD} restarted") == [("plain text", "", "shop", POD, "web")]


@pytest.mark.parametrize(
    "text",
    [
        "The pod is in a bad state",
        "Pods restart in shop",
        "see https://example.com/shop/web-12345/logs",
        "Disk /var/lib/data-12345 is full",
        "Deployment finished in production",
        "released at 2026/01-02",
        '{"deployment": "production", "service": "shop"}',
    ],
)
def test_other_sentences_name_no_target(text: str) -> None:
    assert candidates_in({"text": text}, text) == []


def test_a_name_in_a_sentence_gets_the_namespace_of_the_details() -> None:
    assert candidates_in({"namespace": "shop"}, f"{POD} is not ready") == [("plain text", "", "shop", POD, "")]


def test_candidates_are_equal_when_only_the_order_differs() -> None:
    both = [
        alert(firing(alertname="X", namespace="shop", pod=POD)),
        alert(firing(pod=POD, namespace="shop", alertname="X")),
    ]
    assert find_candidates(both, SENDERS) == [Candidate("Alertmanager", "", "shop", POD)]
