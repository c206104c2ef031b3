"""Rules about containers that lack a ConfigMap, a Secret, or a valid configuration."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.kube_model import Cluster, Event
from . import kube_words as words

_REASON: Final = "CreateContainerConfigError"
_STARTED: Final = frozenset({"Created", "Started"})
_MISSING = re.compile(
    r"(?:configmap|secret|serviceaccount)s? \"[^\"]{1,300}\" not found|couldn't find key|non-existent config key|"
    r"references non-existent|will run as root|has runAsNonRoot|failed to prepare subPath|"
    r"cannot verify user is non-root",
    re.IGNORECASE,
)


def is_about_configuration(event: Event) -> bool:
    """Return whether ``event`` reports that a container cannot be configured."""
    return event.reason == "Failed" and (bool(_MISSING.search(event.message)) or _REASON in event.message)


def container_lacks_its_configuration(cluster: Cluster) -> Iterator[Finding]:
    """A container cannot be created, because a ConfigMap, a Secret or a key of one is missing, or its user is refused.

    Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/#restrictions
    """
    reported = set()
    for pod, container in cluster.containers():
        if container.state.reason != _REASON:
            continue
        message = container.state.message or _message_of(cluster, pod.name)
        reported.add(pod.name)
        yield Finding(
            severity="critical",
            title=_title(words.short(container.label), message),
            detail=words.sentences(words.of_pod(pod), _REASON, words.short(message)),
            advice=_advice(message),
            evidence=words.passages(container.lines),
            directness=87,
            key=words.key_of(pod, container),
            pod=pod.name,
        )
    failed = {(event.object, event.message): event for event in cluster.events if is_about_configuration(event)}
    for event in failed.values():
        if event.name in reported or (reported and not event.object):
            continue
        is_over = bool(cluster.happened_after(event, _STARTED))
        end = "It is over: the container started later" if is_over else ""
        subject = f'container "{event.container}"' if event.container else "a container"
        yield Finding(
            severity="info" if is_over else "critical",
            title=_title(subject, event.message),
            detail=words.sentences(words.about(event), words.seen_words(event), end),
            advice="" if is_over else _advice(event.message),
            evidence=words.passages(event.lines),
            directness=87,
            key=f"{event.name}/{event.container}",
            pod=event.name,
        )


def _title(subject: str, message: str) -> str:
    cause = message.removeprefix("Error: ") or "CreateContainerConfigError"
    return f"{subject[:1].upper()}{subject[1:]} cannot be created: {words.short(cause, 220)}"


def _message_of(cluster: Cluster, pod: str) -> str:
    events = [event for event in cluster.events if event.name in ("", pod) and is_about_configuration(event)]
    return next((event.message for event in reversed(events) if _MISSING.search(event.message)), "")


def _advice(message: str) -> str:
    lower = message.lower()
    if "root" in lower:
        return "Set runAsUser to a user other than 0, or use an image that does."
    if "key" in lower:
        return "Add the key to the ConfigMap or Secret, or correct its name in the spec."
    if "not found" in lower:
        return "Create the object in the namespace of the pod, or correct its name in the spec."
    return ""


RULES = (container_lacks_its_configuration,)
