"""alerts.py and senders.yaml: the same target in the fields, paths and sentences of many senders.

Each row is as a sender documents it, or as a public repository contains it (tests/field/README.md names the sources).
"""

from __future__ import annotations

from typing import Any

import pytest

from debugcapture.pagerduty.alerts import find_candidates
from debugcapture.pagerduty.senders import load_senders

SENDERS = load_senders()
POD = "cart-6f8d9c7b54-q2w4x"
UID = "0b0c0b0c-1111-2222-3333-444455556666"


def targets_in(details: Any, summary: str = "Something is wrong") -> list[tuple[str, str, str]]:
    """Return each candidate as (cluster, namespace, pod or KIND/WORKLOAD)."""
    alert = {"summary": summary, "body": {"type": "alert_body", "details": details}}
    return [
        (candidate.cluster, candidate.namespace, candidate.pod or f"{candidate.kind}/{candidate.workload}")
        for candidate in find_candidates([alert], SENDERS)
    ]


def firing(**labels: str) -> dict[str, str]:
    return {"firing": "Labels:\n" + "".join(f" - {name} = {value}\n" for name, value in labels.items())}


def described(text: str) -> dict[str, str]:
    return {"firing": f"Labels:\n - alertname = X\nAnnotations:\n - description = {text}\n"}


PODS: dict[str, Any] = {
    "Google Cloud, a summary": {"incident": {"summary": f"Restart count with {{namespace_name=shop, pod_name={POD}}}"}},
    "Google Cloud, managed Prometheus": {
        "resource": {"type": "prometheus_target", "labels": {"namespace": "shop", "job": "cart"}},
        "metric": {"labels": {"pod": POD}},
    },
    "Google Cloud, documentation": {"content": f"#### **Namespace:** [shop] \n#### **Pod Name:** [{POD}]\n"},
    "Azure, rows of a query": {
        "schemaId": "azureMonitorCommonAlertSchema",
        "tables": [{"columns": [{"name": "PodName"}, {"name": "Namespace"}], "rows": [[POD, "shop"]]}],
    },
    "Azure, dimensions in another case": {
        "schemaId": "azureMonitorCommonAlertSchema",
        "dimensions": [{"name": "podName", "value": POD}, {"name": "kubernetes namespace", "value": "shop"}],
    },
    "Azure, an old schema": {
        "context": {"allOf": [{"dimensions": [
            {"name": "podName", "value": POD}, {"name": "Kubernetes namespace", "value": "shop"}]}]},
    },
    "Elastic, resource attributes": {
        "resource.attributes.k8s.namespace.name": "shop", "resource.attributes.k8s.pod.name": POD},
    "Elastic, a group": {"kibana.alert.group": [
        {"field": "kubernetes.namespace", "value": "shop"}, {"field": "kubernetes.pod.name", "value": POD}]},
    "Falco": {"rule": "Terminal shell", "k8s.ns.name": "shop", "k8s.pod.name": POD},
    "Falco, underscores": {"output_fields": {"k8s_ns_name": "shop", "k8s_pod_name": POD}},
    "OpenTelemetry beside an exporter": firing(
        alertname="X", exported_namespace="shop", k8s_pod_name=POD, namespace="monitoring"),
    "SigNoz": firing(**{"alertname": "X", "k8s.namespace.name": "shop", "k8s.pod.name": POD}),
    "Loki, a file": firing(alertname="X", job="shop/cart", filename=f"/var/log/pods/shop_{POD}_{UID}/web/0.log"),
    "a file of a container": f"error in /var/log/containers/{POD}_shop_web-{'0a' * 32}.log",
    "Vector": {"kubernetes": {"pod_namespace": "shop", "pod_name": POD}},
    "Vector, flat": {"kubernetes.pod_namespace": "shop", "kubernetes.pod_name": POD},
    "Strimzi": firing(alertname="X", namespace="shop", kubernetes_pod_name=POD, strimzi_io_cluster="k"),
    "Datadog, tags": {"tags": ["kube_namespace:shop", f"pod_name:{POD}", "env:live"]},
    "New Relic, targets": {"targets": [
        {"name": POD, "labels": {"namespaceName": "shop"}, "type": "KUBERNETES_POD"}]},
    "New Relic, tags": {"tags.namespaceName": "shop", "tags.podName": POD},
    "New Relic, lists of values": {"accumulations": {"tag": {"k8s.namespaceName": ["shop"], "k8s.podName": [POD]}}},
    "Dynatrace, an instance": f"Cloud application instance: {POD}\nCloud application namespace: shop",
    "Dynatrace, properties": {"properties": [
        {"key": "k8s.namespace.name", "value": "shop"}, {"key": "k8s.pod.name", "value": POD}]},
    "kube-prometheus, an annotation": described(f"Pod shop/{POD} (web) is in waiting state"),
    "kube-prometheus, throttling": described(f"45% throttling of CPU in namespace shop for container web in pod {POD}"),
    "labels of Go": f"map[alertname:X namespace:shop pod:{POD} severity:critical]",
    "labels of PromQL": f'{{alertname="X", namespace="shop", pod="{POD}"}}',
    "Zabbix": f"Kubernetes: Namespace [shop] Pod [{POD}]: Pod is crash looping",
    "Nagios": {"SERVICEOUTPUT": f"CRITICAL - pod shop/{POD} restarted 8 times"},
    "Checkmk": {"HOSTNAME": f"pod_shop_{POD}", "SERVICEDESC": "CPU resources"},
    "Netdata": {"chart_labels": {"k8s_namespace": "shop", "k8s_pod_name": POD}},
    "Netdata, a chart": {"chart": f"cgroup_k8s_cntr_shop_{POD}_web.cpu"},
    "CloudWatch, a pod": {"Trigger": {"Namespace": "ContainerInsights", "Dimensions": [
        {"name": "FullPodName", "value": POD}, {"name": "PodName", "value": "cart"},
        {"name": "ClusterName", "value": "eu"}, {"name": "Namespace", "value": "shop"}]}},
    "Robusta": {"Resource": POD, "Namespace": "shop", "Cluster running Robusta": "eu", "Node": "n1"},
    "an event": {"involvedObject": {"kind": "Pod", "name": POD, "namespace": "shop"}, "reason": "BackOff"},
    "Botkube": {"Kind": "Pod", "Name": POD, "Namespace": "shop"},
    "a message of the kubelet": f"Back-off restarting failed container web in pod {POD}_shop({UID})",
    "a console": f"https://console.example.com/k8s/ns/shop/pods/{POD}/logs",
    "the API": f"GET https://10.0.0.1/api/v1/namespaces/shop/pods/{POD} failed",
    "kubectl logs": f"kubectl -n shop logs {POD} -c web",
    "kubectl describe": f"Run: kubectl describe pod {POD} -n shop",
    "arrows": f"namespace -> shop\npod => {POD}",
    "camel case": {"k8sNamespace": "shop", "k8sPodName": POD},
    "hyphens": {"pod-name": POD, "pod-namespace": "shop"},
    "variables": {"POD_NAME": POD, "POD_NAMESPACE": "shop"},
    "a word after the name": f"{POD} pod in the shop namespace is not ready",
    "a path of a kind": f"Resource: shop/Pod/{POD}",
    "a pod and its namespace": f"pod {POD}.shop restarted. See the runbook.",
    "a pod and its namespace at the end": f"Unhealthy: pod {POD}.shop.",
    "a list of unhealthy pods": f"CRITICAL. 1 unhealthy pods: shop/{POD}",
}  # fmt: skip


