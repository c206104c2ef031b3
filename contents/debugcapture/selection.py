"""Ask the cluster for the pods that the settings mean: one by name, or those of a workload or selector."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final
from urllib.parse import quote

from .cluster.api import Api
from .errors import BadInput, CaptureError, NotAllowed, TargetNotFound
from .model import Json, Target
from .settings import TargetSettings
from .targets import choose_pods, controller, find_target, pod_not_found, workload

KINDS: Final[Mapping[str, str]] = {
    "deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "statefulset": "/apis/apps/v1/namespaces/{namespace}/statefulsets",
    "daemonset": "/apis/apps/v1/namespaces/{namespace}/daemonsets",
    "cronjob": "/apis/batch/v1/namespaces/{namespace}/cronjobs",
    "job": "/apis/batch/v1/namespaces/{namespace}/jobs",
    "replicaset": "/apis/apps/v1/namespaces/{namespace}/replicasets",
}
_SHORT: Final = {"deploy": "deployment", "sts": "statefulset", "ds": "daemonset", "cj": "cronjob", "rs": "replicaset"}
BETWEEN: Final[Mapping[str, str]] = {
    "deployment": "replicaset",
    "cronjob": "job",
}  # what owns the pods, where it is not the workload


@dataclass(frozen=True, slots=True)
class Selected:
    """A pod, and the target in it."""

    pod: Json
    target: Target


def select(api: Api, settings: TargetSettings, most: int) -> tuple[list[Selected], list[str]]:
    """Return ``most`` targets at most, and how they were chosen, a line each.

    The settings have been checked (`check`). Raises TargetNotFound with the names that were perhaps meant.
    """
    now = datetime.now(timezone.utc)
    if settings.pod:
        return [_selected(_named(api, settings), settings, now)], []
    pods, source = _candidates(api, settings)
    if not pods:
        raise TargetNotFound(f"no pod of {source}", "it has none", "Is it scaled to zero, or is the selector wrong?")
    chosen = [_selected(pod, settings, now) for pod in choose_pods(pods, settings.choose, most, now)]
    order = (
        "the unhealthy ones first" if settings.choose in ("unhealthy-first", "all") else f"the {settings.choose} first"
    )
    return chosen, [
        f"chose {len(chosen)} of {len(pods)} pods of {source}, {order}",
        *(_why(one.target) for one in chosen),
    ]


def check(settings: TargetSettings) -> None:
    """Raise BadInput unless the settings name exactly one thing."""
    given = [name for name in ("pod", "workload", "selector") if getattr(settings, name)]
    if len(given) != 1:
        problem = f"{' and '.join(given)} are given" if given else "neither pod, workload nor selector is given"
        raise BadInput("cannot tell which pod is meant", problem, "Give one of them.")
    kind, slash, _ = settings.workload.rpartition("/")
    if slash and kind_of(kind) not in KINDS:
        near = f"Kinds: {', '.join(KINDS)}."
        raise BadInput(f"cannot capture from a {kind}", "it is no kind of workload that has pods", near)


def name_of(settings: TargetSettings) -> str:
    """Return what the settings mean, as a line begins with it."""
    return f"{settings.namespace}/{settings.pod or settings.workload or settings.selector}".rstrip("/")


def replacement(api: Api, target: Target, pod: Json, taken: Sequence[str]) -> Json | None:
    """Return the pod that took the place of ``pod``, which is gone: its workload's newest that is not ``taken``."""
    owner = controller(pod)
    if not owner:
        return None
    pods = [one for one in api.pods(target.namespace) if _workload_of(one) == _workload_of(pod)]
    live = [one for one in pods if one["metadata"]["uid"] not in (*taken, target.uid) and not _ending(one)]
    return max(live, key=lambda one: str(one["metadata"].get("creationTimestamp", "")), default=None)


def _selected(pod: Json, settings: TargetSettings, now: datetime) -> Selected:
    return Selected(pod, find_target(pod, settings.container, now))


