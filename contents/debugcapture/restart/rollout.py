"""How far a rollout is, and what to go back to; pure.

Source: Kubernetes documentation, "Deployments: Deployment status", "Rolling back a Deployment"; API reference, apps/v1
DeploymentStatus, StatefulSetStatus, DaemonSetStatus.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import BadInput, RolloutBlocked
from ..kube.objects import controller_uid
from ..kube.values import revision_of
from ..model import Json
from ..text import number_in

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
RESTARTABLE = ("deployment", "statefulset", "daemonset")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rollout is, in words; ``failed`` when the controller has given it up."""

    done: bool
    text: str
    failed: bool = False


def progress(kind: str, workload: Json) -> Progress:
    """Return how far the rollout of ``workload`` is."""
    status, spec = workload.get("status") or {}, workload["spec"]
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return Progress(False, "the controller has not seen the change yet")
    if kind == "daemonset":
        wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
        return _counted(wanted, updated, status.get("numberAvailable", 0), wanted)
    wanted, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    if kind == "statefulset":
        # No pod counts as updated once all are: the revision of the update has become the current one.
        updated = wanted if status.get("updateRevision") == status.get("currentRevision") else updated
        return _counted(wanted, updated, status.get("readyReplicas", 0), status.get("replicas", 0))
    if _gave_up(status):
        return Progress(False, _counted(wanted, updated, status.get("availableReplicas", 0), 0).text, failed=True)
    return _counted(wanted, updated, status.get("availableReplicas", 0), status.get("replicas", 0))


def earlier(deployment: Json, replica_sets: Sequence[Json], revision: int) -> Json:
    """Return the ReplicaSet of ``revision`` of ``deployment``; 0 for the one before the present.

    Raises BadInput with the revisions that there are.
    """
    ours = [
        one
        for one in replica_sets
        if controller_uid(one) == deployment["metadata"]["uid"] and number_in(revision_of(one)) is not None
    ]
    by_number = {int(revision_of(one)): one for one in ours}
    now = int(revision_of(deployment) or 0)
    older = sorted(number for number in by_number if number < now)
    wanted = revision or (older[-1] if older else 0)
    name = deployment["metadata"]["name"]
    if wanted == now:
        raise BadInput(f"cannot roll back deployment {name}", f"revision {wanted} is the current one", _listed(older))
    if wanted not in by_number:
        asked = f"it has no revision {wanted}" if revision else "it has no earlier revision"
        raise BadInput(f"cannot roll back deployment {name}", asked, _listed(older))
    return by_number[wanted]


def template_of(replica_set: Json) -> Json:
    """Return the pod template as the Deployment had it: the hash is the controller's."""
    template: Json = copy.deepcopy(replica_set["spec"]["template"])
    (template["metadata"].get("labels") or {}).pop("pod-template-hash", None)
    return template


def require_moving(kind: str, workload: Json, doing: str) -> None:
    """Raise RolloutBlocked where a change of the template would start no rollout."""
    spec = workload["spec"]
    if spec.get("paused"):
        raise RolloutBlocked(doing, "its rollout is paused", "Resume it first: kubectl rollout resume.")
    if kind != "deployment" and (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        raise RolloutBlocked(
            doing, "its update strategy is OnDelete, so a restart has no effect", "Delete its pods instead."
        )


def _counted(wanted: int, updated: int, available: int, all_there: int) -> Progress:
    if updated < wanted:
        return Progress(False, f"{updated} of {wanted} pods are updated, {available} are available")
    if all_there > wanted:
        return Progress(False, f"{all_there - wanted} old pods are still terminating")
    return Progress(available >= wanted, f"{available} of {wanted} pods are available")


def _gave_up(status: Json) -> bool:
    found = (one for one in status.get("conditions") or [] if one["type"] == "Progressing")
    return any(one.get("reason") == "ProgressDeadlineExceeded" for one in found)


def _listed(revisions: Sequence[int]) -> str:
    return f"Available: {', '.join(map(str, revisions))}." if revisions else ""
