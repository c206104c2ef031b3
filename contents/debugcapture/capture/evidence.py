"""Where what is captured of one target goes: files of the bundle, and the artifacts that they become."""

from dataclasses import replace
from datetime import datetime

from ..bundle.artifact import ArtifactFile
from ..bundle.record import Record
from ..model import Artifact, ArtifactOutcome, Collector
from .tool_run import Taking, now
from .transfer import TransferResult


class Evidence:
    """The files of one target in a bundle."""

    def __init__(self, record: Record, folder: str) -> None:
        """Use ``folder`` of the bundle; "" where it has one target only."""
        self.record, self._folder = record, folder

    def file(self, taking: Taking) -> ArtifactFile:
        """Return the file of an artifact, ready to be written."""
        collector = taking.collector
        text = None if collector.reads_api == "leftovers" else collector.kind == "text"
        return self.record.bundle.artifact(self.name(taking.file), collector.size_limit_bytes, text)

    def name(self, file: str) -> str:
        """Return the name of ``file`` in the bundle."""
        return f"{self._folder}/{file}" if self._folder else file

    def artifact(self, taking: Taking, file: ArtifactFile, result: TransferResult) -> Artifact:
        """Return the artifact that ``file`` is, now that it is closed."""
        took_s = round((now() - taking.started).total_seconds(), 3)
        result, redaction = _as_kept(result, file), self.record.bundle.intake.redaction
        stored = result.stored
        return Artifact(
            taking.collector.id,
            taking.title or taking.collector.title,
            self.name(taking.file) if stored or file.bytes else "",
            stored.bytes if stored else file.bytes,
            stored.sha256 if stored else file.sha256,
            taking.started,
            took_s,
            result.outcome,
            taking.how,
            redaction.line(result.reason) if redaction else result.reason,
            integrity=result.integrity,
            redactions=file.redactions,
            sensitive=file.sensitive or stored is not None,
            direct=stored,
            origin=taking.origin,
            reason_code=result.code,
        )


def _as_kept(result: TransferResult, file: ArtifactFile) -> TransferResult:
    """Return what became of an artifact when its file is closed: the disk may have become full."""
    if file.cut and result.outcome == "complete":
        result = TransferResult("truncated", file.cut, code="size-limit")
    return replace(result, outcome="failed") if result.outcome == "truncated" and not file.bytes else result


def nothing(collector: Collector, how: str, outcome: ArtifactOutcome, started: datetime, reason: str) -> Artifact:
    """Return the artifact that says why there is none."""
    took_s = round((now() - started).total_seconds(), 3)
    return Artifact(
        collector.id, collector.title, "", 0, "", started, took_s, outcome, how, reason, reason_code="other"
    )
