"""The values of a job's dropdowns: rows of label and value, for Rundeck's OptionValues plugins and the options server.

What becomes of an API server's answer, and of rows, is decided by pure functions; `Source` asks and keeps answers.
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
from ..kube.resources import OWNS_PODS, kind_of, path_of
from ..model import Json
from ..targets.health import rank
from ..targets.pods import container_names, container_state, container_status, find_target, workload_name
from ..text import one_line
from .cache import Answer, Answers, name_of

FOLDER: Final = "options"
Kind = Literal["namespaces", "workloads", "pods", "containers", "collectors"]
_START, _END = "==START_OPTIONS==", "==END_OPTIONS=="
_LABEL_MOST = 160  # characters
_NAMED: Final[Mapping[str, str]] = {
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
class Wanted:
    """A question. ``namespaces`` () stands for all of them; ``workload`` and ``pod`` are "" when they do not matter."""

    kind: Kind
    namespaces: tuple[str, ...] = ()
    workload: str = ""  # NAME or KIND/NAME
    pod: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """The rows that answer a question; ``late`` says why they are those of ``at``, "" when they are of now."""

    rows: tuple[Row, ...]
    at: datetime
    late: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The cluster whose names are offered."""

    api: Api
    answers: Answers
    most: int  # rows

    def listed(self, wanted: Wanted) -> Listed:
        """Return the rows; those of the last time, marked, where the API server does not answer in time.

        Raises Unreachable when there is no last time, and what the API server refuses.
        """
        name = name_of(
            self.api.connection.server,
            wanted.kind,
            ",".join(wanted.namespaces),
            wanted.workload,
            wanted.pod,
            str(self.most),
        )
        return listed(self.answers.get(name, lambda: _to_text(self._rows(wanted, datetime.now(timezone.utc)))))

    def _rows(self, wanted: Wanted, now: datetime) -> list[Row]:
        of_kind: Mapping[Kind, Callable[[], Iterable[Row]]] = {
            "namespaces": lambda: _namespaces(self.api, wanted.namespaces),
            "workloads": lambda: _workloads(self.api, wanted.namespaces),
            "pods": lambda: _pods(self.api, wanted, self.most, now),
            "containers": lambda: container_rows(self.api.pod(wanted.namespaces[0], wanted.pod), now),
        }
        return list(of_kind[wanted.kind]())[: self.most]


def collector_rows(catalog: str, most: int) -> list[Row]:
    """Return the presets, then the collectors, with those of the file ``catalog``. Raises BadInput for a wrong one."""
    from ..collectors.catalog import catalog as collectors
    from ..collectors.catalog import presets

    named = [(one.name, one.title) for one in presets().values()]
    named += [(one.id, one.title) for one in collectors(catalog).values()]
    return [Row(f"{name} - {title}", name) for name, title in named][:most]


def listed(answer: Answer) -> Listed:
    """Return the rows of ``answer``; labels of late ones end with the time they are of."""
    rows = (Row(*one) for one in json.loads(answer.kept.text))
    at = answer.kept.at
    of = f" (list of {at:%Y-%m-%d %H.%M} UTC)" if answer.late else ""
    return Listed(tuple(replace(row, label=row.label + of) for row in rows), at, answer.late)


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
    """Return the namespaces, those that are being deleted last."""
    found = sorted(("deletionTimestamp" in one["metadata"], one["metadata"]["name"]) for one in namespaces)
    return [Row(f"{name} (being deleted)" if going else name, name) for going, name in found]


def workload_row(kind: str, one: Json, *, prefixed: bool) -> tuple[bool, Row]:
    """Return the row of a workload, and whether it is well; ``prefixed`` with its namespace."""
    ready, wanted = _ready(one)
    well = ready >= wanted
    how = f", {ready} of {wanted} ready" if wanted else ""
    name = str(one["metadata"]["name"])
    label = f"{_prefix(one, prefixed)}{name} ({_NAMED[kind]}{how})"
    return well, Row(label, f"{kind}/{name}")


def pod_row(pod: Json, now: datetime, *, prefixed: bool) -> Row:
    """Return the row of a pod: its name, and what is wrong with it."""
    target = find_target(pod, "", now)
    how = ", ".join(one.replace(": ", " ", 1) for one in target.unhealthy) or str(target.state)
    return Row(f"{_prefix(pod, prefixed)}{target.pod} - {how}", target.pod)


