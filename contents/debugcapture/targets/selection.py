"""Ask the cluster for the pods that the settings mean: one by name, or those of a workload or selector."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import chain

from ..errors import BadInput, CaptureError, NotAllowed, TargetNotFound
from ..kube.client import Api
from ..kube.resources import OWNS_PODS, WORKLOAD_KINDS, kind_of, path_of, pods_path
from ..model import Json, Target
from ..settings.target import Sampling, TargetSettings
from .pods import controller, find_target, owner_uid, pod_not_found, workload
from .sampling import Candidate, candidate, choose, sample, sampled


@dataclass(frozen=True, slots=True)
class Selected:
    """A pod, and the target in it."""

    pod: Json
    target: Target


def select(
    api: Api, settings: TargetSettings, most: int, sampling: Sampling | None = None
) -> tuple[list[Selected], list[str]]:
    """Return ``most`` targets at most, and how they were chosen, a line each.

    The settings have been checked (`check`). Raises TargetNotFound with the names that were perhaps meant.
    """
    if settings.pod:
        return [_selected(_named(api, settings), settings, datetime.now(timezone.utc))], []
    pods: dict[str, Json] = {}
    pages, source = _candidates(api, settings)

    def kept() -> Iterator[Json]:
        for page in pages:
            for pod in page:
                pods[pod["metadata"]["uid"]] = pod
                yield pod

    chosen, remarks = _chosen(kept(), source, settings, most, sampling)
    return [Selected(pods[one.target.uid], one.target) for one in chosen], [
        *remarks,
        *(_why(one.target) for one in chosen),
    ]


def pin(
    api: Api, settings: TargetSettings, most: int, sampling: Sampling | None = None
) -> tuple[list[Target], list[str]]:
    """Return what `select` does, without the pods themselves: of thousands, no more than their targets are held."""
    if settings.pod:
        selected, remarks = select(api, settings, most)
        return [one.target for one in selected], remarks
    pages, source = _candidates(api, settings)
    chosen, remarks = _chosen((pod for page in pages for pod in page), source, settings, most, sampling)
    unhealthy = sum(bool(one.target.unhealthy) for one in chosen)
    return [one.target for one in chosen], [*remarks, f"{unhealthy} of them are unhealthy"]


def _chosen(
    pods: Iterable[Json], source: str, settings: TargetSettings, most: int, sampling: Sampling | None
) -> tuple[list[Candidate], list[str]]:
    now = datetime.now(timezone.utc)
    candidates, without = list[Candidate](), list[TargetNotFound]()
    for pod in pods:
        try:
            candidates.append(candidate(pod, settings.container, now))
        except TargetNotFound as error:
            without.append(error)
    if not candidates:
        do = "Check whether it is scaled to zero, and whether the selector is correct."
        raise without[0] if without else TargetNotFound(f"no pod of {source}", "it has no pods", do)
    among = candidates
    remarks = [f"ignored {len(without)} pods without a container {settings.container}"] if without else []
    if sampling and settings.choose == "unhealthy-first" and len(candidates) > sampling.above:
        among = sample(candidates, min(sampling.per_workload, most))
        remarks.append(sampled(sampling, len(among), len(candidates)))
    chosen = choose(among, settings.choose, most)
    order = "unhealthy first" if settings.choose in ("unhealthy-first", "all") else f"{settings.choose} first"
    return chosen, [f"selected {len(chosen)} of {len(candidates)} pods of {source}, {order}", *remarks]


def check(settings: TargetSettings) -> None:
    """Raise BadInput unless the settings name exactly one thing."""
    given = [name for name in ("pod", "workload", "selector") if getattr(settings, name)]
    if len(given) != 1:
        problem = f"{' and '.join(given)} are set" if given else "neither pod, workload nor selector is set"
        raise BadInput("cannot determine the target", problem, "Set one of them.")
    kind, slash, _ = settings.workload.rpartition("/")
    if slash and kind_of(kind) not in WORKLOAD_KINDS:
        near = f"Kinds: {', '.join(WORKLOAD_KINDS)}."
        raise BadInput(f"cannot capture from a {kind}", "workloads of this kind have no pods", near)


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
        doing = f"cannot list pods of {settings.namespace}"
        there = [pod["metadata"]["name"] for pod in api.names(pods_path(settings.namespace), doing)]
    except NotAllowed:
        there = []
    return pod_not_found(settings.namespace, settings.pod, there, namespace_exists=True)


def _candidates(api: Api, settings: TargetSettings) -> tuple[Iterator[list[Json]], str]:
    """Return the pods page by page, and what they are of."""
    namespace = settings.namespace
    try:
        if settings.selector:
            return _pages(api, namespace, settings.selector), f"selector {settings.selector} in {namespace}"
        kind, found = find_workload(api, settings)
    except (TargetNotFound, NotAllowed):
        if not api.namespace_exists(namespace):
            what = f"no {'workload ' + settings.workload if settings.workload else 'pods'} in {namespace}"
            raise TargetNotFound(
                what, f"namespace {namespace} does not exist", "Check the name of the namespace."
            ) from None
        raise
    owners, selector = {found["metadata"]["uid"]}, _selector(found)
    if kind in OWNS_PODS:
        between = _names(api, OWNS_PODS[kind], namespace, selector)
        owners = {one["metadata"]["uid"] for one in between if owner_uid(one) in owners}
    pages = ([pod for pod in page if owner_uid(pod) in owners] for page in _pages(api, namespace, selector))
    return pages, f"{kind} {namespace}/{found['metadata']['name']}"


def _pages(api: Api, namespace: str, selector: str) -> Iterator[list[Json]]:
    """Return the pods page by page; the first is asked for at once, so that a refusal is told here."""
    doing = f"cannot list pods of {namespace}"
    pages = api.pages(pods_path(namespace), doing, {"labelSelector": selector} if selector else {})
    return chain([next(pages)], pages)


def find_workload(api: Api, settings: TargetSettings) -> tuple[str, Json]:
    """Return the kind of the settings' workload, and the workload. Raises TargetNotFound."""
    kind, _, name = settings.workload.rpartition("/")
    for one in [kind_of(kind)] if kind else WORKLOAD_KINDS:
        path = path_of(one, settings.namespace, name)
        try:
            return one, api.get(path, f"cannot read {one} {settings.namespace}/{name}")
        except TargetNotFound:
            continue
    raise _no_workload(api, settings.namespace, kind, name)


