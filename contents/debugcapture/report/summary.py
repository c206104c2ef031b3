"""Summaries of a bundle for the log and the note. page.py contains the one for the browser. Pure."""

from collections.abc import Sequence
from typing import Final

from ..actions import Action, ReadApi, RunInDebugContainer, RunInTarget, Skip
from ..manifest import Artifact, Manifest
from ..model import Target
from ..text import one_line, size, table

# A line lists this many missing artifacts. The list of thousands of pods would be too long for the data of a job.
_MAX_LISTED: Final = 20


def summary(manifest: Manifest) -> str:
    """Return one line: the status, the pod, its state, the number of artifacts, and what is missing."""
    captured = [artifact for artifact in manifest.artifacts if artifact.file]
    target, others = manifest.target, len(manifest.targets) - 1
    more = f" and {others} more pods" if others else ""
    line = (
        f"{manifest.status}: {len(captured)} artifacts of {target} (container {target.container}, {target.state}){more}"
    )
    missing = _missing_lines(manifest)
    rest = [f"{len(missing) - _MAX_LISTED} more are missing or truncated"] if len(missing) > _MAX_LISTED else []
    return one_line("; ".join([line, *missing[:_MAX_LISTED], *rest]))


def first_finding(manifest: Manifest) -> str:
    """Return the title of the most important finding as one line; "" if no rule found a problem."""
    alarms = (finding.title for finding in manifest.findings if finding.severity != "info")
    return one_line(next(alarms, ""))


def shortfall(manifest: Manifest) -> str:
    """Return one line: the pod, and what is missing and why. Return "" if nothing is missing."""
    missing = _missing_lines(manifest)
    action = f"{manifest.target}: some evidence could not be captured"
    return one_line(f"{action}: {'; '.join(missing)}") if missing else ""


def _missing_lines(manifest: Manifest) -> list[str]:
    missing = [artifact for artifact in manifest.artifacts if is_missing(artifact)]
    return [
        f"{artifact.pod + ': ' if artifact.pod else ''}{artifact.title} {artifact.outcome}: {artifact.reason}"
        for artifact in missing
    ]


def is_missing(artifact: Artifact) -> bool:
    """Return whether the artifact, or a part of it, could not be captured."""
    return artifact.outcome in ("failed", "truncated")


def masking(artifact: Artifact) -> str:
    """Return what was masked in the artifact, or a warning if nothing was. Return "" if there was nothing to mask."""
    if artifact.sensitive:
        return "sensitive: not masked"
    return f"{artifact.redactions} credentials masked" if artifact.redactions else ""


def artifact_line(artifact: Artifact) -> str:
    """Return one line: the title, outcome, size, duration, method, masking and reason."""
    outcome = (
        f"{artifact.outcome}, {size(artifact.bytes)} in {artifact.took_s:.1f} s" if artifact.bytes else artifact.outcome
    )
    method = f" ({artifact.method})" if artifact.method else ""
    masked = f", {masking(artifact)}" if masking(artifact) else ""
    reason = f": {artifact.reason}" if artifact.reason else ""
    return one_line(f"{artifact.title}: {outcome}{method}{masked}{reason}")


def plan_table(target: Target, actions: Sequence[Action], ceiling: str) -> str:
    """Return a table of the actions on ``target``: the method, the privileges, and the effect on the target.

    ``ceiling`` is the highest security profile that the job allows.
    """
    rows = [
        (
            one_line(action.collector.title),
            _METHODS[type(action)],
            _privileges(action, ceiling),
            action.collector.invasive,
            one_line(action.reason),
        )
        for action in actions
    ]
    header = ("WHAT", "HOW", "PRIVILEGES", "TARGET", "WHY")
    subject = one_line(f"dry run for {target} (container {target.container}, {target.state})")
    return f"{subject}\n{table(header, rows)}".rstrip()


def _privileges(action: Action, ceiling: str) -> str:
    if isinstance(action, RunInDebugContainer):
        return f"{', '.join(action.collector.needs)} ({ceiling})" if action.collector.needs else "restricted"
    return "get, list" if isinstance(action, ReadApi) else "exec" if isinstance(action, RunInTarget) else ""


_METHODS: Final = {ReadApi: "API", RunInTarget: "exec", RunInDebugContainer: "debug container", Skip: "skip"}
