"""ephemeral_container.py: the attached container, the waits for it, and its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, cast

import pytest

from debugcapture.errors import (
    Aborted,
    Invalid,
    NotAllowed,
    NotRunning,
    PodFull,
    PodTerminating,
    StaticPod,
    TargetNotFound,
    Unreachable,
)
from debugcapture.kube.client import Api
from debugcapture.kube.ephemeral_container import (
    NAME_PREFIX,
    DebugContainer,
    _waiting_for,
    attach_container,
    base_of,
    container_spec,
    find_reusable,
    run_when_ready,
)
from debugcapture.kube.exec_stream import Stdio
from debugcapture.model import ContainerRef, ExitStatus, Json, User
from tests.unit.builders import pod, target
from tests.unit.kube.debug_cluster import RUNNING, Cluster, Terminating

DEBUG = DebugContainer("toolbox:1", "restricted", User(1000, 2000), 90, "app")
PLACE = ContainerRef("shop", "web-0", "debug-capture-abc")


def waiting(reason: str, message: str = "") -> Json:
    return {"waiting": {"reason": reason, "message": message}}


def test_specification_shares_the_targets_processes_and_ends_by_itself() -> None:
    spec = container_spec("d", DEBUG, "t")
    assert spec["targetContainerName"] == "app"
    assert spec["image"] == "toolbox:1"
    assert spec["command"][-2:] == ["90", "t"]
    assert spec["command"][:3] == ["run-tool", "hold", "/tmp/d.d"]
    assert spec["securityContext"]["runAsUser"] == 1000
    assert spec["securityContext"]["runAsNonRoot"] is True


@pytest.mark.parametrize("image", ["busybox", "a;rm -rf /", "$(id)"])
def test_no_setting_becomes_part_of_the_command(image: str) -> None:
    debug = DebugContainer(image, "baseline", None, 90)
    assert container_spec("d", debug, "t")["command"] == container_spec("d", DEBUG, "t")["command"]


@pytest.mark.parametrize(
    "reason",
    [
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "CreateContainerError",
        "CreateContainerConfigError",
        "RunContainerError",
    ],
)
def test_permanent_failure_is_reported_immediately(reason: str) -> None:
    with pytest.raises(NotRunning, match=f"toolbox:1 did not start: {reason}: pull access denied") as caught:
        _waiting_for(waiting(reason, "pull access denied"), PLACE, DEBUG)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("ErrImagePull", "Check the name of the debug image"),
        ("CreateContainerConfigError", "Choose another security profile"),
        ("CreateContainerError", "while the target's container is running"),
        ("RunContainerError", "build the toolbox image of this version"),
    ],
)
def test_advice_fits_the_reason(reason: str, advice: str) -> None:
    with pytest.raises(NotRunning, match=advice):
        _waiting_for(waiting(reason), PLACE, DEBUG)


START_ERROR: Json = {"terminated": {"reason": "StartError", "exitCode": 128}}
CRASHED: Json = {"terminated": {"reason": "Error", "exitCode": 3}}


@pytest.mark.parametrize(
    ("state", "target_state", "advice"),
    [
        (waiting("RunContainerError"), waiting("CrashLoopBackOff"), "The target's container ended"),
        (START_ERROR, CRASHED, "The target's container ended"),
        (START_ERROR, {"running": {"startedAt": "2026-01-02T12:00:00Z"}}, "build the toolbox image of this version"),
        (waiting("ErrImagePull"), CRASHED, "Check the name of the debug image"),
    ],
)
def test_a_target_that_has_ended_is_the_reason_if_the_runtime_cannot_join_it(
    state: Json, target_state: Json, advice: str
) -> None:
    cluster = Cluster(state)
    cluster.target_state = target_state
    with pytest.raises(NotRunning, match=advice), attach(cluster, []):
        pass


def test_image_without_run_tool_is_reported_with_the_command_that_builds_it() -> None:
    with pytest.raises(NotRunning, match="build the toolbox image of this version"):
        _waiting_for({"terminated": {"reason": "StartError", "exitCode": 128}}, PLACE, DEBUG)


@pytest.mark.parametrize(
    "ended",
    [{"reason": "Error", "message": "no sh"}, {"reason": "Completed"}, {}],
    ids=["failed", "completed", "no reason"],
)
def test_debug_container_that_has_ended_is_not_waited_for(ended: Json) -> None:
    with pytest.raises(NotRunning, match=f"did not start: {ended.get('reason', '')}"):
        _waiting_for({"terminated": ended}, PLACE, DEBUG)


@pytest.mark.parametrize(
    ("state", "reported_reason"),
    [
        (waiting("ContainerCreating"), "ContainerCreating"),
        (waiting("PodInitializing"), "PodInitializing"),
        ({}, ""),
        ({"waiting": {}}, ""),
    ],
    ids=["creating", "initializing", "no status", "no reason"],
)
def test_state_that_gets_better_is_waited_for(state: Json, reported_reason: str) -> None:
    assert _waiting_for(state, PLACE, DEBUG).reason == reported_reason


def attach(cluster: Cluster, log_lines: list[str], *command: str) -> Any:
    api = cast("Api", cluster)
    return attach_container(api, target(), DEBUG, log_lines.append, lambda ref: run_when_ready(api, ref, command))


def test_a_container_is_left_if_its_output_cannot_be_passed_on() -> None:
    def fail(_ref: ContainerRef) -> str:
        raise BrokenPipeError

    cluster = Cluster(RUNNING)
    with (
        pytest.raises(BrokenPipeError),
        attach_container(cast("Api", cluster), target(), DEBUG, print, fail),
    ):
        pass
    assert [place.container for place in cluster.ended] == [cluster.attached[0]["name"]]


def test_the_first_command_runs_as_soon_as_the_container_is_ready() -> None:
    cluster = Cluster(RUNNING)
    cluster.starting = 2
    with attach(cluster, [], "echo", "ready") as (place, output):
        assert (output, cluster.ended) == ("echo ready", [])
    assert (cluster.starting, cluster.ended) == (-1, [place])


def test_an_abort_while_the_container_starts_ends_it() -> None:
    class Aborts(Cluster):
        def run(self, place: ContainerRef, argv: Sequence[str], stdio: Stdio, **_: object) -> ExitStatus:
            if argv[1] == "ready":
                raise Aborted("no new command is started", "the capture was aborted")
            return super().run(place, argv, stdio)

    cluster = Aborts(RUNNING)
    with pytest.raises(Aborted), attach(cluster, []):
        pass
    assert len(cluster.ended) == 1


def test_debug_container_is_ended_after_its_use() -> None:
    cluster, log_lines = Cluster({}, waiting("ContainerCreating"), waiting("ContainerCreating"), RUNNING), list[str]()
    with attach(cluster, log_lines) as (place, _):
        assert cluster.ended == []
    assert cluster.ended == [place]
    assert place.container == cluster.attached[0]["name"]
    assert place.container.startswith(NAME_PREFIX)
    assert sum("ContainerCreating" in line for line in log_lines) == 1


def test_debug_container_is_ended_after_an_error() -> None:
    cluster = Cluster(RUNNING)
    with pytest.raises(SystemExit), attach(cluster, []):
        raise SystemExit(143)
    assert len(cluster.ended) == 1


def test_without_permission_to_run_commands_nothing_is_waited_for() -> None:
    class Forbids(Cluster):
        def run(self, *_: object, **__: object) -> ExitStatus:
            raise NotAllowed("cannot run a command", "pods/exec is forbidden")

    with pytest.raises(NotAllowed, match="pods/exec"), attach(Forbids(RUNNING), []):
        pass


def test_each_capture_attaches_its_own() -> None:
    cluster = Cluster(waiting("ErrImagePull"))
    for _ in range(2):
        with pytest.raises(NotRunning, match="ErrImagePull"), attach(cluster, []):
            pass
    assert len({spec["name"] for spec in cluster.attached}) == 2


def test_a_start_that_takes_too_long_is_cancelled() -> None:
    cluster = Cluster(waiting("ContainerCreating"))
    with (
        pytest.raises(NotRunning, match=r"did not start within 120 s \(ContainerCreating\)"),
        attach(cluster, []),
    ):
        pass
    assert sum(cluster.clock.slept) >= 120
    assert all(0 < pause_s <= 1 for pause_s in cluster.clock.slept)


def test_pod_that_ends_meanwhile_is_reported() -> None:
    with pytest.raises(TargetNotFound, match="has ended: Succeeded"), attach(Cluster({}, phase="Succeeded"), []):
        pass


@pytest.mark.parametrize(
    "outcome",
    [Unreachable("cannot run", "it fell"), NotAllowed("cannot run", "it fell"), ExitStatus(1, "", "it fell")],
    ids=["unreachable", "not allowed", "failed"],
)
def test_a_debug_container_that_cannot_be_ended_is_reported_without_an_error(outcome: Exception | ExitStatus) -> None:
    cluster, log_lines = Cluster(RUNNING), list[str]()
    cluster.leaving = outcome
    with attach(cluster, log_lines):
        pass
    assert "it stops by itself" in log_lines[-1]
    assert "it fell" in log_lines[-1]


def test_a_command_that_ends_with_its_container_was_successful() -> None:
    cluster, log_lines = Cluster(RUNNING), list[str]()
    cluster.leaving = ExitStatus(137)
    with attach(cluster, log_lines):
        pass
    assert not [line for line in log_lines if "was not stopped" in line]


def test_a_target_that_is_down_is_waited_for_if_requested() -> None:
    state = waiting("CreateContainerError", "invalid target container: container app is not running")
    debug = replace(DEBUG, waits_for_target=True)
    wait = _waiting_for(state, PLACE, debug)
    assert wait.reason == "waiting for the next start of container app"
    assert "ends within two seconds of its start" in wait.remedy
    with pytest.raises(NotRunning, match="CreateContainerError"):
        _waiting_for(state, PLACE, DEBUG)


def test_node_that_is_not_ready_is_reported_instead_of_waited_for() -> None:
    cluster = Cluster({})
    cluster.ready = False
    with pytest.raises(NotRunning, match="node node-1 is not ready"), attach(cluster, []):
        pass


def test_the_spec_has_the_settings_and_then_the_custom_fields() -> None:
    debug = replace(
        DEBUG,
        target_container="",
        mounts=({"name": "data", "mountPath": "/data"},),
        environment=(("A", "1"),),
        spec_overrides={"imagePullPolicy": "Always", "name": "mine", "command": ["x"]},
    )
    spec = container_spec("d", debug, "t")
    assert "targetContainerName" not in spec
    assert spec["volumeMounts"] == [{"name": "data", "mountPath": "/data"}]
    assert spec["env"] == [{"name": "A", "value": "1"}]
    assert (spec["name"], spec["command"][0], spec["imagePullPolicy"]) == ("d", "run-tool", "Always")


NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)


def with_debug_container(started: str, **changes: Any) -> Json:
    spec = container_spec(f"{NAME_PREFIX}abc123", DEBUG, "other") | {"terminationMessagePath": "/dev/x"} | changes
    state = {"name": spec["name"], "state": {"running": {"startedAt": started}}}
    return pod(spec={"ephemeralContainers": [spec]}, status={"ephemeralContainerStatuses": [state]})


@pytest.mark.parametrize(
    ("pod_json", "fits"),
    [
        (with_debug_container("2026-01-02T11:59:30Z"), True),
        (with_debug_container("2026-01-02T11:59:00Z"), False),
        (with_debug_container("2026-01-02T11:59:30Z", image="other:1"), False),
        (with_debug_container("2026-01-02T11:59:30Z", targetContainerName="proxy"), False),
        (with_debug_container("2026-01-02T11:59:30Z", securityContext={"privileged": True}), False),
        (with_debug_container("2026-01-02T11:59:30Z", volumeMounts=[{"name": "x"}]), False),
        (with_debug_container("2026-01-02T11:59:30Z", name="debugger"), False),
        (with_debug_container("2026-01-02T11:59:30Z", command=["sh"]), False),
        (pod(), False),
    ],
    ids=["fits", "too old", "image", "target", "privilege", "mounts", "not ours", "command", "none"],
)
def test_only_a_suitable_container_of_this_project_is_reused(pod_json: Json, fits: bool) -> None:
    assert bool(find_reusable(pod_json, DEBUG, NOON)) is fits


@pytest.mark.parametrize(
    ("since", "attached"), [(1, 0), (2, 1), (5, 1)], ids=["before", "right after the attach", "while it waits"]
)
def test_a_pod_that_is_being_deleted_is_not_waited_for(since: int, attached: int) -> None:
    cluster = Terminating(waiting("ContainerCreating"), since=since)
    with pytest.raises(PodTerminating, match="the pod is being deleted") as caught, attach(cluster, []):
        pass
    assert "by exec" in caught.value.remedy
    assert (len(cluster.attached), sum(cluster.clock.slept) < since) == (attached, True)


@pytest.mark.parametrize("refusal", [NotAllowed("no", "denied"), Invalid("no", "denied")], ids=["403", "422"])
def test_a_policy_that_demands_a_read_only_root_is_met(refusal: Exception) -> None:
    cluster = Cluster(RUNNING)
    cluster.refusal = refusal
    with attach(cluster, []) as (place, _):
        (spec,) = cluster.attached
        assert spec["securityContext"]["readOnlyRootFilesystem"] is True
        assert spec["command"][2] == f"/dev/shm/{place.container}.d" == base_of(place)


def test_after_another_refusal_the_first_one_is_raised() -> None:
    cluster = Cluster(RUNNING)
    cluster.refusal = NotAllowed("the first", "denied")

    def refuse(_namespace: str, _pod: str, spec: Json) -> Json:
        raise NotAllowed(
            "the second" if spec["securityContext"].get("readOnlyRootFilesystem") else "the first", "denied"
        )

    cluster.patch_ephemeral_containers = refuse  # type: ignore[method-assign]
    with pytest.raises(NotAllowed, match="the first"), attach(cluster, []):
        pass


def test_a_policy_that_makes_the_root_read_only_costs_one_container() -> None:
    cluster, lines = Cluster(RUNNING), list[str]()
    cluster.mutates = True
    with attach(cluster, lines) as (place, _):
        assert [spec["command"][2].rpartition("/")[0] for spec in cluster.attached] == ["/tmp", "/dev/shm"]
        assert place.container == cluster.attached[1]["name"]
    assert any("a policy of the cluster made its root file system read-only" in line for line in lines)


def test_a_static_pod_gets_no_debug_container() -> None:
    cluster = Cluster(RUNNING)
    mirror = pod(metadata={"annotations": {"kubernetes.io/config.mirror": "5f8c"}})
    cluster.pod = lambda _namespace, _name: mirror  # type: ignore[method-assign]
    with pytest.raises(StaticPod, match="from a file of its node") as caught, attach(cluster, []):
        pass
    assert "by exec" in caught.value.remedy
    assert not cluster.attached


def test_a_debug_container_that_already_runs_serves_a_pod_that_is_being_deleted() -> None:
    cluster = Terminating(RUNNING, since=2)
    with attach(cluster, []) as (place, _):
        assert place.container == cluster.attached[0]["name"]


@pytest.mark.parametrize(("count", "is_refused"), [(0, False), (199, False), (200, True), (300, True)])
def test_a_pod_with_many_ended_debug_containers_gets_no_more(count: int, is_refused: bool) -> None:
    cluster, reported = Cluster(RUNNING), list[str]()
    crowded = pod(spec={"ephemeralContainers": [{"name": f"debug-{number}"} for number in range(count)]})
    cluster.pod = lambda _namespace, _name: crowded  # type: ignore[method-assign]
    if is_refused:
        with pytest.raises(PodFull, match=rf"already has {count} debug containers.*Replace the pod"):
            attach(cluster, reported).__enter__()
    else:
        with attach(cluster, reported):
            pass
    assert len(cluster.attached) == (0 if is_refused else 1)
    assert any("it gets no more" in line for line in reported) is (count == 199)
