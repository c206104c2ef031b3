"""The band-aid: restart, roll back or scale a workload, or delete its pod, and wait until all is well again."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ..errors import BadInput, RolloutBlocked, RolloutNotReady, TargetNotFound
from ..kube.client import JSON_PATCH, Api, Change
from ..kube.objects import controller_of
from ..kube.resources import path_of, pod_path
from ..kube.values import revision_of
from ..kube.watch import WatchedObject, watch_object, watch_pod
from ..model import Json, Manifest
from ..settings.restart import GateSettings, RestartSettings
from ..settings.target import TargetSettings
from ..targets.health import find_problems
from ..targets.selection import find_workload
from .rollout import RESTARTABLE, RESTARTED_AT, Progress, earlier, progress, require_moving, template_of

Say = Callable[[str], None]
_SCALABLE = ("deployment", "statefulset")
_UNHEALTHY = 3  # pods that a failure names


@dataclass(frozen=True, slots=True)
class PodRef:
    """A pod, which another of its name is not."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and what has to be well afterwards."""

    what: str  # "rollout restart of deployment shop/checkout"
    changes: tuple[Change, ...]
    kind: str
    namespace: str
    name: str  # of the workload
    gone: PodRef | None = None  # the pod that has to go first

    @property
    def path(self) -> str:
        """Return the workload's path on the API server."""
        return workload_path(self.kind, self.namespace, self.name)


def gate(manifest: Manifest | None, stored: bool, settings: GateSettings, target: TargetSettings) -> str:
    """Return why the gate is closed, or "". ``manifest`` is that of the capture, None when there is no bundle."""
    if settings.gate == "none":
        return ""
    if manifest is None:
        return "nothing was captured"
    if manifest.status == "failed" or (settings.gate == "complete" and manifest.status != "complete"):
        return f"the capture {manifest.capture_id} is {manifest.status}, but the job requires {settings.gate}"
    if settings.gate_stored and not stored:
        return f"the capture {manifest.capture_id} is not in the store"
    captured = {(one.namespace, one.workload) for one in manifest.targets} | {
        (one.namespace, one.pod) for one in manifest.targets
    }
    name = target.pod or target.workload.rpartition("/")[2]
    if (target.namespace, name) not in captured:
        return f"the capture {manifest.capture_id} is of {manifest.target}, not of {target.namespace}/{name}"
    return ""


def plan(api: Api, target: TargetSettings, settings: RestartSettings, now: datetime) -> Plan:
    """Return what ``settings`` mean for ``target``. Raises BadInput, TargetNotFound, RolloutBlocked."""
    if settings.action == "delete-pod":
        return _deletion(api, target)
    kind, workload = find_workload(api, target)
    named = f"{kind} {target.namespace}/{workload['metadata']['name']}"
    if kind not in RESTARTABLE:
        raise BadInput(f"cannot {settings.action} {named}", f"a {kind} has no rollout", "Run it again instead.")
    if settings.action == "scale":
        return _scaling(kind, workload, named, settings.replicas)
    require_moving(kind, workload, f"cannot {settings.action} {named}")
    if settings.action == "undo":
        return _undo(api, kind, workload, named, settings.revision)
    body = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: f"{now:%Y-%m-%dT%H:%M:%SZ}"}}}}}
    return _plan(f"rollout restart of {named}", kind, workload, Change(f"cannot restart {named}", "", body=body))


def carry_out(api: Api, plan: Plan, *, dry_run: bool) -> None:
    """Do what is planned; with ``dry_run`` only have the API server check that it may be done."""
    for change in plan.changes:
        api.change(replace(change, dry_run=dry_run))


def wait(api: Api, plan: Plan, limit_s: float, say: Say) -> str:
    """Wait until all is well again, and say how it went. Raises RolloutNotReady when it is not within ``limit_s``."""
    started, now, told = time.monotonic(), Progress(False, "no change was seen"), ""
    for now in _course(api, plan, limit_s):
        if now.done:
            return f"{plan.what}: done after {time.monotonic() - started:.0f} s, {now.text}"
        if now.failed:
            break
        if now.text != told:
            say(f"{plan.what}: {now.text}")
        told = now.text
    why = "the progress deadline of the rollout is over" if now.failed else f"not complete after {limit_s:.0f} s"
    why += f": {now.text}{_unhealthy(api, plan)}"
    raise RolloutNotReady(plan.what, why, "The evidence from before is in the bundle. Check the new pods.")


def workload_path(kind: str, namespace: str, name: str) -> str:
    """Return the path of a workload on the API server."""
    return path_of(kind, namespace, name)


def _plan(what: str, kind: str, workload: Json, *changes: Change, below: str = "") -> Plan:
    namespace, name = workload["metadata"]["namespace"], workload["metadata"]["name"]
    path = workload_path(kind, namespace, name) + below
    return Plan(what, tuple(replace(one, path=path) for one in changes), kind, namespace, name)


