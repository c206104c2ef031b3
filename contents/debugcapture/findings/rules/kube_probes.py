"""Rules about probes: what they answered, how often, and whether the kubelet killed the container for it."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding, Severity
from ..parsers.kube_model import Cluster, Container, Event, Pod
from . import kube_words as words

_PROBE = re.compile(r"(Liveness|Readiness|Startup) probe (?:failed|errored)(?: and resulted in unknown state)?:? ?(.*)")
_KILLED: Final = re.compile(r"(?:Container |container )?(\S*?)\s*failed (liveness|startup) probe")
_OLD_KILL: Final = re.compile(r"[Cc]ontainer failed (liveness|startup) probe")
_FEW: Final = 5  # failures of a readiness probe while a program starts


def is_about_probes(event: Event) -> bool:
    """Return whether ``event`` reports a failed probe, or that the kubelet kills a container for one."""
    return event.reason in ("Unhealthy", "ProbeWarning", "ProbeError") or _is_kill(event)


def _is_kill(event: Event) -> bool:
    return event.reason == "Killing" and " probe" in event.message and "failed" in event.message


def is_killed_for_probe(cluster: Cluster, pod: Pod, container: Container) -> bool:
    """Return whether an event reports that the kubelet kills ``container`` for a failed probe."""
    kills = [event for event in cluster.events if _is_kill(event) and event.name in ("", pod.name)]
    return any((event.container or _container_in([event])) in ("", container.name) for event in kills)


def probe_fails(cluster: Cluster) -> Iterator[Finding]:
    """A probe fails. The kubelet restarts a container whose liveness or startup probe fails.

    A container whose readiness probe fails gets no traffic. A few failures while a program starts are normal, and so is
    a probe that fails while the pod ends. Source:
    https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
    """
    groups: dict[tuple[str, str], list[tuple[Event, str]]] = {}
    for event in cluster.events:
        match = _PROBE.search(event.message) if event.reason in ("Unhealthy", "ProbeError", "ProbeWarning") else None
        if match:
            groups.setdefault((event.object, match[1]), []).append((event, match[2]))
    for (_, kind), failures in groups.items():
        yield _finding(cluster, kind, failures)
    for event in cluster.events:
        if _is_kill(event) and not any((event.object, kind) in groups for kind in ("Liveness", "Startup")):
            yield _kill_finding(event)


def _finding(cluster: Cluster, kind: str, failures: list[tuple[Event, str]]) -> Finding:
    event, answer = max(failures, key=lambda failure: failure[0].when or 0.0)
    count = sum(failure.count for failure, _ in failures)
    kills = [other for other in cluster.events_about(event) if _is_kill(other)]
    killed = kind != "Readiness" and bool(kills)
    pod = cluster.pod_of(event)
    severity = _severity(cluster, kind, event, count, pod, killed)
    container = event.container or _container_in(kills) or _find_only_probed(pod, kind)
    subject = f'{kind} probe failed: container "{container}"' if container else f"{kind} probe failed"
    pod_words = f" of {event.name}" if event.name else ""
    times = sum(kill.count for kill in kills)
    effect = f", the kubelet killed it {f'{times} times' if times > 1 else 'once'}" if killed else ""
    return Finding(
        severity=severity,
        title=f"{subject}{pod_words}, {count} times{effect}" if count > 1 else f"{subject}{pod_words}{effect}",
        detail=words.sentences(
            f"The answer: {words.short(answer, 260)}" if answer.strip() else "The message of the probe is empty",
            f"Last seen {event.last_seen}" if event.last_seen else "",
            _spec(pod, kind, container),
            "The pod is ready now" if severity == "info" and pod and pod.is_ready else "",
        ),
        advice=_advice(kind, answer) if severity != "info" else "",
        evidence=words.lines_of([*(failure for failure, _ in failures), *kills]),
        directness=80 if killed else 62,
        key=f"{words.key_of(pod) if pod else event.name}/{container}/{kind}",
        pod=event.name,
    )


def _severity(cluster: Cluster, kind: str, event: Event, count: int, pod: Pod | None, killed: bool) -> Severity:
    ends = any(other.reason == "Killing" and not _is_kill(other) for other in cluster.events_about(event))
    if ends and not killed:
        return "info"
    if killed:
        return "warning" if pod and pod.is_ready else "critical"
    if pod and pod.is_ready is not None:
        return "info" if pod.is_ready and (kind != "Liveness" or count < _FEW) else "warning"
    return "warning" if count >= _FEW or kind == "Liveness" else "info"


def _kill_finding(event: Event) -> Finding:
    match = _KILLED.search(event.message)
    old = _OLD_KILL.search(event.message)
    kind = (match[2] if match else old[1] if old else "liveness").capitalize()
    container = event.container or (match[1] if match and match[1].lower() != "container" else "")
    subject = f'container "{container}"' if container else "a container"
    pod_words = f" of {event.name}" if event.name else ""
    return Finding(
        severity="critical",
        title=f"The kubelet kills {subject}{pod_words}, because its {kind.lower()} probe failed",
        detail=words.sentences(words.seen_words(event), words.short(event.message)),
        advice="Look at what the probe calls, and at timeoutSeconds and failureThreshold.",
        evidence=words.passages(event.lines),
        directness=78,
        key=f"{event.name}/{container}/{kind}",
        pod=event.name,
    )


def _container_in(kills: list[Event]) -> str:
    matches = (_KILLED.search(kill.message) for kill in kills)
    return next((match[1] for match in matches if match and match[1] and match[1].lower() != "container"), "")


def _find_only_probed(pod: Pod | None, kind: str) -> str:
    """Return the only container of ``pod`` that has a probe of ``kind``; "" if there are several."""
    names = [
        container.name
        for container in (pod.containers if pod else ())
        if any(probe.kind == kind for probe in container.probes)
    ]
    return names[0] if len(names) == 1 else ""


def _spec(pod: Pod | None, kind: str, name: str) -> str:
    for container in pod.containers if pod else ():
        for probe in container.probes:
            if probe.kind == kind and container.name == name:
                return f"The probe: {words.short(probe.text, 160)}"
    return ""


def _advice(kind: str, answer: str) -> str:
    lower = answer.lower()
    if "connection refused" in lower:
        return "Nothing listens on the port of the probe: check the port, and whether the program has started."
    if "deadline exceeded" in lower or "timeout" in lower or "timed out" in lower:
        return "The program answers later than timeoutSeconds: look at its threads and CPU, or raise the limit."
    if "statuscode" in lower:
        return "Read the log of the program: it answered with an error."
    return f"Run what the {kind.lower()} probe runs, and look at its answer."


RULES = (probe_fails,)
