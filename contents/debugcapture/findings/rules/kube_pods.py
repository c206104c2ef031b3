"""Rules about whole pods: eviction, failure, init containers that hold it up, deletion that does not end."""

from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.kube_model import Cluster, Container, Pod, duration_s, moment
from . import kube_words as words

EVICTION_REASONS: Final = frozenset({"Evicted", "Preempted", "TaintManagerEviction", "Preempting"})
_FAILURES: Final = {
    "DeadlineExceeded": "it ran longer than activeDeadlineSeconds allows",
    "NodeLost": "its node does not respond",
    "NodeShutdown": "its node was shut down",
    "Shutdown": "its node was shut down",
    "Terminated": "its node was shut down",
    "NodeAffinity": "the labels of its node no longer match",
    "UnexpectedAdmissionError": "its node rejected it",
    "OutOfcpu": "its node had too little CPU left",
    "OutOfmemory": "its node had too little memory left",
    "OutOfpods": "its node runs as many pods as it may",
    "Preempting": "a pod of higher priority took its resources",
    "PreemptionByScheduler": "a pod of higher priority took its resources",
}
_LONG_S: Final = 600


def pod_was_evicted(cluster: Cluster) -> Iterator[Finding]:
    """The kubelet evicted a pod: its node was short of memory, disk or process IDs, or the pod exceeded a disk limit.

    The message names the resource, and the usage and request of the container. Source:
    https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
    """
    names = set()
    for pod in cluster.pods:
        if pod.reason == "Evicted":
            names.add(pod.name)
            limits = [
                f"container {container.name} has the memory limit {container.limits['memory']}"
                for container in pod.containers
                if "memory" in container.limits and "resource: memory" in pod.message
            ]
            yield Finding(
                severity="critical",
                title=f"{_name_of(pod)} was Evicted: {words.short(pod.message, 400)}",
                detail=words.sentences(f"Node {pod.node}" if pod.node else "", "; ".join(limits[:3])),
                advice=_eviction_advice(pod.message),
                evidence=words.passages(pod.lines),
                directness=89,
                key=words.key_of(pod),
                pod=pod.name,
            )
    for event in cluster.events:
        if event.reason in EVICTION_REASONS and event.name not in names and "Cancelling deletion" not in event.message:
            names.add(event.name)
            yield Finding(
                severity="critical",
                title=f"{words.about(event) or 'The pod'} was evicted, {event.reason}: {words.short(event.message)}",
                detail=words.sentences(words.seen_words(event)),
                advice=_eviction_advice(event.message),
                evidence=words.passages(event.lines),
                directness=89,
                key=event.reason,
                pod=event.name,
            )


def _eviction_advice(message: str) -> str:
    lower = message.lower()
    if "exceeded" in lower and "limit" in lower:
        return "Find out what writes the data, raise the limit, or use a volume."
    if "resource: memory" in lower:
        return "Set the memory request to what the container needs, so that the node is not overcommitted."
    if "ephemeral-storage" in lower:
        return "Find out what fills the disk of the node: logs, emptyDir volumes, images. Set ephemeral-storage limits."
    return ""


def pod_failed_as_a_whole(cluster: Cluster) -> Iterator[Finding]:
    """A pod failed for a reason outside of its containers, such as a deadline or a node that went away.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase
    """
    for pod in cluster.pods:
        if pod.phase not in ("Failed", "Unknown") or not pod.reason or pod.reason == "Evicted":
            continue
        meaning = _FAILURES.get(pod.reason, "")
        yield Finding(
            severity="critical",
            title=f"{_name_of(pod)} failed: {pod.reason}" + (f", {meaning}" if meaning else ""),
            detail=words.sentences(f"Node {pod.node}" if pod.node else "", words.short(pod.message)),
            evidence=words.passages(pod.lines),
            directness=86,
            key=f"{words.key_of(pod)} {pod.reason}",
            pod=pod.name,
        )


def pod_waits_for_an_init_container(cluster: Cluster) -> Iterator[Finding]:
    """Init containers run one after the other, before the containers. One that does not complete holds up the pod.

    It is a warning if the init container fails or has run for ten minutes. Source:
    https://kubernetes.io/docs/concepts/workloads/pods/init-containers/
    """
    for pod in cluster.pods:
        waiting = [container.name for container in pod.containers if container.state.reason == "PodInitializing"]
        init = next((container for container in pod.containers if _holds_up(container)), None)
        if not init or not waiting:
            continue
        names = ", ".join(f'"{name}"' for name in waiting[:4])
        fails = init.state.phase == "waiting" or init.ended.has_failed
        state = f"{init.state.phase} {init.state.reason}".strip()
        ran_s = _running_for_s(cluster, pod, init)
        yield Finding(
            severity="warning" if fails or (ran_s or 0) >= _LONG_S else "info",
            title=f'{_name_of(pod)} waits for init container "{init.name}" ({state}): '
            f"{'containers' if len(waiting) > 1 else 'container'} {names} not started (PodInitializing)",
            detail=words.sentences(
                f"Phase {pod.phase}" if pod.phase else "",
                f"The init container started at {init.state.started}" if init.state.started else "",
                f"It has run for {words.duration(ran_s)}" if ran_s else "",
                words.restarts_words(init),
            ),
            advice=f"Read the log of {init.name}.",
            evidence=words.passages(init.lines),
            directness=60,
            key=words.key_of(pod, init),
            pod=pod.name,
        )


