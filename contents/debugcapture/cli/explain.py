"""The command `explain`: states what evidence shows. It reads bundles, single files, or standard input, offline."""

import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from ..bundle.bundle import MANIFEST, Bundle
from ..finding import Finding
from ..findings.comparison.bundle import compare_bundle
from ..findings.comparison.differences import difference_finding
from ..findings.evidence import Evidence
from ..findings.explain import explain, subjects_of
from ..findings.isolation import TimeLimits, Unreadable
from ..findings.messages import load_messages
from ..findings.rank import with_finding
from ..findings.subject import Subject
from ..findings.subjects import SUBJECTS, subjects_with
from ..model import Outcome
from ..report.findings import findings_document, findings_text
from ..runtime.context import RunContext
from ..settings.explain import ExplainSettings
from ..steps.shared import Step
from .evidence_paths import evidence_in


@dataclass(frozen=True, kw_only=True)
class ExplainStep:
    """Settings of `explain_paths`."""

    explain: ExplainSettings


def explain_paths(step: ExplainStep, context: RunContext) -> Outcome:
    """Print what the evidence shows. Raises BadInput if a path or the file of log messages is not readable."""
    own = load_messages(Path(step.explain.rules)) if step.explain.rules else ()
    subjects = subjects_with(own) if own else SUBJECTS
    paths = shlex.split(step.explain.paths)
    limits = TimeLimits(step.explain.file_time_limit_s or inf, inf)
    failed = set[str]()

    def report_failure(file: Evidence, error: Exception) -> None:
        failed.add(file.name)
        context.report(f"{file.name} cannot be explained: {error}")

    with ExitStack() as opened:
        evidence = evidence_in(paths, opened, context.report)
        findings = explain(evidence, report_failure, subjects, limits)
        if not findings:
            _report_unknown([file for file in evidence if file.name not in failed], subjects, context)
    for path in paths:
        if (finding := _difference_in(Path(path), report_failure, limits)) is not None:
            findings = with_finding(findings, finding)
    context.report(findings_text(findings))
    return Outcome(0, document=findings_document(findings))


def _report_unknown(evidence: Sequence[Evidence], subjects: Sequence[Subject[Any]], context: RunContext) -> None:
    """Report the files that no parser knows, so that a lack of findings is not understood as health."""
    for file in evidence:
        if next(subjects_of(file, subjects), None) is None:
            context.report(f"{file.name} is not explained: its format is not known")


def _difference_in(folder: Path, failed: Unreadable, limits: TimeLimits) -> Finding | None:
    """Return what the unhealthy pods of the bundle in ``folder`` have alone; None if it is nothing or not a bundle."""
    if not (folder / MANIFEST).is_file():
        return None
    return difference_finding(compare_bundle(folder, Bundle(folder).manifest(), failed, limits))


EXPLAIN = Step(ExplainStep, explain_paths)
