"""Attaches debug containers to pods, shares them between captures, and ends them.

Ephemeral containers cannot be removed or changed. Each one therefore has a new name and ends by itself after its time
limit. Source: Kubernetes documentation, "Ephemeral Containers".
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from ..errors import (
    Aborted,
    CaptureError,
    NotAllowed,
    NotRunning,
    PodFull,
    PodTerminating,
    Rejected,
    StaticPod,
    TargetNotFound,
    TooManyRequests,
)
from ..model import SCRATCH, ContainerRef, ExitStatus, Json, Report, Target, User
from ..settings.debug_container import Profile
from ..text import number_in
from . import exec_stream
from .client import Api
from .objects import container_statuses, is_static, is_terminating, running_state
from .profiles import security_context
from .read_only_root import find_scratch, has_read_only_root
from .values import FATAL_REASONS, parse_time

NAME_PREFIX = "debug-capture-"
# The first process, deploy/toolbox/run-tool. It waits until the last capture has left or its time is over, and runs
# long tools as its children, so that they outlive a connection. It is ended by a command and not by a signal, because
# process 1 of a process namespace ignores signals from inside.
_HOLD = ("run-tool", "hold")
_START_LIMIT_S = 120
_END_LIMIT_S = 10
_NOT_READY = 75  # exit code of `run-tool ready` if the first process does not become ready within a second
_KILLED = 137  # exit code of a command whose container ends first: the container is gone, as intended
_MIN_POLL_S, _MAX_POLL_S = 0.02, 1
# Most debug containers run before that. With many pods at a time, each read of a status would delay other requests.
_FIRST_READ_S, _READ_PERIOD_S = 0.5, 1
_NODE_CHECK_S = 5  # a working kubelet has seen the container by then
# Ephemeral containers stay in the pod after they ended, each with 3.6 KB in the pod's JSON, and with its log and its
# layer on the node. etcd refuses an object above 1.5 MB, which would also stop the updates of the pod's own status.
MAX_EPHEMERAL_CONTAINERS = 200
_NO_RUN_TOOL = (
    "The first process of a debug image is run-tool: build the toolbox image of this version "
    "(deploy/toolbox). If the image contains run-tool, check the node."
)
_REMEDIES = {
    "CreateContainerError": "Capture again while the target's container is running.",
    "CreateContainerConfigError": "Choose another security profile, or an image with a numeric non-root user.",
    "RunContainerError": _NO_RUN_TOOL,
    "StartError": _NO_RUN_TOOL,
}
# The runtime joins the process namespace of the target, and fails in one of these ways if its process has ended.
_NEEDS_TARGET = ("CreateContainerError", "RunContainerError", "StartError")
_TARGET_ENDED = (
    "The target's container ended while the debug container started. Capture again while it is running, or set "
    "wait_for_restart_s."
)
_CHECK_IMAGE = "Check the name of the debug image, and that the nodes of the cluster can pull it."
Start = Callable[[ContainerRef], str | None]
"""Runs the first command in a debug container; see `attach_container`."""


@dataclass(frozen=True, slots=True)
class DebugContainer:
    """The options of a debug container."""

    image: str
    profile: Profile
    user: User | None
    lives_s: int
    target_container: str = ""
    """The container whose processes it shares; "" for none."""
    mounts: tuple[Json, ...] = ()
    """Its volumeMounts."""
    environment: tuple[tuple[str, str], ...] = ()
    spec_overrides: Json = field(default_factory=dict)
    """A partial container spec from the job, merged last."""
    start_limit_s: int = _START_LIMIT_S
    waits_for_target: bool = False
    """Whether to wait for a target that does not run."""
    has_read_only_root: bool = False
    """Whether its root file system is read-only."""
    scratch: str = SCRATCH
    """The folder in which its tools write files."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """Why a debug container does not run yet, and what to do if it does not start in time."""

    reason: str
    remedy: str = "Check the node of the pod and the debug image."


def base_of(ref: ContainerRef) -> str:
    """Return the folder in which the first process of the debug container ``ref`` keeps its state."""
    return f"{ref.scratch}/{ref.container}.d"


def container_spec(name: str, debug: DebugContainer, ticket: str) -> Json:
    """Return the spec of the ephemeral container. ``ticket`` identifies the first capture that uses it.

    It has no resources, because Kubernetes does not allow them for ephemeral containers.
    """
    spec: Json = {
        "name": name,
        "image": debug.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [*_HOLD, base_of(ContainerRef("", "", name, debug.scratch)), str(debug.lives_s), ticket],
        "securityContext": security_context(debug.profile, debug.user, has_read_only_root=debug.has_read_only_root),
        "terminationMessagePolicy": "File",
    }
    if debug.target_container:
        spec["targetContainerName"] = debug.target_container
    if debug.mounts:
        spec["volumeMounts"] = list(debug.mounts)
    if debug.environment:
        spec["env"] = [{"name": name, "value": value} for name, value in debug.environment]
    return spec | debug.spec_overrides | {"name": name, "command": spec["command"]}


def ready_command(ref: ContainerRef, command: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the argv that runs ``command`` in the debug container ``ref`` once its first process is ready."""
    return ("run-tool", "ready", base_of(ref), *command)


