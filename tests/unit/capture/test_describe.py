"""describe.py: a pod in words."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from debugcapture.capture.describe import describe, event_table
from tests.unit.builders import container, pod, status, terminated

A, B = "2026-11-30T11:00:00Z", "2026-11-30T11:01:00Z"
NOW = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)


def test_the_summary_shows_the_node_and_the_state_of_the_pod() -> None:
    text = describe(
        pod(
            metadata={
                "labels": {"app": "checkout"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "checkout-7d9f"}],
            },
            status={
                "phase": "Failed",
                "reason": "Evicted",
                "message": "low on memory",
                "conditions": [{"type": "Ready", "status": "False", "reason": "PodFailed", "lastTransitionTime": A}],
            },
        ),
        NOW,
    )
    for line in (
        "Pod:         shop/checkout-7d9f-abcde",
        "Owner:       ReplicaSet/checkout-7d9f",
        "Node:        node-1",
        "Phase:       Failed Evicted low on memory",
        "Labels:      app=checkout",
        "  Ready                        False  since 2026-11-30T11:00:00Z PodFailed",
    ):
        assert line in text.splitlines()


def test_the_summary_lists_the_problems_of_the_pod() -> None:
    started = {"running": {"startedAt": "2026-11-30T11:57:00Z"}}
    init = status("setup", state=started)
    waits = status("app", state={"waiting": {"reason": "PodInitializing"}})
    starting = pod(
        spec={"initContainers": [container("setup")]},
        status={"phase": "Pending", "initContainerStatuses": [init], "containerStatuses": [waits]},
    )
    assert "Problems:\n  HANGS         setup init container has run for 3 min\n\n" in describe(starting, NOW)
    assert "Problems:" not in describe(pod(status={"containerStatuses": [status(ready=True)]}), NOW)


def test_previous_run_of_a_container_is_reported() -> None:
    ended = terminated("OOMKilled", 137, startedAt=A, finishedAt=B, signal=9, message="java.lang\nOutOfMemory")
    restarted = status(lastState=ended, restartCount=2, imageID="sha256:1")
    lines = describe(pod(status={"containerStatuses": [restarted]}), NOW).splitlines()
    assert "  State:          running, last ended with exit code 137 (OOMKilled), 2 restarts" in lines
    assert f"  Last run:       {A} to {B}, OOMKilled, signal 9" in lines
    assert "  Last exit code: 137" in lines
    assert "  Last message:   OutOfMemory" in lines


def test_exit_code_zero_is_reported_too() -> None:
    text = describe(pod(status={"containerStatuses": [status(lastState=terminated("Completed", 0))]}), NOW)
    assert "  Last exit code: 0" in text.splitlines()


def test_all_kinds_of_containers_are_reported() -> None:
    pod_json = pod(
        spec={
            "initContainers": [container("setup")],
            "containers": [
                container(
                    resources={"limits": {"memory": "1Gi"}},
                    volumeMounts=[{"name": "data", "mountPath": "/data"}],
                )
            ],
            "volumes": [{"name": "data", "emptyDir": {}}],
        },
        status={"ephemeralContainerStatuses": [status("debugger", state=terminated("Error", 1))]},
    )
    text = describe(pod_json, NOW)
    assert text.index("Init container setup:") < text.index("Container app:")
    for line in (
        "  Limits:         memory=1Gi",
        "  Requests:       none",
        "  Mount:          /data from data",
        "  data: emptyDir",
        "Debug container debugger: terminated (Error), exit code 1",
    ):
        assert line in text.splitlines()


def test_a_pod_with_few_fields_is_described() -> None:
    bare = pod(spec={"containers": [{"name": "app"}]}, status={"phase": "Pending", "containerStatuses": None})
    del bare["spec"]["nodeName"]
    text = describe(bare, NOW)
    assert "Node:        not scheduled" in text
    assert "not pulled" in text


def event(**fields: Any) -> dict[str, Any]:
    return {"lastTimestamp": "T1", "type": "Warning", "reason": "BackOff", "message": "restarting", **fields}


def test_events_are_one_line_each() -> None:
    about = {"fieldPath": "spec.containers{app}"}
    events = [
        event(count=3, involvedObject=about),
        event(lastTimestamp=None, eventTime="T2", message="two\nlines", count=None),
        {},
    ]
    lines = event_table(events).splitlines()
    assert lines[0].split() == ["LAST", "SEEN", "TYPE", "REASON", "SUBOBJECT", "MESSAGE"]
    assert lines[1].split() == ["T1", "Warning", "BackOff", "(x3)", "spec.containers{app}", "restarting"]
    assert lines[2].split() == ["T2", "Warning", "BackOff", "(x1)", "two", "lines"]
    assert len(lines) == 4


def test_missing_events_are_mentioned() -> None:
    assert event_table([]) == "No events.\n"
