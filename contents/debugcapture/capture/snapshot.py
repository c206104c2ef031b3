"""Read what the Kubernetes API knows about a pod and what is around it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from ..backoff import on, retried
from ..errors import LogRemoved, TargetNotFound
from ..kube.client import Api
from ..kube.resources import path_of
from ..model import ArtifactOutcome, Json, Target
from ..redaction.redactor import masked_pod
from ..targets.pods import container_names, container_status
from .describe import describe, describe_node, event_table, metrics_table
from .owners import changes_between, owner_chain

LOG_LINES = 100_000
_NO_LOG = b"unable to retrieve container logs for "
_NO_LOG_WAITS_S = (0.0, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One file of the snapshot; ``read`` asks the API when it is called."""

    title: str
    file: str
    read: Callable[[], Iterator[bytes]]
    if_refused: ArtifactOutcome = "failed"  # what becomes of it where RBAC forbids to read it


Reader = Callable[[Api, Json, Target, int], list[SnapshotFile]]


def snapshot_files(api: Api, pod: Json, target: Target, what: str, log_since_s: int = 0) -> list[SnapshotFile]:
    """Return the files that ``what`` (a key of READERS) means for ``target`` in ``pod``.

    ``log_since_s``: logs of the last seconds only; 0 for all.
    """
    return READERS[what](api, pod, target, log_since_s)


def _snapshot(api: Api, pod: Json, target: Target, since_s: int) -> list[SnapshotFile]:
    """The previous logs come first: they are the first to be gone."""
    return [
        *_all_logs(api, pod, target, since_s),
        *_pod(api, pod, target, since_s),
        *_events(api, pod, target, since_s),
    ]


def _all_logs(api: Api, pod: Json, _target: Target, since_s: int) -> list[SnapshotFile]:
    return [*_logs(api, pod, since_s, previous=True), *_logs(api, pod, since_s, previous=False)]


def _pod(_api: Api, pod: Json, _target: Target, _since_s: int) -> list[SnapshotFile]:
    return [
        SnapshotFile("Pod summary", "pod.txt", lambda: _text(describe(pod))),
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

    def changes() -> Iterator[bytes]:
        yield from _text(changes_between(api, pod))

    return [
        SnapshotFile("Workload", "workload.yaml", read, if_refused="skipped"),
        SnapshotFile("Changes of the last release", "release.diff", changes, if_refused="skipped"),
    ]


def _node(api: Api, _pod: Json, target: Target, _since_s: int) -> list[SnapshotFile]:
    if not target.node:
        return []
    path, doing = path_of("Node", name=target.node), f"cannot read node {target.node}"
    return [SnapshotFile("Node", "node.txt", lambda: _text(describe_node(api.get(path, doing))), if_refused="skipped")]


def _metrics(api: Api, pod: Json, target: Target, _since_s: int) -> list[SnapshotFile]:
    def read() -> Iterator[bytes]:
        path = path_of("PodMetrics", target.namespace, target.pod)
        try:
            usage = api.get(path, f"cannot read the metrics of {target}")
        except TargetNotFound:
            return  # the cluster has no metrics server, or it has not seen the pod yet
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
    return SnapshotFile(
        f"{kind.capitalize()} of {container}",
        f"logs/{container}{'.previous' if previous else ''}.log",
        lambda: _read_log(
            lambda: api.log(
                namespace, name, container, previous=previous, tail_lines=LOG_LINES, since_s=0 if previous else since_s
            )
        ),
    )


def _read_log(ask: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    """Yield a log. A run whose container was removed a moment ago has none: the kubelet says so in place of the log.

    Asked again once it has seen what became of the container since, it gives that of the run after.
    """

    def begun() -> tuple[bytes, Iterator[bytes]]:
        pieces = ask()
        first = next(pieces, b"")
        if first.startswith(_NO_LOG):
            raise LogRemoved("cannot read the log", first.decode(errors="replace"), "The kubelet has deleted it.")
        return first, pieces

    first, pieces = retried(begun, _NO_LOG_WAITS_S, on(LogRemoved))
    yield first
    yield from pieces


def _has_log(pod: Json, container: str, previous: bool) -> bool:
    """Tell whether the kubelet has a log: a container that has not been started has none."""
    status = container_status(pod, container)
    if previous:
        return bool((status.get("lastState") or {}).get("terminated"))
    return bool(status.get("containerID"))


def _yaml(value: Json) -> str:
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120))


def _text(text: str) -> Iterator[bytes]:
    yield text.encode(errors="replace")
