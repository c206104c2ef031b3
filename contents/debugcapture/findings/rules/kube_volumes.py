"""Rules about volumes that cannot be attached or mounted, and about claims without a volume."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.kube_model import Cluster, Event
from . import kube_words as words

REASONS: Final = frozenset(
    {
        "FailedMount",
        "FailedAttachVolume",
        "FailedMapVolume",
        "FailedDetachVolume",
        "VolumeResizeFailed",
        "VolumeMismatch",
    }
)
CLAIM_REASONS: Final = frozenset({"ProvisioningFailed", "FailedBinding", "ClaimLost", "VolumeFailedDelete"})
_MOUNTED: Final = frozenset({"Started", "Created", "Pulled", "Pulling", "SuccessfulMountVolume"})
_ATTACHED: Final = frozenset({"SuccessfulAttachVolume", *_MOUNTED})
_VOLUME = re.compile(r'volume "([^"]{1,300})"')
_UNMOUNTED = re.compile(r"unmounted volumes=\[([^\]]{1,300})\]")
_ADVICES: Final = (
    ("multi-attach", "Another node still uses the volume: look for the pod that uses it, or for a node that is gone."),
    ("hostpath type check failed", "Create the path on the node with the right type, or correct hostPath in the spec."),
    ("configmap", "Create the ConfigMap in the namespace of the pod, or correct its name and keys."),
    ("secret", "Create the Secret in the namespace of the pod, or correct its name and keys."),
    ("access denied", "Check the permissions of the export or share for this node."),
    ("permission denied", "Check the permissions of the export or share for this node."),
    ("not found in the list of registered csi drivers", "Install the CSI driver on the node, or wait for its pod."),
    ("bad option", "Install the mount helper of the file system on the node, for example nfs-common."),
    ("wrong fs type", "Install the mount helper of the file system on the node, and check fsType."),
    ("timed out", "Look at the other events of the pod, at its PersistentVolumeClaims and at the CSI driver."),
)


def volume_cannot_be_mounted(cluster: Cluster) -> Iterator[Finding]:
    """A volume of a pod cannot be attached to its node or mounted, so its containers do not start.

    If a container started later, the problem is over and the finding is information. Source:
    https://kubernetes.io/docs/concepts/storage/persistent-volumes/
    """
    groups: dict[tuple[str, str], list[Event]] = {}
    for event in cluster.events:
        if event.reason in REASONS:
            groups.setdefault((event.object, _volume_of(event)), []).append(event)
    causes = {event_object for (event_object, _), events in groups.items() if not all(map(_is_time_out, events))}
    for (event_object, volume), events in groups.items():
        if event_object in causes and all(map(_is_time_out, events)):
            continue  # "timed out" follows from the cause, which another event of the pod shows
        yield _finding(cluster, volume, events)


def _finding(cluster: Cluster, volume: str, events: list[Event]) -> Finding:
    event = next((event for event in reversed(events) if not _is_time_out(event)), events[-1])
    is_multi_attach = "Multi-Attach" in event.message
    later = cluster.happened_after(events[-1], _ATTACHED if is_multi_attach else _MOUNTED)
    pod = cluster.pod_of(event)
    runs = pod is not None and any(container.state.phase == "running" for container in pod.containers)
    is_over = bool(later) or runs
    subject = f"Volume {volume}" if volume else "A volume"
    if is_multi_attach:
        outcome = "delayed the start" if is_over else "another node still uses it"
        title = f"Multi-Attach error of volume {volume}: {outcome}"
    elif event.reason == "FailedAttachVolume":
        title = f"{subject} cannot be attached: {words.short(_reason(event.message), 200)}"
    else:
        title = f"{subject} cannot be mounted: {words.short(_reason(event.message), 200)}"
    if is_over:
        title = title.replace(" cannot be ", " could not be ") + "; it is over"
    return Finding(
        severity="info" if is_over else "critical",
        title=title,
        detail=words.sentences(
            words.about(event),
            words.seen_words(event),
            words.short(event.message) if is_multi_attach else "",
            _later_words(later, runs) if is_over else "",
        ),
        advice="" if is_over else _advice(event.message),
        evidence=words.passages(*words.lines_of(events), later.lines if later else None),
        directness=85,
        key=re.sub(r"[0-9a-f-]{20,}", "", volume) or "volume",
        pod=event.name if event.object.startswith("Pod/") else "",
    )


def _later_words(later: Event | None, runs: bool) -> str:
    if later:
        time = f" ({later.last_seen})" if later.last_seen else ""
        return f"Later: {words.short(later.message, 120)}{time}"
    return "A container of the pod runs now" if runs else ""


def _volume_of(event: Event) -> str:
    match = _VOLUME.search(event.message)
    if match:
        return f'"{match[1]}"'
    unmounted = _UNMOUNTED.search(event.message)
    return f"[{unmounted[1]}]" if unmounted else ""


def _is_time_out(event: Event) -> bool:
    lower = event.message.lower()
    return "unmounted volumes=" in lower and ("timed out" in lower or "deadline exceeded" in lower)


def _reason(message: str) -> str:
    """Return what follows the name of the volume in ``message``."""
    match = _VOLUME.search(message)
    rest = message[match.end() :].lstrip(" :") if match else message
    return rest or message


def _advice(message: str) -> str:
    lower = message.lower()
    return next((advice for part, advice in _ADVICES if part in lower), "")


def claim_has_no_volume(cluster: Cluster) -> Iterator[Finding]:
    """No volume was created or found for a PersistentVolumeClaim.

    Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding
    """
    last = {event.object: event for event in cluster.events if event.reason in CLAIM_REASONS}
    for event in last.values():
        is_over = bool(cluster.happened_after(event, frozenset({"ProvisioningSucceeded"})))
        yield Finding(
            severity="info" if is_over else "critical",
            title=f"PersistentVolumeClaim {event.name or ''} has no volume: {words.short(event.message, 260)}",
            detail=words.sentences(event.reason, words.seen_words(event), "It is over" if is_over else ""),
            advice="" if is_over else "Check storageClassName of the claim, and the provisioner of the storage class.",
            evidence=words.passages(event.lines),
            directness=83,
            key=f"claim {words.short(event.message, 60)}",
        )


RULES = (volume_cannot_be_mounted, claim_has_no_volume)