def says_not_ready(status: ExitStatus) -> bool:
    """Return whether a `ready_command` ended because the container is not ready yet."""
    return status.code in (None, _NOT_READY)


def run_when_ready(runner: exec_stream.Runner, ref: ContainerRef, command: Sequence[str] = ()) -> str | None:
    """Run ``command`` in ``ref`` and return what it prints, cut at 4 MiB; None if the container is not ready yet.

    Raises NotAllowed or Aborted.
    """
    try:
        status, output, _ = exec_stream.run_short(runner, ref, ready_command(ref, command))
    except (NotAllowed, Aborted):
        raise
    except CaptureError:
        return None  # the kubelet does not know the container yet; the status of the pod shows the reason
    return None if says_not_ready(status) else output


@contextmanager
def attach_container(
    api: Api, target: Target, debug: DebugContainer, report: Report, start: Start
) -> Iterator[tuple[ContainerRef, str]]:
    """Attach ``debug`` to ``target``, or join a container that matches. When it runs, yield it; then leave it.

    ``start`` runs the first command in it and returns what that prints, or None if the container is not ready yet; it
    is then called again (`run_when_ready`). Also yield its result.

    Raises NotAllowed if RBAC or admission refuses, NotRunning with the reason of the kubelet if it cannot start,
    PodTerminating, StaticPod or PodFull if it is not worth a try.
    """
    ticket = secrets.token_hex(4)
    pod = api.pod(target.namespace, target.pod)
    if has_read_only_root(pod, NAME_PREFIX):
        debug = _with_read_only_root(debug, pod)
    ref = _join_running(api, pod, debug, ticket, report)
    if ref is None:
        _require_startable(pod)
        _require_room(pod, report)
        ref = _add(api, pod, debug, ticket, report)
    try:
        output = _wait_until_running(api, ref, debug, start, report)
    except BaseException as error:
        if isinstance(error, Aborted) or not isinstance(error, CaptureError):
            _leave(api, ref, ticket, report)  # in the other cases, the container does not run, or exec is not allowed
        raise
    try:
        yield ref, output
    finally:
        _leave(api, ref, ticket, report)


