"""The ``zoo`` part: a workload for each kind of image, user, pod and owner that real clusters have.

The files in lab/workloads/zoo contain only what is special about each of them. This module adds the rest.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from lab.kubernetes import images, layout, workloads, zoo_images
from lab.kubernetes.cluster import connect
from lab.kubernetes.kubectl import Kubectl
from lab.part import LabError
from lab.paths import REPO
from lab.process import wait_until
from lab.progress import Progress

NAMESPACE = "zoo"
MANY = "many-debug-containers"
ENDED_DEBUG_CONTAINERS = 100
_FOLDER = REPO / "lab" / "workloads" / "zoo"
_STATIC = _FOLDER / "static.yaml"
_STATE, _OWNER = "state", "owner"  # annotations
_REPLACE_AFTER = 150  # debug containers of the pod MANY; a capture fails at 200
_STARTS_WITHIN_S = 120
_ENDS_WITHIN_S = 60
_CONTAINERS_END_WITHIN_S = 300
Json = dict[str, Any]


def documents(file: str) -> list[Json]:
    """Return the documents of a file of the zoo."""
    return list(yaml.safe_load_all((_FOLDER / file).read_text()))


def states() -> dict[str, str]:
    """Return the expected state of each workload, by its name, which is also its label ``app``."""
    simple = {
        item["metadata"]["name"]: item["metadata"].get("annotations", {}).get(_STATE, "ready")
        for file in ("images.yaml", "users.yaml", "pods.yaml")
        for item in documents(file)
    }
    owned = {"rollout": "ready", "deployment-config": "ready", "partitioned": "ready", "report": "ready"}
    return simple | owned | {"import": "ended", "static": "ready"}


def manifests(image_keys: Mapping[str, str]) -> list[Json]:
    """Return all objects except the owned ones. A pod is replaced if its image was built again."""
    simple = [_complete(item) for file in ("images.yaml", "users.yaml", "pods.yaml") for item in documents(file)]
    owners = [item for item in documents("owners.yaml") if not owner_of(item)]
    return [_with_defaults(item, image_keys) for item in (*simple, *owners)]


def owned_manifests(image_keys: Mapping[str, str], minutes: int, uids: Mapping[str, str]) -> list[Json]:
    """Return the objects that have owners. ``uids`` has the UIDs of the owners by KIND/NAME."""
    objects = []
    for item in documents("owners.yaml"):
        if owner := owner_of(item):
            item["metadata"]["name"] = item["metadata"]["name"].replace("MINUTES", str(minutes))
            item["metadata"]["ownerReferences"] = [_reference(owner, uids[owner])]
            objects.append(_with_defaults(item, image_keys))
    return objects


def owner_of(item: Json) -> str:
    """Return the owner of an object of the zoo as KIND.GROUP/NAME; "" if it has none."""
    return str((item["metadata"].get("annotations") or {}).get(_OWNER, ""))


def _reference(owner: str, uid: str) -> Json:
    kind, _, name = owner.partition("/")
    parent = next(
        item
        for item in documents("owners.yaml")
        if item["metadata"]["name"] == name and f"{item['kind'].lower()}s" == kind.partition(".")[0]
    )
    return {"apiVersion": parent["apiVersion"], "kind": parent["kind"], "name": name, "uid": uid, "controller": True}


def _complete(item: Json) -> Json:
    """Return the Pod, or the Deployment with one pod, for the short form ``item``."""
    metadata, spec = item["metadata"], item["spec"]
    labels = {"app": metadata["name"]}
    if item.get("kind") == "Pod":
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**metadata, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            # A rolling update would keep the old pod of a workload that never becomes ready.
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _with_defaults(item: Json, image_keys: Mapping[str, str]) -> Json:
    """Return ``item`` with the namespace and the defaults of the zoo."""
    item = copy.deepcopy(item)
    item["metadata"]["namespace"] = NAMESPACE
    template = item if item["kind"] == "Pod" else _template(item)
    if not template:
        return item
    spec = template["spec"]
    common = {"automountServiceAccountToken": False, "enableServiceLinks": False, "dnsPolicy": "Default"}
    template["spec"] = common | {"terminationGracePeriodSeconds": 1} | spec
    containers = [*spec["containers"], *spec.get("initContainers", [])]
    for container in containers:
        limits = container.get("resources", {}).get("limits", {"memory": "64Mi"})
        container["resources"] = {"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": limits}
        container["imagePullPolicy"] = "IfNotPresent"
    keys = {image_keys[_image_name(container["image"])] for container in containers}
    template["metadata"].setdefault("annotations", {})["image-keys"] = ",".join(sorted(keys))
    return item


def _template(item: Json) -> Json:
    """Return the pod template of a workload; empty if it has none."""
    spec = item["spec"]
    template: Json = spec.get("template") or spec.get("jobTemplate", {}).get("spec", {}).get("template") or {}
    return template


def _image_name(reference: str) -> str:
    return reference.removeprefix("lab.local/").removesuffix(":1")


class ZooPart:
    """A part that only starts if it is named, because it has many pods."""

    name = "zoo"
    needs: tuple[str, ...] = (layout.PART,)

    def up(self, progress: Progress) -> None:
        """Build the images, apply the workloads, and wait until each is in its state."""
        recipes = zoo_images.recipes()
        images.ensure_built(recipes, progress)
        images.ensure_imported(recipes, progress)
        kubectl = connect()
        with progress.stage(self.name, "workloads of every kind"):
            kubectl("apply", f"--filename={_FOLDER / 'namespace.yaml'}", f"--filename={_FOLDER / 'kinds.yaml'}")
            kubectl("wait", "--for=condition=Established", f"--filename={_FOLDER / 'kinds.yaml'}", "--timeout=30s")
            workloads.grant(kubectl, NAMESPACE)
            _replace_used(kubectl)
            _apply_all(kubectl, {recipe.name: recipe.key() for recipe in (*images.recipes(), *recipes)})
            wait_until("the zoo", lambda: not unsettled(kubectl), timeout_s=_STARTS_WITHIN_S)
        with progress.stage(self.name, f"{ENDED_DEBUG_CONTAINERS} debug containers that end"):
            _attach_ended_containers(kubectl)

    def down(self) -> None:
        """Delete the workloads before the cluster stops, or its next start would start them again."""
        layout.static_pods_dir().joinpath(_STATIC.name).unlink(missing_ok=True)
        if not _is_present():
            return
        kubectl = connect()
        _end_terminating_pod(kubectl)
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")
        kubectl("delete", f"--filename={_FOLDER / 'kinds.yaml'}", "--ignore-not-found", "--wait=false")
        wait_until(f"the end of namespace {NAMESPACE}", lambda: not _is_present(), timeout_s=90)

    def status(self) -> str:
        """``down`` if the cluster or the namespace is down."""
        if not _is_present():
            return "down"
        missing = unsettled(connect())
        return f"broken: {', '.join(missing)} not as they should be" if missing else "up"

    def logs(self) -> list[Path]:
        """Return no logs: the logs of the cluster contain everything."""
        return []

    def reset(self) -> None:
        """Do nothing: the images stay in the cache."""


_IN_ZOO = (f"--namespace={NAMESPACE}",)


def unsettled(kubectl: Kubectl) -> list[str]:
    """Return the workloads without a pod in the expected state."""
    pods = kubectl.json("get", "pods", *_IN_ZOO)["items"]
    return [
        name for name, state in sorted(states().items()) if not any(_is_in(state, pod) for pod in _pods_of(name, pods))
    ]


def _pods_of(name: str, pods: Iterable[Json]) -> list[Json]:
    return [pod for pod in pods if pod["metadata"]["labels"].get("app") == name]


def _is_in(state: str, pod: Json) -> bool:
    is_deleted = "deletionTimestamp" in pod["metadata"]
    if is_deleted or state == "terminating":
        return is_deleted and state == "terminating"
    main = pod["status"].get("containerStatuses", [])
    first = pod["status"].get("initContainerStatuses", [])
    conditions = {item["type"]: item["status"] for item in pod["status"].get("conditions", [])}
    match state:
        case "ready":
            return conditions.get("Ready") == "True"
        case "initializing":
            return any("running" in status["state"] for status in first)
        case "crashed":
            return any(status["restartCount"] for status in (*main, *first))
        case "ended":
            return bool(main) and all("terminated" in status["state"] for status in main)
        case "unready":
            runs = bool(main) and all("running" in status["state"] for status in main)
            return runs and conditions.get("Ready") == "False"
    raise LabError(f"the zoo has an unknown state {state}")


def _replace_used(kubectl: Kubectl) -> None:
    """Delete the Jobs, which are immutable, and the pods to which earlier runs have added many debug containers."""
    kubectl("delete", "jobs", "--all", *_IN_ZOO, "--cascade=foreground", "--wait=true")
    for pod in kubectl.json("get", "pods", *_IN_ZOO)["items"]:
        is_many = pod["metadata"]["labels"].get("app") == MANY
        limit = _REPLACE_AFTER if is_many else workloads.WORN_AFTER
        if len(pod["spec"].get("ephemeralContainers", [])) > limit:
            kubectl("delete", "pod", pod["metadata"]["name"], *_IN_ZOO, "--wait=true")


def _apply_all(kubectl: Kubectl, image_keys: Mapping[str, str]) -> None:
    _apply(kubectl, manifests(image_keys))
    owners = {owner for item in documents("owners.yaml") if (owner := owner_of(item))}
    uids = {owner: str(kubectl.json("get", owner, *_IN_ZOO)["metadata"]["uid"]) for owner in owners}
    _apply(kubectl, owned_manifests(image_keys, int(time.time() // 60), uids))
    # A pod that is deleted before it runs ends immediately.
    kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod/terminating", *_IN_ZOO, "--timeout=60s")
    kubectl("delete", "pod", "terminating", *_IN_ZOO, "--wait=false")
    layout.static_pods_dir().joinpath(_STATIC.name).write_text(_STATIC.read_text())


def _apply(kubectl: Kubectl, items: list[Json]) -> None:
    kubectl("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def _attach_ended_containers(kubectl: Kubectl) -> None:
    """Attach debug containers that end immediately, to simulate many captures."""
    pod = next(pod for pod in _pods_of(MANY, kubectl.json("get", "pods", *_IN_ZOO)["items"]) if _is_in("ready", pod))
    existing = pod["spec"].get("ephemeralContainers", [])
    image = pod["spec"]["containers"][0]["image"]
    added = [
        {"name": f"debug-capture-{number:06x}", "image": image, "command": ["true"], "imagePullPolicy": "IfNotPresent"}
        for number in range(ENDED_DEBUG_CONTAINERS - len(existing))
    ]
    name = pod["metadata"]["name"]
    if added:
        patch = json.dumps({"spec": {"ephemeralContainers": added}})
        kubectl("patch", "pod", name, *_IN_ZOO, "--subresource=ephemeralcontainers", f"--patch={patch}")
    wait_until(
        "the debug containers", lambda: _count_ended(kubectl, name) >= ENDED_DEBUG_CONTAINERS, _CONTAINERS_END_WITHIN_S
    )


def _count_ended(kubectl: Kubectl, pod: str) -> int:
    statuses = kubectl.json("get", "pod", pod, *_IN_ZOO)["status"].get("ephemeralContainerStatuses", [])
    return sum("terminated" in status["state"] for status in statuses)


def _end_terminating_pod(kubectl: Kubectl) -> None:
    """End the preStop hook of the pod that is being deleted, and wait until the pod is gone.

    A forced deletion, or a shorter grace period, removes only the object: the kubelet waits for the hook, and the
    container would run for the grace period of the first deletion, which is a day.
    """
    if kubectl.succeeds("get", "pod", "terminating", *_IN_ZOO):
        kubectl("exec", "terminating", *_IN_ZOO, "--", "timeout", "10", "sh", "-c", "echo end >/tmp/end")
        kubectl("wait", "--for=delete", "pod/terminating", *_IN_ZOO, f"--timeout={_ENDS_WITHIN_S}s")


def _is_present() -> bool:
    try:
        return connect().succeeds("get", "namespace", NAMESPACE)
    except LabError:  # no cluster was ever started
        return False
