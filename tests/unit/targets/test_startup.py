"""startup.py: a pod that hangs while it starts is unhealthy, and the container that hangs is the target."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from debugcapture.model import Json
from debugcapture.targets.health import find_problems, unready_duration, worst_first
from debugcapture.targets.pods import DEFAULT_CONTAINER, find_target
from tests.unit.builders import container, pod, status, terminated

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)


def ago(**span: float) -> str:
    return (NOON - timedelta(**span)).isoformat().replace("+00:00", "Z")


def running(since: str) -> Json:
    return {"running": {"startedAt": since}}


def waiting(reason: str) -> Json:
    return {"waiting": {"reason": reason}}


def unready(reason: str, since: str) -> Json:
    return {"type": "Ready", "status": "False", "reason": reason, "lastTransitionTime": since}


def starting(state: Json, *inits: Json, minutes: float = 12, spec: Json | None = None, **more: Any) -> Json:
    """A pod whose container `app` has ``state``, and whose init containers have the statuses ``inits``."""
    fields = {"initContainers": [container(init["name"]) for init in inits]} if inits else {}
    return pod(
        metadata={"creationTimestamp": ago(minutes=minutes)},
        spec=fields | (spec or {}),
        status={
            "phase": "Pending",
            "startTime": ago(minutes=minutes),
            "containerStatuses": [status(state=state, ready=False, started=False)],
            "initContainerStatuses": list(inits),
            **more,
        },
    )


WAITS = waiting("PodInitializing")
DONE = status("fetch", state=terminated("Completed", 0, finishedAt=ago(minutes=8)))
MIGRATION = status("migrate", state=running(ago(minutes=40)))
SIDECAR: Json = {"restartPolicy": "Always"}
PROBE: Json = {"startupProbe": {"exec": {"command": ["true"]}}}


def proxied(probe: Json, **fields: Any) -> Json:
    """A pod whose native sidecar `proxy` runs."""
    proxy = status("proxy", state=running(ago(minutes=30)), **fields)
    return starting(WAITS, proxy, spec={"initContainers": [container("proxy", **SIDECAR, **probe)]})


def running_pod(**more: Any) -> Json:
    """A pod of phase Running, whose only container is ready."""
    ready = {"containerStatuses": [status(ready=True, started=True)]}
    return pod(spec=more.pop("spec", None), status={"phase": "Running", **ready, **more})


GATES: Json = {
    "readinessGates": [{"conditionType": "target-health.example.com/tg"}, {"conditionType": "example.com/warm"}]
}
MET: Json = {"type": "example.com/warm", "status": "True"}

HANGS: dict[str, tuple[Json, list[str], str]] = {
    "init container runs": (starting(WAITS, MIGRATION), ["migrate: init container has run for 40 min"], "migrate"),
    "second init container runs": (
        starting(WAITS, DONE, status("migrate", state=running(ago(minutes=7)))),
        ["migrate: init container has run for 7 min"],
        "migrate",
    ),
    "volume": (
        starting(waiting("ContainerCreating"), conditions=[{"type": "PodReadyToStartContainers", "status": "False"}]),
        ["ContainerCreating for 12 min: a volume or the network of the pod is not ready; see the events"],
        "app",
    ),
    "volume before init containers": (
        starting(WAITS, status("fetch", state=WAITS), status("migrate", state=WAITS), minutes=180),
        ["PodInitializing for 3 h: a volume, the network or the image is not ready; see the events"],
        "app",
    ),
    "image of the app after the init containers": (
        starting(
            waiting("PodInitializing"), DONE, conditions=[{"type": "PodReadyToStartContainers", "status": "True"}]
        ),
        [
            "app: PodInitializing for 8 min: the image is being pulled, the container is being created, or its "
            "postStart hook runs; see the events"
        ],
        "app",
    ),
    "no state of the container": (
        starting({"waiting": {}}),
        ["ContainerCreating for 12 min: a volume, the network or the image is not ready; see the events"],
        "app",
    ),
    "startup probe of a native sidecar": (
        proxied(PROBE, started=False),
        ["proxy: startup probe has not passed for 30 min, so the other containers wait"],
        "proxy",
    ),
    "native sidecar without a startup probe": (
        proxied({}, started=False),
        ["proxy: has not started for 30 min, so the other containers wait"],
        "proxy",
    ),
    "failing init container": (
        starting(WAITS, status("migrate", state=waiting("CrashLoopBackOff"), lastState=terminated("Error", 4))),
        ["migrate: CrashLoopBackOff (exit code 4)"],
        "migrate",
    ),
    "startup probe": (
        running_pod(
            spec={"containers": [container(**PROBE)]},
            containerStatuses=[status(ready=False, started=False, state=running(ago(minutes=12)))],
        ),
        ["app: startup probe has not passed for 12 min"],
        "app",
    ),
    "native sidecar not ready": (
        running_pod(
            spec={"initContainers": [container("proxy", **SIDECAR)]},
            initContainerStatuses=[status("proxy", ready=False, started=True)],
        ),
        ["proxy: not ready"],
        "proxy",
    ),
    "readiness gate": (
        running_pod(spec=GATES, conditions=[MET, unready("ReadinessGatesNotReady", ago(minutes=3))]),
        ["readiness gate target-health.example.com/tg is not met for 3 min"],
        "app",
    ),
    "dead node": (
        running_pod(conditions=[unready("NodeNotReady", ago(minutes=6))]),
        ["not ready for 6 min although its containers are ready (NodeNotReady)"],
        "app",
    ),
    "lost node": (
        running_pod(phase="Unknown"),
        ["the state is unknown, because its node does not report it"],
        "app",
    ),
}


@pytest.mark.parametrize(("pod_json", "problems", "target"), HANGS.values(), ids=HANGS.keys())
def test_a_pod_that_hangs_is_unhealthy_and_what_hangs_is_the_target(
    pod_json: Json, problems: list[str], target: str
) -> None:
    selected = find_target(pod_json, "", NOON)
    assert (list(selected.unhealthy), selected.container) == (problems, target)
    healthy = running_pod() | {"metadata": {**pod()["metadata"], "name": "a", "creationTimestamp": ago(days=9)}}
    assert worst_first([healthy, pod_json], NOON)[0] is pod_json


STARTS: dict[str, Json] = {
    "container is created": starting(waiting("ContainerCreating"), minutes=1.5),
    "init container runs": starting(WAITS, status("migrate", state=running(ago(minutes=1.5)))),
    "slow steps, each of them in time": starting(
        WAITS, DONE, status("migrate", state=running(ago(seconds=20))), minutes=9
    ),
    "last init container has just ended": starting(
        WAITS, status("migrate", state=terminated("Completed", 0, finishedAt=ago(minutes=1))), minutes=30
    ),
    "native sidecar has just started": starting(
        WAITS,
        status("proxy", state=running(ago(minutes=1)), started=True, ready=True),
        spec={"initContainers": [container("proxy", **SIDECAR)]},
    ),
    "native sidecar of a running pod": running_pod(
        spec={"initContainers": [container("proxy", **SIDECAR)]},
        initContainerStatuses=[status("proxy", state=running(ago(days=3)), ready=True, started=True)],
    ),
    "native sidecar that was ended with its job": running_pod(
        phase="Succeeded",
        spec={"initContainers": [container("proxy", **SIDECAR)]},
        initContainerStatuses=[status("proxy", state=terminated("Error", 143))],
        containerStatuses=[status(state=terminated("Completed", 0))],
    ),
    "ready": running_pod(spec=GATES, conditions=[{"type": "Ready", "status": "True"}]),
}


@pytest.mark.parametrize("pod_json", STARTS.values(), ids=STARTS.keys())
def test_a_pod_that_starts_as_usual_is_healthy(pod_json: Json) -> None:
    assert find_problems(pod_json, NOON) == ()


@pytest.mark.parametrize("named", ["", "app"])
def test_a_running_init_container_is_the_target_at_once_unless_another_is_named(named: str) -> None:
    pod_json = starting(WAITS, status("migrate", state=running(ago(seconds=5))))
    pod_json["metadata"]["annotations"] = {DEFAULT_CONTAINER: "app"}
    assert find_target(pod_json, named, NOON).container == (named or "migrate")


def test_a_pod_that_hangs_while_it_starts_meets_the_condition_not_ready() -> None:
    pod_json = starting(WAITS, MIGRATION, conditions=[unready("ContainersNotReady", ago(minutes=41))])
    assert unready_duration(pod_json, NOON) == timedelta(minutes=41)
    pod_json["status"]["phase"] = "Failed"
    assert unready_duration(pod_json, NOON) is None


def test_a_terminating_pod_does_not_hang_at_its_start() -> None:
    pod_json = starting(WAITS, MIGRATION)
    pod_json["metadata"]["deletionTimestamp"] = ago(minutes=-1)
    assert [problem.reason for problem in find_problems(pod_json, NOON)] == ["terminating"]