@pytest.mark.parametrize("details", PODS.values(), ids=PODS.keys())
def test_the_pod_is_found(details: Any) -> None:
    candidates = targets_in(details)
    assert [(namespace, target) for _, namespace, target in candidates] == [("shop", POD)]
    assert candidates[0][0] in ("", "eu")


WORKLOADS: dict[str, tuple[Any, str]] = {
    "Datadog, an owner": ({"tags": ["kube_namespace:shop", "kube_ownerref_kind:statefulset", "kube_ownerref_name:db"]},
                          "statefulset/db"),
    "Dynatrace, an entity": (
        {"Tags": "Kubernetes namespace:shop", "ImpactedEntities": [{"type": "CLOUD_APPLICATION", "name": "cart"}]},
        "/cart"),
    "Dynatrace, lines": ("Pods stuck in pending\nKubernetes workload\ncart\nNamespace: shop\n", "/cart"),
    "Dynatrace, a prefix": ({"dt.kubernetes.workload.name": "cart", "k8s.namespace.name": "shop"}, "/cart"),
    "Istio": (firing(alertname="X", destination_workload="cart", destination_workload_namespace="shop",
                     namespace="istio-system", pod="prometheus-0"), "/cart"),
    "Linkerd": (firing(alertname="X", dst_deployment="cart", dst_namespace="shop", namespace="linkerd",
                       pod="linkerd-0"), "deployment/cart"),
    "an ingress controller": (
        firing(alertname="X", exported_namespace="shop", exported_service="cart", namespace="ingress-nginx",
               pod="ingress-nginx-controller-5d8b9c7f6d-x7k2p"), "/cart"),
    "Traefik": (firing(alertname="X", service="shop-cart-80@kubernetes", namespace="proxy", pod="traefik-0"), "/cart"),
    "Traefik, a named port": (firing(alertname="X", exported_service="shop-cart-http@kubernetes"), "/cart"),
    "Traefik, another provider": ({"service": "shop-cart-8080@kubernetescrd"}, "/cart"),
    "a name of Kubernetes": (firing(alertname="X", kubernetes_namespace="shop", app="cart"), "/cart"),
    "Zabbix": ({"name": "Namespace [shop] Deployment [cart]: Deployment replicas mismatch"}, "deployment/cart"),
    "Checkmk": ({"HOSTNAME": "deployment_shop_cart"}, "deployment/cart"),
    "CloudWatch": ({"Trigger": {"Dimensions": [
        {"name": "K8s.Workload", "value": "cart"}, {"name": "K8s.Namespace", "value": "shop"},
        {"name": "EKS.Cluster", "value": ""}]}}, "/cart"),
    "an event": ({"regarding": {"kind": "StatefulSet", "name": "db", "namespace": "shop"}}, "statefulset/db"),
    "Botkube": ({"Kind": "Deployment", "Name": "cart", "Namespace": "shop"}, "deployment/cart"),
    "Robusta": ({"Resource": "cart", "Namespace": "shop"}, "/cart"),
    "a service": ({"serviceName": "cart", "namespace": "shop"}, "/cart"),
    "Rancher": ("Namespace shop, Workload cart unavailable replicas", "/cart"),
    "kinds in two words": ({"StatefulSet": "db", "namespace": "shop"}, "statefulset/db"),
    "an API path": ("see /apis/apps/v1/namespaces/shop/deployments/cart", "deployment/cart"),
}  # fmt: skip


