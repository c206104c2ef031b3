"""Tell people about a bundle, in the log and in the note; page.py does it for the browser. Pure."""

from collections.abc import Sequence
from typing import Final

from ..model import Action, Artifact, Manifest, ReadApi, RunInDebugContainer, RunInTarget, Skip, Target
from ..text import one_line, size, table

_TOLD: Final = 20  # of what is missing, in a line: of thousands of pods it would be too long for a job's data


def summary(manifest: Manifest) -> str:
    """Return one line: the status, the pod, its state, and how much of it was captured."""
    kept = [one for one in manifest.artifacts if one.file]
    target, others = manifest.target, len(manifest.targets) - 1
    more = f" and {others} more pods" if others else ""
    line = f"{manifest.status}: {len(kept)} artifacts of {target} (container {target.container}, {target.state}){more}"
    missing = _missing(manifest)
    rest = [f"{len(missing) - _TOLD} more are missing or truncated"] if len(missing) > _TOLD else []
    return one_line("; ".join([line, *missing[:_TOLD], *rest]))


def shortfall(manifest: Manifest) -> str:
    """Return one line: of which pod some of the evidence is missing, what and why; "" where none is."""
    missing = _missing(manifest)
    what = f"{manifest.target}: some evidence could not be captured"
    return one_line(f"{what}: {'; '.join(missing)}") if missing else ""


def _missing(manifest: Manifest) -> list[str]:
    short = [one for one in manifest.artifacts if one.outcome in ("failed", "truncated")]
    return [f"{one.pod + ': ' if one.pod else ''}{one.title} {one.outcome}: {one.reason}" for one in short]


def masking(one: Artifact) -> str:
    """Return what was masked in an artifact, or that nothing was; "" where there was nothing to mask."""
    if one.sensitive:
        return "sensitive: not masked"
    return f"{one.redactions} credentials masked" if one.redactions else ""


def artifact_line(one: Artifact) -> str:
    """Return one line: what, outcome, size and duration, how it was collected, what is masked, the reason."""
    outcome = f"{one.outcome}, {size(one.bytes)} in {one.took_s:.1f} s" if one.bytes else one.outcome
    how = f" ({one.how})" if one.how else ""
    masked = f", {masking(one)}" if masking(one) else ""
    reason = f": {one.reason}" if one.reason else ""
    return one_line(f"{one.title}: {outcome}{how}{masked}{reason}")


def plan_table(target: Target, actions: Sequence[Action], ceiling: str) -> str:
    """Return a table of what would be done to ``target``, with which privileges, and what it would cost it."""
    rows = [
        (
            one_line(one.collector.title),
            _PLANNED[type(one)],
            _privileges(one, ceiling),
            one.collector.invasive,
            one_line(one.why),
        )
        for one in actions
    ]
    header = ("WHAT", "HOW", "PRIVILEGES", "TARGET", "WHY")
    subject = one_line(f"dry run for {target} (container {target.container}, {target.state})")
    return f"{subject}\n{table(header, rows)}".rstrip()


def _privileges(action: Action, ceiling: str) -> str:
    if isinstance(action, RunInDebugContainer):
        return f"{', '.join(action.collector.needs)} ({ceiling})" if action.collector.needs else "restricted"
    return "get, list" if isinstance(action, ReadApi) else "exec" if isinstance(action, RunInTarget) else ""


_PLANNED: Final = {ReadApi: "API", RunInTarget: "exec", RunInDebugContainer: "debug container", Skip: "skip"}
