"""Rules about images, configuration, scheduling, volumes, probes and whole pods: each true, and silent."""

from __future__ import annotations

import pytest

from tests.unit.findings.kube_evidence import (
    alarms,
    by_rule,
    container,
    described_events,
    description,
    ended,
    event,
    findings,
    listed,
    only,
    pod,
    waiting,
    words_of,
)

IMAGE = "registry.test/app:1"
PULL = f'Failed to pull image "{IMAGE}": rpc error: code = Unknown desc = failed to pull and unpack image "{IMAGE}": '


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("toomanyrequests: You have reached your pull rate limit", "rate limit"),
        ("dial tcp: lookup registry.test on 10.0.0.10:53: no such host", "not found in DNS"),
        ("pull access denied, repository does not exist or may require authorization", "does not exist or is private"),
        ("unexpected status from HEAD request: 401 Unauthorized", "requires authentication"),
        ("error from registry: denied", "denies access"),
        ("registry.test/app:1: not found", "does not exist"),
        ("manifest unknown: manifest unknown", "does not exist"),
        ("no match for platform in manifest: not found", "platform"),
        ("x509: certificate signed by unknown authority", "certificate"),
        ("http: server gave HTTP response to HTTPS client", "speaks HTTP"),
        ("dial tcp 10.0.0.9:443: connect: connection refused", "refuses the connection"),
        ("dial tcp 10.0.0.9:443: i/o timeout", "does not answer in time"),
        ("write /var/lib/containerd/x: no space left on device", "disk of the node is full"),
    ],
)
def test_why_an_image_cannot_be_pulled(answer: str, cause: str) -> None:
    rows = [
        ("Normal", "Pulling", "77s (x2 over 2m32s)", f'Pulling image "{IMAGE}"'),
        ("Warning", "Failed", "16s (x2 over 90s)", PULL + answer),
        ("Warning", "Failed", "16s (x2 over 90s)", "Error: ErrImagePull"),
        ("Normal", "BackOff", "4s (x2 over 89s)", f'Back-off pulling image "{IMAGE}"'),
    ]
    (finding,) = findings(described_events(rows))
    assert (finding.rule, finding.severity) == ("image-cannot-be-pulled", "critical")
    assert f'Image "{IMAGE}"' in finding.title
    assert cause in finding.title
    assert answer in finding.detail
    assert finding.advice


def test_an_image_in_a_state_with_the_answer_of_the_registry() -> None:
    message = f'Back-off pulling image "{IMAGE}": ErrImagePull: {PULL.partition(": ")[2]}{IMAGE}: not found'
    state = waiting("ImagePullBackOff", message)
    finding = only(listed(pod(container(state=state, ready=False), ready=False)), "image-cannot-be-pulled")
    assert "does not exist" in finding.title
    assert "Container app" in finding.detail


def test_an_image_that_was_pulled_later_is_over() -> None:
    events = [
        event("Failed", PULL + "i/o timeout", minute=1),
        event("Pulled", f'Successfully pulled image "{IMAGE}" in 2s', kind="Normal", minute=2),
        event("Started", "Started container app", kind="Normal", minute=3),
    ]
    assert only(listed(*events), "image-cannot-be-pulled").severity == "info"
    assert not alarms(listed(*reversed(events)))  # the time counts, not the order


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('secret "shop-db" not found', "Create the object"),
        ("couldn't find key DB_URL in ConfigMap shop/settings", "Add the key"),
        ("container has runAsNonRoot and image will run as root", "runAsUser"),
    ],
)
def test_a_container_without_its_configuration(message: str, expected: str) -> None:
    state = listed(pod(container(state=waiting("CreateContainerConfigError", message), ready=False), ready=False))
    shown = described_events([("Warning", "Failed", "9s (x4 over 1m)", f"Error: {message}")])
    for text in (state, shown):
        finding = only(text, "container-lacks-its-configuration")
        assert finding.severity == "critical"
        assert message in words_of(finding)
        assert expected in finding.advice


def test_a_configuration_that_was_created_later() -> None:
    text = listed(
        event("Failed", 'Error: configmap "settings" not found', minute=1),
        event("Started", "Started container app", kind="Normal", minute=2),
    )
    assert not alarms(text)


NODES = "0/5 nodes are available: "


@pytest.mark.parametrize(
    ("causes", "expected"),
    [
        ("2 Insufficient cpu, 3 Insufficient memory.", "2 Insufficient cpu, 3 Insufficient memory"),
        ("5 node(s) had untolerated taint {dedicated: gpu}.", "5 node(s) had untolerated taint {dedicated: gpu}"),
        ("5 node(s) had volume node affinity conflict.", "5 node(s) had volume node affinity conflict"),
        ("pod has unbound immediate PersistentVolumeClaims.", "pod has unbound immediate PersistentVolumeClaims"),
    ],
)
def test_a_pod_without_a_node(causes: str, expected: str) -> None:
    message = f"{NODES}{causes} preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling."
    finding = only(listed(event("FailedScheduling", message)), "pod-is-not-scheduled")
    assert finding.severity == "critical"
    assert finding.title == f'Pod "shop-1" is not scheduled: 0/5 nodes are available: {expected}'
    assert finding.advice


