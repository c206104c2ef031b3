"""Rules about other events: the network of a pod, hooks, and warnings that no other rule explains."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding, Severity
from ..parsers.kube_model import Cluster, Event
from . import kube_creation, kube_volumes, kube_workloads
from . import kube_words as words
from .kube_config import is_about_configuration
from .kube_images import is_about_pulling
from .kube_pods import EVICTION_REASONS
from .kube_probes import is_about_probes

_STARTED: Final = frozenset({"Created", "Started", "Pulled", "Pulling", "AddedInterface"})
_ELSEWHERE: Final = frozenset(
    {
        *kube_volumes.REASONS,
        *kube_volumes.CLAIM_REASONS,
        *kube_creation.REASONS,
        *kube_workloads.NODE_REASONS,
        *EVICTION_REASONS,
        *("FailedScheduling", "OOMKilling", "SystemOOM", "FailedCreatePodSandBox", "BackOff", "Unhealthy"),
        *("FailedToRetrieveImagePullSecret", "Failed"),
    }
)
_HARMLESS: Final = frozenset(
    {
        "DNSConfigForming",
        "MissingClusterDNS",
        "FailedToUpdateEndpoint",
        "FailedToUpdateEndpointSlices",
        "NodeNotReady",
        "FailedKillPod",
    }
)
_SANDBOX_POD: Final = re.compile(r'network for pod "([^"_]{1,253})["_]')
_MOST: Final = 6
_MANY_KILLS: Final = 3  # once is normal: the container ended by itself at the same time
_MOST_FAILURES: Final = 100


def pod_has_no_network(cluster: Cluster) -> Iterator[Finding]:
    """The runtime cannot create the sandbox of a pod, which contains its network: the network plugin failed.

    Source: https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/
    """
    groups: dict[str, list[Event]] = {}
    for event in cluster.events:
        if event.reason in ("FailedCreatePodSandBox", "FailedPodSandBoxStatus", "NetworkNotReady"):
            groups.setdefault(event.object, []).append(event)
    for events in groups.values():
        event = events[-1]
        is_over = bool(cluster.happened_after(event, _STARTED))
        cause = event.message.rpartition('for sandbox "')[2].partition('": ')[2] or event.message
        cause = cause.partition("Failed to create pod sandbox: ")[2] or cause
        yield Finding(
            severity="info" if is_over else "critical",
            title=f"{words.about(event) or _pod_in(event)} has no sandbox and cannot start: {words.short(cause, 300)}",
            detail=words.sentences(
                event.reason, words.seen_words(event), "It is over: the pod started later" if is_over else ""
            ),
            advice="" if is_over else "Look at the pods of the network plugin on this node, and at free addresses.",
            evidence=words.lines_of(events),
            directness=83,
            key=f"sandbox {event.reason}",
            pod=event.name,
        )


def _pod_in(event: Event) -> str:
    """Return the pod that the message of the runtime names, for events of which the object is unknown."""
    match = _SANDBOX_POD.search(event.message)
    return f"Pod {match[1]}" if match else "The pod"


def container_failed_in_an_event(cluster: Cluster) -> Iterator[Finding]:
    """An event of the kind Failed that no other rule explains, in the words of the kubelet.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
    """
    failed = {(event.object, event.message): event for event in _others(cluster) if event.reason == "Failed"}
    for event in list(failed.values())[:_MOST_FAILURES]:
        message = event.message.removeprefix("Error: ")
        is_over = bool(cluster.happened_after(event, frozenset({"Started"})))
        yield Finding(
            severity="info" if is_over else "warning",
            title=f"{words.about(event) or 'A container'} failed: {words.short(message, 300)}",
            detail=words.sentences(words.seen_words(event), "A container started later" if is_over else ""),
            evidence=words.passages(event.lines),
            directness=56,
            key=f"failed {words.short(event.message, 40)}",
            pod=event.name,
        )


def other_warnings(cluster: Cluster) -> Iterator[Finding]:
    """Events of the type Warning that no other rule explains, in the words of the component that wrote them.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
    """
    groups: dict[str, list[Event]] = {}
    for event in _others(cluster):
        if event.reason != "Failed":
            groups.setdefault(event.reason, []).append(event)
    for reason, events in list(groups.items())[:_MOST]:
        event = events[-1]
        count = sum(other.count for other in events)
        times = f", {count} times" if count > 1 else ""
        yield Finding(
            severity=_severity(cluster, event),
            title=f"{reason}{times}: {words.short(event.message, 300)}",
            detail=words.sentences(words.about(event), f"Last seen {event.last_seen}" if event.last_seen else ""),
            evidence=words.lines_of(events),
            directness=30,
            key=reason,
            pod=event.name if event.object.startswith("Pod/") else "",
        )


def _severity(cluster: Cluster, event: Event) -> Severity:
    if event.reason == "FailedSync" and any(_is_cause(other) for other in cluster.events_about(event)):
        return "info"  # it repeats the message of an earlier step
    if event.reason == "FailedKillPod" and event.count >= _MANY_KILLS:
        return "warning"
    if event.reason in _HARMLESS or cluster.happened_after(event, frozenset({"Started"})):
        return "info"
    return "warning"


def _is_cause(event: Event) -> bool:
    return event.is_warning and event.reason not in ("FailedSync", "BackOff")


def _others(cluster: Cluster) -> Iterator[Event]:
    """Yield warnings that the other rules do not explain."""
    for event in cluster.events:
        if not event.is_warning or (event.reason in _ELSEWHERE and event.reason != "Failed"):
            continue
        explained = is_about_pulling(event) or is_about_configuration(event) or is_about_probes(event)
        is_start = event.reason == "Failed" and ("OCI runtime" in event.message or "failed to start" in event.message)
        is_runtime = is_start or "containerd task" in event.message or "runc create" in event.message
        if not explained and not is_runtime:
            yield event


RULES = (pod_has_no_network, container_failed_in_an_event, other_warnings)