def _scaling(kind: str, workload: Json, named: str, replicas: int) -> Plan:
    if kind not in _SCALABLE:
        raise BadInput(f"cannot scale {named}", f"a {kind} has no replicas")
    before = workload["spec"].get("replicas", 1)
    body: Json = {"spec": {"replicas": replicas}}
    change = Change(f"cannot scale {named}", "", body=body, content_type="application/merge-patch+json")
    return _plan(f"scale {named} from {before} to {replicas}", kind, workload, change, below="/scale")


def _undo(api: Api, kind: str, workload: Json, named: str, revision: int) -> Plan:
    doing = f"cannot roll back {named}"
    if kind != "deployment":
        raise BadInput(doing, f"the revisions of a {kind} are not supported", "Use kubectl rollout undo.")
    namespace = workload["metadata"]["namespace"]
    replica_sets = api.items(path_of("replicaset", namespace), f"cannot list revisions of {named}")
    goal = earlier(workload, replica_sets, revision)
    body: list[Json] = [{"op": "replace", "path": "/spec/template", "value": template_of(goal)}]
    what = f"rollout undo of {named} from revision {revision_of(workload)} to {revision_of(goal)}"
    return _plan(what, kind, workload, Change(doing, "", body=body, content_type=JSON_PATCH))


def _deletion(api: Api, target: TargetSettings) -> Plan:
    named = f"pod {target.namespace}/{target.pod}"
    pod = api.pod(target.namespace, target.pod)
    kind, name = _maker(api, pod)
    if not kind:
        why = "it has no known owner that would create it again"
        raise RolloutBlocked(f"cannot delete {named}", why, "Restart its owner instead.")
    change = Change(f"cannot delete {named}", pod_path(target.namespace, target.pod), "DELETE")
    return Plan(f"delete {named}", (change,), kind, target.namespace, name, PodRef(target.pod, pod["metadata"]["uid"]))


def _maker(api: Api, pod: Json) -> tuple[str, str]:
    """Return the kind and name of the workload that will make ``pod`` again."""
    owner = controller_of(pod)
    if owner.get("kind") == "ReplicaSet":
        namespace = pod["metadata"]["namespace"]
        path = workload_path("replicaset", namespace, owner["name"])
        owner = controller_of(api.get(path, f"cannot read replicaset {namespace}/{owner['name']}"))
    kind = str(owner.get("kind", "")).lower()
    return (kind, str(owner["name"])) if kind in RESTARTABLE else ("", "")


def _course(api: Api, plan: Plan, within_s: float) -> Iterator[Progress]:
    """Yield how far it is, now and after each change, for ``within_s``."""
    deadline = time.monotonic() + within_s
    if plan.gone:
        with suppress(TargetNotFound):  # that it is not there any more is what is waited for
            for pod in watch_pod(api, plan.namespace, plan.gone.name, within_s):
                if pod["metadata"]["uid"] != plan.gone.uid:
                    break
                yield Progress(False, "the pod is still terminating")
            else:
                return  # it is still there, however well the workload is
    watched = WatchedObject(path_of(plan.kind, plan.namespace), plan.name)
    for workload in watch_object(api, watched, deadline - time.monotonic()):
        yield progress(plan.kind, workload)


def _unhealthy(api: Api, plan: Plan) -> str:
    """Return what is wrong with the workload's pods, as far as it can be told."""
    workload = api.get(plan.path, f"cannot read {plan.kind} {plan.namespace}/{plan.name}")
    labels = (workload["spec"].get("selector") or {}).get("matchLabels") or {}
    now = datetime.now(timezone.utc)
    pods = api.pods(plan.namespace, ",".join(f"{key}={value}" for key, value in labels.items()))
    wrong = [f"{pod['metadata']['name']}: {found[0].reason}" for pod in pods if (found := find_problems(pod, now))]
    return f" ({'; '.join(wrong[:_UNHEALTHY])})" if wrong else ""


def target_of(manifest: Manifest | None, settings: TargetSettings, action: str) -> TargetSettings:
    """Return what is to be restarted: what ``settings`` name, else what was captured. Raises BadInput."""
    named = settings.pod if action == "delete-pod" else settings.workload
    if named:
        return replace(settings, pod=settings.pod if action == "delete-pod" else "", selector="")
    wanted = "pod" if action == "delete-pod" else "workload"
    if manifest is None:
        raise BadInput(
            f"cannot determine the target of {action}", f"neither a {wanted} nor a bundle is set", "Set one of them."
        )
    first = manifest.target
    found = {"pod": first.pod} if action == "delete-pod" else {"workload": first.workload}
    return TargetSettings(namespace=first.namespace, **found)  # type: ignore[arg-type]  # both are texts
