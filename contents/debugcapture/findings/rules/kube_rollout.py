"""Rules that connect failing pods with the rollout that created them."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.kube_model import Cluster, Event
from . import kube_words as words
from .kube_images import PULL_REASONS

_SCALED_UP = re.compile(r"Scaled up replica set (\S{1,253}) (?:from \d{1,9} )?to (\d{1,9})")
_POD_FAILS: Final = frozenset(
    {
        "BackOff",
        "Failed",
        "Unhealthy",
        "FailedMount",
        "FailedAttachVolume",
        "FailedCreatePodSandBox",
        "FailedScheduling",
    }
)
_BAD_STATUS: Final = frozenset({"CrashLoopBackOff", "Error", "OOMKilled", "CreateContainerConfigError", *PULL_REASONS})


def failing_pods_belong_to_a_rollout(cluster: Cluster) -> Iterator[Finding]:
    """All failing pods of a Deployment belong to the ReplicaSet that was scaled up last.

    So the failure began with this rollout, or with the last scaling. Source:
    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-back-a-deployment
    """
    for deployment, event, new_set in _last_scaled(cluster):
        failing = sorted(_failing_pods(cluster, f"{deployment}-"))
        of_new = [pod for pod in failing if pod.startswith(f"{new_set}-")]
        if not of_new or len(of_new) < len(failing):
            continue
        at = "" if event.last_seen.endswith(" ago") else "at "
        scaled = f", which was scaled up {at}{event.last_seen}" if event.last_seen else ""
        yield Finding(
            severity="info",
            title=f"The failing pods of Deployment {deployment} belong to ReplicaSet {new_set}{scaled}",
            detail=f"Failing: {', '.join(of_new[:4])}. The event: {words.short(event.message, 160)}.",
            advice="Compare this release with the one before (kubectl rollout history, kubectl rollout undo).",
            evidence=words.passages(event.lines),
            directness=53,
            key=f"rollout {deployment}",
        )


def _last_scaled(cluster: Cluster) -> Iterator[tuple[str, Event, str]]:
    """Yield each Deployment with the last event that scaled up one of its ReplicaSets, and the name of this set."""
    last: dict[str, tuple[Event, str]] = {}
    for event in cluster.events:
        match = _SCALED_UP.match(event.message) if event.reason == "ScalingReplicaSet" else None
        if not match:
            continue
        deployment = match[1].rpartition("-")[0]
        before = last.get(deployment)
        if not before or (event.when or 0.0) >= (before[0].when or 0.0):
            last[deployment] = (event, match[1])
    for deployment, (event, new_set) in last.items():
        yield deployment, event, new_set


def _failing_pods(cluster: Cluster, prefix: str) -> set[str]:
    """Return the names of pods that begin with ``prefix`` and fail by their events, their status or their row."""
    by_events = {
        event.name
        for event in cluster.events
        if event.is_warning and event.reason in _POD_FAILS and event.object.startswith(f"Pod/{prefix}")
    }
    by_rows = {row.name for row in cluster.rows if row.name.startswith(prefix) and row.status in _BAD_STATUS}
    by_status = {
        pod.name
        for pod, container in cluster.containers()
        if pod.name.startswith(prefix) and container.state.reason in _BAD_STATUS
    }
    return by_events | by_rows | by_status


RULES = (failing_pods_belong_to_a_rollout,)
