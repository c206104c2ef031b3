"""Finds the problems of a pod in its JSON, and orders pods by them. Pure.

Source: Kubernetes API reference, core/v1 PodStatus, ContainerStatus, PodCondition.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..kube.objects import conditions_of, last_terminated_state, terminated_state, waiting_state
from ..kube.values import parse_time
from ..model import Json

_RECENT = timedelta(hours=1)
_STATUS_FIELDS = ("containerStatuses", "initContainerStatuses")
# Severities: the higher the number, the earlier a pod is captured.
_CRASHED, _STUCK, _ENDED, _NOT_READY, _CANNOT_START, _PENDING, _RESTARTED = 70, 60, 50, 40, 30, 20, 10
_STARTING = frozenset({"ContainerCreating", "PodInitializing", ""})
Rank = tuple[list[int], int, str, str]


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a pod."""

    severity: int
    reason: str
    container: str = ""
    """"" for the pod as a whole."""


def find_problems(pod: Json, now: datetime) -> tuple[Problem, ...]:
    """Return the problems of ``pod``, the most severe first; none for a healthy pod."""
    problems = list(_pod_problems(pod, now))
    for status in container_statuses(pod):
        problems += _container_problems(status, now)
    if pod["status"].get("phase") == "Running" and not _is_terminating(pod):
        problems += _readiness_problems(pod)
    return tuple(sorted(problems, key=lambda problem: -problem.severity))


def container_statuses(pod: Json) -> list[Json]:
    """Return the statuses of the pod's containers and init containers."""
    return [status for field in _STATUS_FIELDS for status in pod["status"].get(field) or []]


def unready_duration(pod: Json, now: datetime) -> timedelta | None:
    """Return for how long a running pod has not been ready; None if it is ready or not running."""
    ready = next((condition for condition in conditions_of(pod) if condition["type"] == "Ready"), None)
    if ready is None or ready["status"] == "True" or pod["status"].get("phase") != "Running":
        return None
    return now - (parse_time(ready.get("lastTransitionTime")) or now)


def worst_first(pods: Sequence[Json], now: datetime) -> list[Json]:
    """Return ``pods`` ordered by severity. Healthy pods come last, the oldest of them first."""
    return sorted(pods, key=lambda pod: rank(pod, now))


def rank(pod: Json, now: datetime) -> Rank:
    """Return the sort key of ``pod``: the smallest is captured first."""
    severities = [-problem.severity for problem in find_problems(pod, now)]
    restarts = sum(status.get("restartCount", 0) for status in container_statuses(pod))
    return (severities or [0], -restarts, str(pod["metadata"].get("creationTimestamp", "")), pod["metadata"]["name"])


def _pod_problems(pod: Json, now: datetime) -> Iterator[Problem]:
    status = pod["status"]
    if _is_terminating(pod):
        deadline = parse_time(pod["metadata"]["deletionTimestamp"])  # the API server has added the grace period
        is_late = deadline and now - deadline > timedelta(0)
        yield Problem(_STUCK if is_late else _PENDING, "stuck terminating" if is_late else "terminating")
    if status.get("phase") == "Failed":
        yield Problem(_ENDED, f"failed ({status['reason']})" if status.get("reason") else "failed")
    if status.get("phase") == "Pending" and not status.get("containerStatuses"):
        reasons = (condition.get("reason") for condition in conditions_of(pod) if condition["type"] == "PodScheduled")
        yield Problem(_PENDING, f"pending ({next(reasons, '') or 'not started'})")


def _container_problems(status: Json, now: datetime) -> Iterator[Problem]:
    name = status["name"]
    last, ended = last_terminated_state(status), terminated_state(status)
    waiting = waiting_state(status).get("reason") or ""
    if "OOMKilled" in (last.get("reason"), ended.get("reason")):
        yield Problem(_CRASHED + 1, "OOMKilled", name)
    if waiting == "CrashLoopBackOff":
        yield Problem(_CRASHED, f"CrashLoopBackOff (exit code {last.get('exitCode', 'unknown')})", name)
    elif waiting not in _STARTING:
        yield Problem(_CANNOT_START, waiting, name)
    elif ended.get("exitCode"):
        yield Problem(_CRASHED, f"ended with exit code {ended['exitCode']}", name)
    finished = parse_time(last.get("finishedAt"))
    if finished and now - finished < _RECENT:
        minutes = max(0, int((now - finished).total_seconds() // 60))
        reason = f"restarted {minutes} min ago after exit code {last.get('exitCode', 'unknown')}"
        yield Problem(_RESTARTED, f"{reason}, {status.get('restartCount', 0)} restarts", name)


def _readiness_problems(pod: Json) -> Iterator[Problem]:
    for status in pod["status"].get("containerStatuses") or []:
        if "running" in (status.get("state") or {}) and not status.get("ready"):
            yield Problem(_NOT_READY, "not ready", status["name"])


def _is_terminating(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"]