def _named(api: Api, settings: TargetSettings) -> Json:
    try:
        return api.pod(settings.namespace, settings.pod)
    except (TargetNotFound, NotAllowed) as error:
        raise _not_found(api, settings, error) from None


def _not_found(api: Api, settings: TargetSettings, error: CaptureError) -> CaptureError:
    """Return ``error``, or a more telling one: a server forbids what lies in a namespace that does not exist."""
    if not api.namespace_exists(settings.namespace):
        return pod_not_found(settings.namespace, settings.pod, [], namespace_exists=False)
    if isinstance(error, NotAllowed):
        return error
    try:
        there = [pod["metadata"]["name"] for pod in api.pods(settings.namespace)]
    except NotAllowed:
        there = []
    return pod_not_found(settings.namespace, settings.pod, there, namespace_exists=True)


def _candidates(api: Api, settings: TargetSettings) -> tuple[list[Json], str]:
    namespace = settings.namespace
    try:
        if settings.selector:
            return api.pods(namespace, settings.selector), f"selector {settings.selector} in {namespace}"
        kind, found = find_workload(api, settings)
    except (TargetNotFound, NotAllowed):
        if not api.namespace_exists(namespace):
            what = f"no {'workload ' + settings.workload if settings.workload else 'pods'} in {namespace}"
            raise TargetNotFound(what, f"there is no namespace {namespace}", "Check the namespace's name.") from None
        raise
    owners = {found["metadata"]["uid"]}
    if kind in BETWEEN:
        owners = {one["metadata"]["uid"] for one in _list(api, BETWEEN[kind], namespace) if _owner(one) in owners}
    pods = [pod for pod in api.pods(namespace, _selector(found)) if _owner(pod) in owners]
    return pods, f"{kind} {namespace}/{found['metadata']['name']}"


def find_workload(api: Api, settings: TargetSettings) -> tuple[str, Json]:
    """Return the kind of the settings' workload, and the workload. Raises TargetNotFound."""
    kind, _, name = settings.workload.rpartition("/")
    for one in [kind_of(kind)] if kind else KINDS:
        path = f"{KINDS[one].format(namespace=quote(settings.namespace))}/{quote(name)}"
        try:
            return one, api.get(path, f"cannot read {one} {settings.namespace}/{name}")
        except TargetNotFound:
            continue
    raise _no_workload(api, settings.namespace, kind, name)


def _no_workload(api: Api, namespace: str, kind: str, name: str) -> TargetNotFound:
    there = [
        one["metadata"]["name"]
        for each in ([kind_of(kind)] if kind else ["deployment", "statefulset", "daemonset", "cronjob"])
        for one in _list(api, each, namespace)
    ]
    near = difflib.get_close_matches(name, there, n=3, cutoff=0.5) or sorted(there)[:5]
    listed = f"There are: {', '.join(near)}." if near else "The namespace has none."
    return TargetNotFound(f"no {kind or 'workload'} {namespace}/{name}", "it does not exist", listed)


def _list(api: Api, kind: str, namespace: str) -> list[Json]:
    return api.items(KINDS[kind].format(namespace=quote(namespace)), f"cannot list {kind}s of {namespace}")


def kind_of(text: str) -> str:
    """Return the kind that ``text`` means, as KINDS has it: plural and kubectl's short names are taken too."""
    singular = text.lower().removesuffix("s") if text.lower() not in _SHORT else text.lower()
    return _SHORT.get(singular, singular)


def _selector(workload: Json) -> str:
    """Return the workload's own selector as a query; a CronJob has none."""
    selector = (workload["spec"].get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in selector.items())


def _owner(one: Json) -> str:
    return str(controller(one).get("uid", ""))


def _workload_of(pod: Json) -> tuple[str, str]:
    return str(controller(pod).get("kind", "")), workload(pod)


def _ending(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"] or pod["status"].get("phase") in ("Failed", "Succeeded")


def _why(target: Target) -> str:
    return f"{target}: {', '.join(target.unhealthy) or 'healthy'}"
