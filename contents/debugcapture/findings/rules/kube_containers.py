"""Rules about containers that end or do not start: memory, exit codes, signals, crash loops."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ...finding import Finding, Severity
from ..parsers.kube_model import Cluster, Container, Event, Pod, Run, moment
from . import kube_words as words
from .kube_probes import is_killed_for_probe

# Reasons of a state in which the runtime could not create or start the container.
START_REASONS: Final = frozenset({"StartError", "ContainerCannotRun", "RunContainerError", "CreateContainerError"})
_RUNTIME_ERRORS: Final = ("OCI runtime", "failed to create containerd task", "failed to start container", "runc create")
_RUNTIME_WRAPPING = re.compile(
    r"^.{0,400}?(?:unable to start container process: |starting container process caused[: ]+)"
    r"(?:error during container init: )?"
)
_UNKNOWN: Final = "Unknown"  # the node restarted, and the kubelet found the container gone
_FEW_RESTARTS: Final = 3
_RARE_S: Final = 6 * 3600  # seconds between two restarts


def container_killed_for_memory(cluster: Cluster) -> Iterator[Finding]:
    """A container used more memory than its limit allows, and the kernel killed it.

    The kubelet reports the reason OOMKilled. Without a limit, the memory of the node or of the pod was used up. Source:
    https://kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource/
    """
    for pod, container in cluster.containers():
        run = _killed_for_memory(container)
        if run:
            yield _memory_finding(pod, container, run)
    for event in cluster.events:
        if event.reason in ("OOMKilling", "SystemOOM"):
            yield Finding(
                severity="critical",
                title=f"The node killed a process for memory: {words.short(event.message, 200)}",
                detail=words.sentences(words.about(event), f"Event {event.reason}", words.seen_words(event)),
                advice="Compare the memory of the process with the limit of its container.",
                evidence=words.passages(event.lines),
                directness=88,
                key=event.reason,
            )


def _killed_for_memory(container: Container) -> Run | None:
    return next((run for run in (container.state, container.last) if run.reason == "OOMKilled"), None)


def _memory_finding(pod: Pod, container: Container, run: Run) -> Finding:
    limit = container.limits.get("memory", "")
    limit_words = f", memory limit {limit}" if limit else ""
    no_limit = container.has_spec and not limit
    restarts = words.restarts_words(container)
    return Finding(
        severity="critical",
        title=f"{_capital(container.label)} was killed for memory: OOMKilled, {words.exit_words(run)}{limit_words}",
        detail=words.sentences(
            words.of_pod(pod),
            _describe_duration(run),
            f"It is in CrashLoopBackOff, {restarts}" if container.is_in_crash_loop else restarts,
            "It has no memory limit, so the limit of the pod or the memory of the node was used up" if no_limit else "",
            ""
            if run.exit_code in (137, None)
            else "Its main process ended with another code than 137: the kernel killed one of its child processes",
        ),
        advice="Find out what uses the memory (heap dump, profile), or raise the limit.",
        evidence=words.passages(container.lines),
        directness=90,
        key=words.key_of(pod, container),
        pod=pod.name,
    )


def container_cannot_start(cluster: Cluster) -> Iterator[Finding]:
    """The runtime could not create or start a container, for example because its program does not exist.

    The message of the runtime names the cause. Source:
    https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
    """
    covered = set()
    for pod, container in cluster.containers():
        run = next(
            (run for run in (container.state, container.last) if run.reason in START_REASONS and run.message), None
        )
        if run and not _is_over(container):
            covered.add(pod.name)
            yield _start_finding(pod, container, run)
    failed: dict[tuple[str, str], Event] = {}
    for event in cluster.events:
        is_start = event.reason == "Failed" and any(part in event.message for part in _RUNTIME_ERRORS)
        if is_start and event.name not in covered:
            failed[event.object, _cause(event.message)] = event
    for event in failed.values():
        yield _start_event_finding(cluster, event)


def _start_finding(pod: Pod, container: Container, run: Run) -> Finding:
    cause = _cause(run.message)
    code = f", {words.exit_words(run)}" if run.exit_code is not None else ""
    crash = "It is in CrashLoopBackOff" if container.is_in_crash_loop else ""
    return Finding(
        severity="critical",
        title=f"{_capital(container.label)} cannot start: {words.short(cause, 200)}",
        detail=words.sentences(
            words.of_pod(pod),
            f"{run.reason}{code}",
            ", ".join(part for part in (crash, words.restarts_words(container)) if part),
            f"The runtime reports: {words.short(run.message)}" if cause != run.message else "",
        ),
        advice=_start_advice(run.message),
        evidence=words.passages(container.lines),
        directness=88,
        key=words.key_of(pod, container),
        pod=pod.name,
    )


def _start_event_finding(cluster: Cluster, event: Event) -> Finding:
    container = event.container or _container_in_back_off(cluster, event)
    subject = f'Container "{container}"' if container else "A container"
    return Finding(
        severity="critical",
        title=f"{subject} cannot start: {words.short(_cause(event.message), 200)}",
        detail=words.sentences(
            words.about(event), words.seen_words(event), f"The runtime reports: {words.short(event.message, 400)}"
        ),
        advice=_start_advice(event.message),
        evidence=words.passages(event.lines),
        directness=88,
        key=f"{container}: {_cause(event.message)[:60]}",
        pod=event.name,
    )


def _container_in_back_off(cluster: Cluster, event: Event) -> str:
    """Return the container that back-off events of the same pod name; "" if it is not the only one."""
    names = {
        other.container or container_in_back_off(other.message)
        for other in cluster.events_about(event)
        if other.reason == "BackOff"
    } - {""}
    return names.pop() if len(names) == 1 else ""


def container_in_back_off(message: str) -> str:
    """Return NAME of "Back-off restarting failed container NAME in pod …"; "" if it is not there."""
    rest = message.partition("restarting failed container")[2].strip()
    name = rest.removeprefix("=").split(" ")[0]
    return "" if name.startswith("in") and " pod" in rest[:8] else name


def _cause(message: str) -> str:
    """Return the last part of a message of the runtime, which names the cause."""
    return _RUNTIME_WRAPPING.sub("", message.removeprefix("Error: ")).removesuffix(": unknown")


def _start_advice(message: str) -> str:
    lower = message.lower()
    if "exec format error" in lower:
        return "The program is for another CPU architecture, or is a script without a first line #!."
    if "executable file not found" in lower or "no such file or directory" in lower:
        return "Check the command of the container and the content of the image."
    if "permission denied" in lower:
        return "The program is not executable for the user of the container: check its mode and the security context."
    if "not a directory" in lower:
        return "A volume is mounted on a file, or a file on a directory: check mountPath and subPath."
    return ""


def container_ends_by_itself(cluster: Cluster) -> Iterator[Finding]:
    """A container ends with exit code 0 again and again, although its pod restarts it.

    A program that should run on ended: it has nothing to do, runs in the background, or lacks a setting. Source:
    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
    """
    for pod, container in cluster.containers():
        run = container.ended
        loops = container.is_in_crash_loop or (container.restarts or 0) >= _FEW_RESTARTS
        if run.exit_code != 0 or run.reason not in ("Completed", "") or not loops or pod.is_job or run.phase == "":
            continue
        is_init = container.kind == "init container"
        if is_init and not container.is_in_crash_loop:
            continue
        is_running = container.state.phase == "running" and container.ready is not False
        state = "CrashLoopBackOff, " if container.is_in_crash_loop else ""
        end = _describe_stop(container) if is_killed_for_probe(cluster, pod, container) else _ended_by_itself(container)
        yield Finding(
            severity="info" if is_running else "warning",
            title=f"{end.title}: {state}{words.restarts_words(container)}",
            detail=words.sentences(words.of_pod(pod), _describe_duration(run), end.meaning),
            advice=end.advice,
            evidence=words.passages(container.lines),
            directness=70,
            key=words.key_of(pod, container),
            pod=pod.name,
        )


@dataclass(frozen=True, slots=True)
class _End:
    """How a container ended with exit code 0, in words."""

    title: str
    meaning: str
    advice: str


def _ended_by_itself(container: Container) -> _End:
    return _End(
        f"{_capital(container.label)} ends by itself with exit code 0 (Completed) and is restarted",
        "It did not crash: a program that should run on has ended",
        "Read its log and its command. The program must run in the foreground and must not end.",
    )


def _describe_stop(container: Container) -> _End:
    return _End(
        f"{_capital(container.label)} is restarted because its probe fails",
        "It ended with exit code 0 after the kubelet stopped it",
        "Look at what the probe answers.",
    )


def container_keeps_failing(cluster: Cluster) -> Iterator[Finding]:
    """A container ended with an exit code other than 0, or a signal ended it.

    128 + N means signal N. The finding is critical if the container does not run now. Source:
    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-state-terminated
    """
    for pod, container in cluster.containers():
        run = container.ended
        if not run.has_failed or run.reason == "OOMKilled" or (run.reason in START_REASONS and run.message):
            continue
        severity = _failure_severity(pod, container, run)
        yield Finding(
            severity=severity,
            title=_failure_title(container, run),
            detail=words.sentences(
                words.of_pod(pod),
                f"Reason {run.reason}" if run.reason else "",
                _describe_duration(run),
                words.exit_meaning(run) or words.command_meaning(container, run),
                "It runs now" if container.state.phase == "running" and severity == "info" else "",
                f"Its last message: {words.short(run.message)}" if run.message else "",
            ),
            advice="Read its log." if run is container.state else "Read the log of its previous run.",
            evidence=words.passages(container.lines, container.final_words),
            directness=75,
            key=words.key_of(pod, container),
            pod=pod.name,
        )


def _failure_title(container: Container, run: Run) -> str:
    """Return the end of the container and its last message, from its termination message or else from its log."""
    facts = ["CrashLoopBackOff"] if container.is_in_crash_loop else []
    facts += filter(None, [words.restarts_words(container)])
    log = container.final_words
    message = run.message or (log.quote[0] if log else "")
    return (
        f"{_capital(container.label)} ended with {words.exit_words(run)}"
        + (f": {', '.join(facts)}" if facts else "")
        + (f". Last message: {words.short(message, 120)}" if message else "")
    )


def _failure_severity(pod: Pod, container: Container, run: Run) -> Severity:
    """Return how much the end of ``run`` matters: a container that is ready again after few restarts has recovered."""
    if pod.deleted or (run.exit_code == 143 and container.state.phase == "terminated"):
        return "info"
    if container.state.phase != "running" or container.ready is False:
        return "critical"
    if run.reason == _UNKNOWN or run.exit_code == 255 or _restarts_rarely(pod, container):
        return "info"
    is_signal = bool(words.signal_name(run)) and run.exit_code != 143
    return "warning" if is_signal or (container.restarts or 0) >= _FEW_RESTARTS else "info"


def _restarts_rarely(pod: Pod, container: Container) -> bool:
    """Return whether the container restarted less than once in six hours since its pod started."""
    started, current = moment(pod.started), moment(container.state.started)
    if not started or not current or not container.restarts:
        return False
    return current.timestamp() - started.timestamp() > container.restarts * _RARE_S


def container_is_restarted_in_a_loop(cluster: Cluster) -> Iterator[Finding]:
    """A container ends again and again; the evidence does not show how.

    The kubelet waits longer before each start, up to five minutes. Source:
    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
    """
    reported = {pod.name for pod, container in cluster.containers() if container.ended.phase}
    loops: dict[tuple[str, str], Event] = {}
    for event in cluster.events:
        if event.reason == "BackOff" and "restarting failed container" in event.message and event.name not in reported:
            loops[event.object, event.container or container_in_back_off(event.message)] = event
    for (_, container), event in loops.items():
        subject = f'Container "{container}"' if container else "A container"
        object_words = f" of {words.about(event)}" if event.object else ""
        yield Finding(
            severity="critical" if event.count >= _FEW_RESTARTS else "warning",
            title=f"{subject}{object_words} ends again and again: back-off restarting failed container",
            detail=words.sentences(words.seen_words(event), "The events do not show how it ends"),
            advice="Look at the last state of the container and at the log of its previous run.",
            evidence=words.passages(event.lines),
            directness=55,
            key=f"{event.name}/{container}",
            pod=event.name,
        )


def _is_over(container: Container) -> bool:
    """Return whether the container runs although an earlier start failed."""
    return container.state.phase == "running" and container.ready is not False


def _describe_duration(run: Run) -> str:
    seconds = run.lasted_s
    if seconds is None:
        return f"It ended at {run.finished}" if run.finished else ""
    return f"The last run lasted {words.duration(seconds)} and ended at {run.finished}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


RULES = (
    container_killed_for_memory,
    container_cannot_start,
    container_keeps_failing,
    container_ends_by_itself,
    container_is_restarted_in_a_loop,
)