@pytest.mark.parametrize(("details", "workload"), WORKLOADS.values(), ids=WORKLOADS.keys())
def test_the_workload_is_found(details: Any, workload: str) -> None:
    assert targets_in(details) == [("", "shop", workload)]


def test_hosts_of_checkmk_name_the_cluster() -> None:
    assert targets_in({"HOSTNAME": f"pod_eu_shop_{POD}"}) == [("eu", "shop", POD)]


MONITORS = ["node-exporter", "integrations/node_exporter", "blackbox", "prometheus-blackbox-exporter", "pushgateway"]


@pytest.mark.parametrize("job", MONITORS)
def test_the_pod_of_a_program_that_probes_others_is_not_a_target(job: str) -> None:
    pod = "probe-6f8d9c7b54-aaaaa"
    assert targets_in(firing(alertname="X", namespace="monitoring", pod=pod, container="probe", job=job)) == []
    assert targets_in({"namespace": "monitoring", "pod": pod, "job": job}) == []


def test_an_alert_about_such_a_program_itself_is_about_its_pod() -> None:
    details = firing(alertname="X", namespace="monitoring", pod="node-exporter-x7k2p", job="kubelet")
    assert targets_in(details) == [("", "monitoring", "node-exporter-x7k2p")]


@pytest.mark.parametrize("nothing", ["unknown", "none", "null", "N/A", "<none>", "", "-"])
def test_placeholders_of_senders_are_not_names(nothing: str) -> None:
    assert targets_in({"namespace": "shop", "pod": nothing, "deployment": "cart"}) == [("", "shop", "deployment/cart")]


def test_a_service_counts_only_if_nothing_names_a_pod() -> None:
    details = {"namespace": "shop", "service": "front"}
    assert targets_in(details, f"Pod {POD} crashes") == [("", "shop", POD)]
    assert targets_in(details) == [("", "shop", "/front")]


@pytest.mark.parametrize(
    "text", ["A pod in namespace shop has been updated", "The pod is in namespace shop", "the job in namespace shop"]
)
def test_a_word_of_a_sentence_is_not_a_pod(text: str) -> None:
    assert targets_in({}, text) == []


@pytest.mark.parametrize(
    "service",
    [
        "shop-web-cart-80@kubernetes",
        "shop-cart-6b204d94623b3df4370c@kubernetescrd",
        "cart-80@kubernetes",
        "cart@docker",
        "shop-cart-80@file",
    ],
)
def test_a_service_of_traefik_that_may_mean_several_workloads_is_no_target(service: str) -> None:
    assert targets_in({"service": service}) == []


def test_a_pod_and_the_service_in_its_dns_name_or_the_type_of_a_file_is_not_a_pod_and_its_namespace() -> None:
    assert targets_in("pod web-0.web does not answer") == []
    assert targets_in(f"pod {POD}.log was truncated") == [("", "", POD)]
    assert targets_in(f"pod {POD}.shop.svc.cluster.local") == [("", "", POD)]


def test_each_row_of_a_table_is_a_target_of_its_own() -> None:
    table = {"columns": ["namespace", "pod"], "rows": [["shop", POD], ["bank", "pay-0"], "damaged"]}
    assert targets_in(table) == [("", "shop", POD), ("", "bank", "pay-0")]
    assert targets_in({"columns": [7], "rows": [["shop"]]}) == []
