"""Rules about the table of `kubectl get pods`."""

from collections.abc import Iterator
from typing import Final

from ...finding import Finding, Severity
from ..parsers.kube_model import Cluster, PodRow, duration_s, stem
from . import kube_words as words
from .kube_images import PULL_REASONS

_ORDER: Final[tuple[Severity, ...]] = ("critical", "warning", "info")
_HEALTHY: Final = frozenset({"Running", "Completed", "Succeeded"})
_STARTING: Final = frozenset({"Pending", "ContainerCreating", "PodInitializing", "Terminating"})
_LONG_S: Final = 600  # a pod that has not started after ten minutes is stuck
_RECENT_S: Final = 3600
_MANY_RESTARTS: Final = 5
_MEANINGS: Final = {
    "CrashLoopBackOff": "a container ends again and again",
    "Error": "a container ended with an error",
    "OOMKilled": "a container was killed for memory",
    "Evicted": "its node evicted it",
    "ImagePullBackOff": "an image cannot be pulled",
    "ErrImagePull": "an image cannot be pulled",
    "InvalidImageName": "the name of an image is not valid",
    "CreateContainerConfigError": "a ConfigMap, Secret or setting of a container is missing",
    "CreateContainerError": "a container cannot be created",
    "RunContainerError": "a container cannot be started",
    "StartError": "a container cannot be started",
    "Pending": "its containers have not started",
    "ContainerCreating": "its containers have not started",
    "Terminating": "its deletion has not ended",
    "Unknown": "its node does not respond",
    "NodeLost": "its node does not respond",
}


def pods_have_a_bad_status(cluster: Cluster) -> Iterator[Finding]:
    """Pods in a table have a status that shows a failure, or have waited for more than ten minutes.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
    """
    groups: dict[str, list[PodRow]] = {}
    for row in cluster.rows:
        if row.status not in _HEALTHY:
            groups.setdefault(row.status, []).append(row)
    for status, rows in groups.items():
        severities = {_severity(row) for row in rows}
        severity = next(severity for severity in _ORDER if severity in severities)
        meaning = _meaning(status)
        first = rows[0]
        title = f"Pod {_row_words(first)}" if len(rows) == 1 else f"{len(rows)} pods are in {status}"
        yield Finding(
            severity=severity,
            title=f"{title}: {meaning}" if meaning else title,
            detail="; ".join(map(_row_words, rows[:6])) + (" and more." if len(rows) > 6 else "."),
            advice=_advice(status) if severity != "info" else "",
            evidence=words.passages(*(row.line for row in rows[:8])),
            directness=58 if status not in _STARTING else 45,
            key=f"{status} {stem(first.name) if len(rows) == 1 else 'pods'}",
            pod=first.name if len(rows) == 1 else "",
        )


def running_pods_are_not_ready(cluster: Cluster) -> Iterator[Finding]:
    """Pods run, and some of their containers are not ready: they get no traffic from Services.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-readiness-gate
    """
    rows = [row for row in cluster.rows if row.status == "Running" and row.ready < row.total]
    old = [row for row in rows if (row.age_s or 0) >= _LONG_S or row.restarts >= _MANY_RESTARTS]
    if not rows:
        return
    subject = f"Pod {_row_words(rows[0])}" if len(rows) == 1 else f"{len(rows)} pods run and are not ready"
    yield Finding(
        severity="warning" if old else "info",
        title=f"{subject}: containers are not ready" if len(rows) == 1 else subject,
        detail="; ".join(map(_row_words, rows[:6])) + ".",
        advice="Look at the events of the pod: a readiness probe fails, or a container restarts.",
        evidence=words.passages(*(row.line for row in rows[:8])),
        directness=48,
        pod=rows[0].name if len(rows) == 1 else "",
        key="not ready",
    )


def running_pods_have_restarted(cluster: Cluster) -> Iterator[Finding]:
    """Pods run, and their containers have restarted. Many restarts, the last within an hour, are a warning.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
    """
    rows = [row for row in cluster.rows if row.status == "Running" and row.restarts and row.ready == row.total]
    recent = [row for row in rows if row.restarts >= _MANY_RESTARTS and _restarts_often(row)]
    if not rows:
        return
    worst = sorted(recent or rows, key=lambda row: -row.restarts)
    yield Finding(
        severity="warning" if recent else "info",
        title=f"Pod {_row_words(worst[0])}" if len(worst) == 1 else f"{len(worst)} pods run and have restarted",
        detail="; ".join(map(_row_words, worst[:6])) + ".",
        advice="Look at the last state of the containers." if recent else "",
        evidence=words.passages(*(row.line for row in worst[:8])),
        directness=40,
        pod=worst[0].name if len(worst) == 1 else "",
        key="restarts",
    )


def _restarts_often(row: PodRow) -> bool:
    """Return whether the last restart was within an hour, or the pod restarts more than once an hour."""
    if row.last_restart:
        return (duration_s(row.last_restart) or _RECENT_S) < _RECENT_S
    return row.age_s is not None and row.age_s < row.restarts * _RECENT_S


def _severity(row: PodRow) -> Severity:
    status = row.status.removeprefix("Init:")
    if status in _HEALTHY:
        return "info"
    if status in _STARTING or _is_init_progress(row.status):
        return "warning" if (row.age_s or 0) >= _LONG_S and status != "Terminating" else "info"
    if status in PULL_REASONS or status in _MEANINGS or status.startswith(("Err", "ExitCode", "Signal", "OutOf")):
        return "critical"
    return "warning"


def _is_init_progress(status: str) -> bool:
    return status.startswith("Init:") and status[5:6].isdigit()


def _meaning(status: str) -> str:
    if _is_init_progress(status):
        return "its init containers have not completed"
    meaning = _MEANINGS.get(status.removeprefix("Init:"), "")
    return meaning.replace("a container", "an init container", 1) if status.startswith("Init:") else meaning


def _row_words(row: PodRow) -> str:
    restarts = f", {row.restarts} restarts" if row.restarts > 1 else ", 1 restart" if row.restarts else ""
    last = f", the last {row.last_restart} ago" if row.last_restart else ""
    return f"{row.name}: {row.status}, {row.ready}/{row.total} ready{restarts}{last}, age {row.age}"


def _advice(status: str) -> str:
    if status in ("CrashLoopBackOff", "Error", "OOMKilled"):
        return "Look at the last state of its containers (kubectl describe pod) and at the log of the previous run."
    return "Look at the events of the pod (kubectl describe pod)."


RULES = (pods_have_a_bad_status, running_pods_are_not_ready, running_pods_have_restarted)
