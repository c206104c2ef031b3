"""Values as Kubernetes writes them: times, quantities, revisions, reasons. Pure."""

import re
from datetime import datetime, timezone

from ..errors import UnexpectedAnswer
from ..model import Json

REVISION = "deployment.kubernetes.io/revision"
# The kubelet goes on trying in these states; an incident cannot wait for it.
HOPELESS = frozenset({
    "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
    "CreateContainerError", "CreateContainerConfigError", "RunContainerError",
})  # fmt: skip
_BINARY = {f"{unit}i": 1 << 10 * power for power, unit in enumerate("KMGTPE", start=1)}
_DECIMAL = {unit: 10**power for unit, power in zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True)}
_QUANTITY = re.compile(r"(\+?[0-9.]{1,40}(?:[eE][+-]?[0-9]{1,2})?)([KMGTPE]i|[numkMGTPE])?")


def moment(text: str | None) -> datetime | None:
    """Return the time in ``text`` (RFC 3339), or None."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc) if text else None


def quantity(text: str) -> int:
    """Return the number in a Kubernetes quantity of bytes: 512Mi, 1G, 2.5Gi, 1e3, 128000m.

    Raises UnexpectedAnswer when it is none. Source: Kubernetes API reference, "Quantity".
    """
    found = _QUANTITY.fullmatch(text)
    try:
        if found:
            return int(float(found[1]) * {**_BINARY, **_DECIMAL}.get(found[2], 1))
    except ValueError:
        pass  # digits and dots that are no number
    raise UnexpectedAnswer(f"{text!r} is not a quantity of bytes", "the API server returned it for the container")


def revision_of(workload: Json) -> str:
    """Return the revision that a Deployment or its ReplicaSet bears, or ""."""
    return str((workload["metadata"].get("annotations") or {}).get(REVISION, ""))
