"""Finds the pods of a workload of any kind: those whose owner, or the owner of whose owner, has its name."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Final

from ..errors import NotAllowed, TargetNotFound
from ..kube.client import Api
from ..kube.objects import OwnerReference, controller_of
from ..kube.resources import path_of
from ..model import Json
from .pods import owning_workload

# What other controllers create to own their pods, and the permission level “read” can list.
_INTERMEDIATE_KINDS: Final = ("replicaset", "job")


@dataclass(frozen=True, slots=True)
class OwnedPods:
    """The pods of a workload, page by page. ``kind`` is that of their owner; "" if only the name is known."""

    kind: str
    pages: Iterator[list[Json]]


def find_owned_pods(api: Api, namespace: str, kind: str, name: str, pages: Iterable[list[Json]]) -> OwnedPods | None:
    """Return those pods of ``pages`` that the workload ``name`` owns; None if there are none.

    ``kind`` is in lower case; "" means any kind.
    """
    owners = _owners_of_intermediates(api, namespace)
    kinds: list[str] = []

    def select() -> Iterator[list[Json]]:
        for page in pages:
            selected = [(pod, owner) for pod in page if (owner := _matching_owner(pod, owners, kind, name))]
            if selected:
                kinds.append(selected[0][1].get("kind", ""))
                yield [pod for pod, _ in selected]

    matching = select()
    first = next(matching, None)
    return None if first is None else OwnedPods(kinds[0], chain([first], matching))


def _owners_of_intermediates(api: Api, namespace: str) -> dict[str, OwnerReference]:
    """Return the controllers of the ReplicaSets and Jobs that can be listed, by the UID of these."""
    owners: dict[str, OwnerReference] = {}
    for kind in _INTERMEDIATE_KINDS:
        with suppress(NotAllowed, TargetNotFound):  # the labels of the pods contain the same name
            objects = api.names(path_of(kind, namespace), f"cannot list {kind}s of {namespace}")
            owners |= {item["metadata"]["uid"]: controller_of(item) for item in objects}
    return owners


def _matching_owner(pod: Json, owners: Mapping[str, OwnerReference], kind: str, name: str) -> OwnerReference | None:
    """Return the owner of ``pod`` with ``kind`` and ``name``, the farthest first; None if there is none."""
    nearest = controller_of(pod)
    farthest = owners.get(nearest.get("uid", "")) or OwnerReference()
    for owner in (farthest, nearest):
        if owner.get("name") == name and kind in ("", owner.get("kind", "").lower()):
            return owner
    if nearest and not farthest and owning_workload(pod) == name:
        return OwnerReference(kind=kind, name=name)
    return None
