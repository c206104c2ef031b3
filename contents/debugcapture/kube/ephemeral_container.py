"""Attach an ephemeral container to a pod, wait for it, share it, end it.

Ephemeral containers cannot be removed or changed, so each gets a new name, and each ends by itself after its time
limit. Source: Kubernetes documentation, "Ephemeral Containers".
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone

from ..errors import CaptureError, NotAllowed, NotRunning, TargetNotFound
from ..model import ContainerRef, ExitStatus, Json, Target, User
from ..settings.debug_container import Profile
from ..text import number_in
from . import exec_stream
from .client import Api
from .profiles import security_context
from .values import HOPELESS, moment

NAME_PREFIX = "debug-capture-"
BASE = "/tmp/debug-capture.d"  # noqa: S108 - in the debug container, which is ours alone
# The first process, deploy/toolbox/run-tool: waits until the last capture has left, or its time is over, and runs what
# takes long as its own children, so that it outlives a connection. A signal could not end it from inside where the
# process namespace is the container's own.
_HOLD = ("run-tool", "hold", BASE)
_START_LIMIT_S = 120
_END_LIMIT_S = 10
_LEAST_POLL_S, _MOST_POLL_S = 0.05, 1
_NODE_CHECK_S = 5  # by then a kubelet that works has seen the container
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
_CHECK_IMAGE = "Check the name of the debug image, and that the nodes of the cluster can pull it."


@dataclass(frozen=True, slots=True)
class DebugContainer:
    """What a debug container is to be."""

    image: str
    profile: Profile
    user: User | None
    lives_s: int
    target_container: str = ""  # whose processes it shares; "" for none
    mounts: tuple[Json, ...] = ()  # volumeMounts
    environment: tuple[tuple[str, str], ...] = ()
    custom: Json = field(default_factory=dict)  # a partial container spec of the job's author, merged last
    start_limit_s: int = _START_LIMIT_S
    waits_for_target: bool = False  # whether a target that does not run is waited for


def specification(name: str, debug: DebugContainer, ticket: str) -> Json:
    """Return the ephemeral container's spec, with ``ticket`` as the first that uses it.

    It has no resources: they are not allowed, nor needed by admission.
    """
    spec: Json = {
        "name": name,
        "image": debug.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [*_HOLD, str(debug.lives_s), ticket],
        "securityContext": security_context(debug.profile, debug.user),
        "terminationMessagePolicy": "File",
    }
    if debug.target_container:
        spec["targetContainerName"] = debug.target_container
    if debug.mounts:
        spec["volumeMounts"] = list(debug.mounts)
    if debug.environment:
        spec["env"] = [{"name": name, "value": value} for name, value in debug.environment]
    return spec | debug.custom | {"name": name, "command": spec["command"]}


@contextmanager
def attached(api: Api, target: Target, debug: DebugContainer, say: Callable[[str], None]) -> Iterator[ContainerRef]:
    """Attach ``debug`` to ``target``, or join one that fits; wait until it runs, yield its place, and leave it.

    Raises NotAllowed when RBAC or admission refuses, NotRunning with the kubelet's reason when it cannot start.
    """
    ticket = secrets.token_hex(4)
    place = _join_running(api, target, debug, ticket, say)
    if place is None:
        name = NAME_PREFIX + secrets.token_hex(3)
        api.patch_ephemeral_containers(target.namespace, target.pod, specification(name, debug, ticket))
        say(f"attached debug container {name} ({debug.image}, profile {debug.profile}) to {target}")
        place = ContainerRef(target.namespace, target.pod, name)
        _wait_until_running(api, place, debug, say)
    try:
        yield place
    finally:
        _leave(api, place, ticket, say)


def fitting(pod: Json, debug: DebugContainer, now: datetime) -> list[str]:
    """Return our debug containers that run, are what ``debug`` asks for, and live for half its time at least."""
    running = {
        status["name"]: moment(status["state"]["running"].get("startedAt"))
        for status in pod["status"].get("ephemeralContainerStatuses") or []
        if "running" in status.get("state", {})
    }
    return [
        spec["name"]
        for spec in pod["spec"].get("ephemeralContainers") or []
        if spec["name"].startswith(NAME_PREFIX)
        and _same(spec, specification(spec["name"], debug, ""))
        and _left_s(spec, running.get(spec["name"]), now) >= debug.lives_s / 2
    ]


def _same(spec: Json, wanted: Json) -> bool:
    """Tell whether ``spec`` has what is ``wanted``, whatever the server has added; only its time may differ."""
    return (
        all(spec.get(key) == value for key, value in wanted.items() if key != "command")
        and tuple(spec.get("command") or ())[: len(_HOLD)] == _HOLD
        and not {"volumeMounts", "env", "targetContainerName"} & (spec.keys() - wanted.keys())
    )


def _left_s(spec: Json, started: datetime | None, now: datetime) -> float:
    lives = (spec.get("command") or [])[-2:-1]
    limit_s = number_in(str(lives[0])) if lives else None
    if started is None or limit_s is None:
        return 0
    return limit_s - (now - started).total_seconds()


def _join_running(
    api: Api, target: Target, debug: DebugContainer, ticket: str, say: Callable[[str], None]
) -> ContainerRef | None:
    pod = api.pod(target.namespace, target.pod)
    for name in fitting(pod, debug, datetime.now(timezone.utc)):
        place = ContainerRef(target.namespace, target.pod, name)
        if _run(api, place, "join", ticket).code == 0:
            say(f"joined debug container {name}, which is already running")
            return place
    return None


def _leave(api: Api, place: ContainerRef, ticket: str, say: Callable[[str], None]) -> None:
    """End the debug container unless others use it. What goes wrong is said, never raised: it ends by itself."""
    try:
        status = _run(api, place, "leave", ticket)
    except CaptureError as error:
        say(f"debug container {place.container} was not stopped; it stops by itself: {error}")
        return
    if status.code != 0:
        say(f"debug container {place.container} was not stopped; it stops by itself: {status.message}")


def _run(api: Api, place: ContainerRef, command: str, *ticket: str) -> ExitStatus:
    argv = ("run-tool", command, BASE, *ticket)
    return exec_stream.run(
        api, place, argv, stdout=lambda _: None, stderr=lambda _: None, time_limit_s=_END_LIMIT_S, closing=True
    )


def _wait_until_running(api: Api, place: ContainerRef, debug: DebugContainer, say: Callable[[str], None]) -> None:
    """Wait until commands run in ``place``. It does before the pod's status says so, which may lag by seconds."""
    started, told = time.monotonic(), ""
    while time.monotonic() - started < debug.start_limit_s:
        if _answers(api, place):
            return
        pod = api.pod(place.namespace, place.pod)
        state = _state(pod, place.container)
        reason = "waiting for its shell" if "running" in state else _waiting_for(state, place, debug)
        if not reason:
            late = time.monotonic() - started > _NODE_CHECK_S
            reason = _node_problem(api, pod) if late else "the kubelet has not started it yet"
        if reason != told:
            say(f"debug container {place.container}: {reason}")
            told = reason
        # The longer it takes, the seldomer it is asked: what a start costs the API server grows with its logarithm.
        time.sleep(min(max(_LEAST_POLL_S, (time.monotonic() - started) / 8), _MOST_POLL_S))
    raise NotRunning(
        f"cannot start a debug container in {place.namespace}/{place.pod}",
        f"it did not start within {debug.start_limit_s} s ({told})",
        "Check the node of the pod and the debug image.",
    )


