"""Chooses which of many pods to capture, from what is known of each. Pure.

After a bad release, a thousand pods fail in the same way. The most unhealthy pods of each workload show the
failure, and one healthy pod shows the difference.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..model import Json, Target
from ..settings.target import PodOrder, Sampling
from .health import Rank, rank
from .pods import find_target


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pod that may be captured, without its JSON, because there may be thousands."""

    target: Target
    rank: Rank
    created: str
    """RFC 3339, which sorts by time."""


def make_candidate(pod: Json, container: str, now: datetime) -> Candidate:
    """Return ``pod`` as a candidate. Raises TargetNotFound if it does not have ``container``."""
    target = find_target(pod, container, now)
    return Candidate(target, rank(pod, now), str(pod["metadata"].get("creationTimestamp", "")))


def sort_candidates(candidates: Sequence[Candidate], order: PodOrder) -> list[Candidate]:
    """Return ``candidates`` in ``order``."""
    if order == "unhealthy-first":
        return sorted(candidates, key=lambda candidate: candidate.rank)
    return sorted(candidates, key=lambda candidate: candidate.created, reverse=order == "newest")


def take_sample(candidates: Sequence[Candidate], order: PodOrder, per_workload: int) -> list[Candidate]:
    """Return at most ``per_workload`` candidates of each workload: unhealthy ones in ``order`` and one healthy.

    If ``per_workload`` is 1, this is the first unhealthy candidate, or a healthy one if all are healthy.
    """
    workloads: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        workloads[candidate.target.namespace, candidate.target.workload].append(candidate)
    ordered = (sort_candidates(members, order) for members in workloads.values())
    return [candidate for members in ordered for candidate in _sample_workload(members, per_workload)]


def sample_line(sampling: Sampling, size: int, total: int) -> str:
    """Return the log line that reports that a sample was taken."""
    return (
        f"more than {sampling.above} pods match (sample_above): taking a sample of {size} of {total} pods, "
        f"at most {sampling.per_workload} per workload, the unhealthy ones and one healthy pod for "
        "comparison; to capture every pod, set sample to false"
    )


def _sample_workload(members: Sequence[Candidate], limit: int) -> list[Candidate]:
    """Return the sample of one workload. ``members`` are in the order that the job requests."""
    unhealthy = [candidate for candidate in members if candidate.target.unhealthy]
    healthy = [candidate for candidate in members if not candidate.target.unhealthy][:1]
    room = limit - len(healthy) if limit > 1 else limit
    return (unhealthy[:room] + healthy)[:limit]
