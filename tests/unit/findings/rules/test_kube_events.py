"""Rules about events: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

from tests.unit.findings.kube_evidence import (
    alarms,
    event,
    findings,
    listed,
    only,
    words_of,
)


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


def test_the_pod_that_only_the_message_of_the_runtime_names() -> None:
    message = (
        'Failed to create pod sandbox: failed to set up sandbox container "0ca6" network for pod "shop-1": '
        'networkPlugin cni failed to set up pod "shop-1_default" network: no free addresses'
    )
    text = f"  Warning  FailedCreatePodSandBox  4m6s  kubelet, node-1  {message}\n"
    assert only(text, "pod-has-no-network").title.startswith("Pod shop-1 has no sandbox")
    assert only(text.replace("for pod", "of"), "pod-has-no-network").title.startswith("The pod has no sandbox")


def test_a_message_that_a_later_step_repeats() -> None:
    events = (
        event("FailedMount", 'Unable to mount volumes: configmaps "site" not found'),
        event("FailedSync", 'Error syncing pod, skipping: configmaps "site" not found', minute=2),
    )
    assert only(listed(*events), "other-warnings").severity == "info"
    assert only(listed(events[1]), "other-warnings").severity == "warning"
    assert only(listed(events[0]), "volume-cannot-be-mounted").title.startswith("A volume cannot be mounted: ")
