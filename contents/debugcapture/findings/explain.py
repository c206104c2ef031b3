"""Explains files: recognizes the kind of each, and returns the findings, the most important first."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..finding import Finding
from ..model import Manifest
from .evidence import Evidence, evidence_of
from .rank import ranked
from .subject import Subject
from .subjects import SUBJECTS

Unreadable = Callable[[Evidence, Exception], None]


def explain(
    evidence: Iterable[Evidence], failed: Unreadable, subjects: Sequence[Subject[Any]] = SUBJECTS
) -> list[Finding]:
    """Return the findings about ``evidence``.

    A file whose content breaks a parser costs its own findings only: ``failed`` is called with the file and the error.
    """
    return ranked(finding for file in evidence for finding in _explained(file, failed, subjects))


def explain_bundle(folder: Path, manifest: Manifest, failed: Unreadable) -> tuple[Finding, ...]:
    """Return the findings about the files of the bundle in ``folder``.

    While credentials are masked, a file in which nothing could be masked is left out: findings quote their evidence.
    """
    is_masked = any(not artifact.sensitive for artifact in manifest.artifacts)
    sensitive = {artifact.file for artifact in manifest.artifacts if artifact.sensitive and is_masked}
    return tuple(explain((file for file in evidence_of(folder, manifest) if file.name not in sensitive), failed))


def subjects_of(evidence: Evidence, subjects: Sequence[Subject[Any]] = SUBJECTS) -> Iterator[Subject[Any]]:
    """Yield the kinds of ``evidence``: one, or several if the file is a mixture."""
    for subject in subjects:
        if subject.recognize(evidence):
            yield subject
            if subject.is_mixed is None or not subject.is_mixed(evidence):
                return


def _explained(evidence: Evidence, failed: Unreadable, subjects: Sequence[Subject[Any]]) -> Iterator[Finding]:
    try:
        findings = [item for subject in subjects_of(evidence, subjects) for item in subject.explain(evidence)]
    except Exception as error:  # noqa: BLE001 - the content is hostile, and the other files still have to be explained
        failed(evidence, error)
        return
    yield from findings
