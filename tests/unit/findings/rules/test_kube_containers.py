"""Rules about containers: each is shown true, and silent on evidence that resembles it."""

from __future__ import annotations

import json

import pytest

from tests.unit.findings.kube_evidence import (
    alarms,
    by_rule,
    container,
    crashed,
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

OCI = (
    "failed to create containerd task: OCI runtime create failed: runc create failed: unable to start container process"
)


def test_a_container_killed_for_memory_in_a_description() -> None:
    finding = only(crashed(137, "OOMKilled"), "container-killed-for-memory")
    assert finding.severity == "critical"
    assert finding.title == (
        'Container "app" was killed for memory: OOMKilled, exit code 137 (SIGKILL), memory limit 100Mi'
    )
    assert "CrashLoopBackOff, 6 restarts" in finding.detail
    assert "2 min 3 s" in finding.detail
    assert finding.pod == "shop-6d4f5b9c7d-x2x4k"
    assert "Reason:       OOMKilled" in finding.evidence[0].quote


@pytest.mark.parametrize("text", [json.dumps, lambda value: json.dumps([value]), listed])
def test_a_container_killed_for_memory_in_objects(text) -> None:  # type: ignore[no-untyped-def]
    value = pod(container(last=ended(137, "OOMKilled"), restarts=2))
    finding = only(text(value), "container-killed-for-memory")
    assert "It has no memory limit" in finding.detail
    assert "2 restarts" in finding.detail


def test_a_child_process_killed_for_memory() -> None:
    finding = only(listed(pod(container(last=ended(1, "OOMKilled"), restarts=1))), "container-killed-for-memory")
    assert "one of its child processes" in finding.detail


def test_sigkill_is_not_an_oom_kill() -> None:
    text = listed(pod(container(last=ended(137), restarts=1)))
    assert not by_rule(text, "container-killed-for-memory")
    finding = only(text, "container-keeps-failing")
    assert (finding.severity, "exit code 137 (SIGKILL)" in finding.title) == ("warning", True)
    assert "not OOMKilled" in finding.detail


@pytest.mark.parametrize(
    ("code", "expected"),
    [(139, "SIGSEGV"), (134, "SIGABRT"), (127, "was not found"), (126, "cannot be executed"), (135, "SIGBUS")],
)
def test_the_meaning_of_exit_codes(code: int, expected: str) -> None:
    finding = only(crashed(code), "container-keeps-failing")
    assert finding.severity == "critical"
    assert expected in words_of(finding)


@pytest.mark.parametrize(
    ("status", "severity"),
    [
        (container(last=ended(1), restarts=1), "info"),  # it has recovered
        (container(last=ended(255, "Unknown"), restarts=7), "info"),  # the node restarted
        (container(last=ended(1), restarts=9), "warning"),
        (container(last=ended(1), restarts=9, ready=False), "critical"),
        (container(state=ended(3), ready=False), "critical"),
    ],
)
def test_how_much_a_failure_matters(status: dict[str, object], severity: str) -> None:
    finding = only(listed(pod(status)), "container-keeps-failing")
    assert finding.severity == severity
    assert ("lost the container" in finding.detail) == ("exit code 255" in finding.title)


def test_the_last_words_of_a_container() -> None:
    finding = only(
        listed(pod(container(last=ended(1, message="no DSN\nset SHOP_DSN"), restarts=9))), "container-keeps-failing"
    )
    assert "no DSN set SHOP_DSN" in finding.detail


def test_a_program_that_does_not_exist() -> None:
    text = listed(
        pod(
            container(
                state=waiting("CrashLoopBackOff", "back-off 5m0s"),
                last=ended(
                    128, "StartError", message=f'{OCI}: exec: "shopp": executable file not found in $PATH: unknown'
                ),
                restarts=4,
                ready=False,
            )
        )
    )
    finding = only(text, "container-cannot-start")
    assert finding.title == 'Container "app" cannot start: exec: "shopp": executable file not found in $PATH'
    assert "StartError, exit code 128" in finding.detail
    assert not by_rule(text, "container-keeps-failing")


def test_a_start_error_that_only_events_show() -> None:
    rows = [
        ("Warning", "Failed", "70s (x4 over 113s)", f"Error: {OCI}: exec: permission denied: unknown"),
        (
            "Warning",
            "BackOff",
            "43s (x7 over 110s)",
            "Back-off restarting failed container app in pod shop-1_shop(95534)",
        ),
    ]
    finding = only(described_events(rows), "container-cannot-start")
    assert finding.title == 'Container "app" cannot start: exec: permission denied'
    assert "4 times, last seen 70s ago" in finding.detail


def test_a_program_that_ends_by_itself() -> None:
    finding = only(crashed(0, "Completed", restarts=14), "container-ends-by-itself")
    assert finding.severity == "warning"
    assert "CrashLoopBackOff, 14 restarts" in finding.title
    assert [other.rule for other in findings(crashed(0, "Completed"))] == ["container-ends-by-itself"]


def test_a_program_that_the_kubelet_stops_for_its_probe() -> None:
    kill = ("Normal", "Killing", "9s (x5 over 9m)", "Container app failed liveness probe, will be restarted")
    rule = "container-ends-by-itself"
    title = only(crashed(0, "Completed") + described_events([kill]), rule).title
    assert title == 'Container "app" is restarted because its probe fails: CrashLoopBackOff, 6 restarts'
    other = (*kill[:3], "Container proxy failed liveness probe, will be restarted")
    assert "ends by itself" in only(crashed(0, "Completed") + described_events([other]), rule).title


def test_an_exit_code_of_curl() -> None:
    finding = only(crashed(6, script="exec curl -fsS http://prices/api"), "container-keeps-failing")
    assert "Exit code 6 of curl: the host name cannot be resolved." in finding.detail
    assert "curl" not in only(crashed(6, script="exec prices"), "container-keeps-failing").detail
    assert "curl" not in only(crashed(1, script="curl http://prices"), "container-keeps-failing").detail


def test_a_job_may_end() -> None:
    metadata = {"ownerReferences": [{"kind": "Job", "name": "import"}]}
    completed_pod = pod(container(state=ended(0, "Completed"), ready=False), phase="Succeeded", metadata=metadata)
    assert not findings(listed(completed_pod))


def test_a_loop_of_which_only_events_are_shown() -> None:
    text = listed(event("BackOff", "Back-off restarting failed container", count=1464, fieldPath=""))
    finding = only(text, "container-is-restarted-in-a-loop")
    assert (finding.severity, "1464 times" in finding.detail) == ("critical", True)


@pytest.mark.parametrize("state", [None, {"running": {}}])
def test_a_healthy_pod_has_no_finding(state: dict[str, object] | None) -> None:
    assert not findings(listed(pod(container(state=state))))
    assert not findings(description())


def test_the_end_of_a_debug_container_is_not_a_finding() -> None:
    value = pod(container(), status={"ephemeralContainerStatuses": [container("debugger-1", ended(137), ready=False)]})
    assert not alarms(listed(value))


def test_rare_restarts_are_information() -> None:
    running = {"running": {"startedAt": "2026-11-30T10:00:05Z"}}
    status = container(state=running, last=ended(137), restarts=4)
    often = listed(pod(status, status={"startTime": "2026-11-30T08:00:00Z"}))
    assert only(often, "container-keeps-failing").severity == "warning"
    rarely = listed(pod(status, status={"startTime": "2026-10-30T08:00:00Z"}))
    assert only(rarely, "container-keeps-failing").severity == "info"


def test_a_container_that_the_kubelet_lost() -> None:
    status = container(state=ended(137, "ContainerStatusUnknown"), ready=False)
    finding = only(listed(pod(status, phase="Failed")), "container-keeps-failing")
    assert "no longer found the container" in finding.detail
    assert not by_rule(listed(pod(status)), "container-cannot-start")
