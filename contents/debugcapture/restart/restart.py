"""Restart, roll back or scale a workload, or delete a pod, and wait until the workload is available again."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ..errors import BadInput, RolloutBlocked, RolloutNotReady, TargetNotFound
from ..kube.client import JSON_PATCH, Api, Change
from ..kube.objects import controller_of
from ..kube.resources import kind_of, path_of, pod_path, pods_path
from ..kube.values import revision_of
from ..kube.watch import WatchedObject, watch_object, watch_pod
from ..manifest import Manifest
from ..model import Json, Report
from ..settings.restart import GateSettings, RestartSettings
from ..settings.target import TargetSettings
from ..targets.health import find_problems
from ..targets.owned import find_owned_pods
from ..targets.selection import find_workload
from .rollout import RESTARTABLE, RESTARTED_AT, Progress, find_revision, require_moving, rollout_progress, template_of

_SCALABLE = ("deployment", "statefulset")
_MAX_LISTED_PODS = 3


@dataclass(frozen=True, slots=True)
class PodRef:
    """A pod. Another pod with the same name has another UID."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes to make, and the workload that must be available afterwards.

    ``action`` describes them, such as "rollout restart of deployment shop/checkout". ``name`` is that of the workload.
    ``deleted_pod`` must be gone first.
    """

    action: str
    changes: tuple[Change, ...]
    kind: str
    namespace: str
    name: str
    deleted_pod: PodRef | None = None

    @property
    def subject(self) -> tuple[str, str]:
        """Return the namespace and the name of the workload."""
        return self.namespace, self.name

    @property
    def path(self) -> str:
        """Return the workload's path on the API server."""
        return workload_path(self.kind, self.namespace, self.name)


def find_gate_problem(manifest: Manifest | None, stored: bool, settings: GateSettings, target: TargetSettings) -> str:
    """Return why the gate is closed, or "". ``manifest`` is None if there is no bundle."""
    if settings.gate == "none":
        return ""
    if manifest is None:
        return "nothing was captured"
    if manifest.status == "failed" or (settings.gate == "complete" and manifest.status != "complete"):
        return f"the capture {manifest.capture_id} is {manifest.status}, but the job requires {settings.gate}"
    if settings.gate_stored and not stored:
        return f"the capture {manifest.capture_id} is not in the store"
    names = {(captured.namespace, captured.workload) for captured in manifest.targets}
    names |= {(captured.namespace, captured.pod) for captured in manifest.targets}
    name = target.pod or target.workload.rpartition("/")[2]
    if (target.namespace, name) not in names:
        return f"the capture {manifest.capture_id} is of {manifest.target}, not of {target.namespace}/{name}"
    return ""


def find_kind_problem(manifest: Manifest | None, settings: GateSettings, plan: Plan) -> str:
    """Return why the gate is closed for ``plan``, or "": the capture is of another kind of workload with this name."""
    if settings.gate == "none" or manifest is None:
        return ""
    named = [captured for captured in manifest.targets if (captured.namespace, captured.workload) == plan.subject]
    kinds = {captured.workload_kind for captured in named}
    if not kinds or kinds & {"", plan.kind}:
        return ""
    subject = f"{plan.namespace}/{plan.name}"
    return f"the capture {manifest.capture_id} is of {min(kinds)} {subject}, not of {plan.kind} {subject}"


def plan(api: Api, target: TargetSettings, settings: RestartSettings, now: datetime) -> Plan:
    """Return the plan for ``target`` and ``settings``. Raises BadInput, TargetNotFound, RolloutBlocked."""
    if settings.action == "delete-pod":
        return _deletion(api, target)
    kind, workload = _find_workload(api, target, settings.action)
    subject = f"{kind} {target.namespace}/{workload['metadata']['name']}"
    if kind not in RESTARTABLE:
        raise BadInput(f"cannot {settings.action} {subject}", f"a {kind} has no rollout", "Run it again instead.")
    if settings.action == "scale":
        return _scaling(kind, workload, subject, settings.replicas)
    require_moving(kind, workload, f"cannot {settings.action} {subject}")
    if settings.action == "undo":
        return _undo(api, kind, workload, subject, settings.revision)
    body = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: f"{now:%Y-%m-%dT%H:%M:%SZ}"}}}}}
    return _plan(f"rollout restart of {subject}", kind, workload, Change(f"cannot restart {subject}", "", body=body))


