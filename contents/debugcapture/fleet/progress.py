"""The report and the progress of a fleet capture. Pure."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from ..manifest import Artifact, ArtifactOutcome, Stored
from ..model import Json, Target
from ..text import size
from .manifests import count_indexes, failure_of
from .shards import PodRecord

_OUTCOMES: Final[Mapping[str | None, ArtifactOutcome]] = {
    "complete": "complete",
    "partial": "truncated",
    "failed": "failed",
    None: "skipped",  # the pod did not meet the condition
}


def pod_artifact(target: Target, record: PodRecord, page: Stored | None, started: datetime) -> Artifact:
    """Return the entry of ``target`` in the report: its report page in the store, or why there is none."""
    return Artifact(
        collector="in-cluster",
        title=f"{target} (container {target.container}, {target.state})",
        file=page.file_key if page else "",
        bytes=record.bytes,
        sha256=record.page_sha256,
        started=started,
        took_s=0,
        outcome=_OUTCOMES[record.status],
        method="",
        reason=record.reason,
        direct=page,
        origin="capture",
        reason_code="" if record.status == "complete" else "other",
    )


def progress_line(job: Json, records: Collection[PodRecord], pods: int, took_s: float) -> str:
    """Return the progress of ``job``: workers, pods, failures, bytes, and the estimated remaining time.

    ``records`` are those of the ended workers. ``pods`` is the number of all pods, ``took_s`` the age of the Job.
    """
    succeeded, failed = count_indexes(job)
    failed_pods = sum(record.status == "failed" for record in records)
    parts = [
        f"{succeeded} of {job['spec']['completions']} workers done, {failed} failed",
        f"{len(records)} of {pods} pods{f', {failed_pods} of them not captured' if failed_pods else ''}",
        size(sum(record.bytes for record in records)),
    ]
    if records and failure_of(job) is None and len(records) < pods:
        remaining_s = took_s / len(records) * (pods - len(records))
        parts.append(f"about {_duration(remaining_s)} left")
    return "in the cluster: " + "; ".join(parts)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
