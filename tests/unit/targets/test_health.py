"""health.py: the problems of a pod, and the order of pods."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from debugcapture.model import Json
from debugcapture.targets.health import find_problems, unready_duration, worst_first
from debugcapture.targets.pods import find_target
from tests.unit.builders import pod, status, terminated

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
READY = status(ready=True)


def waiting(reason: str, **more: Any) -> Json:
    return status(state={"waiting": {"reason": reason}}, **more)


def of(*statuses: Json, phase: str = "Running", **more: object) -> Json:
    return pod(status={"phase": phase, "containerStatuses": list(statuses), **more})


def job_container(finished: datetime) -> Json:
    return status(state=terminated("Completed", 0, finishedAt=f"{finished:%Y-%m-%dT%H:%M:%SZ}"))


RUNNING = status("report", state={"running": {}}, ready=True)
PROXY = status("istio-proxy", state={"running": {"startedAt": "2026-01-02T08:00:00Z"}}, ready=True)


CASES: dict[str, tuple[Json, list[str]]] = {
    "healthy": (of(READY), []),
    "crash loop": (
        of(waiting("CrashLoopBackOff", lastState=terminated("Error", 3))),
        ["CrashLoopBackOff (exit code 3)"],
    ),
    "killed for memory": (of(status(ready=True, lastState=terminated("OOMKilled", 137))), ["OOMKilled"]),
    "ended": (of(status(state=terminated("Error", 2))), ["ended with exit code 2"]),
    "completed": (of(status(state=terminated("Completed", 0))), []),
    "not ready": (of(status(ready=False)), ["not ready"]),
    "image": (of(waiting("ImagePullBackOff"), phase="Pending"), ["ImagePullBackOff"]),
    "starting": (of(waiting("ContainerCreating"), phase="Pending"), []),
    "pending": (
        pod(
            status={
                "phase": "Pending",
                "containerStatuses": None,
                "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
            }
        ),
        ["pending (Unschedulable)"],
    ),
    "evicted": (of(phase="Failed", reason="Evicted"), ["failed (Evicted)"]),
    "restarted lately": (
        of(status(ready=True, restartCount=4, lastState=terminated("Error", 1, finishedAt="2026-01-02T11:50:00Z"))),
        ["restarted 10 min ago after exit code 1, 4 restarts"],
    ),
    "restarted long ago": (
        of(status(ready=True, restartCount=4, lastState=terminated("Error", 1, finishedAt="2026-01-02T09:00:00Z"))),
        [],
    ),
    "sidecar of a job that has completed": (
        of(job_container(NOON - timedelta(hours=3)), PROXY),
        ["still runs 3 h after the other containers completed"],
    ),
    "sidecar of a job that has just completed": (of(job_container(NOON - timedelta(minutes=4)), PROXY), []),
    "sidecar of a job of which a part runs": (of(job_container(NOON - timedelta(hours=3)), PROXY, RUNNING), []),
    "terminating": (pod(metadata={"deletionTimestamp": "2026-01-02T12:00:20Z"}), ["terminating"]),
    "stuck terminating": (pod(metadata={"deletionTimestamp": "2026-01-02T11:59:00Z"}), ["stuck terminating"]),
    "init container": (
        pod(
            status={
                "phase": "Pending",
                "containerStatuses": [waiting("PodInitializing")],
                "initContainerStatuses": [waiting("CrashLoopBackOff", name="setup", lastState=terminated("Error", 1))],
            }
        ),
        ["CrashLoopBackOff (exit code 1)"],
    ),
}


@pytest.mark.parametrize(("pod_json", "wrong"), CASES.values(), ids=CASES.keys())
def test_what_is_wrong_is_explained(pod_json: Json, wrong: list[str]) -> None:
    assert [problem.reason for problem in find_problems(pod_json, NOON)] == wrong


def killed(finished: str, **more: Any) -> Json:
    return status(lastState=terminated("OOMKilled", 137, finishedAt=finished), **more)


PAST: dict[str, tuple[Json, list[str], str]] = {
    "kill of a sidecar, and the app does not answer": (
        of(status(ready=False), killed("2025-12-24T12:00:00Z", name="fluent-bit", ready=True, restartCount=1)),
        ["app: not ready"],
        "app",
    ),
    "kill within the hour": (
        of(status(ready=True), killed("2026-01-02T11:20:00Z", name="worker", ready=True, restartCount=1)),
        ["worker: OOMKilled", "worker: restarted 40 min ago after exit code 137, 1 restarts"],
        "worker",
    ),
    "kills that repeat": (
        of(killed("2026-01-02T09:00:00Z", ready=True, restartCount=9)),
        ["app: OOMKilled 3 h ago, 9 restarts"],
        "app",
    ),
    "kills that stopped": (of(killed("2025-12-30T09:00:00Z", ready=True, restartCount=9)), [], "app"),
    "kill in a crash loop": (
        of(killed("2026-01-02T09:00:00Z", state={"waiting": {"reason": "CrashLoopBackOff"}})),
        ["app: OOMKilled", "app: CrashLoopBackOff (exit code 137)"],
        "app",
    ),
    "sidecar and app fail alike": (
        of(status("fluent-bit", ready=False), status(ready=False)),
        ["app: not ready", "fluent-bit: not ready"],
        "app",
    ),
    "ended long ago in a pod that runs": (
        of(status(state=terminated("Error", 1, finishedAt="2025-12-24T12:00:00Z")), status("fluent-bit", ready=True)),
        ["app: ended with exit code 1, 9 days ago"],
        "app",
    ),
}


@pytest.mark.parametrize(("pod_json", "problems", "container"), PAST.values(), ids=PAST.keys())
def test_a_past_failure_does_not_outrank_a_current_one(pod_json: Json, problems: list[str], container: str) -> None:
    pod_json["spec"]["containers"] = [{"name": status["name"]} for status in pod_json["status"]["containerStatuses"]][
        ::-1
    ]
    target = find_target(pod_json, "", NOON)
    assert (list(target.unhealthy), target.container) == (problems, container)


@pytest.mark.parametrize(
    "past",
    [
        of(killed("2025-12-24T12:00:00Z", ready=True)),
        of(killed("2026-01-02T09:00:00Z", ready=True, restartCount=9)),
        of(
            phase="Failed",
            reason="Evicted",
            conditions=[{"type": "Ready", "lastTransitionTime": "2025-12-24T12:00:00Z"}],
        ),
        of(status(state=terminated("OOMKilled", 137, finishedAt="2025-12-24T12:00:00Z")), phase="Failed"),
        of(status(state=terminated("Error", 1, finishedAt="2025-12-24T12:00:00Z")), phase="Failed"),
    ],
    ids=["killed", "killed often", "evicted", "failed, killed", "failed"],
)
@pytest.mark.parametrize("today", ["crash loop", "not ready", "image", "pending"])
def test_a_pod_that_fails_today_comes_before_one_that_failed_long_ago(past: Json, today: str) -> None:
    pods = [named("a-past", past), named("b-today", CASES[today][0])]
    assert [item["metadata"]["name"] for item in worst_first(pods, NOON)] == ["b-today", "a-past"]


def named(name: str, pod_json: Json) -> Json:
    return pod_json | {"metadata": pod_json["metadata"] | {"name": name}}


def test_the_most_unhealthy_pod_is_first() -> None:
    order = ["killed for memory", "crash loop", "stuck terminating", "evicted", "not ready", "image", "pending",
             "restarted lately", "healthy"]  # fmt: skip
    pods = [named(name, CASES[name][0]) for name in sorted(order)]
    assert [item["metadata"]["name"] for item in worst_first(pods, NOON)] == order


def test_thousands_of_pods_and_containers_are_ranked() -> None:
    huge = of(*(status(f"c{number}", ready=False) for number in range(1000)))
    pods = [named(f"pod-{number}", of(READY)) for number in range(3000)] + [named("huge", huge)]
    assert worst_first(pods, NOON)[0]["metadata"]["name"] == "huge"
    assert len(find_problems(huge, NOON)) == 1000


def test_of_equal_pods_the_one_with_more_restarts_and_then_the_oldest_is_first() -> None:
    def healthy(name: str, restarts: int, created: str) -> Json:
        pod_json = of(status(ready=True, restartCount=restarts))
        return pod_json | {"metadata": pod_json["metadata"] | {"name": name, "creationTimestamp": created}}

    pods = [healthy("young", 0, "2026-01-02"), healthy("old", 0, "2026-01-01"), healthy("restarting", 9, "2026-01-03")]
    assert [item["metadata"]["name"] for item in worst_first(pods, NOON)] == ["restarting", "old", "young"]


@pytest.mark.parametrize(
    ("condition", "seconds"),
    [
        ({"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-02T11:58:00Z"}, 120),
        ({"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-02T11:58:00Z"}, None),
        ({"type": "Ready", "status": "False"}, 0),
        ({"type": "Initialized", "status": "False"}, None),
    ],
)
def test_how_long_a_pod_has_not_been_ready(condition: Json, seconds: int | None) -> None:
    duration = unready_duration(of(READY, conditions=[condition]), NOON)
    assert (None if duration is None else duration.total_seconds()) == seconds
