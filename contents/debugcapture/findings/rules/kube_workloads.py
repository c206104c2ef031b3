"""Rules about autoscalers, rollouts and nodes."""

from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.kube_model import Cluster, Condition, Event, Workload
from . import kube_words as words

_PRESSURES: Final = {
    "MemoryPressure": "memory",
    "DiskPressure": "disk space",
    "PIDPressure": "process IDs",
    "NetworkUnavailable": "network",
}
_PRESSURE_EVENTS: Final = {
    "NodeHasDiskPressure": "disk space",
    "NodeHasInsufficientMemory": "memory",
    "NodeHasInsufficientPID": "process IDs",
    "EvictionThresholdMet": "a resource",
}
_RELIEVED: Final = frozenset({"NodeHasNoDiskPressure", "NodeHasSufficientMemory", "NodeHasSufficientPID"})
NODE_REASONS: Final = frozenset({*_PRESSURE_EVENTS, "NodeNotReady", "NodeNotSchedulable", "Rebooted"})


def autoscaler_is_at_its_maximum(cluster: Cluster) -> Iterator[Finding]:
    """A HorizontalPodAutoscaler runs as many pods as it may, and its metric asks for more.

    Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
    """
    for scaler in cluster.scalers:
        limited = _condition(scaler.conditions, "ScalingLimited", "True")
        is_at_most = scaler.most is not None and (scaler.current or 0) >= scaler.most
        if not is_at_most and not (limited and limited.reason == "TooManyReplicas"):
            continue
        asks_for_more = limited is not None and limited.reason == "TooManyReplicas"
        yield Finding(
            severity="warning" if asks_for_more else "info",
            title=f"HorizontalPodAutoscaler {scaler.name} is at its maximum of {scaler.most} pods",
            detail=words.sentences(
                f"Target {scaler.target}",
                f"{scaler.current} pods now, {scaler.desired} wanted" if scaler.current is not None else "",
                f"{limited.reason}: {limited.message}" if limited else "",
            ),
            advice="Raise maxReplicas, or find out why the load or the time of a request has grown.",
            evidence=words.passages(scaler.lines),
            directness=60,
            key=f"hpa {scaler.name}",
        )


def autoscaler_does_not_work(cluster: Cluster) -> Iterator[Finding]:
    """A HorizontalPodAutoscaler cannot read its metrics or cannot scale its target.

    Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
    """
    for scaler in cluster.scalers:
        for kind in ("ScalingActive", "AbleToScale"):
            condition = _condition(scaler.conditions, kind, "False")
            if condition and condition.reason != "ScalingDisabled":
                yield Finding(
                    severity="warning",
                    title=f"HorizontalPodAutoscaler {scaler.name} does not scale: {condition.reason}",
                    detail=words.sentences(words.short(condition.message)),
                    evidence=words.passages(scaler.lines),
                    directness=58,
                    key=f"hpa {scaler.name}",
                )


def rollout_does_not_progress(cluster: Cluster) -> Iterator[Finding]:
    """The new pods of a Deployment did not become available before its deadline, or a Job failed.

    Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#failed-deployment
    """
    for workload in cluster.workloads:
        stuck = _condition(workload.conditions, "Progressing", "False")
        failed = _condition(workload.conditions, "Failed", "True") if workload.kind == "Job" else None
        condition = stuck or failed
        problem = "does not progress" if stuck else "failed"
        if condition:
            yield Finding(
                severity="critical",
                title=f"{workload.kind} {workload.name} {problem}: {condition.reason}",
                detail=words.sentences(words.short(condition.message), _describe_start(condition)),
                advice="Look at the pods of the new ReplicaSet." if stuck else "Look at the pods of the Job.",
                evidence=words.passages(workload.lines),
                directness=64,
                key=f"{workload.kind} {workload.name}",
            )


