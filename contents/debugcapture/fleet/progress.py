"""A capture in the cluster told as one: what became of each pod, and how far it is. Pure."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from ..model import Artifact, ArtifactOutcome, Json, Stored, Target
from ..text import size
from .manifests import ended, progress
from .shards import PodRecord

_OUTCOMES: Final[Mapping[str | None, ArtifactOutcome]] = {
    "complete": "complete",
    "partial": "truncated",
    "failed": "failed",
    None: "skipped",  # its condition was not fulfilled
}


def artifact_of(target: Target, record: PodRecord, page: Stored | None, started: datetime) -> Artifact:
    """Return the line of ``target`` in the report of all: its page, which is in the store, or why there is none."""
    return Artifact(
        collector="in-cluster",
        title=f"{target} (container {target.container}, {target.state})",
        file=page.file_key if page else "",
        bytes=record.bytes,
        sha256=record.page_sha256,
        started=started,
        took_s=0,
        outcome=_OUTCOMES[record.status],
        how="",
        reason=record.reason,
        direct=page,
        origin="capture",
        reason_code="" if record.status == "complete" else "other",
    )


def progress_line(job: Json, records: Collection[PodRecord], pods: int, took_s: float) -> str:
    """Return how far ``job`` is: indexes, pods, what failed, bytes, and about how long it will still take.

    ``records`` are those of the indexes that have ended, of ``pods`` in all; ``took_s`` is since the Job began.
    """
    well, failed = progress(job)
    lost = sum(one.status == "failed" for one in records)
    parts = [
        f"{well} of {job['spec']['completions']} workers done, {failed} failed",
        f"{len(records)} of {pods} pods{f', {lost} of them not captured' if lost else ''}",
        size(sum(one.bytes for one in records)),
    ]
    if records and ended(job) is None and len(records) < pods:
        left_s = took_s / len(records) * (pods - len(records))
        parts.append(f"about {_duration(left_s)} left")
    return "in the cluster: " + "; ".join(parts)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
