"""Finds the problems of a pod in its JSON, and orders pods by them. Pure.

A past failure counts for an hour. After that, it ranks below every problem that the pod has now, because the
kubelet keeps the last failure in the status for as long as the pod exists.
Source: Kubernetes API reference, core/v1 PodStatus, ContainerStatus, PodCondition.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from ..kube.objects import (
    Terminated,
    condition_of,
    conditions_of,
    container_statuses,
    is_terminating,
    last_terminated_state,
    running_state,
    terminated_state,
    waiting_state,
)
from ..kube.values import parse_time
from ..model import Json
from ..text import duration
from .problem import Problem, Severity
from .sidecars import is_sidecar, native_sidecars
from .startup import STARTING, find_start_problems, startup_probe_problem

_RECENT = timedelta(hours=1)
# A container that restarted this often, the last time after a kill for memory of today, may be killed again and again.
_REPEATED_KILLS, _REPEATED_WITHIN = 2, timedelta(days=1)
_SIDECAR_GRACE = timedelta(minutes=5)  # for a sidecar to notice that the other containers have ended
Rank = tuple[list[int], int, str, str]


def find_problems(pod: Json, now: datetime) -> tuple[Problem, ...]:
    """Return the problems of ``pod``, the most severe first; none for a healthy pod.

    Among equal problems, those of sidecars come last.
    """
    problems = list(_pod_problems(pod, now))
    # A container that ended in a pod that runs is missing today, however long ago that was.
    past = Severity.NOT_READY if pod["status"].get("phase") == "Running" else Severity.PAST
    for status in _statuses_that_count(pod):
        problems += _container_problems(status, now, past)
    if not is_terminating(pod):
        problems += find_start_problems(pod, now)
        if pod["status"].get("phase") == "Running":
            problems += _readiness_problems(pod, now)
            problems += _find_remaining_sidecars(pod, now)
    return tuple(sorted(problems, key=lambda problem: (-problem.severity, is_sidecar(pod, problem.container))))


def unready_duration(pod: Json, now: datetime) -> timedelta | None:
    """Return for how long a pod has not been ready, or has been starting; None if it is ready or has ended."""
    ready = condition_of(pod, "Ready")
    if not ready or ready["status"] == "True" or pod["status"].get("phase") in ("Succeeded", "Failed"):
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


def _statuses_that_count(pod: Json) -> list[Json]:
    """Return the statuses that may show a failure. The kubelet kills the sidecar containers of a pod that succeeded."""
    ignored = native_sidecars(pod) if pod["status"].get("phase") == "Succeeded" else frozenset()
    return [status for status in container_statuses(pod) if status["name"] not in ignored]


def _pod_problems(pod: Json, now: datetime) -> Iterator[Problem]:
    status = pod["status"]
    if is_terminating(pod):
        deadline = parse_time(pod["metadata"]["deletionTimestamp"])  # the API server has added the grace period
        is_late = deadline and now - deadline > timedelta(0)
        yield Problem(Severity.STUCK, "stuck terminating") if is_late else Problem(Severity.PENDING, "terminating")
    if status.get("phase") == "Failed":
        problem = Problem(Severity.ENDED, f"failed ({status['reason']})" if status.get("reason") else "failed")
        yield _age_since(problem, _end_of(pod), now, Severity.PAST)
    if status.get("phase") == "Unknown":
        yield Problem(Severity.NOT_READY, "the state is unknown, because its node does not report it")
    if status.get("phase") == "Pending" and not status.get("containerStatuses"):
        yield Problem(Severity.PENDING, f"pending ({condition_of(pod, 'PodScheduled').get('reason') or 'not started'})")


def _container_problems(status: Json, now: datetime, past: Severity) -> Iterator[Problem]:
    """Yield the problems of a container. One that ended more than an hour ago has at most the severity ``past``."""
    name = status["name"]
    last, ended = last_terminated_state(status), terminated_state(status)
    waiting = waiting_state(status).get("reason") or ""
    if ended.get("reason") == "OOMKilled":
        yield _age_ended(Problem(Severity.OUT_OF_MEMORY, "OOMKilled", name), ended, now, past)
    elif last.get("reason") == "OOMKilled":
        yield from _past_kill(status, waiting == "CrashLoopBackOff", now)
    if waiting == "CrashLoopBackOff":
        yield Problem(Severity.CRASHED, f"CrashLoopBackOff (exit code {last.get('exitCode', 'unknown')})", name)
    elif waiting not in STARTING:
        yield Problem(Severity.CANNOT_START, waiting, name)
    elif ended.get("exitCode"):
        problem = Problem(Severity.CRASHED, f"ended with exit code {ended['exitCode']}", name)
        yield _age_ended(problem, ended, now, past)
    finished = parse_time(last.get("finishedAt"))
    if finished and now - finished < _RECENT:
        minutes = max(0, int((now - finished).total_seconds() // 60))
        reason = f"restarted {minutes} min ago after exit code {last.get('exitCode', 'unknown')}"
        yield Problem(Severity.RESTARTED, f"{reason}, {status.get('restartCount', 0)} restarts", name)


def _past_kill(status: Json, is_looping: bool, now: datetime) -> Iterator[Problem]:
    """Yield the kill for memory of the previous run: for an hour, and for a day if the container was killed often."""
    name, restarts = status["name"], status.get("restartCount", 0)
    killed = parse_time(last_terminated_state(status).get("finishedAt"))
    if is_looping or killed is None or now - killed < _RECENT:
        yield Problem(Severity.OUT_OF_MEMORY, "OOMKilled", name)
    elif restarts >= _REPEATED_KILLS and now - killed < _REPEATED_WITHIN:
        yield Problem(Severity.RESTARTED, f"OOMKilled {duration(now - killed)} ago, {restarts} restarts", name)


def _age_ended(problem: Problem, ended: Terminated, now: datetime, past: Severity) -> Problem:
    """Return ``problem``, or what is left of it an hour after the container ended."""
    return _age_since(problem, parse_time(ended.get("finishedAt")), now, past)


def _age_since(problem: Problem, time: datetime | None, now: datetime, past: Severity) -> Problem:
    if time is None or now - time < _RECENT:
        return problem
    reason = f"{problem.reason}, {duration(now - time)} ago"
    return Problem(min(problem.severity, past), reason, problem.container)


def _end_of(pod: Json) -> datetime | None:
    """Return when a pod of phase Failed ended: its last container, or else the last change of a condition."""
    ended = [terminated_state(status).get("finishedAt") for status in container_statuses(pod)]
    changed = [condition.get("lastTransitionTime") for condition in conditions_of(pod)]
    times = [time for text in (ended if any(ended) else changed) if (time := parse_time(text))]
    return max(times, default=None)


def _readiness_problems(pod: Json, now: datetime) -> Iterator[Problem]:
    unready = list(_unready_containers(pod, now))
    yield from unready
    if not unready:
        yield from _unmet_conditions(pod, now)


def _unready_containers(pod: Json, now: datetime) -> Iterator[Problem]:
    sidecars = native_sidecars(pod)
    for status in container_statuses(pod):
        is_counted = status["name"] in sidecars or status in (pod["status"].get("containerStatuses") or [])
        if is_counted and "running" in (status.get("state") or {}) and not status.get("ready"):
            reason = startup_probe_problem(pod, status, now) or "not ready"
            yield Problem(Severity.NOT_READY, reason, status["name"])


def _unmet_conditions(pod: Json, now: datetime) -> Iterator[Problem]:
    """Yield why a pod is not ready although each of its containers is."""
    ready = condition_of(pod, "Ready")
    if ready.get("status", "True") == "True" or any(not running_state(status) for status in _main_statuses(pod)):
        return
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or []]
    unmet = [gate for gate in gates if condition_of(pod, gate).get("status") != "True"]
    since = parse_time(ready.get("lastTransitionTime"))
    for_how_long = f" for {duration(now - since)}" if since else ""
    for gate in unmet:
        yield Problem(Severity.NOT_READY, f"readiness gate {gate} is not met{for_how_long}")
    if not unmet:
        reason = ready.get("reason") or "no reason reported"
        yield Problem(Severity.NOT_READY, f"not ready{for_how_long} although its containers are ready ({reason})")


def _find_remaining_sidecars(pod: Json, now: datetime) -> Iterator[Problem]:
    """Yield the sidecars that keep a pod running whose other containers completed: its Job never ends."""
    sidecars = [status for status in _main_statuses(pod) if is_sidecar(pod, status["name"])]
    ended = [terminated_state(status) for status in _main_statuses(pod) if status not in sidecars]
    times = [parse_time(state.get("finishedAt")) for state in ended if state.get("exitCode") == 0]
    completed = max((time for time in times if time), default=None)
    if len(times) < len(ended) or completed is None or now - completed < _SIDECAR_GRACE:
        return
    for status in sidecars:
        if running_state(status):
            reason = f"still runs {duration(now - completed)} after the other containers completed"
            yield Problem(Severity.STUCK, reason, status["name"])


def _main_statuses(pod: Json) -> list[Json]:
    return pod["status"].get("containerStatuses") or []
