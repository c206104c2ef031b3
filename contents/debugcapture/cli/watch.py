"""Lists captures in the spool, and follows a capture while it runs.

It only reads the manifest, which the capturing process writes after each artifact. So it can follow any capture on
this machine.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from ..bundle.bundle import MANIFEST, RECEIPT, SENT, Bundle, bundles
from ..errors import EXIT_PARTIAL, TargetNotFound
from ..files import is_locked
from ..manifest import PAGE, Artifact, Manifest, Status
from ..model import Outcome
from ..report.summary import summary
from ..runtime.context import RunContext, spool_of
from ..runtime.exit_codes import NOTHING_CAPTURED
from ..settings.spool import SpoolSettings, WatchSettings
from ..steps.shared import Step
from ..text import one_line, size, table

_POLL_S: Final = 0.5
# A bundle is unlocked for a moment between capture and upload.
_UNLOCKED_S: Final = 3
_EXIT_CODES: Final[dict[Status, int]] = {"complete": 0, "partial": EXIT_PARTIAL, "failed": NOTHING_CAPTURED}
_BAR_WIDTH: Final = 20
_OWN_FILES: Final = tuple(f"{name}.part" for name in (MANIFEST, RECEIPT, SENT, PAGE))


@dataclass(frozen=True, kw_only=True)
class CapturesStep:
    """Settings of `captures`."""

    spool: SpoolSettings


@dataclass(frozen=True, kw_only=True)
class WatchStep:
    """Settings of `watch`."""

    watch: WatchSettings
    spool: SpoolSettings


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a capture."""

    manifest: Manifest
    partial_bytes: int
    """The size of artifacts that are still being written."""
    sent_bytes: int
    """The size of the artifacts that the store has confirmed so far."""
    link: str
    """The link to the report page; "" before everything is in the store."""

    @property
    def captured_bytes(self) -> int:
        """Return the size of everything captured so far."""
        return sum(artifact.bytes for artifact in self.manifest.artifacts) + self.partial_bytes

    @property
    def state(self) -> Literal["capturing", "captured", "sending", "stored"]:
        """Return the state, according to the files in the spool."""
        if self.link:
            return "stored"
        if not self.manifest.finished:
            return "capturing"
        return "sending" if self.sent_bytes else "captured"


@dataclass(frozen=True, slots=True)
class CaptureEntry:
    """A capture in the output of `captures --output json`. docs/command-line.md documents the fields."""

    capture_id: str
    namespace: str
    pod: str
    """The first of its pods."""
    workload: str
    pods: int
    status: Status
    """The status of the artifacts so far, until `finished`."""
    finished: bool
    started: str
    """ISO 8601, UTC."""
    artifacts: int
    """The number of artifacts with a file."""
    bytes: int
    stored: bool
    link: str
    """"" unless `stored`."""

    @classmethod
    def of(cls, progress: Progress) -> "CaptureEntry":
        """Return the entry of a capture."""
        manifest = progress.manifest
        return cls(
            capture_id=manifest.capture_id,
            namespace=manifest.target.namespace,
            pod=manifest.target.pod,
            workload=manifest.target.workload,
            pods=len(manifest.targets),
            status=manifest.status,
            finished=manifest.finished is not None,
            started=f"{manifest.started:%Y-%m-%dT%H:%M:%SZ}",
            artifacts=sum(bool(artifact.file) for artifact in manifest.artifacts),
            bytes=progress.captured_bytes,
            stored=bool(progress.link),
            link=progress.link,
        )


def progress_of(bundle: Bundle) -> Progress:
    """Return the progress of the capture into ``bundle``. Raises BadInput if the bundle has been removed."""
    sent, receipt = bundle.sent(), bundle.receipt()
    return Progress(
        bundle.manifest(),
        sum(_size(part) for part in bundle.folder.rglob("*.part") if part.name not in _OWN_FILES),
        sum(stored.bytes for stored in sent.stored) if sent else 0,
        receipt.page if receipt else "",
    )