def test_a_pod_without_a_node_in_its_conditions() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    condition["message"] = NODES + "5 Insufficient cpu, 5 node(s) didn't match Pod's node affinity/selector."
    resources = {"requests": {"cpu": "64"}}
    value = pod(phase="Pending", status={"conditions": [condition], "containerStatuses": []})
    value["spec"] = {"containers": [{"name": "app", "resources": resources}], "nodeSelector": {"disk": "fast"}}
    finding = only(listed(value), "pod-is-not-scheduled")
    assert "label disk=fast" in finding.detail
    assert "container app requests cpu 64" in finding.detail


def test_a_pod_that_got_a_node_later() -> None:
    text = listed(
        event("FailedScheduling", NODES + "5 Insufficient cpu.", minute=1),
        event("Scheduled", "Successfully assigned shop/shop-1 to node-1", kind="Normal", minute=2),
    )
    assert only(text, "pod-is-not-scheduled").severity == "info"


VOLUME_RULE = "volume-cannot-be-mounted"


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "keys" : secret "tls" not found',
            'secret "tls" not found',
        ),
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "host" : hostPath type check failed: /x is not a file',
            "/x",
        ),
        (
            "FailedAttachVolume",
            'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) a-0',
            "Multi-Attach",
        ),
        (
            "FailedAttachVolume",
            'AttachVolume.Attach failed for volume "pvc-1" : rpc error: code = Internal desc = no',
            "no",
        ),
        ("FailedMount", "Unable to attach or mount volumes: unmounted volumes=[data]: timed out waiting", "data"),
    ],
)
def test_a_volume_that_cannot_be_mounted(reason: str, message: str, expected: str) -> None:
    finding = only(listed(event(reason, message, count=7)), VOLUME_RULE)
    assert finding.severity == "critical"
    assert expected in words_of(finding)
    assert "7 times" in finding.detail


def test_a_volume_that_was_mounted_later() -> None:
    rows = [
        ("Warning", "FailedAttachVolume", "71s", 'Multi-Attach error for volume "pvc-1" Volume is already attached'),
        ("Normal", "SuccessfulAttachVolume", "55s", 'AttachVolume.Attach succeeded for volume "pvc-1"'),
        ("Normal", "Started", "37s", "Started container app"),
    ]
    (finding,) = findings(described_events(rows))
    assert (finding.rule, finding.severity) == (VOLUME_RULE, "info")
    assert "it is over" in finding.title
    assert "cannot" not in finding.title


def test_the_time_out_that_follows_from_a_cause_is_not_shown_twice() -> None:
    text = listed(
        event("FailedMount", 'MountVolume.SetUp failed for volume "keys" : secret "tls" not found'),
        event(
            "FailedMount", "Unable to attach or mount volumes: unmounted volumes=[keys]: timed out waiting", minute=2
        ),
    )
    assert 'secret "tls"' in only(text, VOLUME_RULE).title


def test_a_claim_without_a_volume() -> None:
    text = listed(event("ProvisioningFailed", 'storageclass "fast" not found', about="PersistentVolumeClaim/data"))
    assert "PersistentVolumeClaim data has no volume" in only(text, "claim-has-no-volume").title


PROBE = "probe-fails"


def test_a_liveness_probe_that_kills() -> None:
    text = listed(
        event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500", count=9, minute=1),
        event("Killing", "Container app failed liveness probe, will be restarted", kind="Normal", count=3, minute=2),
    )
    finding = only(text, PROBE)
    assert finding.severity == "critical"
    assert finding.title == ('Liveness probe failed: container "app" of shop-1, 9 times, the kubelet killed it 3 times')
    assert "HTTP probe failed with statuscode: 500" in finding.detail


def test_a_kill_for_a_probe_without_the_failures() -> None:
    text = listed(event("Killing", "Container app failed startup probe, will be restarted", kind="Normal"))
    assert "startup probe failed" in only(text, PROBE).title


@pytest.mark.parametrize(("ready", "severity"), [(True, "info"), (False, "warning")])
def test_a_readiness_probe(ready: bool, severity: str) -> None:
    row = (
        "Warning",
        "Unhealthy",
        "9s (x40 over 7m)",
        'Readiness probe failed: Get "http://10.1.0.7:8080/ready": refused',
    )
    finding = only(description(ready=ready, events=described_events([row])), PROBE)
    assert finding.severity == severity
    assert "40 times" in finding.title
    assert 'container "app"' in finding.title
    assert "http-get http://:8080/ready" in finding.detail


