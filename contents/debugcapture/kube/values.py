"""Parses values of Kubernetes: times, quantities, revisions, reasons. Pure."""

import re
from datetime import datetime, timezone

from ..errors import UnexpectedAnswer
from ..model import Json

REVISION = "deployment.kubernetes.io/revision"
_REVISIONS = (REVISION, "rollout.argoproj.io/revision")
# Reasons why a container does not start that do not disappear by themselves within the time of an incident. The kubelet
# keeps retrying.
FATAL_REASONS = frozenset({
    "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
    "CreateContainerError", "CreateContainerConfigError", "RunContainerError",
})  # fmt: skip
_BINARY = {f"{unit}i": 1 << 10 * power for power, unit in enumerate("KMGTPE", start=1)}
_DECIMAL = {unit: 10**power for unit, power in zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True)}
_QUANTITY = re.compile(r"(\+?[0-9.]{1,40}(?:[eE][+-]?[0-9]{1,2})?)([KMGTPE]i|[numkMGTPE])?")


def parse_time(text: str | None) -> datetime | None:
    """Return the time in ``text`` (RFC 3339); None if there is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc) if text else None


def parse_quantity(text: str) -> int:
    """Return the number in a Kubernetes quantity of bytes: 512Mi, 1G, 2.5Gi, 1e3, 128000m.

    Raises UnexpectedAnswer for other text. Source: Kubernetes API reference, "Quantity".
    """
    match = _QUANTITY.fullmatch(text)
    try:
        if match:
            return int(float(match[1]) * {**_BINARY, **_DECIMAL}.get(match[2], 1))
    except ValueError:
        pass  # digits and dots in the wrong order
    raise UnexpectedAnswer(f"{text!r} is not a quantity of bytes", "the API server returned it for the container")


def revision_of(workload: Json) -> str:
    """Return the revision of a Deployment or Rollout, or of its ReplicaSet; "" if it has none."""
    annotations = workload["metadata"].get("annotations") or {}
    return str(next((annotations[key] for key in _REVISIONS if key in annotations), ""))
