"""Parses Kubernetes objects in YAML or JSON: pods, events, autoscalers, workloads, nodes, and lists of them."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ...finding import EvidenceLines
from ...text import number_in
from ..evidence import Evidence
from .kube_documents import documents, items, mapping, text
from .kube_model import Cluster, Condition, Event, Pod, PodRow, Scaler, Workload, moment
from .kube_pods import pod_in

MAX_BYTES: Final = 16 << 20  # objects in memory need about eight times as much
_MOST_OBJECTS: Final = 5_000
_NEAR_LINES: Final = 4_000  # an object's own lines: a passage further away belongs to another object
_MOST_SEARCHED: Final = 2_000_000  # lines, for all objects of a file: names that are not in it are searched to its end
_LONG_LINE: Final = 200  # JSON on one line: the quotation begins shortly before the fact
_BEFORE_FACT: Final = 60
_START = re.compile(r"^(?:---|[{\[]|(?:- )?(?:apiVersion|kind|items|metadata|status|spec): ?)", re.MULTILINE)
_KIND = re.compile(
    r"""["']?kind["']?: ?["']?(?:(?:Pod|Event|HorizontalPodAutoscaler|Deployment|ReplicaSet|StatefulSet|"""
    r"""DaemonSet|Job|Node|PersistentVolumeClaim|Namespace)(?:List)?|List)["']?[\s,}]"""
)
_STATUS = re.compile(r"""["']?(?:containerStatuses|initContainerStatuses)["']?:""")
_REPLICATED: Final = frozenset({"Deployment", "StatefulSet"})
_WORKLOADS: Final = frozenset(
    {"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Node", "PersistentVolumeClaim", "Namespace"}
)


def recognize(evidence: Evidence) -> bool:
    """Return whether the file contains Kubernetes objects, or a part of one with the statuses of containers."""
    head = evidence.head
    if not _START.search(head[:4096]) and not _STATUS.search(head):
        return False
    has_object = "metadata" in head or "involvedObject" in head
    return (has_object and bool(_KIND.search(head))) or bool(_STATUS.search(head))


def parse(evidence: Evidence) -> Cluster:
    """Return the objects of the file. Text before the first object, such as a prompt, is left out."""
    with evidence.path.open("rb") as file:
        content = file.read(MAX_BYTES).decode(errors="replace")
    start = _START.search(content)
    body = content[start.start() :] if start and start.start() < 4096 else content
    if body.lstrip("\r\n").startswith(" "):
        body = textwrap.dedent(body)
    lines = _Lines(evidence, content.splitlines())
    parts: list[Any] = []
    for value in _objects(documents(body)):
        parts.append(_object(value, lines))
        if len(parts) >= _MOST_OBJECTS:
            break
    return cluster_of(parts)


def cluster_of(parts: Iterable[Any]) -> Cluster:
    """Return the cluster that consists of ``parts``: pods, rows, events, autoscalers and workloads, in any order.

    Events of debug containers are left out: they do not concern the application.
    """
    kinds: dict[type, list[Any]] = {Pod: [], PodRow: [], Event: [], Scaler: [], Workload: []}
    for part in parts:
        if type(part) in kinds and not (isinstance(part, Event) and part.is_about_debug_container):
            kinds[type(part)].append(part)
    return Cluster(
        pods=tuple(kinds[Pod]),
        rows=tuple(kinds[PodRow]),
        events=tuple(kinds[Event]),
        scalers=tuple(kinds[Scaler]),
        workloads=tuple(kinds[Workload]),
    )


