"""Settings of a restart after a capture."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from .declare import DAY_S, Group, setting


@dataclass(frozen=True, kw_only=True)
class RestartSettings(Group):
    """What is done to the workload after the capture."""

    title: ClassVar[str] = "Restart"

    action: Literal["restart", "undo", "delete-pod", "scale"] = setting(
        "restart",
        "What to do",
        "restart: rollout restart; undo: rollout undo, to revision; delete-pod: the pod, which is made again; scale: "
        "to replicas. Needs deploy/rbac/namespace/capture-and-restart.yaml.",
    )
    revision: int = setting(0, "Revision", "For undo; 0 is the one before.", least=0, most=999999999)
    replicas: int = setting(1, "Replicas", "For scale.", least=0, most=1000)
    rollout_limit_s: int = setting(
        300, "Time limit of the rollout in seconds", "How long to wait until all is well again.", least=1, most=DAY_S
    )
    preview: bool = setting(
        False, "Preview", "Tell what would be done, have the API server check that it may be, and do nothing."
    )


@dataclass(frozen=True, kw_only=True)
class GateSettings(Group):
    """How good a capture has to be before a restart."""

    title: ClassVar[str] = "Gate"

    gate: Literal["complete", "partial", "none"] = setting(
        "complete",
        "Only after a capture that is",
        "complete; partial: at least partial; none: in any case, evidence or not. The bundle says what it is.",
    )
    gate_stored: bool = setting(
        True, "Only after it is stored", "The evidence has to be in the store, not on this machine only."
    )
