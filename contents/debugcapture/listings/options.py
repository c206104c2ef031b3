"""The values of a job's dropdowns, for Rundeck's OptionValues plugins and the options server.

Pure functions turn objects of the API server into rows. `Source` reads the objects and caches the rows.
Sources: Rundeck's ScriptOptionValues (rundeck-core), documentation "Job options: remote option values".
"""

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Final, Literal

from ..errors import CaptureError, NotAllowed, TargetNotFound
from ..kube.client import Api
from ..kube.objects import controller_of
from ..kube.resources import OWNS_PODS, WORKLOAD_KINDS, kind_of, path_of
from ..model import Json
from ..targets.health import rank
from ..targets.pods import container_names, container_state, container_status, find_target, workload_name
from ..text import one_line
from .cache import Cache, CachedList, cache_key

FOLDER: Final = "options"
Kind = Literal["namespaces", "workloads", "pods", "containers", "collectors"]
_START, _END = "==START_OPTIONS==", "==END_OPTIONS=="
_MAX_LABEL_CHARACTERS = 160
_KIND_NAMES: Final[Mapping[str, str]] = {
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "cronjob": "CronJob",
    "job": "Job",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a dropdown."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The list to read. ``namespaces`` () means all. ``workload`` (NAME or KIND/NAME) and ``pod`` may be ""."""

    kind: Kind
    namespaces: tuple[str, ...] = ()
    workload: str = ""
    pod: str = ""


@dataclass(frozen=True, slots=True)
class OptionList:
    """The rows of a dropdown, read at ``time``. ``stale_reason`` is the reason why they are old, or ""."""

    rows: tuple[Row, ...]
    time: datetime
    stale_reason: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The cluster that the values come from. ``max_rows`` is the limit of each list."""

    api: Api
    cache: Cache
    max_rows: int

    def read_list(self, query: ListQuery) -> OptionList:
        """Return the rows, or the previous ones with a mark if the API server is unreachable or too slow.

        Raises Unreachable if there are no previous rows. Raises the API server's refusals.
        """
        name = cache_key(
            self.api.connection.server,
            query.kind,
            ",".join(query.namespaces),
            query.workload,
            query.pod,
            str(self.max_rows),
        )
        return labelled_list(self.cache.get(name, lambda: _to_text(self._rows(query, datetime.now(timezone.utc)))))

    def _rows(self, query: ListQuery, now: datetime) -> list[Row]:
        of_kind: Mapping[Kind, Callable[[], Iterable[Row]]] = {
            "namespaces": lambda: _namespaces(self.api, query.namespaces),
            "workloads": lambda: _workloads(self.api, query.namespaces),
            "pods": lambda: _pods(self.api, query, self.max_rows, now),
            "containers": lambda: container_rows(self.api.pod(query.namespaces[0], query.pod), now),
        }
        return list(of_kind[query.kind]())[: self.max_rows]


def collector_rows(catalog: str, max_rows: int) -> list[Row]:
    """Return the presets, then the collectors, with those of the file ``catalog``. Raises BadInput for a wrong one."""
    from ..collectors.catalog import catalog as collectors
    from ..collectors.catalog import presets

    entries = [(item.name, item.title) for item in presets().values()]
    entries += [(item.id, item.title) for item in collectors(catalog).values()]
    return [Row(f"{name} - {title}", name) for name, title in entries][:max_rows]


def labelled_list(cached: CachedList) -> OptionList:
    """Return the rows of ``cached``. The labels of an old list end with its time."""
    rows = (Row(*item) for item in json.loads(cached.entry.text))
    time = cached.entry.time
    suffix = f" (list of {time:%Y-%m-%d %H.%M} UTC)" if cached.stale_reason else ""
    return OptionList(tuple(replace(row, label=row.label + suffix) for row in rows), time, cached.stale_reason)


def script_text(rows: Iterable[Row]) -> str:
    """Return ``rows`` as Rundeck reads them from a script: lines LABEL:VALUE between two markers.

    Rundeck splits at each colon, skips lines that begin with #, gives up at a line without a value, and reads the
    server's own encoding: labels lose what would disturb that, and what has a value of that kind is left out.
    """
    lines = (f"{_label(row.label) or row.value}:{row.value}" for row in rows if _is_plain(row.value))
    return "\n".join([_START, *lines, _END]) + "\n"


def json_text(rows: Iterable[Row]) -> str:
    """Return ``rows`` as Rundeck reads them from a URL. It takes no empty name or value."""
    return json.dumps([{"name": row.label, "value": row.value} for row in rows if row.label and row.value])


def namespace_rows(namespaces: Iterable[Json]) -> list[Row]:
    """Return the namespaces. Those that are being deleted come last."""
    rows = sorted(
        ("deletionTimestamp" in namespace["metadata"], namespace["metadata"]["name"]) for namespace in namespaces
    )
    return [Row(f"{name} (being deleted)" if is_terminating else name, name) for is_terminating, name in rows]


def workload_row(kind: str, workload: Json, *, with_namespace: bool) -> tuple[bool, Row]:
    """Return whether the workload is ready, and its row. ``with_namespace``: the label starts with the namespace."""
    ready, desired = _count_ready(workload)
    is_ready = ready >= desired
    health = f", {ready} of {desired} ready" if desired else ""
    name = str(workload["metadata"]["name"])
    label = f"{_prefix(workload, with_namespace)}{name} ({_KIND_NAMES[kind]}{health})"
    return is_ready, Row(label, f"{kind}/{name}")


def pod_row(pod: Json, now: datetime, *, with_namespace: bool) -> Row:
    """Return the row of a pod: its name and its problems."""
    target = find_target(pod, "", now)
    health = ", ".join(item.replace(": ", " ", 1) for item in target.unhealthy) or str(target.state)
    return Row(f"{_prefix(pod, with_namespace)}{target.pod} - {health}", target.pod)


def container_rows(pod: Json, now: datetime) -> list[Row]:
    """Return the containers of the pod, the default target first."""
    chosen = find_target(pod, "", now).container
    names = sorted(container_names(pod), key=lambda name: name != chosen)
    return [Row(f"{name} - {container_state(container_status(pod, name))}", name) for name in names]


def is_pod_of(workload: str, pod: Json) -> bool:
    """Return whether ``pod`` belongs to the workload NAME or KIND/NAME, according to its controller."""
    kind, _, name = workload.rpartition("/")
    owner = controller_of(pod)
    owner_kind = OWNS_PODS.get(kind_of(kind), kind_of(kind))
    if kind_of(kind) in WORKLOAD_KINDS and owner_kind != str(owner.get("kind", "")).lower():
        return False
    if kind_of(kind) == "cronjob":  # its Jobs have the name CRONJOB-TIME
        return str(owner.get("name", "")).rpartition("-")[0] == name
    return name in (workload_name(pod), owner.get("name"))


def _namespaces(api: Api, configured: Sequence[str]) -> list[Row]:
    if configured:
        return [Row(name, name) for name in configured]
    return namespace_rows(api.items(path_of("Namespace"), "cannot list the namespaces"))


def _workloads(api: Api, namespaces: Sequence[str]) -> list[Row]:
    """Return the workloads, those that are not ready first. A kind that we may not list, or is not there, is left out.

    Raises NotAllowed when that is all of them.
    """
    rows: list[tuple[bool, str, Row]] = []
    refused: list[CaptureError] = []
    for kind in _KIND_NAMES:
        try:
            for workload in _items(api, kind, namespaces, f"cannot list the {kind}s"):
                if not controller_of(workload):
                    is_ready, row = workload_row(kind, workload, with_namespace=len(namespaces) != 1)
                    rows.append((is_ready, row.label, row))
        except (NotAllowed, TargetNotFound) as error:
            refused.append(error)
    if len(refused) == len(_KIND_NAMES):
        raise refused[0]
    return [row for _, _, row in sorted(rows, key=lambda entry: entry[:2])]


def _pods(api: Api, query: ListQuery, max_rows: int, now: datetime) -> list[Row]:
    """Return the pods, unhealthy ones first. Only the rows of each page are kept."""
    pods = _items(api, "Pod", query.namespaces, "cannot list the pods")
    ranked = (
        (rank(pod, now), pod_row(pod, now, with_namespace=len(query.namespaces) != 1))
        for pod in pods
        if not query.workload or is_pod_of(query.workload, pod)
    )
    return [row for _, row in heapq.nsmallest(max_rows, ranked, key=lambda item: item[0])]


def _items(api: Api, kind: str, namespaces: Sequence[str], action: str) -> Iterator[Json]:
    """Yield the objects of ``kind`` in each of ``namespaces``, or in the cluster."""
    for namespace in namespaces or [""]:
        for page in api.pages(path_of(kind, namespace), f"{action} of {namespace or 'the cluster'}"):
            yield from page


def _count_ready(workload: Json) -> tuple[int, int]:
    """Return how many pods of a workload are ready, and how many should be; 0 where it has no such number."""
    status = workload.get("status") or {}
    if "desiredNumberScheduled" in status:
        return status.get("numberReady", 0), status["desiredNumberScheduled"]
    desired = (workload.get("spec") or {}).get("replicas", 0)
    return status.get("readyReplicas", 0), desired


def _prefix(resource: Json, with_namespace: bool) -> str:
    return f"{resource['metadata']['namespace']}/" if with_namespace else ""


def _to_text(rows: Iterable[Row]) -> str:
    return json.dumps([(_cut(row.label), row.value) for row in rows])


def _cut(label: str) -> str:
    label = one_line(label)
    return label if len(label) <= _MAX_LABEL_CHARACTERS else f"{label[: _MAX_LABEL_CHARACTERS - 3]}..."


def _label(text: str) -> str:
    """Return ``text`` without characters that Rundeck's reader would interpret."""
    plain = one_line(text).replace(": ", " ").replace(":", ".").lstrip("#")
    return plain.encode("ascii", "replace").decode().strip()


def _is_plain(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable() and ":" not in value and not value.startswith("#")
