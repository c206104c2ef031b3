"""Explains files: recognizes the kind of each, and returns the findings, the most important first."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..finding import Finding
from ..manifest import Manifest
from ..picture import Pictures, PodPictures
from .across_files import AcrossFiles
from .evidence import Evidence, evidence_of
from .pictures.merge import merged
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
    findings: list[Finding] = []
    across_files = AcrossFiles()
    for part in _parts(((file, subjects) for file in evidence), failed):
        across_files.add(part.evidence, part.model)
        with _report_errors(part.evidence, failed):
            findings.extend(tuple(part.subject.findings(part.model, part.evidence.pod)))
    return ranked((*findings, *across_files.findings(failed)))


def explain_bundle(folder: Path, manifest: Manifest, failed: Unreadable) -> tuple[tuple[Finding, ...], Pictures]:
    """Return the findings about the files of the bundle in ``folder``, and what the pictures of its report show.

    While credentials are masked, a file in which nothing could be masked is left out: findings quote their evidence.
    Only pictures that contain nothing but names of functions are drawn from it.
    """
    is_masked = any(not artifact.sensitive for artifact in manifest.artifacts)
    sensitive = {artifact.file for artifact in manifest.artifacts if artifact.sensitive and is_masked}
    files = (
        (file, [subject for subject in SUBJECTS if file.name not in sensitive or subject.has_names_only])
        for file in evidence_of(folder, manifest)
    )
    findings: list[Finding] = []
    pictures: list[PodPictures] = []
    across_files = AcrossFiles()
    for part in _parts(files, failed):
        across_files.add(part.evidence, part.model)
        with _report_errors(part.evidence, failed):
            examined = part.subject.examine(part.model, part.evidence.pod)
            findings.extend(examined.findings)
            pictures.append(examined.pictures)
    return tuple(ranked((*findings, *across_files.findings(failed)))), merged(pictures)


def subjects_of(evidence: Evidence, subjects: Sequence[Subject[Any]] = SUBJECTS) -> Iterator[Subject[Any]]:
    """Yield the kinds of ``evidence``: one, or several if the file is a mixture."""
    for subject in subjects:
        if subject.recognize(evidence):
            yield subject
            if subject.is_mixed is None or not subject.is_mixed(evidence):
                return


@dataclass(frozen=True)
class _Part:
    """What one file shows, or the first of several files that were merged."""

    subject: Subject[Any]
    evidence: Evidence
    model: Any


def _parts(files: Iterable[tuple[Evidence, Sequence[Subject[Any]]]], failed: Unreadable) -> Iterator[_Part]:
    """Yield what the files show. The parts that can be merged come last, merged by pod."""
    groups: dict[tuple[str, str, str], list[_Part]] = {}
    for file, subjects in files:
        parts: list[_Part] = []
        with _report_errors(file, failed):
            parts += [_Part(subject, file, subject.parse(file)) for subject in subjects_of(file, subjects)]
        for part in parts:
            if part.subject.merge and file.pod:
                groups.setdefault((part.subject.name, file.folder, file.pod), []).append(part)
            else:
                yield part
    for group in groups.values():
        merged_part: list[_Part] = []
        with _report_errors(group[0].evidence, failed):
            merged_part.append(_merged_part(group))
        yield from merged_part


def _merged_part(parts: Sequence[_Part]) -> _Part:
    merge = parts[0].subject.merge
    return replace(parts[0], model=merge([part.model for part in parts])) if merge else parts[0]


@contextmanager
def _report_errors(evidence: Evidence, failed: Unreadable) -> Iterator[None]:
    """Report an error to ``failed``: the content is hostile, and the other files still have to be explained."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - any error that the content of a file can cause
        failed(evidence, error)
