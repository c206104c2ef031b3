"""Merges what the files of a capture show of one pod: its summary, its object, its events, its workload."""

from collections.abc import Iterable, Sequence
from dataclasses import MISSING, fields, replace
from typing import Any, TypeVar

from ...finding import EvidenceLines
from .kube_model import Cluster, Container, Pod

T = TypeVar("T")
P = TypeVar("P", Pod, Container)


def merged(clusters: Sequence[Cluster]) -> Cluster:
    """Return one cluster with the parts of all ``clusters``. Pods of the same name are one pod.

    The API object of a pod has more fields than its summary, and the summary is easier to read. So the values come
    from the object, and the quoted lines from the summary.
    """
    pods: dict[str, list[Pod]] = {}
    for pod in _all(cluster.pods for cluster in clusters):
        pods.setdefault(pod.name, []).append(pod)
    return Cluster(
        pods=tuple(_merged_pod(group) for group in pods.values()),
        rows=_all(cluster.rows for cluster in clusters),
        events=_all(cluster.events for cluster in clusters),
        scalers=_all(cluster.scalers for cluster in clusters),
        workloads=_all(cluster.workloads for cluster in clusters),
    )


def _all(parts: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(item for part in parts for item in part)


def _merged_pod(pods: Sequence[Pod]) -> Pod:
    containers: dict[str, list[Container]] = {}
    by_detail = sorted(pods, key=lambda pod: not pod.restart_policy)  # only an object has it
    for container in _all(pod.containers for pod in by_detail):
        containers.setdefault(container.name, []).append(container)
    return replace(
        _fill_defaults(by_detail),
        lines=_last(pod.lines for pod in by_detail),
        containers=tuple(
            replace(_fill_defaults(group), lines=_last(container.lines for container in group))
            for group in containers.values()
        ),
    )


def _last(lines: Iterable[EvidenceLines | None]) -> EvidenceLines | None:
    return next((passage for passage in reversed(list(lines)) if passage), None)


def _fill_defaults(items: Sequence[P]) -> P:
    """Return the first item. Its fields that have their default value get the value of the next item that has one."""
    first: Any = items[0]
    for other in items[1:]:
        first = replace(
            first,
            **{
                field.name: getattr(other, field.name)
                for field in fields(first)
                if getattr(first, field.name) == _default(field)
            },
        )
    filled: P = first
    return filled


def _default(field: Any) -> object:
    return field.default_factory() if field.default_factory is not MISSING else field.default
