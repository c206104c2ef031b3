"""Read what stands above a pod: its owners, what limits them, and what their last release changed."""

import difflib
from typing import Final

from ..errors import NotAllowed, TargetNotFound
from ..kube.client import Api
from ..kube.resources import path_of
from ..kube.values import revision_of
from ..model import Json
from ..redaction.redactor import masked_pod
from ..targets.pods import controller, owner_uid
from ..text import number_in

_OWNERS: Final = ("ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
_AROUND: Final = ("HorizontalPodAutoscaler", "PodDisruptionBudget", "ResourceQuota")


def owner_chain(api: Api, pod: Json) -> tuple[list[Json], list[str]]:
    """Return the pod's owners, the nearest first, then what limits them: autoscaler, disruption budget, quota.

    Of the limits a kind that we may not list is left out: the second list has the reasons. One that the cluster does
    not have is left out as well. Raises NotAllowed where an owner may not be read.
    """
    chain: list[Json] = []
    owner = controller(pod)
    while owner and owner["kind"] in _OWNERS:
        found = _read(api, pod, owner["kind"], owner["name"])
        chain.append({"kind": owner["kind"], **found})
        owner = controller(found)
    left_out: list[str] = []
    limits = [one for kind in _AROUND for one in _around(api, pod, kind, chain, left_out)]
    return chain + limits, left_out


def changes_between(api: Api, pod: Json) -> str:
    """Return what the last release changed in the pod template, as a unified diff; "" where there is but one."""
    owner = controller(pod)
    if owner.get("kind") != "ReplicaSet":
        return ""
    namespace = pod["metadata"]["namespace"]
    path = path_of("ReplicaSet", namespace)
    mine = owner_uid(_read(api, pod, "ReplicaSet", owner["name"]))
    found = api.items(path, f"cannot list ReplicaSets of {namespace}")
    return release_diff([one for one in found if mine == owner_uid(one)])


def release_diff(replica_sets: list[Json]) -> str:
    """Return the difference of the pod templates of the last two revisions among ``replica_sets``."""
    last = sorted(replica_sets, key=_revision)[-2:]
    if len(last) < 2:
        return ""
    old, new = (_template(one) for one in last)
    before, after = (f"revision {_revision(one)} ({one['metadata']['name']})" for one in last)
    return "\n".join(difflib.unified_diff(old, new, before, after, lineterm="")) + "\n"


def _template(replica_set: Json) -> list[str]:
    import yaml

    template = replica_set["spec"]["template"]
    labels = {key: value for key, value in template["metadata"].get("labels", {}).items() if key != "pod-template-hash"}
    shown = masked_pod({"metadata": {**template["metadata"], "labels": labels}, "spec": template["spec"]})
    return str(yaml.safe_dump(shown, sort_keys=True, allow_unicode=True, width=120)).splitlines()


def _revision(replica_set: Json) -> int:
    return number_in(revision_of(replica_set)) or 0


def _read(api: Api, pod: Json, kind: str, name: str) -> Json:
    namespace = pod["metadata"]["namespace"]
    path = path_of(kind, namespace, name)
    return api.get(path, f"cannot read {kind} {namespace}/{name}")


def _around(api: Api, pod: Json, kind: str, chain: list[Json], left_out: list[str]) -> list[Json]:
    namespace = pod["metadata"]["namespace"]
    try:
        found = api.items(path_of(kind, namespace), f"cannot list {kind}s of {namespace}")
    except NotAllowed as error:
        left_out.append(str(error))
        return []
    except TargetNotFound:
        return []
    return [{"kind": kind, **one} for one in found if _concerns(one, kind, pod, chain)]


def _concerns(one: Json, kind: str, pod: Json, chain: list[Json]) -> bool:
    if kind == "HorizontalPodAutoscaler":
        target = one["spec"]["scaleTargetRef"]
        return (target["kind"], target["name"]) in {(owner["kind"], owner["metadata"]["name"]) for owner in chain}
    if kind == "PodDisruptionBudget":
        wanted = ((one["spec"].get("selector") or {}).get("matchLabels") or {}).items()
        return wanted <= (pod["metadata"].get("labels") or {}).items()
    return True
