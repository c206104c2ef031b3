"""Attach an ephemeral container to a running pod, wait for it, end it.

Ephemeral containers cannot be removed or changed, so each capture adds its own under a new name, and each ends by
itself after its time limit. Source: Kubernetes documentation, "Ephemeral Containers".
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import CaptureError, NothingCaptured, TargetNotFound
from ..model import ContainerRef, Json, Target, User
from ..settings import Profile
from . import exec as exec_stream
from .api import Api
from .profiles import security_context

NAME_PREFIX = "debug-capture-"
# Waits on a pipe that nobody writes to until the capture is over. `exec kill` would not do: where the process
# namespace is the container's own, its first process cannot be killed from inside. The text takes no input.
_SLEEPER = 'rm -f "$1"; mkfifo -m 600 "$1" && read -r -t "$2" _ <> "$1"; exit 0'
_ENDER = 'echo > "$1"'
_PIPE = "/tmp/debug-capture-end"  # noqa: S108 - in the debug container, which is ours alone
_START_LIMIT_S = 120
_END_LIMIT_S = 10
# The kubelet goes on trying in these states; an incident cannot wait for it.
_HOPELESS = frozenset({
    "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
    "CreateContainerError", "CreateContainerConfigError", "RunContainerError",
})  # fmt: skip
_REMEDIES = {
    "CreateContainerError": "Capture again while the target's container is running.",
    "CreateContainerConfigError": "Choose another security profile, or an image with a numeric non-root user.",
}
_CHECK_IMAGE = "Check the debug image's name, and that the cluster's nodes may pull it."


@dataclass(frozen=True, slots=True)
class DebugContainer:
    """What a debug container is to be."""

    image: str
    profile: Profile
    user: User | None
    lives_s: int


def specification(name: str, debug: DebugContainer, target_container: str) -> Json:
    """Return the ephemeral container's spec; it shares the process namespace of ``target_container``."""
    return {
        "name": name,
        "image": debug.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", _SLEEPER, "debug-capture", _PIPE, str(debug.lives_s)],
        "targetContainerName": target_container,
        "securityContext": security_context(debug.profile, debug.user),
        "terminationMessagePolicy": "File",
    }


@contextmanager
def attached(api: Api, target: Target, debug: DebugContainer, say: Callable[[str], None]) -> Iterator[ContainerRef]:
    """Attach ``debug`` to ``target``, wait until it runs, yield its place, and end it.

    Raises NotAllowed when RBAC or admission refuses, NothingCaptured with the kubelet's reason when it cannot start.
    """
    name = NAME_PREFIX + secrets.token_hex(3)
    api.patch_ephemeral_containers(target.namespace, target.pod, specification(name, debug, target.container))
    say(f"attached debug container {name} ({debug.image}, profile {debug.profile}) to {target}")
    place = ContainerRef(target.namespace, target.pod, name)
    _wait_until_running(api, place, debug.image, say)
    try:
        yield place
    finally:
        _end(api, place, say)


def _wait_until_running(api: Api, place: ContainerRef, image: str, say: Callable[[str], None]) -> None:
    started, told, pause_s = time.monotonic(), "", 0.1
    while time.monotonic() - started < _START_LIMIT_S:
        state = _state(api.pod(place.namespace, place.pod), place.container)
        if "running" in state:
            return
        reason = _waiting_for(state, place, image)
        if reason != told:
            say(f"waits for debug container {place.container}: {reason}")
            told = reason
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 1)
    raise NothingCaptured(
        f"debug container of {place.namespace}/{place.pod}",
        f"it did not start within {_START_LIMIT_S} s ({told})",
        "Check the pod's node and the debug image.",
    )


def _waiting_for(state: Json, place: ContainerRef, image: str) -> str:
    """Return what the kubelet is waiting for; raise NothingCaptured when waiting is no use."""
    waiting, ended = state.get("waiting") or {}, state.get("terminated")
    reason = str((ended or waiting).get("reason") or "the kubelet has not seen it yet")
    if ended is None and reason not in _HOPELESS:
        return reason
    message = str((ended or waiting).get("message") or "no message")
    raise NothingCaptured(
        f"debug container of {place.namespace}/{place.pod} with image {image} did not start",
        f"{reason}: {message}",
        _REMEDIES.get(reason, _CHECK_IMAGE),
    )


def _state(pod: Json, name: str) -> Json:
    if pod["status"].get("phase") in ("Succeeded", "Failed"):
        ended = pod["status"].get("reason") or pod["status"]["phase"]
        raise TargetNotFound(f"pod {pod['metadata']['name']} has ended", str(ended), "Choose a pod that is running.")
    statuses = pod["status"].get("ephemeralContainerStatuses") or []
    return next((status["state"] for status in statuses if status["name"] == name), {})


def _end(api: Api, place: ContainerRef, say: Callable[[str], None]) -> None:
    """End the debug container. Whatever goes wrong is said, never raised: it ends by itself soon after."""
    try:
        status = exec_stream.run(
            api,
            place,
            ["sh", "-c", _ENDER, "debug-capture", _PIPE],
            stdout=lambda _: None,
            stderr=lambda _: None,
            time_limit_s=_END_LIMIT_S,
        )
    except CaptureError as error:
        say(f"debug container {place.container} was not ended now, it ends by itself: {error}")
        return
    if status.code != 0:
        say(f"debug container {place.container} was not ended now, it ends by itself: {status.message}")
