"""A problem of a pod, and how severe it is."""

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """The higher the severity, the earlier a pod is captured."""

    OUT_OF_MEMORY = 71
    CRASHED = 70
    STUCK = 60
    """It should have ended and did not."""
    ENDED = 50
    NOT_READY = 40
    HANGS = 35
    """It has been starting for a long time."""
    CANNOT_START = 30
    PENDING = 20
    RESTARTED = 10
    PAST = 5
    """It ended long ago."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a pod."""

    severity: Severity
    reason: str
    container: str = ""
    """"" for the pod as a whole."""
