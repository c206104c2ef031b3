"""Rules about pods that the API server does not admit: quota, limits, webhooks, security."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.kube_model import Cluster, Condition, Event
from . import kube_words as words

REASONS: Final = frozenset({"FailedCreate", "ReplicaSetCreateError", "FailedDaemonPod", "FailedUpdate"})
_CREATED: Final = frozenset({"SuccessfulCreate"})
_QUOTA = re.compile(r"exceeded quota: ([^,]{1,200}), requested: (.{1,400}?), used: (.{1,400}?), limited: (.{1,400})")
_PREFIX = re.compile(r"^(?:\(combined from similar events\): )?(?:Error creating: )?")
_ADVICES: Final = (
    ("exceeded quota", "Raise the quota of the namespace, or lower the requests, limits or replicas in it."),
    ("failed quota", "The quota requires this resource: set it as request and limit of each container."),
    ("usage per", "The LimitRange of the namespace does not allow the value: change the spec or the LimitRange."),
    ("failed calling webhook", "The service of the webhook does not answer: look at its pods."),
    ("denied the request", "Change the spec as the policy of the webhook requires."),
    ("violates podsecurity", "Change the security context of the pod, or the Pod Security level of the namespace."),
    ("security context constraint", "Change the security context, or grant a constraint to the service account."),
    ("error looking up service account", "Create the service account, or correct its name."),
)


def pods_cannot_be_created(cluster: Cluster) -> Iterator[Finding]:
    """The API server refuses the pods of a workload: a quota is used up, a limit or a policy does not allow them.

    Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/
    """
    last: dict[str, Event] = {}
    for event in cluster.events:
        if event.reason in REASONS and event.is_warning:
            last[event.object or event.message[:80]] = event
    for event in last.values():
        is_over = bool(cluster.happened_after(event, _CREATED))
        yield _finding(words.about(event), event.message, words.seen_words(event), is_over=is_over, event=event)
    for workload in cluster.workloads:
        condition = _failure(workload.conditions)
        subject = f"{workload.kind} {workload.name}"
        if condition and f"{workload.kind}/{workload.name}" not in last:
            yield _finding(subject, condition.message, condition.reason, is_over=False, event=None)


def _failure(conditions: tuple[Condition, ...]) -> Condition | None:
    return next(
        (condition for condition in conditions if condition.type == "ReplicaFailure" and condition.status == "True"),
        None,
    )


def _finding(subject: str, message: str, time: str, *, is_over: bool, event: Event | None) -> Finding:
    text = _PREFIX.sub("", message)
    quota = _QUOTA.search(text)
    if quota:
        cause = f"quota {quota[1]} is used up: used {quota[3]} of {quota[4]}, requested {quota[2]}"
    else:
        cause = words.short(text.partition(" is forbidden: ")[2] or text, 420)
    return Finding(
        severity="info" if is_over else "critical",
        title=f"{subject or 'A workload'} {'could not create pods' if is_over else 'cannot create pods'}: {cause}",
        detail=words.sentences(time, "It is over: pods were created later" if is_over else ""),
        advice="" if is_over else _advice(text),
        evidence=words.passages(event.lines if event else None),
        directness=87,
        key=re.sub(r"-[0-9a-f]{8,10}$", "", subject),
    )


def _advice(message: str) -> str:
    lower = message.lower()
    return next((advice for part, advice in _ADVICES if part in lower), "")


RULES = (pods_cannot_be_created,)
