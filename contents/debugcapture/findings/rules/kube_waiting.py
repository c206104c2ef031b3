"""Rules about pods that exist and do not serve: containers that are not ready, have not started, or have restarted."""

from collections.abc import Iterator
from typing import Final

from ...finding import Finding, Severity
from ..parsers.kube_model import Cluster, Container, Event, Pod, PodProblem, duration_s
from . import kube_words as words
from .kube_containers import START_REASONS
from .kube_images import PULL_REASONS

_YOUNG_S: Final = 120  # a container that started less than two minutes ago may still become ready
_MANY_RESTARTS: Final = 5
_HANGS, _NOT_READY = "HANGS", "NOT_READY"  # names of targets.problem.Severity
# Reasons of waiting containers that another rule explains.
_EXPLAINED: Final = PULL_REASONS | {
    "CrashLoopBackOff",
    "ContainerCreating",
    "PodInitializing",
    "CreateContainerConfigError",
}


def container_runs_and_is_not_ready(cluster: Cluster) -> Iterator[Finding]:
    """A container runs and is not ready, so its pod gets no traffic from Services.

    Its readiness probe fails, or its startup probe has not succeeded yet. Source:
    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes
    """
    for pod in cluster.pods:
        waiting = [container for container in pod.containers if _runs_and_is_not_ready(container)]
        if not waiting or pod.deleted:
            continue
        first = waiting[0]
        probes = [probe for probe in first.probes if probe.kind != "Liveness"]
        has_failed = any(container.ended.has_failed for container in waiting)
        is_serious = bool(probes) and not has_failed and not _is_young(cluster, pod)
        names = ", ".join(f'"{container.name}"' for container in waiting[:4])
        yield Finding(
            severity="warning" if is_serious else "info",
            title=f"{_capital(_name_of(pod))} runs and is not ready: "
            f"{'containers' if len(waiting) > 1 else 'container'} {names}",
            detail=words.sentences(
                _ready_message(pod),
                f"Running since {first.state.started}" if first.state.started else "",
                *(f"{probe.kind} probe: {words.short(probe.text, 160)}" for probe in probes[:2]),
            ),
            advice="Look at the events of the pod, and at what the probe calls." if is_serious else "",
            evidence=words.passages(*(container.lines for container in waiting[:4])),
            directness=46,
            key=words.key_of(pod, first),
            pod=pod.name,
        )


def pod_hangs(cluster: Cluster) -> Iterator[Finding]:
    """A pod has been starting for a long time, or is not ready although its containers are.

    An init container or a sidecar does not finish its start, a volume or an image is missing, or a readiness gate is
    not met. Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-readiness-gate
    """
    for pod in cluster.pods:
        for problem in pod.problems:
            is_of_pod = problem.severity == _NOT_READY and not problem.container
            if problem.severity == _HANGS or is_of_pod:
                container = f'container "{problem.container}": ' if problem.container else ""
                yield Finding(
                    severity="warning",
                    title=f"{_capital(_name_of(pod))} {'is not ready' if is_of_pod else 'hangs'}: "
                    f"{container}{words.short(problem.reason, 240)}",
                    detail=words.sentences(f"Phase {pod.phase}" if pod.phase else "", _ready_message(pod)),
                    advice=_hanging_advice(problem),
                    evidence=(problem.line,),
                    directness=63,
                    key=f"{words.key_of(pod)} {problem.container} {problem.severity}",
                    pod=pod.name,
                )


def _hanging_advice(problem: PodProblem) -> str:
    if problem.reason.startswith("readiness gate"):
        return "Look at the controller that sets this condition, such as a load balancer or a service mesh."
    if problem.container:
        return f"Look at the log and the stacks of {problem.container}."
    return "Look at the events of the pod."


def _runs_and_is_not_ready(container: Container) -> bool:
    return container.kind == "container" and container.state.phase == "running" and container.ready is False


def _ready_message(pod: Pod) -> str:
    return next(
        (
            " ".join(part for part in (condition.reason, condition.message) if part)
            for condition in pod.conditions
            if condition.type in ("Ready", "ContainersReady") and condition.status == "False" and condition.reason
        ),
        "",
    )


def _is_young(cluster: Cluster, pod: Pod) -> bool:
    """Return whether a container of ``pod`` started less than two minutes before the events were listed."""
    for event in cluster.events:
        if event.reason == "Started" and event.name in ("", pod.name):
            age_s = _age_s(event)
            if age_s is not None and age_s < _YOUNG_S:
                return True
    return False


def _age_s(event: Event) -> int | None:
    return duration_s(event.last_seen.removesuffix(" ago")) if event.last_seen.endswith(" ago") else None


def pod_has_not_started(cluster: Cluster) -> Iterator[Finding]:
    """The containers of a pod are being created: images are pulled, and volumes and the network are set up.

    This is information; if it takes long, events show why. Source:
    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-state-waiting
    """
    for pod in cluster.pods:
        waiting = [container for container in pod.containers if container.state.reason == "ContainerCreating"]
        if waiting:
            names = ", ".join(f'"{container.name}"' for container in waiting[:4])
            yield Finding(
                severity="info",
                title=f"{_capital(_name_of(pod))} has not started: {names} ContainerCreating",
                detail=words.sentences(
                    f"Phase {pod.phase}" if pod.phase else "", f"Node {pod.node}" if pod.node else ""
                ),
                evidence=words.passages(waiting[0].lines),
                directness=35,
                key=words.key_of(pod),
                pod=pod.name,
            )


def container_has_restarted(cluster: Cluster) -> Iterator[Finding]:
    """A container has restarted, and the evidence does not show how its previous run ended.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
    """
    for pod, container in cluster.containers():
        restarts = container.restarts or 0
        if container.ended.phase or not (restarts or container.is_in_crash_loop):
            continue
        loops = f" ({container.state.reason})" if container.state.reason else ""
        yield Finding(
            severity=_restart_severity(container),
            title=f"{_capital(container.label)} has restarted: {words.restarts_words(container)}{loops}"
            if restarts
            else f"{_capital(container.label)} waits before its next start{loops}",
            detail=words.sentences(
                words.of_pod(pod), words.short(container.state.message), "Its last state is not in this evidence"
            ),
            advice="Read the log of its previous run.",
            evidence=words.passages(container.lines),
            directness=44,
            key=words.key_of(pod, container),
            pod=pod.name,
        )


def _restart_severity(container: Container) -> Severity:
    if container.is_in_crash_loop:
        return "critical"
    return "warning" if (container.restarts or 0) >= _MANY_RESTARTS else "info"


def container_waits_for_another_reason(cluster: Cluster) -> Iterator[Finding]:
    """A container waits, with a reason of the kubelet or the runtime that no other rule explains.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-state-waiting
    """
    for pod, container in cluster.containers():
        state = container.state
        is_explained = state.reason in _EXPLAINED or (state.reason in START_REASONS and state.message)
        if state.phase != "waiting" or not state.reason or is_explained:
            continue
        yield Finding(
            severity="critical",
            title=f"{_capital(container.label)} does not start: {state.reason}",
            detail=words.sentences(words.of_pod(pod), words.short(state.message)),
            advice="Look at the events of the pod.",
            evidence=words.passages(container.lines),
            directness=52,
            key=f"{words.key_of(pod, container)} {state.reason}",
            pod=pod.name,
        )


def _name_of(pod: Pod) -> str:
    return f'pod "{pod.name}"' if pod.name else "the pod"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


RULES = (
    pod_hangs,
    container_runs_and_is_not_ready,
    container_waits_for_another_reason,
    pod_has_not_started,
    container_has_restarted,
)
