"""The files of one target in the bundle, and the artifacts that describe them."""

from dataclasses import replace
from datetime import datetime

from ..bundle.artifact import ArtifactFile
from ..bundle.record import Record
from ..manifest import Artifact, ArtifactOutcome
from ..model import Collector
from .tool_run import PendingArtifact, utc_now
from .transfer import TransferResult


class Evidence:
    """The files of one target in a bundle."""

    def __init__(self, record: Record, folder: str) -> None:
        """Write to ``folder`` of the bundle; "" if the bundle has one target only."""
        self.record, self._folder = record, folder

    def open_file(self, pending: PendingArtifact) -> ArtifactFile:
        """Return the file of an artifact, open for writing."""
        collector = pending.collector
        # Crash dumps are text or binary; only their content shows which.
        text = None if collector.reads_api == "crash-dumps" else collector.kind == "text"
        return self.record.bundle.artifact(self.name(pending.file), collector.size_limit_bytes, text)

    def name(self, file: str) -> str:
        """Return the name of ``file`` relative to the bundle."""
        return f"{self._folder}/{file}" if self._folder else file

    def artifact(self, pending: PendingArtifact, file: ArtifactFile, result: TransferResult) -> Artifact:
        """Return the artifact that ``file`` contains. Call it after ``file`` is closed."""
        took_s = round((utc_now() - pending.started).total_seconds(), 3)
        result, redaction = _with_file_outcome(result, file), self.record.bundle.intake.redaction
        stored = result.stored
        return Artifact(
            pending.collector.id,
            pending.title or pending.collector.title,
            self.name(pending.file) if stored or file.bytes else "",
            stored.bytes if stored else file.bytes,
            stored.sha256 if stored else file.sha256,
            pending.started,
            took_s,
            result.outcome,
            pending.method,
            redaction.line(result.reason) if redaction else result.reason,
            integrity=result.integrity,
            redactions=file.redactions,
            sensitive=file.sensitive or stored is not None,
            direct=stored,
            origin=pending.origin,
            reason_code=result.code,
        )


def _with_file_outcome(result: TransferResult, file: ArtifactFile) -> TransferResult:
    """Return ``result`` corrected for what happened when the file was closed: the disk may have become full."""
    if file.cut and result.outcome == "complete":
        result = TransferResult("truncated", file.cut, code="size-limit")
    return replace(result, outcome="failed") if result.outcome == "truncated" and not file.bytes else result


def missing_artifact(
    collector: Collector, method: str, outcome: ArtifactOutcome, started: datetime, reason: str
) -> Artifact:
    """Return an artifact without a file, which records the ``reason`` why nothing was captured."""
    took_s = round((utc_now() - started).total_seconds(), 3)
    return Artifact(
        collector.id, collector.title, "", 0, "", started, took_s, outcome, method, reason, reason_code="other"
    )