def workload_has_too_few_pods(cluster: Cluster) -> Iterator[Finding]:
    """Fewer pods of a Deployment or StatefulSet are available than it should have.

    During a rollout this is normal for a while, so it is a warning only if no pod is available. Source:
    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
    """
    for workload in cluster.workloads:
        if workload.desired is None or workload.available is None or workload.available >= workload.desired:
            continue
        yield Finding(
            severity="info" if workload.available else "warning",
            title=f"{workload.kind} {workload.name} has {workload.available} of {workload.desired} pods available",
            detail=words.sentences(
                *(
                    f"{condition.type} {condition.status}: {condition.reason}, {words.short(condition.message, 120)}"
                    for condition in workload.conditions
                    if condition.status != "True" or condition.type == "ReplicaFailure"
                )
            ),
            advice="Look at its pods.",
            evidence=words.passages(workload.lines),
            directness=54,
            key=f"{workload.kind} {workload.name} available",
        )


def last_rollout(cluster: Cluster) -> Iterator[Finding]:
    """When the current release of a workload was rolled out: the creation of the pod's ReplicaSet.

    A failure that began at that time often has its cause in the release. Source:
    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#revision-history-limit
    """
    for workload in cluster.workloads:
        if workload.kind == "ReplicaSet" and workload.revision and workload.created:
            yield Finding(
                severity="info",
                title=f"Revision {workload.revision} was rolled out at {workload.created}",
                detail=f"ReplicaSet {workload.name}.",
                evidence=words.passages(workload.lines),
                directness=20,
                key=f"last rollout {workload.name.rpartition('-')[0]}",
            )


def node_is_unhealthy(cluster: Cluster) -> Iterator[Finding]:
    """A node is not ready, or is short of memory, disk space or process IDs.

    Source: https://kubernetes.io/docs/reference/node/node-status/#condition
    """
    for workload in cluster.workloads:
        if workload.kind == "Node":
            yield from _node_findings(workload)
    yield from _node_event_findings(cluster)


def _node_findings(node: Workload) -> Iterator[Finding]:
    for condition in node.conditions:
        short_of = _PRESSURES.get(condition.type, "")
        not_ready = condition.type == "Ready" and condition.status != "True"
        if not not_ready and not (short_of and condition.status == "True"):
            continue
        problem = f"is not ready ({condition.status})" if not_ready else f"is short of {short_of} ({condition.type})"
        yield Finding(
            severity="critical",
            title=f"Node {node.name} {problem}: {condition.reason}",
            detail=words.sentences(words.short(condition.message), _describe_start(condition)),
            advice="Look at the kubelet and at the resources of the node.",
            evidence=words.passages(node.lines),
            directness=82,
            key=f"node {condition.type}",
        )


def _node_event_findings(cluster: Cluster) -> Iterator[Finding]:
    last: dict[tuple[str, str], Event] = {
        (event.object, event.reason): event
        for event in cluster.events
        if event.reason in NODE_REASONS and event.reason != "NodeNotSchedulable"
    }
    for event in last.values():
        short_of = _PRESSURE_EVENTS.get(event.reason, "")
        relief = _RELIEVED if short_of else frozenset({"NodeReady", "Started"})
        is_over = bool(cluster.happened_after(event, relief))
        problem = f"is short of {short_of}" if short_of else "is not ready"
        if event.reason == "Rebooted":
            problem = "was rebooted"
        yield Finding(
            severity="info" if is_over else "warning",
            title=f"{_node_of(event)} {problem} ({event.reason})" + ("; it is over" if is_over else ""),
            detail=words.sentences(words.short(event.message), words.seen_words(event)),
            evidence=words.passages(event.lines),
            directness=68,
            key=event.reason,
        )


def _node_of(event: Event) -> str:
    if event.object.startswith("Node/"):
        return words.about(event)
    return f"The node of {words.about(event)}" if event.object else "The node"


def _condition(conditions: tuple[Condition, ...], kind: str, status: str) -> Condition | None:
    return next((condition for condition in conditions if (condition.type, condition.status) == (kind, status)), None)


def _describe_start(condition: Condition) -> str:
    return f"Since {condition.since}" if condition.since else ""


RULES = (
    autoscaler_is_at_its_maximum,
    autoscaler_does_not_work,
    rollout_does_not_progress,
    workload_has_too_few_pods,
    last_rollout,
    node_is_unhealthy,
)
