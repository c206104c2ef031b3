"""Rules about workloads and nodes: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

from tests.unit.findings.kube_evidence import (
    alarms,
    findings,
    listed,
    only,
)


def scaler(current: int, limited: str) -> dict[str, object]:
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "shop"},
        "spec": {"maxReplicas": 8, "scaleTargetRef": {"kind": "Deployment", "name": "shop"}},
        "status": {
            "currentReplicas": current,
            "desiredReplicas": current,
            "conditions": [
                {"type": "ScalingLimited", "status": limited, "reason": "TooManyReplicas", "message": "more"}
            ],
        },
    }


def test_an_autoscaler_at_its_maximum() -> None:
    finding = only(listed(scaler(8, "True")), "autoscaler-is-at-its-maximum")
    assert finding.severity == "warning"
    assert "maximum of 8 pods" in finding.title
    assert not findings(listed(scaler(3, "False")))


def test_an_autoscaler_in_a_description() -> None:
    text = """Name:                                                  shop
Namespace:                                             shop
Reference:                                             Deployment/shop
Metrics:                                               ( current / target )
  resource cpu on pods  (as a percentage of request):  <unknown> / 80%
Min replicas:                                          2
Max replicas:                                          8
Deployment pods:                                       2 current / 0 desired
Conditions:
  Type           Status  Reason                   Message
  ----           ------  ------                   -------
  AbleToScale    True    SucceededGetScale        the HPA controller was able to get the target's current scale
  ScalingActive  False   FailedGetResourceMetric  the HPA was unable to compute the replica count: no metrics known
"""
    finding = only(text, "autoscaler-does-not-work")
    assert "FailedGetResourceMetric" in finding.title
    assert "no metrics known" in finding.detail
    text += "Events:\n  Warning  FailedComputeMetricsReplicas  2m  horizontal-pod-autoscaler  no metrics\n"
    assert only(text, "other-warnings").detail.startswith("HorizontalPodAutoscaler shop.")


def test_a_rollout_that_does_not_progress() -> None:
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    deployment = {"kind": "Deployment", "metadata": {"name": "shop"}, "status": {"conditions": [condition]}}
    assert "ProgressDeadlineExceeded" in only(listed(deployment), "rollout-does-not-progress").title
    condition |= {"status": "True", "reason": "NewReplicaSetAvailable"}
    assert not findings(listed(deployment))


def node(kind: str, status: str) -> dict[str, object]:
    condition = {"type": kind, "status": status, "reason": "KubeletHasDiskPressure", "message": "disk"}
    return {"kind": "Node", "metadata": {"name": "node-1"}, "status": {"conditions": [condition]}}


def test_a_node_that_is_unhealthy() -> None:
    assert "short of disk space" in only(listed(node("DiskPressure", "True")), "node-is-unhealthy").title
    assert "not ready (Unknown)" in only(listed(node("Ready", "Unknown")), "node-is-unhealthy").title
    assert not findings(listed(node("DiskPressure", "False"), node("Ready", "True")))


def test_a_deployment_with_too_few_pods() -> None:
    text = """Name:                   shop
Namespace:              shop
Replicas:               3 desired | 3 updated | 3 total | {available} available | 1 unavailable
StrategyType:           RollingUpdate
Pod Template:
  Containers:
   app:
    Image:      registry.test/app:1
Conditions:
  Type           Status  Reason
  ----           ------  ------
  Available      False   MinimumReplicasUnavailable
"""
    finding = only(text.replace("{available}", "0"), "workload-has-too-few-pods")
    assert (finding.severity, finding.title) == ("warning", "Deployment shop has 0 of 3 pods available")
    assert "MinimumReplicasUnavailable" in finding.detail
    assert only(text.replace("{available}", "2"), "workload-has-too-few-pods").severity == "info"
    assert not findings(text.replace("{available}", "3"))


def test_when_the_last_release_was_rolled_out() -> None:
    annotations = {"deployment.kubernetes.io/revision": "7"}
    metadata = {"name": "shop-1", "annotations": annotations, "creationTimestamp": "2026-11-30T10:00:00Z"}
    finding = only(listed({"kind": "ReplicaSet", "metadata": metadata}), "last-rollout")
    assert finding.title == "Revision 7 was rolled out at 2026-11-30T10:00:00Z"
    assert "shop-1" in finding.detail
    assert finding.key == "last rollout shop"
    assert not findings(listed({"kind": "ReplicaSet", "metadata": {"name": "shop-1"}}))


def test_a_node_in_the_description_of_an_old_version() -> None:
    text = (
        "Name:\t\t\tnode-1\nRole:\t\t\t\nTaints:\t\t\t<none>\nConditions:\n"
        "  Type\t\t\tStatus\t\tLastHeartbeatTime\t\tReason\t\t\tMessage\n"
        "  OutOfDisk \t\tFalse \tSat, 04 Mar 2017 07:13:28 +0000 \tSat, 04 Mar 2017 07:14:12 +0000 \t"
        "KubeletHasSufficientDisk \tkubelet has sufficient disk space available\n"
        "  Ready \t\tUnknown \tSat, 04 Mar 2017 07:13:28 +0000 \tSat, 04 Mar 2017 07:14:12 +0000 \t"
        "NodeStatusUnknown \tKubelet stopped posting node status.\n"
    )
    assert only(text, "node-is-unhealthy").title == "Node node-1 is not ready (Unknown): NodeStatusUnknown"
    assert not alarms(text.replace("Unknown \tSat", "True \tSat").replace("NodeStatusUnknown", "KubeletReady"))
