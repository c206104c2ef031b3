"""Chooses which of many pods to capture, from what is known of each. Pure.

After a bad release, a thousand pods fail in the same way. The most unhealthy pods of each workload show the
failure, and one healthy pod shows the difference.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..model import Json, Target
from ..settings.target import Choice, Sampling
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


def choose_candidates(candidates: Sequence[Candidate], choice: Choice, limit: int) -> list[Candidate]:
    """Return at most ``limit`` of ``candidates``, in the order of ``choice``."""
    if choice in ("newest", "oldest"):
        by_age = sorted(candidates, key=lambda candidate: candidate.created)
        return (by_age[::-1] if choice == "newest" else by_age)[:limit]
    return sorted(candidates, key=lambda candidate: candidate.rank)[:limit]


def take_sample(candidates: Sequence[Candidate], per_workload: int) -> list[Candidate]:
    """Return at most ``per_workload`` candidates of each workload: the most unhealthy ones and one healthy.

    If ``per_workload`` is 1, this is the most unhealthy candidate, or a healthy one if all are healthy.
    """
    workloads: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        workloads[candidate.target.namespace, candidate.target.workload].append(candidate)
    return [candidate for members in workloads.values() for candidate in _sample_workload(members, per_workload)]


def sample_line(sampling: Sampling, taken: int, of: int) -> str:
    """Return the log line that reports that a sample was taken."""
    return (
        f"more than {sampling.above} pods match (sample_above): taking a sample of {taken} of {of} pods, "
        f"at most {sampling.per_workload} per workload, the most unhealthy ones and one healthy pod for "
        "comparison; to capture every pod, set choose to “all”"
    )


def _sample_workload(members: Sequence[Candidate], limit: int) -> list[Candidate]:
    ordered = sorted(members, key=lambda candidate: candidate.rank)
    unhealthy = [candidate for candidate in ordered if candidate.target.unhealthy]
    healthy = [candidate for candidate in ordered if not candidate.target.unhealthy][:1]
    room = limit - len(healthy) if limit > 1 else limit
    return (unhealthy[:room] + healthy)[:limit]
