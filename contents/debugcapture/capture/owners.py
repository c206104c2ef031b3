"""Reads the owners of a pod, the objects that limit them, and what their last release changed."""

import difflib
from typing import Final

from ..errors import NotAllowed, TargetNotFound
from ..kube.client import Api
from ..kube.objects import controller_of, controller_uid, labels_of, match_labels_of
from ..kube.resources import path_of
from ..kube.values import revision_of
from ..model import Json
from ..redaction.pods import masked_pod
from ..text import number_in

_OWNERS: Final = ("ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
_LIMITS: Final = ("HorizontalPodAutoscaler", "PodDisruptionBudget", "ResourceQuota")


def owner_chain(api: Api, pod: Json) -> tuple[list[Json], list[str]]:
    """Return the pod's owners, the nearest first, then the objects that limit them, and the reasons for missing ones.

    Limits are autoscalers, disruption budgets and quotas. Those that cannot be listed because of RBAC are omitted, each
    with a reason in the second list. Raises NotAllowed if an owner cannot be read.
    """
    chain: list[Json] = []
    owner = controller_of(pod)
    while owner and owner["kind"] in _OWNERS:
        workload = _read(api, pod, owner["kind"], owner["name"])
        chain.append({"kind": owner["kind"], **workload})
        owner = controller_of(workload)
    left_out: list[str] = []
    limits = [limit for kind in _LIMITS for limit in _list_limits(api, pod, kind, chain, left_out)]
    return chain + limits, left_out


def last_release_diff(api: Api, pod: Json) -> str:
    """Return what the last release changed in the pod template, as a unified diff; "" if there is one release only."""
    owner = controller_of(pod)
    if owner.get("kind") != "ReplicaSet":
        return ""
    namespace = pod["metadata"]["namespace"]
    path = path_of("ReplicaSet", namespace)
    deployment_uid = controller_uid(_read(api, pod, "ReplicaSet", owner["name"]))
    replica_sets = api.items(path, f"cannot list ReplicaSets of {namespace}")
    return release_diff([replica_set for replica_set in replica_sets if controller_uid(replica_set) == deployment_uid])


def release_diff(replica_sets: list[Json]) -> str:
    """Return a unified diff of the pod templates of the last two revisions in ``replica_sets``; "" if there is one."""
    last = sorted(replica_sets, key=_revision)[-2:]
    if len(last) < 2:
        return ""
    old, new = (_template(replica_set) for replica_set in last)
    old_title, new_title = (_title(replica_set) for replica_set in last)
    return "\n".join(difflib.unified_diff(old, new, old_title, new_title, lineterm="")) + "\n"


def _title(replica_set: Json) -> str:
    return f"revision {_revision(replica_set)} ({replica_set['metadata']['name']})"


def _template(replica_set: Json) -> list[str]:
    import yaml

    template = replica_set["spec"]["template"]
    labels = template["metadata"].get("labels") or {}
    labels = {key: value for key, value in labels.items() if not key.endswith("pod-template-hash")}
    masked = masked_pod({"metadata": {**template["metadata"], "labels": labels}, "spec": template["spec"]})
    return str(yaml.safe_dump(masked, sort_keys=True, allow_unicode=True, width=120)).splitlines()


def _revision(replica_set: Json) -> int:
    return number_in(revision_of(replica_set)) or 0


def _read(api: Api, pod: Json, kind: str, name: str) -> Json:
    namespace = pod["metadata"]["namespace"]
    path = path_of(kind, namespace, name)
    return api.get(path, f"cannot read {kind} {namespace}/{name}")


def _list_limits(api: Api, pod: Json, kind: str, chain: list[Json], left_out: list[str]) -> list[Json]:
    namespace = pod["metadata"]["namespace"]
    try:
        limits = api.items(path_of(kind, namespace), f"cannot list {kind}s of {namespace}")
    except NotAllowed as error:
        left_out.append(str(error))
        return []
    except TargetNotFound:
        return []
    return [{"kind": kind, **limit} for limit in limits if _applies_to(limit, kind, pod, chain)]


def _applies_to(limit: Json, kind: str, pod: Json, chain: list[Json]) -> bool:
    if kind == "HorizontalPodAutoscaler":
        target = limit["spec"]["scaleTargetRef"]
        return (target["kind"], target["name"]) in {(owner["kind"], owner["metadata"]["name"]) for owner in chain}
    if kind == "PodDisruptionBudget":
        return match_labels_of(limit).items() <= labels_of(pod).items()
    return True
