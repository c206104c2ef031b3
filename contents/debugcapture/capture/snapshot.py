"""Reads a pod, its logs, its events and the objects around it from the Kubernetes API."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

from ..backoff import Clock, on, retried
from ..errors import LogRemoved, TargetNotFound
from ..kube.client import Api
from ..kube.objects import last_terminated_state, running_state, terminated_state
from ..kube.resources import path_of
from ..kube.values import parse_time
from ..manifest import ArtifactOutcome
from ..model import Json, Target
from ..redaction.pods import masked_pod
from ..targets.pods import container_names, container_status
from .describe import describe, describe_node, event_table, metrics_table
from .owners import last_release_diff, owner_chain

LOG_LINES = 100_000
_LOG_REMOVED = b"unable to retrieve container logs for "
_LOG_REMOVED_WAITS_S = (0.0, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One file of the snapshot. ``read`` requests it from the API."""

    title: str
    file: str
    read: Callable[[], Iterator[bytes]]
    if_refused: ArtifactOutcome = "failed"
    """Outcome if RBAC does not allow reading it."""
    if_removed: ArtifactOutcome = "failed"
    """Outcome if the kubelet has deleted it."""
    log: "Log | None" = None
    """What is known of a log; None for other files."""


@dataclass(frozen=True, slots=True)
class Log:
    """A log of a container."""

    read_newest: Callable[[int], Iterator[bytes]]
    """Requests that number of its newest lines, the oldest first."""
    started: datetime | None
    """When the run of the container began; None if it is unknown, or if only newer lines are requested."""


Reader = Callable[[Api, Json, Target, int], list[SnapshotFile]]


def snapshot_files(api: Api, pod: Json, target: Target, reader: str, log_since_s: int = 0) -> list[SnapshotFile]:
    """Return the files of ``reader`` (a key of READERS) for ``target`` in ``pod``.

    With ``log_since_s``, logs contain the lines of that many seconds only; 0 for all.
    """
    return READERS[reader](api, pod, target, log_since_s)


def _snapshot(api: Api, pod: Json, target: Target, since_s: int) -> list[SnapshotFile]:
    """Previous logs come first, because the kubelet may remove them at any time."""
    return [
        *_all_logs(api, pod, target, since_s),
        *_pod(api, pod, target, since_s),
        *_events(api, pod, target, since_s),
    ]


def _all_logs(api: Api, pod: Json, _target: Target, since_s: int) -> list[SnapshotFile]:
    return [*_logs(api, pod, since_s, previous=True), *_logs(api, pod, since_s, previous=False)]


def _pod(_api: Api, pod: Json, _target: Target, _since_s: int) -> list[SnapshotFile]:
    return [
        SnapshotFile("Pod summary", "pod.txt", lambda: _text(describe(pod, datetime.now(timezone.utc)))),
        SnapshotFile("Pod YAML", "pod.yaml", lambda: _text(_yaml(masked_pod(pod)))),
    ]


def _events(api: Api, pod: Json, _target: Target, _since_s: int) -> list[SnapshotFile]:
    namespace, uid = pod["metadata"]["namespace"], pod["metadata"]["uid"]
    return [SnapshotFile("Events", "events.txt", lambda: _text(event_table(api.events(namespace, uid))))]


def _workload(api: Api, pod: Json, _target: Target, _since_s: int) -> list[SnapshotFile]:
    def read() -> Iterator[bytes]:
        chain, left_out = owner_chain(api, pod)
        for owner in chain:
            yield _yaml(masked_pod(owner)).encode(errors="replace") + b"---\n"
        for reason in left_out:
            yield f"# omitted: {reason}\n".encode(errors="replace")

    def read_diff() -> Iterator[bytes]:
        yield from _text(last_release_diff(api, pod))

    return [
        SnapshotFile("Workload", "workload.yaml", read, if_refused="skipped"),
        SnapshotFile("Changes of the last release", "release.diff", read_diff, if_refused="skipped"),
    ]


def _node(api: Api, _pod: Json, target: Target, _since_s: int) -> list[SnapshotFile]:
    if not target.node:
        return []

    def read() -> Iterator[bytes]:
        path = path_of("Node", name=target.node)
        yield from _text(describe_node(api.get(path, f"cannot read node {target.node}")))

    return [SnapshotFile("Node", "node.txt", read, if_refused="skipped")]


def _metrics(api: Api, pod: Json, target: Target, _since_s: int) -> list[SnapshotFile]:
    def read() -> Iterator[bytes]:
        path = path_of("PodMetrics", target.namespace, target.pod)
        try:
            usage = api.get_optional(path, f"cannot read the metrics of {target}")
        except TargetNotFound:
            return  # the cluster has no metrics server, or it has no data about the pod yet
        yield from _text(metrics_table(usage, pod))

    return [SnapshotFile("CPU and memory", "metrics.txt", read, if_refused="skipped")]


READERS: Final[dict[str, Reader]] = {
    "snapshot": _snapshot,
    "logs": _all_logs,
    "events": _events,
    "workload": _workload,
    "node": _node,
    "metrics": _metrics,
}


def _logs(api: Api, pod: Json, since_s: int, *, previous: bool) -> list[SnapshotFile]:
    return [
        _log(api, pod, name, since_s, previous=previous)
        for name in container_names(pod)
        if _has_log(pod, name, previous)
    ]


def _log(api: Api, pod: Json, container: str, since_s: int, *, previous: bool) -> SnapshotFile:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    kind = "previous log" if previous else "log"
    limit_s = 0 if previous else since_s

    def read_newest(lines: int) -> Iterator[bytes]:
        def request() -> Iterator[bytes]:
            return api.log(namespace, name, container, previous=previous, tail_lines=lines, since_s=limit_s)

        return _read_log(request, api.clock)

    return SnapshotFile(
        f"{kind.capitalize()} of {container}",
        f"logs/{container}{'.previous' if previous else ''}.log",
        lambda: read_newest(LOG_LINES),
        # The kubelet keeps the log of one previous run only, and not for long. The log of the last run is sufficient.
        if_removed="skipped" if previous else "failed",
        log=Log(read_newest, None if limit_s else _run_started(pod, container, previous=previous)),
    )


def _run_started(pod: Json, container: str, *, previous: bool) -> datetime | None:
    """Return when the current or the previous run of ``container`` began; None if it is unknown."""
    status = container_status(pod, container)
    current = running_state(status).get("startedAt") or terminated_state(status).get("startedAt")
    return parse_time(last_terminated_state(status).get("startedAt") if previous else current)


def _read_log(request: Callable[[], Iterator[bytes]], clock: Clock) -> Iterator[bytes]:
    """Yield a log.

    If the container was removed a moment ago, the kubelet sends an error text instead of the log. It sends the log of
    the next run as soon as it has seen that run, so the request is repeated.
    """

    def open_log() -> tuple[bytes, Iterator[bytes]]:
        pieces = request()
        first = next(pieces, b"")
        if first.startswith(_LOG_REMOVED):
            raise LogRemoved("cannot read the log", first.decode(errors="replace"), "The kubelet has deleted it.")
        return first, pieces

    first, pieces = retried(open_log, _LOG_REMOVED_WAITS_S, on(LogRemoved), clock.sleep)
    yield first
    yield from pieces


def _has_log(pod: Json, container: str, previous: bool) -> bool:
    """Return whether the kubelet has a log: a container that never started has none."""
    status = container_status(pod, container)
    if previous:
        return bool(last_terminated_state(status))
    return bool(status.get("containerID"))


def _yaml(value: Json) -> str:
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120))


def _text(text: str) -> Iterator[bytes]:
    yield text.encode(errors="replace")
