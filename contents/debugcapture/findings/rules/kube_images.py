"""Rules about images that cannot be pulled."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ...finding import EvidenceLines, Finding
from ..parsers.kube_model import Cluster, Event
from . import kube_words as words
from .kube_image_causes import pull_cause

PULL_REASONS: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_PULLED: Final = frozenset({"Pulled", "Started"})
_IMAGE = re.compile(r'image "([^"]{1,500})"')


@dataclass
class _Failure:
    """An image that was not pulled."""

    message: str = ""
    reasons: list[str] = field(default_factory=list)
    pods: list[str] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    lines: list[EvidenceLines | None] = field(default_factory=list)
    is_over: bool = True

    def add_message(self, message: str) -> None:
        """Keep ``message`` if it says more than the one before."""
        if message and (not self.message or (pull_cause(message) and not pull_cause(self.message))):
            self.message = message


def is_about_pulling(event: Event) -> bool:
    """Return whether ``event`` reports that an image was not pulled."""
    if event.reason in ("InspectFailed", "ErrImageNeverPull"):
        return True
    if event.reason == "BackOff":
        return "pulling image" in event.message
    is_pull = event.message.startswith(("Failed to pull image", "Failed to apply default image"))
    return event.reason in ("Failed", "FailedPull") and (is_pull or _reason_in(event.message) in PULL_REASONS)


def image_cannot_be_pulled(cluster: Cluster) -> Iterator[Finding]:
    """The node cannot get the image of a container.

    The answer of the registry names the cause: a name that does not exist, missing authorization, a rate limit, DNS,
    TLS or the network. Source: https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff
    """
    for image, failure in _failures(cluster).items():
        cause = pull_cause(failure.message)
        named = f'Image "{image}"' if image else "An image"
        subject = f"{named} {'could not be pulled at first' if failure.is_over else 'cannot be pulled'}"
        pods = list(dict.fromkeys(filter(None, failure.pods)))
        yield Finding(
            severity="info" if failure.is_over else "critical",
            title=f"{subject}: {cause.cause}" if cause else subject,
            detail=words.sentences(
                _pods_words(pods),
                f"Container {', '.join(dict.fromkeys(failure.containers))}" if failure.containers else "",
                ", ".join(dict.fromkeys(failure.reasons)),
                _answer(image, failure.message),
                words.seen_words(failure.events[-1]) if failure.events else "",
                "It was pulled later, or its container started" if failure.is_over else "",
                _missing_pull_secret(cluster),
            ),
            advice="" if failure.is_over else cause.advice if cause else "",
            evidence=words.passages(*failure.lines[-4:]),
            directness=84,
            key=image or "image",
            pod=pods[0] if len(pods) == 1 else "",
        )


def _failures(cluster: Cluster) -> dict[str, _Failure]:
    failures: dict[str, _Failure] = {}
    for pod, container in cluster.containers():
        if container.state.reason in PULL_REASONS:
            failure = failures.setdefault(container.image, _Failure())
            failure.pods.append(pod.name)
            failure.containers.append(container.name)
            failure.reasons.append(container.state.reason)
            failure.lines.append(container.lines)
            failure.add_message(container.state.message)
            failure.is_over = False
    only = next(iter(failures)) if len(failures) == 1 else ""
    for event in filter(is_about_pulling, cluster.events):
        image = _image_in(event, cluster) or only
        failure = failures.setdefault(image, _Failure())
        _add_event(cluster, failure, event)
    if "" in failures and len(failures) > 1:
        del failures[""]  # "Error: ErrImagePull" without the event that names the image
    return failures


def _add_event(cluster: Cluster, failure: _Failure, event: Event) -> None:
    failure.pods.append(event.name)
    if event.message.startswith("Failed to pull") or not failure.lines:
        failure.lines.append(event.lines)
        failure.events.append(event)
    reason = _reason_in(event.message)
    if reason in PULL_REASONS:
        failure.reasons.append(reason)
    failure.add_message(event.message)
    failure.is_over = failure.is_over and bool(cluster.happened_after(event, _PULLED))


def _reason_in(message: str) -> str:
    return message.removeprefix("Error: ").strip()


def _image_in(event: Event, cluster: Cluster) -> str:
    """Return the image that the event, or another event about the same object, names."""
    match = _IMAGE.search(event.message)
    if match:
        return match[1]
    same = (other for other in cluster.events_about(event) if is_about_pulling(other))
    return next((image[1] for other in same if (image := _IMAGE.search(other.message))), "")


def _answer(image: str, message: str) -> str:
    """Return what the registry answered, without the name of the image that the message repeats."""
    text = message.removeprefix("Error: ")
    for start in (f'Failed to pull image "{image}": ', f'Back-off pulling image "{image}": ', "ErrImagePull: "):
        text = text.removeprefix(start)
    return words.short(text) if pull_cause(text) else ""


def _pods_words(pods: list[str]) -> str:
    if len(pods) > 1:
        return f"{len(pods)} pods: {', '.join(pods[:3])}" + (" and more" if len(pods) > 3 else "")
    return f"Pod {pods[0]}" if pods else ""


def _missing_pull_secret(cluster: Cluster) -> str:
    event = next((event for event in cluster.events if event.reason == "FailedToRetrieveImagePullSecret"), None)
    return words.short(event.message, 160) if event else ""


RULES = (image_cannot_be_pulled,)
