"""Finds the pods that the settings select: one by name, or those of a workload or a label selector."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import chain

from ..errors import BadInput, CaptureError, NotAllowed, TargetNotFound
from ..kube.client import Api
from ..kube.objects import controller_of, controller_uid, is_terminating
from ..kube.resources import KINDS_WITHOUT_PODS, OWNS_PODS, WORKLOAD_KINDS, kind_of, path_of, pods_path
from ..model import Json, Target
from ..settings.target import Sampling, TargetSettings
from .owned import find_owned_pods
from .pods import find_target, pod_not_found, workload_name
from .references import REFERRING_KINDS, budget_selector, label_selector, mounts_claim, scaled_workload
from .sampling import Candidate, make_candidate, sample_line, sort_candidates, take_sample


@dataclass(frozen=True, slots=True)
class SelectedPod:
    """A pod and the target in it."""

    pod: Json
    target: Target


def select_pods(
    api: Api, settings: TargetSettings, limit: int, sampling: Sampling | None = None
) -> tuple[list[SelectedPod], list[str]]:
    """Return at most ``limit`` pods with their targets, and lines that explain the selection.

    `check_target` has checked the settings. Raises TargetNotFound with similar names.
    """
    if settings.pod:
        pod = _read_named_pod(api, settings)
        return [SelectedPod(pod, find_target(pod, settings.container, datetime.now(timezone.utc)))], []
    pods: dict[str, Json] = {}
    pages, source = _list_pods(api, settings)

    def remember() -> Iterator[Json]:
        for page in pages:
            for pod in page:
                pods[pod["metadata"]["uid"]] = pod
                yield pod

    chosen, remarks = _choose(remember(), source, settings, limit, sampling)
    selected = [SelectedPod(pods[candidate.target.uid], candidate.target) for candidate in chosen]
    return selected, [*remarks, *(_health_line(candidate.target) for candidate in chosen)]


def select_targets(
    api: Api, settings: TargetSettings, limit: int, sampling: Sampling | None = None
) -> tuple[list[Target], list[str]]:
    """Return the targets that `select_pods` would. It does not keep the JSON of the pods, which may be thousands."""
    if settings.pod:
        selected, remarks = select_pods(api, settings, limit)
        return [selection.target for selection in selected], remarks
    pages, source = _list_pods(api, settings)
    chosen, remarks = _choose((pod for page in pages for pod in page), source, settings, limit, sampling)
    unhealthy = sum(bool(candidate.target.unhealthy) for candidate in chosen)
    return [candidate.target for candidate in chosen], [*remarks, f"{unhealthy} of them are unhealthy"]


def _choose(
    pods: Iterable[Json], source: str, settings: TargetSettings, limit: int, sampling: Sampling | None
) -> tuple[list[Candidate], list[str]]:
    """Return at most ``limit`` of ``pods``, and lines that explain the choice."""
    now = datetime.now(timezone.utc)
    candidates, ignored = list[Candidate](), list[TargetNotFound]()
    for pod in pods:
        try:
            candidates.append(make_candidate(pod, settings.container, now))
        except TargetNotFound as error:
            ignored.append(error)
    if not candidates:
        remedy = "Check whether it is scaled to zero, and whether the selector is correct."
        raise ignored[0] if ignored else TargetNotFound(f"no pod of {source}", "it has no pods", remedy)
    sample = candidates
    remarks = [f"ignored {len(ignored)} pods without a container {settings.container}"] if ignored else []
    if sampling and len(candidates) > sampling.above:
        sample = take_sample(candidates, settings.order, min(sampling.per_workload, limit))
        remarks.append(sample_line(sampling, len(sample), len(candidates)))
    chosen = sort_candidates(sample, settings.order)[:limit]
    order = "unhealthy first" if settings.order == "unhealthy-first" else f"{settings.order} first"
    return chosen, [f"selected {len(chosen)} of {len(candidates)} pods of {source}, {order}", *remarks]


def check_target(settings: TargetSettings) -> None:
    """Raise BadInput unless the settings name exactly one of pod, workload and selector."""
    names = [name for name in ("pod", "workload", "selector") if getattr(settings, name)]
    if len(names) != 1:
        problem = f"{' and '.join(names)} are set" if names else "neither pod, workload nor selector is set"
        raise BadInput("cannot determine the target", problem, "Set one of them.")
    kind, slash, _ = settings.workload.rpartition("/")
    if slash and kind_of(kind) in KINDS_WITHOUT_PODS:
        kinds = f"Kinds: {', '.join(WORKLOAD_KINDS)}, or another kind that owns pods."
        raise BadInput(f"cannot capture from a {kind}", "workloads of this kind have no pods", kinds)


def target_name(settings: TargetSettings) -> str:
    """Return what the settings select, as a subject for messages: NAMESPACE/NAME."""
    return f"{settings.namespace}/{settings.pod or settings.workload or settings.selector}".rstrip("/")


def find_replacement(api: Api, target: Target, pod: Json, known_uids: Sequence[str]) -> Json | None:
    """Return the newest live pod of the workload of ``pod``, which is gone; None if there is none.

    Pods with ``known_uids`` belong to the capture already.
    """
    if not controller_of(pod):
        return None
    siblings = [sibling for sibling in api.pods(target.namespace) if _workload_of(sibling) == _workload_of(pod)]
    own_uids = {*known_uids, target.uid}
    live = [sibling for sibling in siblings if sibling["metadata"]["uid"] not in own_uids and not _is_ending(sibling)]
    return max(live, key=lambda sibling: str(sibling["metadata"].get("creationTimestamp", "")), default=None)


def _read_named_pod(api: Api, settings: TargetSettings) -> Json:
    try:
        return api.pod(settings.namespace, settings.pod)
    except (TargetNotFound, NotAllowed) as error:
        raise _explain_missing(api, settings, error) from None


def _explain_missing(api: Api, settings: TargetSettings, error: CaptureError) -> CaptureError:
    """Return ``error``, or a more specific one: the API server may forbid access to a namespace that does not exist."""
    if not api.namespace_exists(settings.namespace):
        return pod_not_found(settings.namespace, settings.pod, [], namespace_exists=False)
    if isinstance(error, NotAllowed):
        return error
    try:
        doing = f"cannot list pods of {settings.namespace}"
        existing = [pod["metadata"]["name"] for pod in api.names(pods_path(settings.namespace), doing)]
    except NotAllowed:
        existing = []
    return pod_not_found(settings.namespace, settings.pod, existing, namespace_exists=True)


def _list_pods(api: Api, settings: TargetSettings) -> tuple[Iterator[list[Json]], str]:
    """Return the pods of the workload or selector page by page, and the name of the workload or selector."""
    namespace = settings.namespace
    try:
        if settings.selector:
            return _pages(api, namespace, settings.selector), f"selector {settings.selector} in {namespace}"
        kind, _, name = settings.workload.rpartition("/")
        if kind_of(kind) in REFERRING_KINDS:
            return _list_referred(api, namespace, kind_of(kind), name)
        return _list_workload(api, settings)
    except (TargetNotFound, NotAllowed):
        if not api.namespace_exists(namespace):
            action = f"no {'workload ' + settings.workload if settings.workload else 'pods'} in {namespace}"
            reason = f"namespace {namespace} does not exist"
            raise TargetNotFound(action, reason, "Check the name of the namespace.") from None
        raise


def _list_workload(api: Api, settings: TargetSettings) -> tuple[Iterator[list[Json]], str]:
    """Return the pods of a workload. For a kind that this package cannot read, it finds them by their owners."""
    namespace = settings.namespace
    try:
        kind, workload = find_workload(api, settings)
    except TargetNotFound:
        given_kind, _, name = settings.workload.rpartition("/")
        if kind_of(given_kind) in WORKLOAD_KINDS:
            raise
        owned = find_owned_pods(api, namespace, kind_of(given_kind), name, _pages(api, namespace, ""))
        if owned is None:
            raise
        return owned.pages, f"{owned.kind or given_kind or 'workload'} {namespace}/{name}"
    owners, selector = {workload["metadata"]["uid"]}, label_selector(workload)
    if kind in OWNS_PODS:
        intermediates = _list_names(api, OWNS_PODS[kind], namespace, selector)
        owners = {owner["metadata"]["uid"] for owner in intermediates if controller_uid(owner) in owners}
    pages = ([pod for pod in page if controller_uid(pod) in owners] for page in _pages(api, namespace, selector))
    return pages, f"{kind} {namespace}/{workload['metadata']['name']}"


def _list_referred(api: Api, namespace: str, kind: str, name: str) -> tuple[Iterator[list[Json]], str]:
    """Return the pods that an object of a kind in REFERRING_KINDS refers to. Raises TargetNotFound."""
    source = f"{kind} {namespace}/{name}"
    if kind == "horizontalpodautoscaler":
        scaled = TargetSettings(namespace=namespace, workload=scaled_workload(api, namespace, name))
        pages, workload = _list_workload(api, scaled)
        return pages, f"{source}, which scales {workload}"
    if kind == "poddisruptionbudget":
        return _pages(api, namespace, budget_selector(api, namespace, name)), source
    mounting = ([pod for pod in page if mounts_claim(pod, name)] for page in _pages(api, namespace, ""))
    return mounting, source


def _pages(api: Api, namespace: str, selector: str) -> Iterator[list[Json]]:
    """Return the pods page by page. The first page is read at once, so that errors are raised here."""
    doing = f"cannot list pods of {namespace}"
    pages = api.pages(pods_path(namespace), doing, {"labelSelector": selector} if selector else {})
    return chain([next(pages)], pages)


def find_workload(api: Api, settings: TargetSettings) -> tuple[str, Json]:
    """Return the kind and the object of the workload that the settings name. Raises TargetNotFound."""
    given_kind, _, name = settings.workload.rpartition("/")
    for kind in [kind_of(given_kind)] if given_kind else WORKLOAD_KINDS:
        if kind not in WORKLOAD_KINDS:
            action = f"no {given_kind} {settings.namespace}/{name}"
            raise TargetNotFound(action, f"no pod belongs to a {given_kind} of this name", "Check it, or set selector.")
        path = path_of(kind, settings.namespace, name)
        try:
            return kind, api.get(path, f"cannot read {kind} {settings.namespace}/{name}")
        except TargetNotFound:
            continue
    raise _workload_not_found(api, settings.namespace, given_kind, name)


def _workload_not_found(api: Api, namespace: str, given_kind: str, name: str) -> TargetNotFound:
    import difflib  # only a name that does not exist needs it

    kinds = [kind_of(given_kind)] if given_kind else ["deployment", "statefulset", "daemonset", "cronjob"]
    existing = [workload["metadata"]["name"] for kind in kinds for workload in _list_names(api, kind, namespace)]
    near = difflib.get_close_matches(name, existing, n=3, cutoff=0.5) or sorted(existing)[:5]
    remedy = f"Available: {', '.join(near)}." if near else "The namespace has none."
    return TargetNotFound(f"no {given_kind or 'workload'} {namespace}/{name}", "it does not exist", remedy)


def _list_names(api: Api, kind: str, namespace: str, selector: str = "") -> list[Json]:
    """Return all objects of ``kind`` with their metadata only.

    With ``selector``, a Deployment's selector of pods finds its ReplicaSets too: they have the same labels.
    """
    path, doing = path_of(kind, namespace), f"cannot list {kind}s of {namespace}"
    return api.names(path, doing, {"labelSelector": selector} if selector else {})


def _workload_of(pod: Json) -> tuple[str, str]:
    return controller_of(pod).get("kind", ""), workload_name(pod)


def _is_ending(pod: Json) -> bool:
    return is_terminating(pod) or pod["status"].get("phase") in ("Failed", "Succeeded")


def _health_line(target: Target) -> str:
    return f"{target}: {', '.join(target.unhealthy) or 'healthy'}"