def test_a_probe_that_fails_while_the_pod_ends() -> None:
    text = listed(
        event("Killing", "Stopping container app", kind="Normal", minute=1),
        event("Unhealthy", "Liveness probe failed: connection refused", count=2, minute=2),
    )
    assert not alarms(text)


def test_an_eviction() -> None:
    message = (
        "The node was low on resource: memory. Container app was using 9402820Ki, which exceeds its request of 7G."
    )
    value = pod(phase="Failed", status={"reason": "Evicted", "message": message, "containerStatuses": []})
    finding = only(listed(value), "pod-was-evicted")
    assert (finding.severity, message in finding.title) == ("critical", True)
    text = listed(event("Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."))
    assert "1Gi" in only(text, "pod-was-evicted").title
    assert not by_rule(listed(pod(container())), "pod-was-evicted")


def test_a_pod_that_failed() -> None:
    value = pod(phase="Failed", status={"reason": "OutOfcpu", "message": "Node didn't have enough resource: cpu"})
    assert "too little CPU" in only(listed(value), "pod-failed-as-a-whole").title


def test_an_init_container_that_fails_holds_up_the_pod() -> None:
    init = container("wait", waiting("CrashLoopBackOff"), ended(1), restarts=5, ready=False)
    app = container(state=waiting("PodInitializing"), ready=False)
    value = pod(app, phase="Pending", ready=False, status={"initContainerStatuses": [init]})
    value["spec"]["initContainers"] = [{"name": "wait"}]
    finding = only(listed(value), "pod-waits-for-an-init-container")
    assert finding.severity == "warning"
    assert 'init container "wait"' in finding.title
    assert 'container "app" not started (PodInitializing)' in finding.title


def test_an_init_container_that_runs_is_information() -> None:
    init = container("wait", ready=False)
    app = container(state=waiting("PodInitializing"), ready=False)
    value = pod(app, phase="Pending", ready=False, status={"initContainerStatuses": [init]})
    assert only(listed(value), "pod-waits-for-an-init-container").severity == "info"
    init = container("wait", ended(0, "Completed"))
    value = pod(container(), status={"initContainerStatuses": [init]})
    assert not findings(listed(value))


@pytest.mark.parametrize(
    ("status", "metadata", "severity"),
    [
        (container(state=ended(0, "Completed")), {}, "warning"),
        (container(), {"finalizers": ["shop.test/cleanup"]}, "warning"),
        (container(), {}, "info"),
    ],
)
def test_a_deletion_that_does_not_end(status: dict[str, object], metadata: dict[str, object], severity: str) -> None:
    value = pod(status, metadata={"deletionTimestamp": "2026-11-30T10:00:05Z", **metadata})
    finding = only(listed(value), "pod-deletion-does-not-end")
    assert finding.severity == severity
    assert "deletionTimestamp 2026-11-30T10:00:05Z" in finding.title
    assert all(name in finding.title for name in metadata.get("finalizers", ()))  # type: ignore[attr-defined]


def test_a_container_that_runs_and_is_not_ready() -> None:
    rule = "container-runs-and-is-not-ready"
    finding = only(description(ready=False), rule)
    assert (finding.severity, finding.title) == (
        "warning",
        'Pod "shop-6d4f5b9c7d-x2x4k" runs and is not ready: container "app"',
    )
    assert "http-get http://:8080/ready" in finding.detail
    young = described_events([("Normal", "Started", "9s", "Started container app")])
    assert only(description(ready=False, events=young), rule).severity == "info"
    assert not by_rule(description(), rule)


def test_a_pod_that_has_not_started() -> None:
    text = listed(pod(container(state=waiting("ContainerCreating"), ready=False), phase="Pending", ready=False))
    assert only(text, "pod-has-not-started").severity == "info"


@pytest.mark.parametrize(("restarts", "severity"), [(1, "info"), (40, "warning")])
def test_a_container_that_has_restarted(restarts: int, severity: str) -> None:
    assert only(listed(pod(container(restarts=restarts))), "container-has-restarted").severity == severity


def test_a_crash_loop_of_which_the_end_is_not_shown() -> None:
    state = waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container=app")
    finding = only(listed(pod(container(state=state, restarts=9, ready=False), ready=False)), "container-has-restarted")
    assert (finding.severity, "9 restarts (CrashLoopBackOff)" in finding.title) == ("critical", True)


def test_a_container_that_waits_for_another_reason() -> None:
    rule = "container-waits-for-another-reason"
    text = listed(pod(container(state=waiting("CreateContainerError"), ready=False), ready=False))
    assert only(text, rule).title == 'Container "app" does not start: CreateContainerError'
    for reason in ("ContainerCreating", "ImagePullBackOff", "CrashLoopBackOff"):
        assert not by_rule(listed(pod(container(state=waiting(reason), ready=False), ready=False)), rule)