def _add(api: Api, pod: Json, debug: DebugContainer, ticket: str, report: Report) -> ContainerRef:
    """Add ``debug`` to ``pod`` and return it, with a read-only root file system if a policy requires that."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    ref = ContainerRef(namespace, name, NAME_PREFIX + secrets.token_hex(3), debug.scratch)
    try:
        admitted = api.patch_ephemeral_containers(namespace, name, container_spec(ref.container, debug, ticket))
    except TooManyRequests:
        raise
    except (NotAllowed, Rejected) as refusal:
        if debug.has_read_only_root:
            raise
        try:
            return _add(api, pod, _with_read_only_root(debug, pod), ticket, report)
        except (NotAllowed, Rejected):
            raise refusal from None  # the policy does not require the read-only root
    report(f"attached debug container {ref.container} ({debug.image}, profile {debug.profile}) to {namespace}/{name}")
    if not debug.has_read_only_root and has_read_only_root(admitted, ref.container):
        report(f"debug container {ref.container}: a policy of the cluster made its root file system read-only")
        return _add(api, pod, _with_read_only_root(debug, pod), ticket, report)
    return ref


def _with_read_only_root(debug: DebugContainer, pod: Json) -> DebugContainer:
    scratch, mounts = find_scratch(pod, debug.mounts)
    return replace(debug, has_read_only_root=True, scratch=scratch, mounts=mounts)


def find_reusable(pod: Json, debug: DebugContainer, now: datetime) -> list[str]:
    """Return the running debug containers of ``pod`` that match ``debug`` and live for at least half of its time."""
    running = {
        status["name"]: parse_time(status["state"]["running"].get("startedAt"))
        for status in pod["status"].get("ephemeralContainerStatuses") or []
        if "running" in status.get("state", {})
    }
    return [
        spec["name"]
        for spec in pod["spec"].get("ephemeralContainers") or []
        if spec["name"].startswith(NAME_PREFIX)
        and _matches(spec, container_spec(spec["name"], debug, ""))
        and _remaining_s(spec, running.get(spec["name"]), now) >= debug.lives_s / 2
    ]


def _matches(spec: Json, required: Json) -> bool:
    """Return whether ``spec`` has all ``required`` fields. Its time limit and additional fields are ignored."""
    return (
        all(spec.get(key) == value for key, value in required.items() if key != "command")
        and (spec.get("command") or ())[:3] == required["command"][:3]
        and not {"volumeMounts", "env", "targetContainerName"} & (spec.keys() - required.keys())
    )


def _remaining_s(spec: Json, started: datetime | None, now: datetime) -> float:
    lives = (spec.get("command") or [])[-2:-1]
    limit_s = number_in(str(lives[0])) if lives else None
    if started is None or limit_s is None:
        return 0
    return limit_s - (now - started).total_seconds()


def _require_startable(pod: Json) -> None:
    """Raise PodTerminating or StaticPod if no debug container can start in ``pod``."""
    subject = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    if is_static(pod):
        raise StaticPod(
            f"cannot attach a debug container to {subject}",
            "the kubelet runs it from a file of its node (static pod), and Kubernetes adds no container to such a pod",
            "It can be captured by exec, with the tools in its image.",
        )
    if is_terminating(pod):
        raise PodTerminating(
            f"cannot start a debug container in {subject}",
            "the pod is being deleted, and the kubelet starts no container in it",
            "Its containers that still run can be captured by exec, with the tools in their images.",
        )


def _require_room(pod: Json, report: Report) -> None:
    """Raise PodFull if ``pod`` has too many ephemeral containers, which only a new pod is free of."""
    count, name = len(pod["spec"].get("ephemeralContainers") or []), pod["metadata"]["name"]
    if count >= MAX_EPHEMERAL_CONTAINERS:
        raise PodFull(
            f"cannot attach a debug container to {pod['metadata']['namespace']}/{name}",
            f"the pod already has {count} debug containers, which Kubernetes never removes "
            f"(limit: {MAX_EPHEMERAL_CONTAINERS})",
            "Replace the pod: delete it, or restart its workload.",
        )
    if count >= MAX_EPHEMERAL_CONTAINERS // 2:
        report(
            f"pod {name} has {count} debug containers, which Kubernetes never removes; at {MAX_EPHEMERAL_CONTAINERS}, "
            "it gets no more: replace the pod"
        )


def _join_running(api: Api, pod: Json, debug: DebugContainer, ticket: str, report: Report) -> ContainerRef | None:
    for name in find_reusable(pod, debug, datetime.now(timezone.utc)):
        ref = ContainerRef(pod["metadata"]["namespace"], pod["metadata"]["name"], name, debug.scratch)
        if _run(api, ref, "join", ticket).code == 0:
            report(f"joined debug container {name}, which is already running")
            return ref
    return None


def _leave(api: Api, ref: ContainerRef, ticket: str, report: Report) -> None:
    """End the debug container unless other captures use it. Failures are reported only: it ends by itself."""
    try:
        status = _run(api, ref, "leave", ticket)
    except CaptureError as error:
        report(f"debug container {ref.container} was not stopped; it stops by itself: {error}")
        return
    if status.code not in (0, _KILLED):
        report(f"debug container {ref.container} was not stopped; it stops by itself: {status.message}")


def _run(api: Api, ref: ContainerRef, command: str, ticket: str) -> ExitStatus:
    argv = ("run-tool", command, base_of(ref), ticket)
    stdio = exec_stream.Stdio(exec_stream.discard, exec_stream.discard)
    return api.run(ref, argv, stdio, time_limit_s=_END_LIMIT_S, closing=True)


def _wait_until_running(api: Api, ref: ContainerRef, debug: DebugContainer, start: Start, report: Report) -> str:
    """Call ``start`` until it runs in ``ref``, and return its result.

    It often runs seconds before the status of the pod shows that the container runs.
    """
    started, wait, next_read_s = api.clock.monotonic(), _Wait(""), _FIRST_READ_S
    while (waited_s := api.clock.monotonic() - started) < debug.start_limit_s:
        output = start(ref)
        if output is not None:
            return output
        if waited_s >= next_read_s:
            previous, wait = wait, _read_wait(api, ref, debug, waited_s)
            if wait != previous:
                report(f"debug container {ref.container}: {wait.reason}")
            next_read_s = waited_s + _READ_PERIOD_S
        # The pause grows with the waiting time, so that the number of requests grows with its logarithm.
        api.clock.sleep(min(max(_MIN_POLL_S, waited_s / 8), _MAX_POLL_S))
    raise NotRunning(
        f"cannot start a debug container in {ref.namespace}/{ref.pod}",
        f"it did not start within {debug.start_limit_s} s ({wait.reason})",
        wait.remedy,
    )


def _read_wait(api: Api, ref: ContainerRef, debug: DebugContainer, waited_s: float) -> _Wait:
    """Return why ``ref`` does not run yet, as the status of the pod shows it. Raises NotRunning if it cannot start."""
    pod = api.pod(ref.namespace, ref.pod)
    state = _container_state(pod, ref.container)
    if "running" in state:
        return _Wait("waiting for its first process")
    _require_startable(pod)
    wait = _waiting_for(state, ref, debug, target_is_down=_is_down(pod, debug.target_container))
    if not wait.reason and waited_s > _NODE_CHECK_S:
        _require_node(api, pod)
    return wait if wait.reason else _Wait("the kubelet has not started it yet")


def _waiting_for(state: Json, ref: ContainerRef, debug: DebugContainer, *, target_is_down: bool = False) -> _Wait:
    """Return what the kubelet waits for; ``reason`` is "" if that is unknown.

    Raises NotRunning if the container cannot start.
    """
    waiting, ended = state.get("waiting") or {}, state.get("terminated")
    reason = str((ended or waiting).get("reason") or "")
    default_message = f"exit code {ended['exitCode']}" if ended and "exitCode" in ended else "no message"
    message = str((ended or waiting).get("message") or default_message)
    if debug.waits_for_target and "invalid target container" in message:
        # The kubelet starts the target first, and the debug container when it looks at the pod again, up to 2 s later.
        return _Wait(
            f"waiting for the next start of container {debug.target_container}",
            f"If container {debug.target_container} ends within two seconds of its start, no debug container can start "
            "in time. Its logs and crash dumps are captured without one.",
        )
    if ended is None and reason not in FATAL_REASONS:
        return _Wait(reason)
    has_lost_target = target_is_down and reason in _NEEDS_TARGET
    raise NotRunning(
        f"debug container of {ref.namespace}/{ref.pod} with image {debug.image} did not start",
        f"{reason}: {message}",
        _TARGET_ENDED if has_lost_target else _REMEDIES.get(reason, _CHECK_IMAGE),
    )


def _is_down(pod: Json, container: str) -> bool:
    """Return whether the status of ``pod`` shows that ``container`` does not run."""
    return any(status["name"] == container and not running_state(status) for status in container_statuses(pod))


def _require_node(api: Api, pod: Json) -> None:
    """Raise NotRunning if the node of ``pod`` is not ready."""
    node = pod["spec"].get("nodeName", "")
    ready = api.node_ready(node) if node else None
    if ready is False:
        raise NotRunning(
            f"cannot start a debug container in {pod['metadata']['namespace']}/{pod['metadata']['name']}",
            f"node {node} is not ready and cannot start containers",
            "The data from the API server has been captured. Check the node.",
        )


def _container_state(pod: Json, name: str) -> Json:
    if pod["status"].get("phase") in ("Succeeded", "Failed"):
        ended = pod["status"].get("reason") or pod["status"]["phase"]
        raise TargetNotFound(f"pod {pod['metadata']['name']} has ended", str(ended), "Choose a running pod.")
    statuses = pod["status"].get("ephemeralContainerStatuses") or []
    return next((status["state"] for status in statuses if status["name"] == name), {})
