"""What the spool tells about captures while they run: all that a person who waits for one wants to see.

Nothing is asked of the process that captures: the manifest that it writes after each artifact says enough, so any
capture on this machine can be followed, whoever started it.
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
from ..model import PAGE, Artifact, Manifest, Outcome, Status
from ..report.summary import summary
from ..runtime.context import RunContext, spool_of
from ..runtime.exit_codes import NOTHING_CAPTURED
from ..settings.spool import SpoolSettings, WatchSettings
from ..steps.shared import Step
from ..text import one_line, size, table

_POLL_S: Final = 0.5
_GONE_S: Final = 3  # between capture and upload a bundle is nobody's for a moment
_EXIT_CODES: Final[dict[Status, int]] = {"complete": 0, "partial": EXIT_PARTIAL, "failed": NOTHING_CAPTURED}
_BAR: Final = 20
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
    """How far a capture is."""

    manifest: Manifest
    coming_bytes: int  # of artifacts that are just being written
    sent_bytes: int  # that a store has confirmed, while it does not have all yet
    link: str  # of the page; "" before the store has everything

    @property
    def captured_bytes(self) -> int:
        """Return how much has been captured."""
        return sum(artifact.bytes for artifact in self.manifest.artifacts) + self.coming_bytes

    @property
    def state(self) -> Literal["capturing", "captured", "sending", "stored"]:
        """Return what happens to it, as far as the spool tells."""
        if self.link:
            return "stored"
        if not self.manifest.finished:
            return "capturing"
        return "sending" if self.sent_bytes else "captured"


@dataclass(frozen=True, slots=True)
class Listed:
    """A capture of the list as programs read it (`captures --output json`): docs/command-line.md has the fields."""

    capture_id: str
    namespace: str
    pod: str  # the first, where it is of several
    workload: str
    pods: int
    status: Status  # of what has been captured so far, unless `finished`
    finished: bool
    started: str  # ISO 8601, UTC
    artifacts: int  # that have a file
    bytes: int
    stored: bool
    link: str  # "" unless `stored`

    @classmethod
    def of(cls, progress: Progress) -> "Listed":
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
    """Return how far the capture into ``bundle`` is. Raises BadInput when it is no bundle any more."""
    sent, receipt = bundle.sent(), bundle.receipt()
    return Progress(
        bundle.manifest(),
        sum(_size(part) for part in bundle.folder.rglob("*.part") if part.name not in _OWN_FILES),
        sum(stored.bytes for stored in sent.stored) if sent else 0,
        receipt.page if receipt else "",
    )


def progress_line(progress: Progress, now: datetime) -> str:
    """Return one line: a bar once the total is known, bytes and seconds. Pure."""
    took = f"{(now - progress.manifest.started).total_seconds():.0f} s"
    total, sent = progress.captured_bytes, min(progress.sent_bytes, progress.captured_bytes)
    if progress.state in ("capturing", "captured"):
        count = sum(bool(artifact.file) for artifact in progress.manifest.artifacts)
        return f"{progress.state} {progress.manifest.target}: {count} artifacts, {size(total)}, {took}"
    done = _BAR if progress.state == "stored" else _BAR * sent // max(total, 1)
    amount = size(total) if progress.state == "stored" else f"{size(sent)} of {size(total)}"
    return f"[{'#' * done}{'.' * (_BAR - done)}] {progress.state}: {amount}, {took}"


def news(before: Progress | None, after: Progress) -> Iterator[str]:
    """Yield a line for everything that has come since ``before``. Pure."""
    old = {_which(artifact) for artifact in before.manifest.artifacts} if before else set()
    for artifact in after.manifest.artifacts:
        if _which(artifact) not in old:
            yield _artifact_line(artifact)
    if before is None or before.state != after.state:
        yield after.state  # the link is among the results at the end


def captures(step: CapturesStep, context: RunContext) -> Outcome:
    """List the captures in the spool, the newest first."""
    spool = spool_of(step.spool, context)
    captures = [Listed.of(progress_of(bundle)) for bundle in reversed(bundles(spool))]
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
    """Follow a capture until it is in a store, or nobody works on it any more; its status decides the exit code.

    Raises TargetNotFound when there is no such capture.
    """
    bundle = _chosen(spool_of(step.spool, context), step.watch.capture_id)
    context.report(f"bundle {bundle.folder}")
    context.follow(bundle.folder)
    previous: Progress | None = None
    last_claimed = time.monotonic()
    while True:
        if is_locked(bundle.folder):  # asked first: what its process did before it let go, is seen below
            last_claimed = time.monotonic()
        has_ended = time.monotonic() - last_claimed > _GONE_S
        now = progress_of(bundle)
        for line in news(previous, now):
            context.report(line)
        previous = now
        if has_ended or now.state == "stored":
            return _ended(bundle, now, context)
        time.sleep(_POLL_S)


def _ended(bundle: Bundle, last: Progress, context: RunContext) -> Outcome:
    manifest = last.manifest
    if not manifest.finished:
        context.report("the capture's process is gone; its evidence is in the spool, and the next upload sends it")
    context.report(summary(manifest))
    data = {"capture_id": manifest.capture_id, "bundle": str(bundle.folder), "status": manifest.status}
    return Outcome(_EXIT_CODES[manifest.status], data | {"link": last.link}, bundle.document())


def _chosen(spool: Path, capture_id: str) -> Bundle:
    matches = [bundle for bundle in bundles(spool) if capture_id in ("", bundle.folder.name)]
    if not matches:
        raise TargetNotFound(
            f"there is no capture {capture_id}".rstrip(),
            f"it is not in the spool {spool}" if capture_id else f"the spool {spool} is empty",
            "To list all captures, run debug-capture captures.",
        )
    return matches[-1]


def _which(artifact: Artifact) -> tuple[str, ...]:
    return artifact.pod, artifact.collector, artifact.title, artifact.file


def _artifact_line(artifact: Artifact) -> str:
    subject = f"{artifact.pod}: {artifact.title}" if artifact.pod else artifact.title
    detail = f"{size(artifact.bytes)}, {artifact.file}" if artifact.file else artifact.reason
    return one_line(f"{subject}: {artifact.outcome}, {detail}")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0  # it is finished now


CAPTURES = Step(CapturesStep, captures)
WATCH = Step(WatchStep, watch)
