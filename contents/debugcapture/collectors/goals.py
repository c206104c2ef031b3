"""Checks whether a capture has what the job requested by name. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from ..manifest import Artifact, Manifest
from .catalog import Goal

_NONE_FOUND = "no such process runs in the container"


def apply_goals(goals: Sequence[Goal], manifest: Manifest) -> Manifest:
    """Return ``manifest`` with failed artifacts for the goals that no target reached.

    A skipped collector is not a failure, because a preset has collectors for many kinds of targets. It becomes
    one if the goal has no artifact at all.
    """
    missed = [goal for goal in goals if not _is_reached(goal, manifest.artifacts)]
    ids = {collector.id for goal in missed for collector in goal.collectors}
    artifacts = tuple(
        _as_failed(artifact) if artifact.collector in ids else artifact for artifact in manifest.artifacts
    )
    missing = [_missing_artifact(goal, manifest) for goal in missed if not _is_explained(goal, artifacts)]
    return replace(manifest, artifacts=(*artifacts, *missing), fulfilled=not goals or len(missed) < len(goals))


def _is_reached(goal: Goal, artifacts: Sequence[Artifact]) -> bool:
    ids = {collector.id for collector in goal.collectors}
    return any(artifact.file and artifact.collector in ids for artifact in artifacts)


def _is_explained(goal: Goal, artifacts: Sequence[Artifact]) -> bool:
    """Return whether an artifact contains the reason why a collector of ``goal`` captured nothing."""
    ids = {collector.id for collector in goal.collectors}
    return any(artifact.collector in ids for artifact in artifacts)


def _as_failed(artifact: Artifact) -> Artifact:
    return replace(artifact, outcome="failed") if artifact.outcome == "skipped" else artifact


def _missing_artifact(goal: Goal, manifest: Manifest) -> Artifact:
    """Return a failed artifact with the reasons why ``goal`` was not reached.

    A preset records each reason once, possibly with another collector, so the reasons of all artifacts count. That an
    API list is empty, or that a volume has no dump, is not a reason for a tool.
    """
    title = " or ".join(collector.title for collector in goal.collectors)
    empty = [artifact for artifact in manifest.artifacts if not artifact.file]
    relevant = [artifact for artifact in empty if artifact.reason_code not in ("empty", "not-there")]
    reasons = dict.fromkeys(artifact.reason for artifact in relevant if artifact.reason)
    first = goal.collectors[0].id
    return Artifact(first, title, "", 0, "", manifest.started, 0, "failed", "", "; ".join(reasons) or _NONE_FOUND)
