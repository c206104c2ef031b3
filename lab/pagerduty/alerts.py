"""Alerts about a pod of the lab, as monitoring systems send them to PagerDuty: the content of `body.details`.

Written after the senders' documentation: Alertmanager "pagerduty_config", Datadog "PagerDuty integration" and its
unified service tagging, CloudWatch "Container Insights metrics" by SNS, Dynatrace "Problem notifications", New Relic
"Webhook payload" of a Kubernetes condition, Grafana "PagerDuty contact point", kube-state-metrics' pod metrics.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.pagerduty.incidents import alertmanager_details
from lab.pagerduty.model import Json


@dataclass(frozen=True)
class Subject:
    """The subject of the alert."""

    cluster: str
    namespace: str
    workload: str
    """A Deployment."""
    pod: str
    container: str


def alert_bodies(about: Subject) -> dict[str, Json]:
    """Return the details of an alert of each sender. The alert of "plain text" is only a sentence."""
    return {
        "Alertmanager": _alertmanager(about),
        "Datadog": _datadog(about),
        "CloudWatch Container Insights": _cloudwatch(about),
        "Dynatrace": _dynatrace(about),
        "New Relic": _new_relic(about),
        "Grafana": _grafana(about),
        "kube-state-metrics": _kube_state_metrics(about),
        "plain text": {"message": f"Pod {about.namespace}/{about.pod} does not answer its health check."},
    }


def _alertmanager(about: Subject) -> Json:
    labels = {
        "alertname": "KubePodNotReady",
        "cluster": about.cluster,
        "namespace": about.namespace,
        "pod": about.pod,
        "container": about.container,
        "severity": "critical",
    }
    return dict(alertmanager_details(labels, "Pod is not ready", f"{about.pod} is not ready for 15 minutes."))


def _datadog(about: Subject) -> Json:
    tags = [
        f"kube_cluster_name:{about.cluster}",
        f"kube_namespace:{about.namespace}",
        f"kube_deployment:{about.workload}",
        f"pod_name:{about.pod}",
        f"kube_container_name:{about.container}",
        "env:prod",
        "monitor",
    ]
    return {
        "title": "[P1] Pod is restarting often",
        "body": "%%%\nThe pod restarted 5 times.\n\n[Monitor](https://app.datadoghq.example/monitors/1)\n%%%",
        "tags": ", ".join(tags),
        "event_type": "query_alert_monitor",
        "priority": "normal",
    }


def _cloudwatch(about: Subject) -> Json:
    names = {"ClusterName": about.cluster, "Namespace": about.namespace, "PodName": about.workload}
    return {
        "AlarmName": f"{about.workload}-restarts",
        "AWSAccountId": "123456789012",
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed: 1 datapoint [5.0] was greater than the threshold (3.0).",
        "Region": "EU (Frankfurt)",
        "Trigger": {
            "MetricName": "pod_number_of_container_restarts",
            "Namespace": "ContainerInsights",
            "Statistic": "SUM",
            "Dimensions": [{"name": name, "value": value} for name, value in names.items()],
        },
    }


def _dynatrace(about: Subject) -> Json:
    details = {
        "k8s.cluster.name": about.cluster,
        "k8s.namespace.name": about.namespace,
        "k8s.workload.kind": "deployment",
        "k8s.workload.name": about.workload,
        "k8s.pod.name": about.pod,
        "k8s.container.name": about.container,
    }
    lines = "\n".join(f"{name}: {value}" for name, value in details.items())
    return {"ProblemID": "P-2611", "ProblemSeverity": "AVAILABILITY", "ProblemDetails": f"Container restarts\n{lines}"}


def _new_relic(about: Subject) -> Json:
    labels = {
        "clusterName": about.cluster,
        "namespaceName": about.namespace,
        "podName": about.pod,
        "deploymentName": about.workload,
        "containerName": about.container,
    }
    return {
        "condition_name": "Container restarts",
        "policy_name": "Kubernetes",
        "targets": [{"id": "MXxJTkZSQQ", "name": about.pod, "type": "K8S_POD", "labels": labels}],
        "violation_chart_url": "https://gorgon.newrelic.example/image/1",
    }


def _grafana(about: Subject) -> Json:
    labels = {"alertname": "Pod is not ready", "grafana_folder": "shop", "namespace": about.namespace, "pod": about.pod}
    firing = "".join(f" - {name} = {value}\n" for name, value in labels.items())
    return {
        "firing": f"\nValue: B=1, C=1\nLabels:\n{firing}Annotations:\nSilence: https://grafana.example/alerting/silence\n",
        "num_firing": "1",
        "num_resolved": "0",
        "resolved": "",
    }


def _kube_state_metrics(about: Subject) -> Json:
    labels = {
        "alertname": "KubePodCrashLooping",
        "container": "kube-state-metrics",
        "namespace": "monitoring",
        "pod": "kube-state-metrics-0",
        "exported_namespace": about.namespace,
        "exported_pod": about.pod,
        "exported_container": about.container,
    }
    details = alertmanager_details(labels, "Pod is crash looping", f"{about.pod} restarts.")
    return {"firing": details["firing"], "num_firing": "1", "resolved": ""}
