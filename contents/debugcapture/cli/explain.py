"""The command `explain`: states what evidence shows. It reads bundles, single files, or standard input, offline."""

import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..bundle.bundle import MANIFEST, Bundle
from ..errors import BadInput
from ..finding import Finding
from ..findings.comparison.bundle import compare_bundle
from ..findings.comparison.differences import difference_finding
from ..findings.evidence import Evidence, evidence_of
from ..findings.explain import Unreadable, explain
from ..findings.messages import load_messages
from ..findings.rank import with_finding
from ..findings.subjects import SUBJECTS, subjects_with
from ..model import Outcome
from ..report.findings import findings_document, findings_text
from ..runtime.context import RunContext
from ..settings.explain import ExplainSettings
from ..steps.shared import Step

_STDIN: Final = "-"


@dataclass(frozen=True, kw_only=True)
class ExplainStep:
    """Settings of `explain_paths`."""

    explain: ExplainSettings


def explain_paths(step: ExplainStep, context: RunContext) -> Outcome:
    """Print what the evidence shows. Raises BadInput if a path or the file of log messages is not readable."""
    own = load_messages(Path(step.explain.rules)) if step.explain.rules else ()
    subjects = subjects_with(own) if own else SUBJECTS
    paths = shlex.split(step.explain.paths)

    def report_failure(file: Evidence, error: Exception) -> None:
        context.report(f"{file.name} cannot be explained: {error}")

    with ExitStack() as opened:
        evidence = [file for path in paths for file in _evidence(path, opened)]
        findings = explain(evidence, report_failure, subjects)
    for path in paths:
        if (finding := _difference_in(Path(path), report_failure)) is not None:
            findings = with_finding(findings, finding)
    context.report(findings_text(findings))
    return Outcome(0, document=findings_document(findings))


def _evidence(path: str, opened: ExitStack) -> Iterator[Evidence]:
    if path == _STDIN:
        copy = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="debug-capture-"))) / "input"
        with copy.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield Evidence(copy, "standard input")
        return
    source = Path(path)
    if (source / MANIFEST).is_file():
        yield from evidence_of(source, Bundle(source).manifest())
    elif source.is_dir():
        files = (file for file in sorted(source.rglob("*")) if file.is_file())
        yield from (Evidence(file, str(file.relative_to(source))) for file in files)
    else:
        yield Evidence(_readable(source), source.name)


def _difference_in(folder: Path, failed: Unreadable) -> Finding | None:
    """Return what the unhealthy pods of the bundle in ``folder`` have alone; None if it is nothing or not a bundle."""
    if not (folder / MANIFEST).is_file():
        return None
    return difference_finding(compare_bundle(folder, Bundle(folder).manifest(), failed))


def _readable(file: Path) -> Path:
    try:
        with file.open("rb"):
            return file
    except OSError as error:
        raise BadInput(f"cannot read {file}", error.strerror or str(error), "Check the path.") from error


EXPLAIN = Step(ExplainStep, explain_paths)
