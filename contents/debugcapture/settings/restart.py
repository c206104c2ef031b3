"""Settings of a restart after a capture."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from .declare import DAY_S, Group, dry_run_setting, setting


@dataclass(frozen=True, kw_only=True)
class RestartSettings(Group):
    """How the workload is restarted after the capture."""

    title: ClassVar[str] = "Restart"

    action: Literal["restart", "undo", "delete-pod", "scale"] = setting(
        "restart",
        "Action",
        "restart: rollout restart. undo: rollout undo to revision. scale: scale to replicas. delete-pod: "
        "delete the pod, so that its workload creates it again. Requires "
        "deploy/rbac/namespace/capture-and-restart.yaml.",
    )
    revision: int = setting(
        0, "Revision", "Revision that undo rolls back to. 0: the previous revision.", least=0, most=999999999
    )
    replicas: int = setting(1, "Replicas", "Number of replicas that scale sets.", least=0, most=1000)
    rollout_limit_s: int = setting(
        300, "Time limit of the rollout (s)", "Time to wait for the rollout to complete.", least=1, most=DAY_S
    )
    dry_run: bool = dry_run_setting()


@dataclass(frozen=True, kw_only=True)
class GateSettings(Group):
    """Which capture a restart requires."""

    title: ClassVar[str] = "Gate"

    gate: Literal["complete", "partial", "none"] = setting(
        "complete",
        "Required capture status",
        "complete: a complete capture. partial: a partial or complete capture. none: no capture is required. The "
        "bundle contains the status.",
    )
    gate_stored: bool = setting(
        True, "Require upload", "The evidence must be in the store, and not only on this machine."
    )
