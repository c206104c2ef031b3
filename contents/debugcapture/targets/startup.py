"""Finds what a pod waits for while it starts. Pure.

The init containers of a pod run one after the other. A native sidecar, which is an init container that keeps running,
lets the next one start when its startup probe passes. The other containers start after them.
Source: Kubernetes documentation, "Init Containers", "Sidecar Containers", "Pod Lifecycle".
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ..kube.objects import condition_of, last_terminated_state, running_state, terminated_state, waiting_state
from ..kube.values import parse_time
from ..model import Json
from ..text import duration
from .problem import Problem, Severity
from .sidecars import native_sidecars

STARTING: Final = frozenset({"ContainerCreating", "PodInitializing", ""})
"""Waiting reasons of a container that starts as usual."""

# A usual start takes less: the kubelet itself reports a volume that it cannot mount after two minutes. A pod that only
# starts slowly loses nothing, since it comes before healthy pods but after those that failed.
_HANGS_AFTER = timedelta(minutes=2)


def find_start_problems(pod: Json, now: datetime) -> Iterator[Problem]:
    """Yield what hangs while ``pod`` starts: an init container, a native sidecar, or what comes before them."""
    if pod["status"].get("phase") not in ("Pending", "Running"):
        return
    blocking = _blocking_status(pod)
    if blocking and "running" in (blocking.get("state") or {}):
        yield from _running_too_long(pod, blocking, now)
        return
    waiting = [blocking] if blocking else _statuses(pod, "containers")
    for status in waiting:
        yield from _waiting_too_long(pod, status, now)
        if not _has_started(pod):
            return  # the pod as a whole hangs, which one problem describes


def initializing_container(pod: Json) -> str:
    """Return the init container that runs, or fails, before the other containers start; "" if there is none."""
    status = _blocking_status(pod)
    if status is None or ("waiting" in (status.get("state") or {}) and waiting_state(status).get("reason") in STARTING):
        return ""
    return str(status["name"]) if status.get("state") else ""


def startup_probe_problem(pod: Json, status: Json, now: datetime) -> str:
    """Return for how long the startup probe of a running container has not passed; "" if it has passed or has none."""
    containers = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or [])]
    has_probe = any(container["name"] == status["name"] and container.get("startupProbe") for container in containers)
    if not has_probe or status.get("started") is not False:
        return ""
    since = parse_time(running_state(status).get("startedAt"))
    return f"startup probe has not passed for {duration(now - since)}" if since else "startup probe has not passed"


def _blocking_status(pod: Json) -> Json | None:
    """Return the status of the first init container that is not done; None if the other containers have started."""
    if any((status.get("state") or {}).keys() & {"running", "terminated"} for status in _statuses(pod, "containers")):
        return None
    sidecars = native_sidecars(pod)
    return next((status for status in _statuses(pod, "initContainers") if not _is_done(status, sidecars)), None)


def _is_done(status: Json, sidecars: frozenset[str]) -> bool:
    if status["name"] in sidecars:
        return bool(status.get("started"))
    return terminated_state(status).get("exitCode") == 0


def _running_too_long(pod: Json, status: Json, now: datetime) -> Iterator[Problem]:
    since = parse_time(running_state(status).get("startedAt"))
    if since is None or now - since < _HANGS_AFTER:
        return
    name = status["name"]
    if name in native_sidecars(pod):
        reason = startup_probe_problem(pod, status, now) or f"has not started for {duration(now - since)}"
        yield Problem(Severity.HANGS, f"{reason}, so the other containers wait", name)
    else:
        yield Problem(Severity.HANGS, f"init container has run for {duration(now - since)}", name)


def _waiting_too_long(pod: Json, status: Json, now: datetime) -> Iterator[Problem]:
    """Yield a problem of the container, or of the pod as a whole if none of its containers has started."""
    reason, since = waiting_state(status).get("reason", ""), _last_step(pod, status)
    if reason not in STARTING or "waiting" not in (status.get("state") or {"waiting": {}}):
        return
    if since is None or now - since < _HANGS_AFTER:
        return
    container = status["name"] if _has_started(pod) else ""
    text = f"{reason or 'ContainerCreating'} for {duration(now - since)}: {_cause(pod)}"
    yield Problem(Severity.HANGS, text, container)


def _cause(pod: Json) -> str:
    """Return what the kubelet does. The condition has this name since Kubernetes 1.29."""
    can_start = condition_of(pod, "PodReadyToStartContainers").get("status")
    if can_start == "True":
        return "the image is being pulled, the container is being created, or its postStart hook runs; see the events"
    if can_start == "False":
        return "a volume or the network of the pod is not ready; see the events"
    return "a volume, the network or the image is not ready; see the events"


def _last_step(pod: Json, status: Json) -> datetime | None:
    """Return when the start of the container made its last progress."""
    ready = condition_of(pod, "Ready")
    texts = [
        pod["status"].get("startTime") or pod["metadata"].get("creationTimestamp"),
        ready.get("lastTransitionTime") if ready.get("status") == "False" else None,
        last_terminated_state(status).get("finishedAt"),
    ]
    for init in _statuses(pod, "initContainers"):
        texts += [terminated_state(init).get("finishedAt"), running_state(init).get("startedAt")]
    return max((time for text in texts if (time := parse_time(text))), default=None)


def _has_started(pod: Json) -> bool:
    """Return whether a container of the pod runs or has run."""
    statuses = [*_statuses(pod, "initContainers"), *_statuses(pod, "containers")]
    return any((status.get("state") or {}).keys() & {"running", "terminated"} for status in statuses)


def _statuses(pod: Json, kind: str) -> list[Json]:
    """Return the statuses of the pod's containers of ``kind``, in the order in which they start."""
    field = "initContainerStatuses" if kind == "initContainers" else "containerStatuses"
    order = {container["name"]: position for position, container in enumerate(pod["spec"].get(kind) or [])}
    return sorted(pod["status"].get(field) or [], key=lambda status: order.get(status["name"], len(order)))
