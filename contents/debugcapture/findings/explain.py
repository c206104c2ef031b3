"""Explains files: recognizes the kind of each, and returns the findings, the most important first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..finding import Finding
from ..manifest import Manifest
from ..picture import Pictures, PodPictures
from .across_files import AcrossFiles
from .evidence import Evidence, evidence_of
from .isolation import TIME_LIMITS, Isolation, TimeLimits, Unreadable
from .pictures.merge import merged
from .rank import ranked
from .subject import Examined, Subject
from .subjects import SUBJECTS


def explain(
    evidence: Iterable[Evidence],
    failed: Unreadable,
    subjects: Sequence[Subject[Any]] = SUBJECTS,
    limits: TimeLimits = TIME_LIMITS,
) -> list[Finding]:
    """Return the findings about ``evidence``.

    A file whose content breaks a parser, or for which it needs more time than ``limits`` allow, costs its own findings
    only: ``failed`` is called with the file and the error.
    """
    findings: list[Finding] = []
    across_files, isolation = AcrossFiles(), Isolation(failed, limits)
    for part in _parts(((file, subjects) for file in evidence), isolation):
        across_files.add(part.evidence, part.model)
        findings.extend(isolation.run(part.evidence, part.findings, ()))
    return ranked((*findings, *across_files.findings(isolation)))


def explain_bundle(
    folder: Path, manifest: Manifest, failed: Unreadable, limits: TimeLimits = TIME_LIMITS
) -> tuple[tuple[Finding, ...], Pictures]:
    """Return the findings about the files of the bundle in ``folder``, and what the pictures of its report show.

    While credentials are masked, a file in which nothing could be masked is left out: findings quote their evidence.
    Only pictures that contain nothing but names of functions are drawn from it. For ``failed`` and ``limits``, see
    `explain`.
    """
    is_masked = any(not artifact.sensitive for artifact in manifest.artifacts)
    sensitive = {artifact.file for artifact in manifest.artifacts if artifact.sensitive and is_masked}
    files = (
        (file, [subject for subject in SUBJECTS if file.name not in sensitive or subject.has_names_only])
        for file in evidence_of(folder, manifest)
    )
    findings: list[Finding] = []
    pictures: list[PodPictures] = []
    across_files, isolation = AcrossFiles(), Isolation(failed, limits)
    for part in _parts(files, isolation):
        across_files.add(part.evidence, part.model)
        examined = isolation.run(part.evidence, part.examine, Examined((), PodPictures("")))
        findings.extend(examined.findings)
        pictures.append(examined.pictures)
    return tuple(ranked((*findings, *across_files.findings(isolation)))), merged(pictures)


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

    def findings(self) -> tuple[Finding, ...]:
        """Return the findings about it."""
        return tuple(self.subject.findings(self.model, self.evidence.pod))

    def examine(self) -> Examined:
        """Return the findings about it, and what the report draws of it."""
        return self.subject.examine(self.model, self.evidence.pod)


def _parts(files: Iterable[tuple[Evidence, Sequence[Subject[Any]]]], isolation: Isolation) -> Iterator[_Part]:
    """Yield what the files show. The parts that can be merged come last, merged by pod."""
    groups: dict[tuple[str, str, str], list[_Part]] = {}
    for file, subjects in files:
        for part in isolation.run(file, partial(_parts_of, file, subjects), ()):
            if part.subject.merge and file.pod:
                groups.setdefault((part.subject.name, file.folder, file.pod), []).append(part)
            else:
                yield part
    for group in groups.values():
        yield from isolation.run(group[0].evidence, partial(_merged_part, group), ())


def _parts_of(file: Evidence, subjects: Sequence[Subject[Any]]) -> tuple[_Part, ...]:
    return tuple(_Part(subject, file, subject.parse(file)) for subject in subjects_of(file, subjects))


def _merged_part(parts: Sequence[_Part]) -> tuple[_Part]:
    merge = parts[0].subject.merge
    return (replace(parts[0], model=merge([part.model for part in parts])) if merge else parts[0],)