def apply_plan(api: Api, plan: Plan, *, dry_run: bool) -> None:
    """Make the planned changes. With ``dry_run``, the API server only checks them."""
    for change in plan.changes:
        api.change(replace(change, dry_run=dry_run))


def wait(api: Api, plan: Plan, limit_s: float, report: Report) -> str:
    """Wait until the workload is available and return the result as text. Raises RolloutNotReady after ``limit_s``."""
    started, progress, reported = time.monotonic(), Progress(False, "no change was seen"), ""
    for progress in _watch_progress(api, plan, limit_s):
        if progress.is_complete:
            return f"{plan.action}: done after {time.monotonic() - started:.0f} s, {progress.text}"
        if progress.failed:
            break
        if progress.text != reported:
            report(f"{plan.action}: {progress.text}")
        reported = progress.text
    reason = (
        "the progress deadline of the rollout is over" if progress.failed else f"not complete after {limit_s:.0f} s"
    )
    reason += f": {progress.text}{_unhealthy(api, plan)}"
    raise RolloutNotReady(
        plan.action, reason, "The evidence from before the change is in the bundle. Check the new pods."
    )


def workload_path(kind: str, namespace: str, name: str) -> str:
    """Return the path of a workload on the API server."""
    return path_of(kind, namespace, name)


def _find_workload(api: Api, target: TargetSettings, action: str) -> tuple[str, Json]:
    """Return the kind and the object of the workload. Raises BadInput for a kind that this package does not read."""
    try:
        return find_workload(api, target)
    except TargetNotFound:
        kind, _, name = target.workload.rpartition("/")
        pages = api.pages(pods_path(target.namespace), f"cannot list pods of {target.namespace}")
        owned = find_owned_pods(api, target.namespace, kind_of(kind), name, pages)
        if owned is None:
            raise
    raise BadInput(
        f"cannot {action} {owned.kind or kind or 'workload'} {target.namespace}/{name}",
        f"the step changes only a {', '.join(RESTARTABLE[:-1])} or {RESTARTABLE[-1]}",
        "Use the tool of its controller; for a Rollout: kubectl argo rollouts restart.",
    )


def _plan(action: str, kind: str, workload: Json, *changes: Change, subresource: str = "") -> Plan:
    namespace, name = workload["metadata"]["namespace"], workload["metadata"]["name"]
    path = workload_path(kind, namespace, name) + subresource
    return Plan(action, tuple(replace(change, path=path) for change in changes), kind, namespace, name)


def _scaling(kind: str, workload: Json, subject: str, replicas: int) -> Plan:
    if kind not in _SCALABLE:
        raise BadInput(f"cannot scale {subject}", f"a {kind} has no replicas")
    before = workload["spec"].get("replicas", 1)
    body: Json = {"spec": {"replicas": replicas}}
    change = Change(f"cannot scale {subject}", "", body=body, content_type="application/merge-patch+json")
    return _plan(f"scale {subject} from {before} to {replicas}", kind, workload, change, subresource="/scale")


def _undo(api: Api, kind: str, workload: Json, subject: str, revision: int) -> Plan:
    error_action = f"cannot roll back {subject}"
    if kind != "deployment":
        raise BadInput(error_action, f"the revisions of a {kind} are not supported", "Use kubectl rollout undo.")
    namespace = workload["metadata"]["namespace"]
    replica_sets = api.items(path_of("replicaset", namespace), f"cannot list revisions of {subject}")
    replica_set = find_revision(workload, replica_sets, revision)
    body: list[Json] = [{"op": "replace", "path": "/spec/template", "value": template_of(replica_set)}]
    action = f"rollout undo of {subject} from revision {revision_of(workload)} to {revision_of(replica_set)}"
    return _plan(action, kind, workload, Change(error_action, "", body=body, content_type=JSON_PATCH))