def _holds_up(container: Container) -> bool:
    is_init = container.kind == "init container" and not container.is_sidecar
    if not is_init or container.state.phase == "":
        return False
    completed = container.state.phase == "terminated" and container.state.exit_code == 0
    return not completed and container.state.reason != "PodInitializing"


def _running_for_s(cluster: Cluster, pod: Pod, init: Container) -> int | None:
    """Return how long the init container has run, from the age of its event; None if the evidence does not say."""
    if init.state.phase != "running":
        return None
    for event in cluster.events:
        about_it = event.reason == "Started" and event.message.rstrip().endswith(f" {init.name}")
        if about_it and event.last_seen.endswith(" ago") and event.name in ("", pod.name):
            return duration_s(event.last_seen.removesuffix(" ago"))
    return None


def pod_deletion_does_not_end(cluster: Cluster) -> Iterator[Finding]:
    """A pod was deleted and still exists.

    Its containers do not stop, its node does not respond, or a finalizer holds it. Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/
    """
    for pod in cluster.pods:
        if not pod.deleted:
            continue
        stopped = [container for container in pod.containers if container.state.phase == "terminated"]
        running = [container.name for container in pod.containers if container.state.phase == "running"]
        held = ", ".join(pod.finalizers)
        is_stuck = bool(held) or (not running and bool(stopped)) or _is_long_ago(cluster, pod)
        yield Finding(
            severity="warning" if is_stuck else "info",
            title=f"{_name_of(pod)} was deleted ({_deleted_words(pod)}) and still exists"
            + (f": finalizers {held}" if held else ""),
            detail=words.sentences(
                f"Phase {pod.phase}" if pod.phase else "",
                "; ".join(_ended_words(container) for container in stopped[:3]),
                f"Still running: {', '.join(running[:4])}" if running else "",
                "No finalizer is set on it" if not held and not running and pod.deletion_grace_s is not None else "",
                f"Node {pod.node}" if pod.node else "",
            ),
            advice=_deletion_advice(held, running) if is_stuck else "",
            evidence=words.passages(pod.lines),
            directness=65,
            key=words.key_of(pod),
            pod=pod.name,
        )
    yield from _workload_deletions(cluster)


def _workload_deletions(cluster: Cluster) -> Iterator[Finding]:
    for workload in cluster.workloads:
        if workload.deleted and workload.finalizers:
            yield Finding(
                severity="warning",
                title=f"{workload.kind} {workload.name} was deleted ({workload.deleted}) and still exists: "
                f"finalizers {', '.join(workload.finalizers)}",
                detail="The object is deleted when the controllers of its finalizers have removed them.",
                advice="Look at the controllers that own the finalizers.",
                evidence=words.passages(workload.lines),
                directness=65,
                key=f"{workload.kind} {workload.name}",
            )


def _deleted_words(pod: Pod) -> str:
    if pod.deleted == "unknown":
        return "Terminating"
    return f"deletionTimestamp {pod.deleted}" if pod.deleted[:1].isdigit() else f"Terminating, {pod.deleted}"


def _ended_words(container: Container) -> str:
    return f"container {container.name} ended with {words.exit_words(container.state)}"


def _deletion_advice(held: str, running: list[str]) -> str:
    if held:
        return "Look at the controllers that own the finalizers: they must remove them."
    if running:
        return "Look at the node: the kubelet has not stopped the containers."
    return "Look at the kubelet of its node, for a volume that cannot be unmounted, and for finalizers."


def _is_long_ago(cluster: Cluster, pod: Pod) -> bool:
    """Return whether the deletion was longer ago than the grace period, by the latest time in the evidence."""
    lasts = pod.deleted.removeprefix("lasts ")
    if lasts != pod.deleted:
        return (duration_s(lasts) or 0) > _LONG_S
    deleted = moment(pod.deleted)
    latest = max((event.when for event in cluster.events if event.when and event.when > 0), default=None)
    return bool(deleted and deleted.tzinfo and latest and latest - deleted.timestamp() > _LONG_S)


def _name_of(pod: Pod) -> str:
    return f'Pod "{pod.name}"' if pod.name else "The pod"


RULES = (pod_was_evicted, pod_failed_as_a_whole, pod_waits_for_an_init_container, pod_deletion_does_not_end)
