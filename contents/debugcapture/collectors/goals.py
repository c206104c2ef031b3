"""What a job asked for by name, and whether it was captured. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from ..model import Artifact, Manifest
from .catalog import Goal

_NONE_FOUND = "no such process runs in the container"


def apply_goals(goals: Sequence[Goal], manifest: Manifest) -> Manifest:
    """Return ``manifest`` with what was asked for and not captured, from any target, as failed.

    To be skipped is harmless where a preset has more collectors than a target has use for, and not where it leaves the
    job without what it is for.
    """
    missed = [goal for goal in goals if not _is_reached(goal, manifest.artifacts)]
    ids = {one.id for goal in missed for one in goal.collectors}
    artifacts = tuple(_failed(one) if one.collector in ids else one for one in manifest.artifacts)
    absent = [_absent(goal, manifest) for goal in missed if not _is_named(goal, artifacts)]
    return replace(manifest, artifacts=(*artifacts, *absent), fulfilled=not goals or len(missed) < len(goals))


def _is_reached(goal: Goal, artifacts: Sequence[Artifact]) -> bool:
    ids = {one.id for one in goal.collectors}
    return any(one.file and one.collector in ids for one in artifacts)


def _is_named(goal: Goal, artifacts: Sequence[Artifact]) -> bool:
    """Tell whether an artifact says why a collector of ``goal`` got nothing."""
    ids = {one.id for one in goal.collectors}
    return any(one.collector in ids for one in artifacts)


def _failed(one: Artifact) -> Artifact:
    return replace(one, outcome="failed") if one.outcome == "skipped" else one


def _absent(goal: Goal, manifest: Manifest) -> Artifact:
    """Return the artifact that says why there is none.

    A preset gives each reason once, possibly with another collector. That an API list is empty, or that a volume has no
    dump, explains nothing about a tool.
    """
    first, title = goal.collectors[0].id, " or ".join(one.title for one in goal.collectors)
    without = [one for one in manifest.artifacts if not one.file and one.reason_code not in ("empty", "not-there")]
    reasons = dict.fromkeys(one.reason for one in without if one.reason)
    return Artifact(first, title, "", 0, "", manifest.started, 0, "failed", "", "; ".join(reasons) or _NONE_FOUND)
