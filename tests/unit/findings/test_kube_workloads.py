"""Rules about what creates pods, about nodes, tables of pods, and events that no other rule explains."""

from __future__ import annotations

import pytest

from tests.unit.findings.kube_evidence import alarms, by_rule, described_events, event, findings, listed, only, words_of

QUOTA = (
    'Error creating: pods "shop-7d9-x2x4k" is forbidden: exceeded quota: team, requested: limits.cpu=1, used: '
    "limits.cpu=6, limited: limits.cpu=6"
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (QUOTA, "quota team is used up: used limits.cpu=6 of limits.cpu=6, requested limits.cpu=1"),
        (
            'Error creating: pods "shop-1" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi',
            "maximum memory usage per Container is 1Gi, but limit is 2Gi",
        ),
        (
            'Error creating: admission webhook "policy.test" denied the request: no latest tag',
            'admission webhook "policy.test" denied the request: no latest tag',
        ),
        (
            'Error creating: pods "a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            "runAsNonRoot != true",
        ),
        (
            'Error creating: Internal error occurred: failed calling webhook "inject.test": connection refused',
            "inject.test",
        ),
    ],
)
def test_pods_that_the_server_refuses(message: str, expected: str) -> None:
    text = listed(event("FailedCreate", message, about="ReplicaSet/shop-6d4f5b9c7d", count=124))
    finding = only(text, "pods-cannot-be-created")
    assert finding.severity == "critical"
    assert finding.title.startswith("ReplicaSet shop-6d4f5b9c7d cannot create pods: ")
    assert expected in finding.title
    assert "124 times" in finding.detail
    assert finding.advice


def test_pods_that_were_created_later() -> None:
    text = listed(
        event("FailedCreate", QUOTA, about="ReplicaSet/shop", minute=1),
        event("SuccessfulCreate", "Created pod: shop-1", about="ReplicaSet/shop", kind="Normal", minute=2),
    )
    assert not alarms(text)


def test_the_old_wide_table_of_events() -> None:
    text = (
        "59m  59m  1    shop-6597bc46dc-wtqkj.1578834752099143  Pod  spec.containers{shop}  Normal  Killing  "
        "kubelet, ip-10-0-0-1.test  Killing container with id docker://shop:Need to kill Pod\n"
        "59m  6d   124  shop-6597bc46dc.1576a87b365ab1e4  ReplicaSet  Warning  FailedCreate  replicaset-controller  "
        f"{QUOTA}\n"
    )
    (finding,) = findings(text)
    assert finding.title.startswith("ReplicaSet shop-6597bc46dc cannot create pods: quota team")


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


TABLE = """NAMESPACE   NAME                     READY   STATUS             RESTARTS        AGE
shop        cart-6d4f5b9c7d-x2x4k    0/1     CrashLoopBackOff   12 (3m ago)     47m
shop        cart-6d4f5b9c7d-aaaaa    1/1     Running            0               9d
shop        pay-58c5f7d6b9-zzzzz     0/1     Init:0/2           0               5h
shop        new-58c5f7d6b9-zzzzz     0/1     ContainerCreating  0               12s
shop        import-28187618-54d9v    0/1     Completed          0               3h
shop        old-0                    1/1     Running            3 (40d ago)     90d
shop        web-0                    1/2     Running            9 (2m ago)      3h
"""


def test_the_table_of_pods() -> None:
    shown = {finding.title.partition(":")[0]: finding for finding in findings(TABLE)}
    assert shown["Pod cart-6d4f5b9c7d-x2x4k"].severity == "critical"
    assert "12 restarts, the last 3m ago" in shown["Pod cart-6d4f5b9c7d-x2x4k"].title
    assert shown["Pod pay-58c5f7d6b9-zzzzz"].severity == "warning"
    assert shown["Pod web-0"].severity == "warning"
    assert shown["Pod old-0"].severity == "info"
    assert shown["Pod new-58c5f7d6b9-zzzzz"].severity == "info"
    assert len(shown) == 5


def test_pods_with_the_same_status_are_one_finding() -> None:
    rows = "".join(f"cart-6d4f5b9c7d-x2x4{index}   0/1   ImagePullBackOff   0   47m\n" for index in range(9))
    (finding,) = findings("NAME   READY   STATUS   RESTARTS   AGE\n" + rows)
    assert finding.title == "9 pods are in ImagePullBackOff: an image cannot be pulled"


def test_a_healthy_table_has_no_alarm() -> None:
    healthy = [line for line in TABLE.splitlines() if "cart-6d4f5b9c7d-a" in line or "old-0" in line or "Comp" in line]
    assert not alarms("\n".join([TABLE.splitlines()[0], *healthy]))


def test_the_network_of_a_pod() -> None:
    message = (
        'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "0ca6": '
        'plugin type="calico" failed (add): no free addresses'
    )
    finding = only(listed(event("FailedCreatePodSandBox", message, count=4)), "pod-has-no-network")
    assert finding.severity == "critical"
    assert 'plugin type="calico" failed (add): no free addresses' in finding.title
    later = event("Started", "Started container app", kind="Normal", minute=5)
    assert not alarms(listed(event("FailedCreatePodSandBox", message), later))