def _deletion(api: Api, target: TargetSettings) -> Plan:
    subject = f"pod {target.namespace}/{target.pod}"
    pod = api.pod(target.namespace, target.pod)
    kind, name = _owner_workload(api, pod)
    if not kind:
        reason = "it has no known owner that would create it again"
        raise RolloutBlocked(f"cannot delete {subject}", reason, "Restart its owner instead.")
    change = Change(f"cannot delete {subject}", pod_path(target.namespace, target.pod), "DELETE")
    return Plan(
        f"delete {subject}", (change,), kind, target.namespace, name, PodRef(target.pod, pod["metadata"]["uid"])
    )


def _owner_workload(api: Api, pod: Json) -> tuple[str, str]:
    """Return the kind and name of the workload that will create ``pod`` again, or "" and ""."""
    owner = controller_of(pod)
    if owner.get("kind") == "ReplicaSet":
        namespace = pod["metadata"]["namespace"]
        path = workload_path("replicaset", namespace, owner["name"])
        owner = controller_of(api.get(path, f"cannot read replicaset {namespace}/{owner['name']}"))
    kind = str(owner.get("kind", "")).lower()
    return (kind, str(owner["name"])) if kind in RESTARTABLE else ("", "")


def _watch_progress(api: Api, plan: Plan, limit_s: float) -> Iterator[Progress]:
    """Yield the progress now and after each change, for ``limit_s``."""
    deadline = time.monotonic() + limit_s
    if plan.deleted_pod:
        with suppress(TargetNotFound):  # the pod is gone, as planned
            for pod in watch_pod(api, plan.namespace, plan.deleted_pod.name, limit_s):
                if pod["metadata"]["uid"] != plan.deleted_pod.uid:
                    break
                yield Progress(False, "the pod is still terminating")
            else:
                return  # the pod still exists, so the workload does not matter yet
    watched = WatchedObject(path_of(plan.kind, plan.namespace), plan.name)
    for workload in watch_object(api, watched, deadline - time.monotonic()):
        yield rollout_progress(plan.kind, workload)


def _unhealthy(api: Api, plan: Plan) -> str:
    """Return the problems of the pods of the workload, in parentheses, or ""."""
    workload = api.get(plan.path, f"cannot read {plan.kind} {plan.namespace}/{plan.name}")
    labels = (workload["spec"].get("selector") or {}).get("matchLabels") or {}
    now = datetime.now(timezone.utc)
    pods = api.pods(plan.namespace, ",".join(f"{key}={value}" for key, value in labels.items()))
    problems = [
        f"{pod['metadata']['name']}: {problems_of_pod[0].reason}"
        for pod in pods
        if (problems_of_pod := find_problems(pod, now))
    ]
    return f" ({'; '.join(problems[:_MAX_LISTED_PODS])})" if problems else ""


def target_of(manifest: Manifest | None, settings: TargetSettings, action: str) -> TargetSettings:
    """Return the target that ``settings`` name, or else the one that was captured. Raises BadInput."""
    subject = settings.pod if action == "delete-pod" else settings.workload
    if subject:
        return replace(settings, pod=settings.pod if action == "delete-pod" else "", selector="")
    needed = "pod" if action == "delete-pod" else "workload"
    if manifest is None:
        raise BadInput(
            f"cannot determine the target of {action}", f"neither a {needed} nor a bundle is set", "Set one of them."
        )
    first = manifest.target
    names = {"pod": first.pod} if action == "delete-pod" else {"workload": first.workload}
    return TargetSettings(namespace=first.namespace, **names)  # type: ignore[arg-type]  # both are texts
