"""The progress of a rollout, and the revision to roll back to. Pure.

Source: Kubernetes documentation, "Deployments: Deployment status", "Rolling back a Deployment"; API reference, apps/v1
DeploymentStatus, StatefulSetStatus, DaemonSetStatus.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import BadInput, RolloutBlocked
from ..kube.objects import controller_uid
from ..kube.values import revision_of
from ..model import Json
from ..text import number_in

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
RESTARTABLE = ("deployment", "statefulset", "daemonset")


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a rollout as text. ``failed``: its progress deadline is over."""

    is_complete: bool
    text: str
    failed: bool = False


def rollout_progress(kind: str, workload: Json) -> Progress:
    """Return the progress of the rollout of ``workload``."""
    status, spec = workload.get("status") or {}, workload["spec"]
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return Progress(False, "the controller has not seen the change yet")
    if kind == "daemonset":
        desired, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
        return _pod_progress(desired, updated, status.get("numberAvailable", 0), desired)
    desired, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    if kind == "statefulset":
        # When all pods are updated, the update revision becomes the current one, and no pod counts as updated.
        updated = desired if status.get("updateRevision") == status.get("currentRevision") else updated
        return _partitioned_progress(workload, updated)
    if _has_failed(status):
        return Progress(False, _pod_progress(desired, updated, status.get("availableReplicas", 0), 0).text, failed=True)
    return _pod_progress(desired, updated, status.get("availableReplicas", 0), status.get("replicas", 0))


def _partitioned_progress(stateful_set: Json, updated: int) -> Progress:
    """Return the progress of a StatefulSet. The controller updates only the pods from the number ``partition`` on."""
    status, desired = stateful_set["status"], stateful_set["spec"].get("replicas", 1)
    partition = partition_of(stateful_set)
    if partition and updated >= max(desired - partition, 0):
        progress = _pod_progress(desired, desired, status.get("readyReplicas", 0), status.get("replicas", 0))
        return replace(progress, text=f"{progress.text}; {min(partition, desired)} keep their revision (partition)")
    return _pod_progress(desired, updated, status.get("readyReplicas", 0), status.get("replicas", 0))


def partition_of(workload: Json) -> int:
    """Return the number of pods that an update of a StatefulSet leaves as they are; 0 for other workloads."""
    return int(((workload["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0)


def find_revision(deployment: Json, replica_sets: Sequence[Json], revision: int) -> Json:
    """Return the ReplicaSet of ``revision`` of ``deployment``. 0 means the previous revision.

    Raises BadInput that lists the available revisions.
    """
    revisions = [
        replica_set
        for replica_set in replica_sets
        if controller_uid(replica_set) == deployment["metadata"]["uid"]
        and number_in(revision_of(replica_set)) is not None
    ]
    by_number = {int(revision_of(replica_set)): replica_set for replica_set in revisions}
    current = int(revision_of(deployment) or 0)
    older = sorted(number for number in by_number if number < current)
    requested = revision or (older[-1] if older else 0)
    name = deployment["metadata"]["name"]
    if requested == current:
        raise BadInput(
            f"cannot roll back deployment {name}", f"revision {requested} is the current one", _list_revisions(older)
        )
    if requested not in by_number:
        reason = f"it has no revision {requested}" if revision else "it has no earlier revision"
        raise BadInput(f"cannot roll back deployment {name}", reason, _list_revisions(older))
    return by_number[requested]


def template_of(replica_set: Json) -> Json:
    """Return the pod template of the Deployment, without the hash label that the controller added."""
    template: Json = copy.deepcopy(replica_set["spec"]["template"])
    (template["metadata"].get("labels") or {}).pop("pod-template-hash", None)
    return template


def require_moving(kind: str, workload: Json, action: str) -> None:
    """Raise RolloutBlocked if a change of the template would not start a rollout."""
    spec = workload["spec"]
    if spec.get("paused"):
        raise RolloutBlocked(action, "its rollout is paused", "Resume it first: kubectl rollout resume.")
    if kind != "deployment" and (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        raise RolloutBlocked(
            action, "its update strategy is OnDelete, so a restart has no effect", "Delete its pods instead."
        )
    partition, replicas = partition_of(workload), spec.get("replicas", 1)
    if kind == "statefulset" and 0 < replicas <= partition:
        reason = f"its partition is {partition}, and it has {replicas} pods, so none of them would be replaced"
        raise RolloutBlocked(action, reason, "Lower the partition, or delete its pods instead.")


def _pod_progress(desired: int, updated: int, available: int, total: int) -> Progress:
    if updated < desired:
        return Progress(False, f"{updated} of {desired} pods are updated, {available} are available")
    if total > desired:
        return Progress(False, f"{total - desired} old pods are still terminating")
    return Progress(available >= desired, f"{available} of {desired} pods are available")


def _has_failed(status: Json) -> bool:
    conditions = (condition for condition in status.get("conditions") or [] if condition["type"] == "Progressing")
    return any(condition.get("reason") == "ProgressDeadlineExceeded" for condition in conditions)


def _list_revisions(revisions: Sequence[int]) -> str:
    return f"Available: {', '.join(map(str, revisions))}." if revisions else ""