def container_rows(pod: Json, now: datetime) -> list[Row]:
    """Return the pod's containers, the one that a capture would choose first."""
    chosen = find_target(pod, "", now).container
    names = sorted(container_names(pod), key=lambda name: name != chosen)
    return [Row(f"{name} - {container_state(container_status(pod, name))}", name) for name in names]


def owns(workload: str, pod: Json) -> bool:
    """Tell whether ``pod`` is one of the workload NAME or KIND/NAME, by the name of what controls it."""
    kind, _, name = workload.rpartition("/")
    owner = controller_of(pod)
    nearest = OWNS_PODS.get(kind_of(kind), kind_of(kind))
    if kind and nearest != str(owner.get("kind", "")).lower():
        return False
    if kind_of(kind) == "cronjob":  # its Jobs are called after it and the time
        return str(owner.get("name", "")).rpartition("-")[0] == name
    return workload_name(pod) == name


def _namespaces(api: Api, configured: Sequence[str]) -> list[Row]:
    if configured:
        return [Row(name, name) for name in configured]
    return namespace_rows(api.items(path_of("Namespace"), "cannot list the namespaces"))


def _workloads(api: Api, namespaces: Sequence[str]) -> list[Row]:
    """Return the workloads, those that are not ready first. A kind that we may not list, or is not there, is left out.

    Raises NotAllowed when that is all of them.
    """
    found: list[tuple[bool, str, Row]] = []
    refused: list[CaptureError] = []
    for kind in _NAMED:
        try:
            for one in _items(api, kind, namespaces, f"cannot list the {kind}s"):
                if not controller_of(one):
                    well, row = workload_row(kind, one, prefixed=len(namespaces) != 1)
                    found.append((well, row.label, row))
        except (NotAllowed, TargetNotFound) as error:
            refused.append(error)
    if len(refused) == len(_NAMED):
        raise refused[0]
    return [row for _, _, row in sorted(found, key=lambda one: one[:2])]


def _pods(api: Api, wanted: Wanted, most: int, now: datetime) -> list[Row]:
    """Return the pods, the one most worth capturing first. Of each page no more is kept than becomes of it."""
    pods = _items(api, "Pod", wanted.namespaces, "cannot list the pods")
    ranked = (
        (rank(pod, now), pod_row(pod, now, prefixed=len(wanted.namespaces) != 1))
        for pod in pods
        if not wanted.workload or owns(wanted.workload, pod)
    )
    return [row for _, row in heapq.nsmallest(most, ranked, key=lambda one: one[0])]


def _items(api: Api, kind: str, namespaces: Sequence[str], doing: str) -> Iterator[Json]:
    """Yield the objects of ``kind`` in each of ``namespaces``, or in the whole cluster."""
    for namespace in namespaces or [""]:
        for page in api.pages(path_of(kind, namespace), f"{doing} of {namespace or 'the cluster'}"):
            yield from page


def _ready(one: Json) -> tuple[int, int]:
    """Return how many pods of a workload are ready, and how many should be; 0 where it has no such number."""
    status = one.get("status") or {}
    if "desiredNumberScheduled" in status:
        return status.get("numberReady", 0), status["desiredNumberScheduled"]
    wanted = (one.get("spec") or {}).get("replicas", 0)
    return status.get("readyReplicas", 0), wanted


def _prefix(one: Json, prefixed: bool) -> str:
    return f"{one['metadata']['namespace']}/" if prefixed else ""


def _to_text(rows: Iterable[Row]) -> str:
    return json.dumps([(_cut(row.label), row.value) for row in rows])


def _cut(label: str) -> str:
    label = one_line(label)
    return label if len(label) <= _LABEL_MOST else f"{label[: _LABEL_MOST - 3]}..."


def _label(text: str) -> str:
    """Return ``text`` as a label that Rundeck's reader leaves whole."""
    plain = one_line(text).replace(": ", " ").replace(":", ".").lstrip("#")
    return plain.encode("ascii", "replace").decode().strip()


def _is_plain(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable() and ":" not in value and not value.startswith("#")