def progress_line(progress: Progress, now: datetime) -> str:
    """Return the progress in one line: bytes and seconds, and a bar after the capture. Pure."""
    took = f"{(now - progress.manifest.started).total_seconds():.0f} s"
    total, sent = progress.captured_bytes, min(progress.sent_bytes, progress.captured_bytes)
    if progress.state in ("capturing", "captured"):
        count = sum(bool(artifact.file) for artifact in progress.manifest.artifacts)
        return f"{progress.state} {progress.manifest.target}: {count} artifacts, {size(total)}, {took}"
    filled = _BAR_WIDTH if progress.state == "stored" else _BAR_WIDTH * sent // max(total, 1)
    progress_text = size(total) if progress.state == "stored" else f"{size(sent)} of {size(total)}"
    return f"[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {progress.state}: {progress_text}, {took}"


def new_lines(before: Progress | None, after: Progress) -> Iterator[str]:
    """Yield a line for each artifact and state that is new since ``before``. Pure."""
    old = {_identity(artifact) for artifact in before.manifest.artifacts} if before else set()
    for artifact in after.manifest.artifacts:
        if _identity(artifact) not in old:
            yield _artifact_line(artifact)
    if before is None or before.state != after.state:
        yield after.state  # the result contains the link


def captures(step: CapturesStep, context: RunContext) -> Outcome:
    """List the captures in the spool, newest first."""
    spool = spool_of(step.spool, context)
    captures = [CaptureEntry.of(progress_of(bundle)) for bundle in reversed(bundles(spool))]
    rows = [
        (
            capture.capture_id,
            f"{capture.namespace}/{capture.pod}",
            capture.status if capture.finished else "unfinished",
            str(capture.artifacts),
            size(capture.bytes),
            "store" if capture.stored else "spool",
        )
        for capture in captures
    ]
    header = ("CAPTURE", "POD", "STATUS", "ARTIFACTS", "SIZE", "WHERE")
    context.report(table(header, rows).rstrip() if rows else f"no captures in {spool}")
    return Outcome(0, document=[asdict(capture) for capture in captures])


def watch(step: WatchStep, context: RunContext) -> Outcome:
    """Follow a capture until it is in the store, or until its process has ended. The exit code is that of its status.

    Raises TargetNotFound if there is no such capture.
    """
    bundle = _find_bundle(spool_of(step.spool, context), step.watch.capture_id)
    context.report(f"bundle {bundle.folder}")
    context.follow(bundle.folder)
    previous: Progress | None = None
    last_claimed = time.monotonic()
    while True:
        # Check the lock before the manifest, so that the last changes of the process are read.
        if is_locked(bundle.folder):
            last_claimed = time.monotonic()
        has_ended = time.monotonic() - last_claimed > _UNLOCKED_S
        progress = progress_of(bundle)
        for line in new_lines(previous, progress):
            context.report(line)
        previous = progress
        if has_ended or progress.state == "stored":
            return _result(bundle, progress, context)
        time.sleep(_POLL_S)


def _result(bundle: Bundle, last: Progress, context: RunContext) -> Outcome:
    manifest = last.manifest
    if not manifest.finished:
        context.report(
            "the process of the capture has ended; its evidence is in the spool, and the next upload sends it"
        )
    context.report(summary(manifest))
    data = {"capture_id": manifest.capture_id, "bundle": str(bundle.folder), "status": manifest.status}
    return Outcome(_EXIT_CODES[manifest.status], data | {"link": last.link}, bundle.document())


def _find_bundle(spool: Path, capture_id: str) -> Bundle:
    matches = [bundle for bundle in bundles(spool) if capture_id in ("", bundle.folder.name)]
    if not matches:
        raise TargetNotFound(
            f"there is no capture {capture_id}".rstrip(),
            f"it is not in the spool {spool}" if capture_id else f"the spool {spool} is empty",
            "To list all captures, run debug-capture captures.",
        )
    return matches[-1]


def _identity(artifact: Artifact) -> tuple[str, ...]:
    return artifact.pod, artifact.collector, artifact.title, artifact.file


def _artifact_line(artifact: Artifact) -> str:
    subject = f"{artifact.pod}: {artifact.title}" if artifact.pod else artifact.title
    detail = f"{size(artifact.bytes)}, {artifact.file}" if artifact.file else artifact.reason
    return one_line(f"{subject}: {artifact.outcome}, {detail}")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0  # the artifact is complete and was renamed


CAPTURES = Step(CapturesStep, captures)
WATCH = Step(WatchStep, watch)