def _answers(api: Api, place: ContainerRef) -> bool:
    try:
        return _run(api, place, "ready").code == 0
    except NotAllowed:
        raise
    except CaptureError:
        return False  # the kubelet does not know the container yet, and the pod's status tells why


def _waiting_for(state: Json, place: ContainerRef, debug: DebugContainer) -> str:
    """Return what the kubelet is waiting for, "" before it has said; raise NotRunning when waiting is no use."""
    waiting, ended = state.get("waiting") or {}, state.get("terminated")
    reason = str((ended or waiting).get("reason") or "")
    without_words = f"exit code {ended['exitCode']}" if ended and "exitCode" in ended else "no message"
    message = str((ended or waiting).get("message") or without_words)
    if debug.waits_for_target and "invalid target container" in message:
        return f"waiting for the next start of container {debug.target_container}"
    if ended is None and reason not in HOPELESS:
        return reason
    raise NotRunning(
        f"debug container of {place.namespace}/{place.pod} with image {debug.image} did not start",
        f"{reason}: {message}",
        _REMEDIES.get(reason, _CHECK_IMAGE),
    )


def _node_problem(api: Api, pod: Json) -> str:
    """Return why the kubelet has not seen the container yet, as far as we may know."""
    node = pod["spec"].get("nodeName", "")
    ready = api.node_ready(node) if node else None
    if ready is False:
        raise NotRunning(
            f"cannot start a debug container in {pod['metadata']['namespace']}/{pod['metadata']['name']}",
            f"node {node} is not ready and cannot start containers",
            "The data from the API server has been captured. Check the node.",
        )
    return "the kubelet has not started it yet"


def _state(pod: Json, name: str) -> Json:
    if pod["status"].get("phase") in ("Succeeded", "Failed"):
        ended = pod["status"].get("reason") or pod["status"]["phase"]
        raise TargetNotFound(f"pod {pod['metadata']['name']} has ended", str(ended), "Choose a running pod.")
    statuses = pod["status"].get("ephemeralContainerStatuses") or []
    return next((status["state"] for status in statuses if status["name"] == name), {})