def test_a_warning_that_no_rule_explains() -> None:
    text = listed(event("FailedPreStopHook", "PreStopHook failed", count=3))
    finding = only(text, "other-warnings")
    assert (finding.severity, finding.title) == ("warning", "FailedPreStopHook, 3 times: PreStopHook failed")
    assert not findings(listed(event("Pulled", "Container image is present", kind="Normal")))


def test_a_container_that_failed_for_another_reason() -> None:
    text = listed(event("Failed", "Error: context deadline exceeded"))
    assert "context deadline exceeded" in words_of(only(text, "container-failed-in-an-event"))


def test_events_of_a_bundle() -> None:
    text = """LAST SEEN             TYPE     REASON               MESSAGE
2026-11-30T10:04:12Z  Normal   Pulling (x2)         Pulling image "registry.test/app:1"
2026-11-30T10:04:12Z  Warning  Failed (x2)          Failed to pull image "registry.test/app:1": not found
2026-11-30T10:04:12Z  Warning  Failed (x2)          Error: ErrImagePull
"""
    finding = only(text, "image-cannot-be-pulled")
    assert "2 times, last seen 2026-11-30T10:04:12Z" in finding.detail
    later = "2026-11-30T10:05:00Z  Normal   Started (x1)         Started container app\n"
    assert not alarms(text + later)


def test_the_new_table_of_events() -> None:
    text = """LAST SEEN   TYPE      REASON        OBJECT                     MESSAGE
2m          Normal    Scheduled     pod/shop-5b6d-x2x4k        Successfully assigned shop/shop-5b6d-x2x4k to node-1
12s         Warning   FailedMount   pod/shop-5b6d-x2x4k        MountVolume.SetUp failed for volume "a" : no such file
"""
    finding = only(text, "volume-cannot-be-mounted")
    assert (finding.pod, finding.evidence[0].first) == ("shop-5b6d-x2x4k", 3)


def test_the_table_of_nodes() -> None:
    text = """NAME     STATUS                     ROLES           AGE   VERSION
node-1   Ready                      control-plane   40d   v1.34.1
node-2   NotReady                   <none>          40d   v1.34.1
node-3   Ready,SchedulingDisabled   <none>          40d   v1.34.1
"""
    (finding,) = findings(text)
    assert finding.title.startswith("Node node-2 is not ready")


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


@pytest.mark.parametrize(
    ("facts", "about"),
    [
        ("Replicas:      1 current / 2 desired\nPods Status:   1 Running / 0 Waiting", "ReplicaSet shop"),
        ("Parallelism:   1\nPods Statuses: 0 Active / 0 Succeeded / 6 Failed", "Job shop"),
        (
            "Replicas:      2 desired | 1 total\nUpdate Strategy: RollingUpdate\nPods Status: 1 Running",
            "StatefulSet shop",
        ),
    ],
)
def test_events_of_the_description_of_a_workload(facts: str, about: str) -> None:
    row = ("Warning", "FailedCreate", "9s (x5 over 1m)", QUOTA)
    template = "Pod Template:\n  Containers:\n   app:\n    Image:      registry.test/app:1\n"
    text = f"Name:          shop\nNamespace:     shop\n{facts}\n{template}{described_events([row])}"
    (finding,) = findings(text)
    assert finding.title.startswith(f"{about} cannot create pods: quota team")


def scaled(new_set: str, minute: int) -> dict[str, object]:
    message = f"Scaled up replica set {new_set} to 3"
    return event("ScalingReplicaSet", message, about="Deployment/shop", kind="Normal", minute=minute)


def test_failing_pods_of_a_rollout() -> None:
    rule = "failing-pods-belong-to-a-rollout"
    crash = event("BackOff", "Back-off restarting failed container", about="Pod/shop-547cd64cc7-sqwqb", minute=9)
    finding = only(listed(scaled("shop-6f4f5d48bc", 1), scaled("shop-547cd64cc7", 7), crash), rule)
    assert finding.title == (
        "The failing pods of Deployment shop belong to ReplicaSet shop-547cd64cc7, "
        "which was scaled up at 2026-11-30T10:07:00Z"
    )
    old = event("BackOff", "Back-off restarting failed container", about="Pod/shop-6f4f5d48bc-aaaaa", minute=9)
    assert not by_rule(listed(scaled("shop-547cd64cc7", 7), crash, old), rule)
    assert not by_rule(listed(scaled("shop-547cd64cc7", 7)), rule)


def test_what_the_autoscaler_does_about_a_pod() -> None:
    text = listed(
        event("FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu."),
        event("NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max node group size reached", kind="Normal"),
    )
    assert "Autoscaler: pod didn't trigger scale-up: 1 max" in only(text, "pod-is-not-scheduled").detail
