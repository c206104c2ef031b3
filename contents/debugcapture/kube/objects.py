"""Typed access to the parts of Kubernetes objects that this package reads. Pure.

Objects stay as the API server sends them (`Json`), because the evidence shows all their fields. A missing or null
part is returned empty. Source: Kubernetes API reference, core/v1 PodStatus, ContainerStatus, ObjectMeta.
"""

from collections.abc import Mapping
from typing import Final, TypedDict, cast

from ..model import Json

_MIRROR: Final = "kubernetes.io/config.mirror"  # annotation
_STATUS_FIELDS: Final = ("containerStatuses", "initContainerStatuses")


class Condition(TypedDict, total=False):
    """A condition of a pod or node."""

    type: str
    status: str
    """"True", "False" or "Unknown"."""
    reason: str
    message: str
    lastTransitionTime: str
    """RFC 3339."""


class Terminated(TypedDict, total=False):
    """How a run of a container ended."""

    reason: str
    message: str
    exitCode: int
    signal: int
    startedAt: str
    finishedAt: str


class Waiting(TypedDict, total=False):
    """Why a container does not run yet."""

    reason: str
    message: str


class Running(TypedDict, total=False):
    """Since when a container runs."""

    startedAt: str


class OwnerReference(TypedDict, total=False):
    """The object that owns another one."""

    kind: str
    name: str
    uid: str
    controller: bool


def labels_of(obj: Json) -> Mapping[str, str]:
    """Return the labels of an object."""
    return cast("Mapping[str, str]", obj["metadata"].get("labels") or {})


def annotations_of(obj: Json) -> Mapping[str, str]:
    """Return the annotations of an object."""
    return cast("Mapping[str, str]", obj["metadata"].get("annotations") or {})


def controller_of(obj: Json) -> OwnerReference:
    """Return the reference to the object that controls ``obj``; empty if there is none."""
    owners: list[OwnerReference] = obj["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), OwnerReference())


def controller_uid(obj: Json) -> str:
    """Return the UID of the object that controls ``obj``; "" if there is none."""
    return controller_of(obj).get("uid", "")


def conditions_of(obj: Json) -> list[Condition]:
    """Return the conditions of a pod or node."""
    return cast("list[Condition]", obj["status"].get("conditions") or [])


def condition_of(obj: Json, kind: str) -> Condition:
    """Return the condition of type ``kind`` of a pod or node; empty if there is none."""
    return next((condition for condition in conditions_of(obj) if condition["type"] == kind), Condition())


def is_terminating(obj: Json) -> bool:
    """Return whether the object is being deleted. The kubelet starts no container in such a pod."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def is_static(pod: Json) -> bool:
    """Return whether ``pod`` is the mirror of a static pod, which the kubelet runs from a file of its node."""
    return _MIRROR in annotations_of(pod)


def match_labels_of(obj: Json) -> Mapping[str, str]:
    """Return the labels that the selector of a workload or disruption budget requires; empty if it has none."""
    return cast("Mapping[str, str]", (obj["spec"].get("selector") or {}).get("matchLabels") or {})


def limits_of(container: Json) -> Mapping[str, str]:
    """Return the resource limits of a container in a pod's spec: quantities by resource name."""
    return cast("Mapping[str, str]", (container.get("resources") or {}).get("limits") or {})


def requests_of(container: Json) -> Mapping[str, str]:
    """Return the resource requests of a container in a pod's spec: quantities by resource name."""
    return cast("Mapping[str, str]", (container.get("resources") or {}).get("requests") or {})


def shares_processes(pod: Json) -> bool:
    """Return whether the containers of ``pod`` see each other's processes, or those of the node."""
    return bool(pod["spec"].get("shareProcessNamespace") or pod["spec"].get("hostPID"))


def container_statuses(pod: Json) -> list[Json]:
    """Return the statuses of the pod's containers and init containers."""
    return [status for field in _STATUS_FIELDS for status in pod["status"].get(field) or []]


def waiting_state(status: Json) -> Waiting:
    """Return the waiting state of a ContainerStatus; empty if the container is not waiting."""
    return cast("Waiting", (status.get("state") or {}).get("waiting") or {})


def running_state(status: Json) -> Running:
    """Return the running state of a ContainerStatus; empty if the container is not running."""
    return cast("Running", (status.get("state") or {}).get("running") or {})


def terminated_state(status: Json) -> Terminated:
    """Return the terminated state of a ContainerStatus; empty if the container has not ended."""
    return cast("Terminated", (status.get("state") or {}).get("terminated") or {})


def last_terminated_state(status: Json) -> Terminated:
    """Return how the previous run of a container ended; empty if there was none."""
    return cast("Terminated", (status.get("lastState") or {}).get("terminated") or {})
