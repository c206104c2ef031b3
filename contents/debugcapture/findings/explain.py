"""Explains files: recognizes the kind of each, and returns the findings, the most important first."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ..finding import Finding
from ..model import Manifest
from ..picture import Pictures, PodPictures
from .across_files import explain_across_files
from .evidence import Evidence, evidence_of
from .pictures.merge import merged
from .rank import ranked
from .subject import Subject
from .subjects import SUBJECTS

T = TypeVar("T")
Unreadable = Callable[[Evidence, Exception], None]


def explain(
    evidence: Iterable[Evidence], failed: Unreadable, subjects: Sequence[Subject[Any]] = SUBJECTS
) -> list[Finding]:
    """Return the findings about ``evidence``.

    A file whose content breaks a parser costs its own findings only: ``failed`` is called with the file and the error.
    """
    files = list(evidence)
    parts = (part for file in files for part in _of_each_kind(file, failed, subjects, _findings))
    single = (finding for findings in parts for finding in findings)
    return ranked((*single, *explain_across_files(files, failed)))


def explain_bundle(folder: Path, manifest: Manifest, failed: Unreadable) -> tuple[tuple[Finding, ...], Pictures]:
    """Return the findings about the files of the bundle in ``folder``, and what the pictures of its report show.

    While credentials are masked, a file in which nothing could be masked is left out: findings quote their evidence.
    Only pictures that contain nothing but names of functions are drawn from it.
    """
    is_masked = any(not artifact.sensitive for artifact in manifest.artifacts)
    sensitive = {artifact.file for artifact in manifest.artifacts if artifact.sensitive and is_masked}
    findings: list[Finding] = []
    pictures: list[PodPictures] = []
    files = evidence_of(folder, manifest)
    for file in files:
        subjects = [subject for subject in SUBJECTS if file.name not in sensitive or subject.has_names_only]
        for part in _of_each_kind(file, failed, subjects, Subject.examine):
            findings.extend(part.findings)
            pictures.append(part.pictures)
    findings.extend(explain_across_files((file for file in files if file.name not in sensitive), failed))
    return tuple(ranked(findings)), merged(pictures)


def subjects_of(evidence: Evidence, subjects: Sequence[Subject[Any]] = SUBJECTS) -> Iterator[Subject[Any]]:
    """Yield the kinds of ``evidence``: one, or several if the file is a mixture."""
    for subject in subjects:
        if subject.recognize(evidence):
            yield subject
            if subject.is_mixed is None or not subject.is_mixed(evidence):
                return


def _findings(subject: Subject[Any], evidence: Evidence) -> list[Finding]:
    return list(subject.explain(evidence))


def _of_each_kind(
    evidence: Evidence,
    failed: Unreadable,
    subjects: Sequence[Subject[Any]],
    read: Callable[[Subject[Any], Evidence], T],
) -> list[T]:
    """Return what ``read`` returns for each kind of ``evidence``; nothing if its content breaks a parser."""
    try:
        return [read(subject, evidence) for subject in subjects_of(evidence, subjects)]
    except Exception as error:  # noqa: BLE001 - the content is hostile, and the other files still have to be explained
        failed(evidence, error)
        return []
