"""Tell what is wrong with a pod, from its JSON; pure.

Source: Kubernetes API reference, core/v1 PodStatus, ContainerStatus, PodCondition.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..kube.values import moment
from ..model import Json

_RECENT = timedelta(hours=1)
_KINDS = ("containerStatuses", "initContainerStatuses")
# Severities: the order in which pods are worth looking at. Where two differ in nothing else, this decides.
_CRASHED, _STUCK, _ENDED, _NOT_READY, _CANNOT_START, _PENDING, _RESTARTED = 70, 60, 50, 40, 30, 20, 10
_STARTING = frozenset({"ContainerCreating", "PodInitializing", ""})
Rank = tuple[list[int], int, str, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    severity: int
    why: str
    container: str = ""  # "" for the pod as a whole


def findings(pod: Json, now: datetime) -> tuple[Finding, ...]:
    """Return what is wrong with ``pod``, the worst first; nothing for a healthy one."""
    found = [*_of_pod(pod, now), *(one for status in statuses(pod) for one in _of_container(status, now))]
    if pod["status"].get("phase") == "Running" and not _terminating(pod):
        found += _not_ready(pod)
    return tuple(sorted(found, key=lambda one: -one.severity))


def statuses(pod: Json) -> list[Json]:
    """Return the statuses of the pod's containers and init containers."""
    return [status for kind in _KINDS for status in pod["status"].get(kind) or []]


def unready_for(pod: Json, now: datetime) -> timedelta | None:
    """Return for how long a running pod has not been ready, or None when it is."""
    ready = next((one for one in pod["status"].get("conditions") or [] if one["type"] == "Ready"), None)
    if ready is None or ready["status"] == "True" or pod["status"].get("phase") != "Running":
        return None
    return now - (moment(ready.get("lastTransitionTime")) or now)


def _of_pod(pod: Json, now: datetime) -> Iterator[Finding]:
    status = pod["status"]
    if _terminating(pod):
        since = moment(pod["metadata"]["deletionTimestamp"])  # when it should be gone, grace included
        late = since and now - since > timedelta(0)
        yield Finding(_STUCK if late else _PENDING, "stuck terminating" if late else "terminating")
    if status.get("phase") == "Failed":
        yield Finding(_ENDED, f"failed ({status['reason']})" if status.get("reason") else "failed")
    if status.get("phase") == "Pending" and not status.get("containerStatuses"):
        scheduled: Json = next((one for one in status.get("conditions") or [] if one["type"] == "PodScheduled"), {})
        yield Finding(_PENDING, f"pending ({scheduled.get('reason') or 'not started'})")


def _of_container(status: Json, now: datetime) -> Iterator[Finding]:
    name, state = status["name"], status.get("state") or {}
    last = (status.get("lastState") or {}).get("terminated") or {}
    ended = state.get("terminated") or {}
    waiting = str((state.get("waiting") or {}).get("reason") or "")
    if "OOMKilled" in (last.get("reason"), ended.get("reason")):
        yield Finding(_CRASHED + 1, "OOMKilled", name)
    if waiting == "CrashLoopBackOff":
        yield Finding(_CRASHED, f"CrashLoopBackOff (exit code {last.get('exitCode', 'unknown')})", name)
    elif waiting not in _STARTING:
        yield Finding(_CANNOT_START, waiting, name)
    elif ended.get("exitCode"):
        yield Finding(_CRASHED, f"ended with exit code {ended['exitCode']}", name)
    at = moment(last.get("finishedAt"))
    if at and now - at < _RECENT:
        minutes = max(0, int((now - at).total_seconds() // 60))
        why = f"restarted {minutes} min ago after exit code {last.get('exitCode', 'unknown')}"
        yield Finding(_RESTARTED, f"{why}, {status.get('restartCount', 0)} restarts", name)


def _not_ready(pod: Json) -> Iterator[Finding]:
    for status in pod["status"].get("containerStatuses") or []:
        if "running" in (status.get("state") or {}) and not status.get("ready"):
            yield Finding(_NOT_READY, "not ready", status["name"])


def _terminating(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def worst_first(pods: Sequence[Json], now: datetime) -> list[Json]:
    """Return ``pods`` so that the one most worth capturing is the first; healthy ones come last, oldest first."""
    return sorted(pods, key=lambda pod: rank(pod, now))


def rank(pod: Json, now: datetime) -> Rank:
    """Return what puts ``pod`` in its place among others: the smallest is most worth capturing."""
    severities = [-one.severity for one in findings(pod, now)]
    restarts = sum(status.get("restartCount", 0) for status in statuses(pod))
    return (severities or [0], -restarts, str(pod["metadata"].get("creationTimestamp", "")), pod["metadata"]["name"])
