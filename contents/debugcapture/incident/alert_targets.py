"""Find what to capture in the alerts of an incident: those targets that exist in this cluster, the unhealthy first."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ..errors import TargetNotFound
from ..kube.client import Api
from ..pagerduty.alerts import Candidate, candidates
from ..pagerduty.api import PagerDuty
from ..pagerduty.senders import senders
from ..settings.incident import AlertSettings
from ..settings.target import TargetSettings
from ..targets.health import worst_first
from ..targets.pods import container_names, controller, find_target
from ..targets.selection import Selected, select
from ..text import one_line

MOST_CANDIDATES = 50  # an incident may gather hundreds of alerts; each candidate costs requests to the cluster
_TITLES = 5
_OF_DEPLOYMENT = re.compile(r"(.+)-[a-z0-9]{6,10}-[a-z0-9]{5}")  # NAME-TEMPLATEHASH-RANDOM
_OF_DAEMONSET, _OF_STATEFULSET = re.compile(r"(.+)-[a-z0-9]{5}"), re.compile(r"(.+)-\d+")


@dataclass(frozen=True, slots=True)
class Alerts:
    """What an incident says."""

    incident: str
    candidates: tuple[Candidate, ...]
    titles: tuple[str, ...]  # what was looked at: the alerts' summaries, then the incident's title


@dataclass(frozen=True, slots=True)
class Found:
    """The targets of an incident, and how they were chosen, a line each. No targets: they are in another cluster."""

    targets: list[Selected]
    remarks: list[str]
    candidate: Candidate | None  # by which the first was found


def read_alerts(account: PagerDuty, incident: str, settings: AlertSettings) -> Alerts:
    """Return what the alerts of ``incident`` name, or where they name nothing, what its title does."""
    rules = senders(settings.senders)
    alerts = account.alerts(incident)
    found = candidates(alerts, rules)
    titles = [_title(alert) for alert in alerts]
    if not found:
        whole = account.incident(incident)
        found = candidates([{"summary": whole.get("title"), "body": whole.get("body")}], rules)
        titles.append(_title({"summary": whole.get("title")}))
    return Alerts(incident, tuple(found[:MOST_CANDIDATES]), tuple(dict.fromkeys(filter(None, titles))))


def find_targets(api: Api, alerts: Alerts, settings: AlertSettings, container: str, most: int) -> Found:
    """Return ``most`` targets at most; ``container`` is meant where an alert names none that the pod has.

    Raises TargetNotFound that says what was looked at.
    """
    ours, remarks = _of_cluster(alerts.candidates, settings.cluster)
    if alerts.candidates and not ours:
        return Found(
            [], [*remarks, f"incident {alerts.incident} is not about a pod of cluster {settings.cluster}"], None
        )
    there: dict[str, tuple[Selected, Candidate]] = {}
    missing: list[str] = []
    for candidate in ours:
        try:
            selected = _select(api, candidate, settings.default_namespace, container, most)
        except TargetNotFound as error:
            missing.append(error.what)
            continue
        for one in selected:
            there.setdefault(one.target.uid, (one, candidate))
    if not there:
        raise _nothing(alerts, missing)
    ordered = worst_first([one.pod for one, _ in there.values()], datetime.now(timezone.utc))[:most]
    chosen = [there[pod["metadata"]["uid"]] for pod in ordered]
    first = f"incident {alerts.incident}: {len(alerts.candidates)} candidates in its alerts; {len(there)} of their pods"
    remarks.append(f"{first} are in this cluster. Selected, the unhealthy ones first:")
    remarks += [_why(*one) for one in chosen]
    return Found([one for one, _ in chosen], remarks, chosen[0][1])


def same_cluster(alerts: str, ours: str) -> bool:
    """Tell whether both name one cluster; an ARN or a context (`…/shop`) names it by its last part too."""
    return alerts.lower() == ours.lower() or _last(alerts) == _last(ours)


def workload_names(pod: str) -> list[str]:
    """Return the workloads that a pod called ``pod`` may be of: it may have been replaced since the alert."""
    kinds = (("deployment", _OF_DEPLOYMENT), ("statefulset", _OF_STATEFULSET), ("daemonset", _OF_DAEMONSET))
    return [f"{kind}/{match[1]}" for kind, pattern in kinds if (match := pattern.fullmatch(pod))]


def _last(cluster: str) -> str:
    return re.split(r"[/:]", cluster.lower())[-1]


def _of_cluster(found: Sequence[Candidate], cluster: str) -> tuple[list[Candidate], list[str]]:
    ours = [one for one in found if not (cluster and one.cluster) or same_cluster(one.cluster, cluster)]
    others = sorted({one.cluster for one in found} - {one.cluster for one in ours})
    return ours, [f"ignored: alerts about cluster {one}; this is {cluster}" for one in others]


def _select(api: Api, candidate: Candidate, namespace: str, container: str, most: int) -> list[Selected]:
    """Return the candidate's pods. Raises TargetNotFound about what it names first."""
    failure: TargetNotFound | None = None
    for wanted in _wanted(candidate, namespace):
        try:
            found = select(api, wanted, most)[0]
        except TargetNotFound as error:
            failure = failure or error
        else:
            return [_in_container(one, (candidate.container, container)) for one in found]
    raise failure or TargetNotFound("no target", "its alerts name none")


