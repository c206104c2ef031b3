"""Read what the Kubernetes API knows about a pod: summary, YAML, events, logs, logs of the previous run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .cluster.api import Api
from .describe import describe, event_table
from .model import Json
from .redact import masked_pod
from .targets import container_names, container_status

LOG_LINES = 100_000


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One file of the snapshot; ``read`` asks the API when it is called."""

    title: str
    file: str
    read: Callable[[], Iterator[bytes]]


def snapshot_files(api: Api, pod: Json) -> list[SnapshotFile]:
    """Return the files of a snapshot of ``pod``, the previous logs first: they are the first to be gone."""
    namespace, uid = pod["metadata"]["namespace"], pod["metadata"]["uid"]
    return [
        *_logs(api, pod, previous=True),
        *_logs(api, pod, previous=False),
        SnapshotFile("Pod summary", "pod.txt", lambda: _text(describe(pod))),
        SnapshotFile("Pod YAML", "pod.yaml", lambda: _text(_yaml(masked_pod(pod)))),
        SnapshotFile("Events", "events.txt", lambda: _text(event_table(api.events(namespace, uid)))),
    ]


def _logs(api: Api, pod: Json, *, previous: bool) -> list[SnapshotFile]:
    return [_log(api, pod, name, previous=previous) for name in container_names(pod) if _has_log(pod, name, previous)]


def _log(api: Api, pod: Json, container: str, *, previous: bool) -> SnapshotFile:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    kind = "previous log" if previous else "log"
    return SnapshotFile(
        f"{kind.capitalize()} of {container}",
        f"logs/{container}{'.previous' if previous else ''}.log",
        lambda: api.log(namespace, name, container, previous=previous, tail_lines=LOG_LINES),
    )


def _has_log(pod: Json, container: str, previous: bool) -> bool:
    """Tell whether the kubelet has a log: a container that has not been started has none."""
    status = container_status(pod, container)
    if previous:
        return bool((status.get("lastState") or {}).get("terminated"))
    return bool(status.get("containerID"))


def _yaml(pod: Json) -> str:
    import yaml

    return str(yaml.safe_dump(pod, sort_keys=False, allow_unicode=True, width=120))


def _text(text: str) -> Iterator[bytes]:
    yield text.encode()
