"""Find what to capture in the alerts of an incident: the targets that exist in this cluster, unhealthy pods first."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ..errors import NotAllowed, TargetNotFound
from ..kube.client import Api
from ..kube.values import parse_time
from ..pagerduty.alerts import Candidate, find_candidates
from ..pagerduty.api import PagerDuty
from ..pagerduty.senders import load_senders
from ..pagerduty.unclear import find_unclear
from ..settings.incident import AlertSettings
from ..settings.target import TargetSettings
from ..targets.health import worst_first
from ..targets.pods import container_names, find_target, owning_workload
from ..targets.selection import SelectedPod, select_pods
from ..text import one_line
from .workload_names import possible_workloads

# An incident may have hundreds of alerts, and each candidate costs requests to the API server.
MAX_CANDIDATES = 50
_MAX_TITLES = 5


@dataclass(frozen=True, slots=True)
class IncidentAlerts:
    """What the alerts of an incident name.

    ``titles`` is the text that was searched, for the error message: the summaries of the alerts, then the title of
    the incident.
    """

    incident: str
    candidates: tuple[Candidate, ...]
    titles: tuple[str, ...]
    created: datetime | None = None
    """When the first alert was created; None if PagerDuty does not say."""
    unclear: tuple[str, ...] = ()
    """Words that mean a target, but do not show which one."""


@dataclass(frozen=True, slots=True)
class AlertTargets:
    """The targets of an incident.

    ``remarks`` are the lines that explain the choice. ``targets`` is empty if all alerts are about other clusters.
    ``candidate`` is the one that led to the first target.
    """

    targets: list[SelectedPod]
    remarks: list[str]
    candidate: Candidate | None
    alerted: datetime | None = None
    """When the first alert of the incident was created."""


def read_alerts(account: PagerDuty, incident: str, settings: AlertSettings) -> IncidentAlerts:
    """Return what the alerts of ``incident`` name. If they name nothing, read the title of the incident instead."""
    senders = load_senders(settings.senders)
    alerts = account.alerts(incident)
    candidates = find_candidates(alerts, senders)
    titles = [_title(alert) for alert in alerts]
    unclear: list[str] = []
    if not candidates:
        details = account.incident(incident)
        whole_incident = {"summary": details.get("title"), "body": details.get("body")}
        candidates = find_candidates([whole_incident], senders)
        unclear = find_unclear([*alerts, whole_incident])
        titles.append(_title({"summary": details.get("title")}))
    texts = tuple(dict.fromkeys(filter(None, titles)))
    created = min(filter(None, map(_created_at, alerts)), default=None)
    return IncidentAlerts(incident, tuple(candidates[:MAX_CANDIDATES]), texts, created, tuple(unclear))


def find_targets(
    api: Api, alerts: IncidentAlerts, settings: AlertSettings, container: str, max_pods: int
) -> AlertTargets:
    """Return at most ``max_pods`` targets. ``container`` applies if an alert names no container of its pod.

    Raises TargetNotFound that quotes the titles of the alerts, or NotAllowed if the account may not read any target.
    """
    candidates, remarks = _in_cluster(alerts.candidates, settings.cluster)
    if alerts.candidates and not candidates:
        remarks.append(f"incident {alerts.incident} is not about a pod of cluster {settings.cluster}")
        return AlertTargets([], remarks, None, alerts.created)
    candidates, refused = _in_namespaces(candidates, settings)
    remarks += refused
    by_uid: dict[str, tuple[SelectedPod, Candidate]] = {}
    missing: list[str] = []
    denied: list[NotAllowed] = []
    for candidate in candidates:
        try:
            selected = _select(api, candidate, settings.default_namespace, container, max_pods)
        except TargetNotFound as error:
            missing.append(error.action)
        except NotAllowed as error:
            denied.append(error)
        else:
            for selection in selected:
                by_uid.setdefault(selection.target.uid, (selection, candidate))
    if not by_uid:
        raise denied[0] if denied else _no_target(alerts, missing, refused)
    remarks += dict.fromkeys(f"ignored: {error}" for error in denied)
    pods = worst_first([selection.pod for selection, _ in by_uid.values()], datetime.now(timezone.utc))[:max_pods]
    chosen = [by_uid[pod["metadata"]["uid"]] for pod in pods]
    counts = f"{len(alerts.candidates)} candidates in its alerts; {len(by_uid)} of their pods are in this cluster"
    remarks.append(f"incident {alerts.incident}: {counts}. Selected, the unhealthy ones first:")
    remarks += [_choice_line(selection, candidate) for selection, candidate in chosen]
    return AlertTargets([selection for selection, _ in chosen], remarks, chosen[0][1], alerts.created)


def is_same_cluster(alert_cluster: str, cluster: str) -> bool:
    """Return whether both names mean one cluster. The last part of an ARN or a context (`…/shop`) is a name too."""
    return alert_cluster.lower() == cluster.lower() or _last_part(alert_cluster) == _last_part(cluster)


def step_data(result: AlertTargets) -> dict[str, str]:
    """Return the output data of the step: the names of the first target, or nothing."""
    if not result.targets or result.candidate is None:
        return {}
    first = result.targets[0]
    return {
        "namespace": first.target.namespace,
        "pod": first.target.pod,
        "container": first.target.container,
        "workload": owning_workload(first.pod),
        "cluster": result.candidate.cluster,
        "sender": result.candidate.sender,
    }


def _created_at(alert: object) -> datetime | None:
    """Return when ``alert`` was created; None if it does not say."""
    created = alert.get("created_at") if isinstance(alert, dict) else None
    try:
        return parse_time(created) if isinstance(created, str) else None
    except ValueError:
        return None


def _last_part(cluster: str) -> str:
    return re.split(r"[/:]", cluster.lower())[-1]


def _in_cluster(candidates: Sequence[Candidate], cluster: str) -> tuple[list[Candidate], list[str]]:
    """Return the candidates in ``cluster``, and a remark for each other cluster. Without a name, all of them match."""
    matching = [
        candidate
        for candidate in candidates
        if not (cluster and candidate.cluster) or is_same_cluster(candidate.cluster, cluster)
    ]
    others = {candidate.cluster for candidate in candidates} - {candidate.cluster for candidate in matching}
    return matching, [f"ignored: alerts about cluster {other}; this is {cluster}" for other in sorted(others)]


def _in_namespaces(candidates: Sequence[Candidate], settings: AlertSettings) -> tuple[list[Candidate], list[str]]:
    """Return the candidates in the namespaces that alerts may name, and a remark for each other namespace.

    Anyone with an integration key of the account can send an alert, and reads the evidence in its incident. Without
    this rule, an alert could name a pod of any namespace that the account of the captures can read.
    """
    allowed, refused = list[Candidate](), dict[str, None]()
    for candidate in candidates:
        if settings.allows(candidate.namespace or settings.default_namespace):
            allowed.append(candidate)
        else:
            refused[f"alerts may not name namespace {candidate.namespace} (alert_namespaces)"] = None
    return allowed, list(refused)


def _select(api: Api, candidate: Candidate, namespace: str, container: str, max_pods: int) -> list[SelectedPod]:
    """Return the pods of the candidate. Raises TargetNotFound for the first name that the alert contains."""
    failure: TargetNotFound | None = None
    for settings in _possible_targets(candidate, namespace):
        try:
            selected = select_pods(api, settings, max_pods)[0]
        except TargetNotFound as error:
            failure = failure or error
        else:
            return [_with_container(selection, (candidate.container, container)) for selection in selected]
    raise failure or TargetNotFound("no target", "its alerts name none")


def _possible_targets(candidate: Candidate, namespace: str) -> Iterator[TargetSettings]:
    """Yield what to look for: the pod, then its workload, or the workloads that the name of the pod suggests."""
    in_namespace = TargetSettings(namespace=candidate.namespace or namespace)
    if candidate.pod:
        yield replace(in_namespace, pod=candidate.pod)
    for workload in possible_workloads(candidate):
        yield replace(in_namespace, workload=workload)


def _with_container(selection: SelectedPod, containers: Sequence[str]) -> SelectedPod:
    """Return ``selection`` with the first of ``containers`` that its pod has.

    An alert may name the container of the exporter that reported the metric, which is not in this pod.
    """
    existing = container_names(selection.pod)
    for container in containers:
        if container in existing:
            return SelectedPod(selection.pod, find_target(selection.pod, container, datetime.now(timezone.utc)))
    return selection


def _no_target(alerts: IncidentAlerts, missing: Sequence[str], refused: Sequence[str]) -> TargetNotFound:
    searched = f"searched “{'”, “'.join(alerts.titles[:_MAX_TITLES])}”"
    if len(alerts.titles) > _MAX_TITLES:
        searched += f" and {len(alerts.titles) - _MAX_TITLES} more"
    if refused:
        cause = "; ".join(refused[:_MAX_TITLES])
        remedy = "If the senders of alerts may see its evidence, add the namespace to alert_namespaces."
    elif missing:
        cause = f"{'; '.join(dict.fromkeys(missing[:_MAX_TITLES]))}: not, or no longer, in this cluster"
        remedy = (
            "Check that it is the correct cluster. If alerts come from several clusters, set the name of "
            "this one (cluster)."
        )
    elif alerts.unclear:
        cause = "; ".join(alerts.unclear)
        remedy = "Add labels with the namespace and the pod or workload to the rule of the alert."
    else:
        cause = "its alerts name no pod or workload"
        remedy = "Run a job that takes a name, or add a rule for this sender."
    return TargetNotFound(f"cannot find a target in incident {alerts.incident}", f"{searched}; {cause}", remedy)


def _title(alert: object) -> str:
    title = alert.get("summary") if isinstance(alert, dict) else None
    return one_line(title)[:120] if isinstance(title, str) else ""


def _choice_line(selection: SelectedPod, candidate: Candidate) -> str:
    target = selection.target
    health = ", ".join(target.unhealthy) or "healthy"
    return f"{target} (container {target.container}), from an alert of {candidate.sender}: {health}"