def _no_workload(api: Api, namespace: str, kind: str, name: str) -> TargetNotFound:
    there = [
        one["metadata"]["name"]
        for each in ([kind_of(kind)] if kind else ["deployment", "statefulset", "daemonset", "cronjob"])
        for one in _names(api, each, namespace)
    ]
    near = difflib.get_close_matches(name, there, n=3, cutoff=0.5) or sorted(there)[:5]
    listed = f"Available: {', '.join(near)}." if near else "The namespace has none."
    return TargetNotFound(f"no {kind or 'workload'} {namespace}/{name}", "it does not exist", listed)


def _names(api: Api, kind: str, namespace: str, selector: str = "") -> list[Json]:
    """Return the metadata of all of ``kind``; a ReplicaSet has the labels by which its Deployment selects pods."""
    path, doing = path_of(kind, namespace), f"cannot list {kind}s of {namespace}"
    return api.names(path, doing, {"labelSelector": selector} if selector else {})


def _selector(workload: Json) -> str:
    """Return the workload's own selector as a query; a CronJob has none."""
    selector = (workload["spec"].get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in selector.items())


def _workload_of(pod: Json) -> tuple[str, str]:
    return str(controller(pod).get("kind", "")), workload(pod)


def _ending(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"] or pod["status"].get("phase") in ("Failed", "Succeeded")


def _why(target: Target) -> str:
    return f"{target}: {', '.join(target.unhealthy) or 'healthy'}"
