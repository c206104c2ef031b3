"""What happened to a pod, and when: rollouts, runs of its containers, failed probes, and other events."""

import re
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Final

from ...finding import EvidenceLines
from ...picture import Moment, MomentKind, PodPictures, Tone
from ...text import shortened
from ..parsers.kube_model import Cluster, Container, Event, Pod, Run, Workload, moment

_MOST_MOMENTS: Final = 60
_TEXT_CHARACTERS: Final = 200
_FIRST_YEAR: Final = 2000  # the kubelet writes 1970 if something never happened
_ROLLOUT_REASONS: Final = frozenset(
    {"ScalingReplicaSet", "SuccessfulCreate", "DeploymentRollback", "SuccessfulRescale"}
)
_SETS: Final = frozenset({"ReplicaSet", "StatefulSet", "DaemonSet", "Job"})
_IDENTITY: Final = re.compile(r"_[a-z0-9-]{1,63}\([0-9a-f-]{36}\)")
"""What follows the name of a pod in messages of the kubelet: its namespace and its UID."""
_STARTED: Final = "Started container "
_NO_LINES: Final = EvidenceLines("", 0, 0)


def cluster_moments(cluster: Cluster) -> PodPictures:
    """Return the moments of a file about a cluster, the oldest first. If there are very many, the newest are kept."""
    moments = [
        *(item for pod in cluster.pods for item in _pod_moments(pod)),
        *(item for event in cluster.events for item in _event_moments(event)),
        *(item for workload in cluster.workloads for item in _rollouts(workload)),
    ]
    return PodPictures("", moments=tuple(sorted(moments, key=lambda item: item.when)[-_MOST_MOMENTS:]))


def _pod_moments(pod: Pod) -> Iterator[Moment]:
    lines = pod.lines or _NO_LINES
    if created := _time(pod.started):
        yield _moment(created, "run", f"Pod started{f' on node {pod.node}' if pod.node else ''}", lines)
    for container in pod.containers:
        if container.kind != "debug container":
            yield from _runs(container, container.lines or lines)
    for condition in pod.conditions:
        since = _time(condition.since)
        if condition.type == "Ready" and since:
            is_ready = condition.status == "True"
            text = "Pod is ready" if is_ready else f"Pod is not ready: {condition.reason or condition.message}"
            yield _moment(since, "probe", text.rstrip(": "), lines, "good" if is_ready else "warning")


def _runs(container: Container, lines: EvidenceLines) -> Iterator[Moment]:
    label = container.label[:1].upper() + container.label[1:]
    for run in (container.last, container.state):
        started, finished = _time(run.started), _time(run.finished)
        if run.phase == "terminated" and finished:
            tone: Tone = "bad" if run.has_failed else ""
            yield _moment(finished, "restart", f"{label} ended: {_end(run)}", lines, tone, started)
        elif run.phase == "running" and started:
            yield _moment(started, "run", f"{label} started", lines)


def _end(run: Run) -> str:
    reason = f" ({run.reason})" if run.reason else ""
    if run.signal:
        return f"signal {run.signal}{reason}"
    return f"exit code {run.exit_code}{reason}" if run.exit_code is not None else run.reason or "unknown reason"


def _event_moments(event: Event) -> Iterator[Moment]:
    when = _time(event.last_seen)
    kind = _kind(event)
    if when is None or not kind or event.is_about_debug_container:
        return
    first = _time(event.first_seen)
    tone: Tone = "warning" if event.is_warning else ""
    yield Moment(
        when=when,
        kind=kind,
        text=_text(event),
        tone=tone,
        first=first if first and first < when else None,
        count=event.count,
        file=event.lines.file if event.lines else "",
        line=event.lines.first if event.lines else 0,
    )


def _kind(event: Event) -> MomentKind | None:
    """Return the kind of moment that ``event`` is; None if it is part of every start of a pod."""
    if event.reason == "Unhealthy" or event.reason.startswith("ProbeWarning"):
        return "probe"
    if event.reason in _ROLLOUT_REASONS:
        return "rollout"
    if event.reason in ("Killing", "SandboxChanged"):
        return "restart"
    if event.reason == "Started":
        return "run"
    return "problem" if event.is_warning else None


def _text(event: Event) -> str:
    if event.reason == "Started":  # the same words as for the status of the pod, so that both become one
        return f'Container "{event.container or event.message.removeprefix(_STARTED)}" started'
    return shortened(f"{event.reason}: {_IDENTITY.sub('', event.message)}", _TEXT_CHARACTERS)


def _rollouts(workload: Workload) -> Iterator[Moment]:
    created = _time(workload.created)
    if created and workload.kind in _SETS:
        revision = f" (revision {workload.revision})" if workload.revision else ""
        text = f"{workload.kind} {workload.name}{revision} was created"
        yield _moment(created, "rollout", text, workload.lines or _NO_LINES)


def _moment(
    when: datetime, kind: MomentKind, text: str, lines: EvidenceLines, tone: Tone = "", first: datetime | None = None
) -> Moment:
    first = first if first and first < when else None
    return Moment(when, kind, shortened(text, _TEXT_CHARACTERS), tone, first, 1, lines.file, lines.first)


def _time(text: str) -> datetime | None:
    """Return the time in ``text`` in UTC; None if there is none, or if it is only an age."""
    time = moment(text)
    if time is None or time.year < _FIRST_YEAR:
        return None
    try:
        return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)
    except OverflowError:
        return None