def _objects(values: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield all objects, those in lists too. The status of a pod without the pod around it counts as a pod."""
    for value in values:
        if isinstance(value, list):
            yield from _objects(value)
        elif not isinstance(value, dict):
            continue
        elif isinstance(value.get("items"), list):
            kind = text(value.get("kind")).removesuffix("List")
            yield from ({"kind": kind, **item} if kind else item for item in items(value, "items"))
        elif "containerStatuses" in value or "initContainerStatuses" in value:
            yield {"kind": "Pod", "status": value}
        else:
            yield value


def _object(value: dict[str, Any], lines: "_Lines") -> Any:
    kind = text(value.get("kind"))
    if kind == "Event":
        return _event(value, lines)
    if kind == "HorizontalPodAutoscaler":
        return _scaler(value, lines)
    if kind in _WORKLOADS:
        return _workload(kind, value, lines)
    if kind == "Pod" or "containerStatuses" in mapping(value, "status"):
        return _with_lines(pod_in(value), lines)
    return None


def _event(value: dict[str, Any], lines: "_Lines") -> Event:
    about = mapping(value, "involvedObject") or mapping(value, "regarding")
    series = mapping(value, "series")
    last_seen = next(
        filter(
            None,
            (
                text(value.get("lastTimestamp")),
                text(series.get("lastObservedTime")),
                text(value.get("deprecatedLastTimestamp")),
                text(value.get("eventTime")),
                text(mapping(value, "metadata").get("creationTimestamp")),
            ),
        ),
        "",
    )
    message = text(value.get("message")) or text(value.get("note"))
    time = moment(last_seen)
    count = text(value.get("count")) or text(series.get("count")) or text(value.get("deprecatedCount"))
    return Event(
        type=text(value.get("type")),
        reason=text(value.get("reason")),
        message=" ".join(message.split()),
        count=number_in(count) or 1,
        object=f"{text(about.get('kind'))}/{text(about.get('name'))}",
        container=_container_in(text(about.get("fieldPath"))),
        is_about_debug_container="ephemeralContainers" in text(about.get("fieldPath")),
        when=time.timestamp() if time else None,
        last_seen=last_seen,
        first_seen=text(value.get("firstTimestamp")),
        lines=lines.near(text(about.get("name")), _longest_piece(message)),
    )


def _longest_piece(message: str) -> str:
    """Return the part of ``message`` that looks the same in JSON, where quotes are escaped."""
    return max(re.split(r'["\\\n\t]', message[:400]), key=len, default="")


def _container_in(field_path: str) -> str:
    """Return NAME of "spec.containers{NAME}"."""
    return field_path.partition("{")[2].rstrip("}")


def _scaler(value: dict[str, Any], lines: "_Lines") -> Scaler:
    spec, status = mapping(value, "spec"), mapping(value, "status")
    target = mapping(spec, "scaleTargetRef")
    name = text(mapping(value, "metadata").get("name"))
    return Scaler(
        name=name,
        target=f"{text(target.get('kind'))}/{text(target.get('name'))}",
        current=number_in(text(status.get("currentReplicas"))),
        desired=number_in(text(status.get("desiredReplicas"))),
        most=number_in(text(spec.get("maxReplicas"))),
        conditions=conditions_in(value),
        lines=lines.near(name, "maxReplicas"),
    )


def _workload(kind: str, value: dict[str, Any], lines: "_Lines") -> Workload:
    metadata, status = mapping(value, "metadata"), mapping(value, "status")
    name = text(metadata.get("name"))
    desired = number_in(text(mapping(value, "spec").get("replicas"))) if kind in _REPLICATED else None
    available = text(status.get("availableReplicas")) or text(status.get("readyReplicas")) or "0"
    return Workload(
        kind=kind,
        name=name,
        conditions=conditions_in(value),
        created=text(metadata.get("creationTimestamp")),
        revision=text(mapping(metadata, "annotations").get("deployment.kubernetes.io/revision")),
        desired=desired,
        available=None if desired is None or not status else number_in(available),
        deleted=text(metadata.get("deletionTimestamp")),
        finalizers=tuple(text(item) for item in metadata.get("finalizers") or () if text(item)),
        lines=lines.near(name, name),
    )


def conditions_in(value: Mapping[str, Any]) -> tuple[Condition, ...]:
    """Return the conditions in the status of an object."""
    return tuple(
        Condition(
            text(condition.get("type")),
            text(condition.get("status")).capitalize(),
            text(condition.get("reason")),
            " ".join(text(condition.get("message")).split()),
            text(condition.get("lastTransitionTime")),
        )
        for condition in items(value, "status", "conditions")
    )


def _with_lines(pod: Any, lines: "_Lines") -> Any:
    containers = []
    own = lines.near(pod.name, f"{pod.name}")
    for container in pod.containers:
        run = container.state if container.state.reason else container.ended
        needle = next((part for part in (container.ended.reason, run.reason) if part), "")
        passage = lines.near(pod.name, needle) if needle and needle != "Completed" else None
        containers.append(replace(container, lines=passage or own))
    return replace(pod, containers=tuple(containers), lines=own)


class _Lines:
    """Finds the line of an object's fact. Objects are looked up in the order of the file."""

    def __init__(self, evidence: Evidence, lines: list[str]) -> None:
        self._evidence = evidence
        self._lines = lines
        self._positions: dict[str, int] = {}
        self._cursor = 0
        self._searched = 0

    def near(self, name: str, fact: str) -> EvidenceLines | None:
        """Return the first line that contains ``fact`` near the object ``name``; its own line if there is none."""
        start = self._position(name)
        window = range(max(0, start - 40), min(len(self._lines), start + _NEAR_LINES))
        position = next((index for index in window if fact and fact in self._lines[index]), start)
        if not self._lines:
            return None
        line = self._lines[position].strip()
        start = max(0, line.find(fact) - _BEFORE_FACT) if len(line) > _LONG_LINE else 0
        return self._evidence.quote(position + 1, position + 1, line[start:])

    def _position(self, name: str) -> int:
        if name not in self._positions:
            ends = (f"name: {name}", f'"name": "{name}"', f'"name":"{name}"', f"name: '{name}'", f'name: "{name}"')
            start = self._cursor
            for index in range(start, min(len(self._lines), start + _MOST_SEARCHED - self._searched)):
                self._searched += 1
                line = self._lines[index]
                if name in line and any(end in line for end in ends):
                    self._cursor = index
                    break
            self._positions[name] = self._cursor
        return self._positions[name]