def _wanted(candidate: Candidate, namespace: str) -> Iterator[TargetSettings]:
    """Yield what to look for: the pod, then its workload, or what the pod's name tells of that."""
    place = TargetSettings(namespace=candidate.namespace or namespace)
    if candidate.pod:
        yield replace(place, pod=candidate.pod)
    kind = f"{candidate.kind}/" if candidate.kind else ""
    workloads = [kind + candidate.workload] if candidate.workload else workload_names(candidate.pod)
    for one in workloads:
        yield replace(place, workload=one)


def _in_container(one: Selected, containers: Sequence[str]) -> Selected:
    """Return ``one`` with the first of ``containers`` that it has; alerts also name those of a sidecar or exporter."""
    there = [name for name in containers if name in container_names(one.pod)]
    return Selected(one.pod, find_target(one.pod, there[0], datetime.now(timezone.utc))) if there else one


def _nothing(alerts: Alerts, missing: Sequence[str]) -> TargetNotFound:
    looked = f"searched “{'”, “'.join(alerts.titles[:_TITLES])}”"
    if len(alerts.titles) > _TITLES:
        looked += f" and {len(alerts.titles) - _TITLES} more"
    if missing:
        named = f"{'; '.join(dict.fromkeys(missing[:_TITLES]))}: not, or no longer, in this cluster"
        do = (
            "Check that it is the correct cluster. If alerts come from several clusters, set the name of "
            "this one (cluster)."
        )
    else:
        named, do = "its alerts name no pod or workload", "Run a job that takes a name, or add a rule for this sender."
    return TargetNotFound(f"cannot find a target in incident {alerts.incident}", f"{looked}; {named}", do)


def _title(alert: object) -> str:
    title = alert.get("summary") if isinstance(alert, dict) else None
    return one_line(title)[:120] if isinstance(title, str) else ""


def _why(one: Selected, candidate: Candidate) -> str:
    target = one.target
    health = ", ".join(target.unhealthy) or "healthy"
    return f"{target} (container {target.container}), from an alert of {candidate.sender}: {health}"


def data_of(found: Found) -> dict[str, str]:
    """Return what later steps can use of the first target."""
    if not found.targets or found.candidate is None:
        return {}
    one, target = found.targets[0], found.targets[0].target
    return {
        "namespace": target.namespace,
        "pod": target.pod,
        "container": target.container,
        "workload": target.workload if controller(one.pod) else "",
        "cluster": found.candidate.cluster,
        "sender": found.candidate.sender,
    }
