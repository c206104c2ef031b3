"""Rules about pods that no node accepts."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.kube_model import Cluster, Condition, Event, Pod
from . import kube_words as words

_SCHEDULED: Final = frozenset({"Scheduled"})
_CAUSE = re.compile(r"\b(\d{1,7}) ([A-Za-z][^,]*)")
_RESOURCE = re.compile(r"Insufficient ([\w./-]{1,100})")
_AVAILABLE = re.compile(r"\d{1,7}/\d{1,7} nodes are available")
_ADVICES: Final = (
    ("insufficient", "Compare the requests of the pod with what the nodes have left, or add nodes."),
    ("taint", "Add a toleration for the taint, or remove the taint from nodes that should accept the pod."),
    ("selector", "Compare the labels of the nodes with nodeSelector and affinity of the pod."),
    ("anti-affinity", "Relax the anti-affinity of the pod, or add nodes."),
    ("volume node affinity", "The volume is bound to another zone or node than the ones that accept the pod."),
    ("unbound", "Look at the PersistentVolumeClaim: no volume is bound to it."),
    ("persistentvolumeclaim", "Create the PersistentVolumeClaim, or correct its name."),
    ("free ports", "Another pod uses the host port on these nodes."),
    ("unschedulable", "Nodes are cordoned: make them schedulable with kubectl uncordon."),
    ("too many pods", "The nodes run as many pods as they may: add nodes or raise maxPods."),
    ("topology spread", "Relax topologySpreadConstraints, or add nodes in the zones that lack pods."),
)


def pod_is_not_scheduled(cluster: Cluster) -> Iterator[Finding]:
    """The scheduler found no node for a pod, and counts the reasons by node.

    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
    """
    last: dict[str, Event] = {}
    for event in cluster.events:
        if event.reason == "FailedScheduling" and not event.message.startswith("skip schedule deleting pod"):
            last[event.object or "pod"] = event
    reported = set()
    for event in last.values():
        pod = cluster.pod_of(event)
        reported.add(pod.name if pod else event.name)
        yield _finding(cluster, pod or Pod(name=event.name), event.message, event)
    for pod in cluster.pods:
        condition = _find_unscheduled(pod)
        if condition and pod.name not in reported:
            yield _finding(cluster, pod, condition.message, None)


def _find_unscheduled(pod: Pod) -> Condition | None:
    for condition in pod.conditions:
        if condition.type == "PodScheduled" and condition.status == "False" and condition.message:
            return condition
    return None


def _finding(cluster: Cluster, pod: Pod, message: str, event: Event | None) -> Finding:
    scheduled = cluster.happened_after(event, _SCHEDULED) if event else None
    is_deleted = bool(pod.deleted) or (event is not None and _is_deleted(cluster, event))
    is_over = bool(scheduled or pod.node or is_deleted)
    causes = _causes(message)
    available = _AVAILABLE.search(message)
    summary = f"{available[0]}: {causes}" if available and causes else words.short(message, 260)
    name = f'Pod "{pod.name}"' if pod.name else "The pod"
    return Finding(
        severity="info" if is_over else "critical",
        title=f"{name} {'waited for a node' if is_over else 'is not scheduled'}: {words.short(summary, 300)}",
        detail=words.sentences(
            f"It requires nodes with the label {', '.join(pod.node_selector)}"
            if pod.node_selector and "selector" in message
            else "",
            _requests(pod, message),
            words.seen_words(event) if event else "",
            _autoscaler_words(cluster, event) if event and not is_over else "",
            _outcome(bool(scheduled or pod.node), is_deleted),
        ),
        advice="" if is_over else _advice(message),
        evidence=words.passages(event.lines if event else pod.lines),
        directness=86,
        key=words.key_of(pod) + ":" + re.sub(r"\d+", "", causes or message)[:80],
        pod=pod.name,
    )


def _autoscaler_words(cluster: Cluster, event: Event) -> str:
    """Return what the cluster autoscaler does about the pod; "" if no event shows it."""
    for other in reversed(cluster.events_about(event)):
        if other.reason in ("NotTriggerScaleUp", "TriggeredScaleUp"):
            return f"Autoscaler: {words.short(other.message, 160)}"
    return ""


def _outcome(is_scheduled: bool, is_deleted: bool) -> str:
    if is_scheduled:
        return "It is over: the pod has a node now"
    return "The pod is being deleted" if is_deleted else ""


def _is_deleted(cluster: Cluster, event: Event) -> bool:
    return any(other.message.startswith("skip schedule deleting pod") for other in cluster.events_about(event))


def _causes(message: str) -> str:
    """Return the causes with their counts; without what preemption would do."""
    text = message.partition(" preemption: ")[0].partition("nodes are available: ")[2]
    return ", ".join(f"{count} {cause.strip().rstrip('.')}" for count, cause in _CAUSE.findall(text)) or text.rstrip(
        "."
    )


def _requests(pod: Pod, message: str) -> str:
    """Return what the containers of ``pod`` request of the resources that are insufficient."""
    resources = set(_RESOURCE.findall(message))
    requested = [
        f"container {container.name} requests {resource} {container.requests[resource]}"
        for container in pod.containers
        for resource in sorted(resources)
        if resource in container.requests
    ]
    return "; ".join(requested[:4])


def _advice(message: str) -> str:
    lower = message.lower()
    return next((advice for part, advice in _ADVICES if part in lower), "")


RULES = (pod_is_not_scheduled,)
