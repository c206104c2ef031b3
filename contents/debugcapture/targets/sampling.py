"""Which of many pods are captured: pure functions over what is known of each.

A bad release on a thousand pods looks the same on each of them: the worst of every workload tell it, and a healthy one
shows what is different about them.
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
    """A pod that may be captured, without its JSON: there may be thousands."""

    target: Target
    rank: Rank
    created: str  # RFC 3339, which sorts by time


def candidate(pod: Json, container: str, now: datetime) -> Candidate:
    """Return what has to be known of ``pod``. Raises TargetNotFound when it has no such container."""
    return Candidate(
        find_target(pod, container, now), rank(pod, now), str(pod["metadata"].get("creationTimestamp", ""))
    )


def choose(candidates: Sequence[Candidate], choice: Choice, most: int) -> list[Candidate]:
    """Return ``most`` of ``candidates`` at most, in the order that ``choice`` names."""
    if choice in ("newest", "oldest"):
        by_age = sorted(candidates, key=lambda one: one.created)
        return (by_age[::-1] if choice == "newest" else by_age)[:most]
    return sorted(candidates, key=lambda one: one.rank)[:most]


def sample(candidates: Sequence[Candidate], per_workload: int) -> list[Candidate]:
    """Return ``per_workload`` of each workload at most: the most unhealthy ones and one healthy to compare with.

    With room for one only, it is the most unhealthy; of a workload where all is well, it is a healthy one.
    """
    workloads: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for one in candidates:
        workloads[one.target.namespace, one.target.workload].append(one)
    return [one for members in workloads.values() for one in _of_workload(members, per_workload)]


def sampled(sampling: Sampling, taken: int, of: int) -> str:
    """Return the line that tells that a sample was taken."""
    return (
        f"more than {sampling.above} pods match (sample_above): taking a sample of {taken} of {of} pods, "
        f"at most {sampling.per_workload} per workload, the most unhealthy ones and one healthy pod for "
        "comparison; to capture every pod, set choose to “all”"
    )


def _of_workload(members: Sequence[Candidate], most: int) -> list[Candidate]:
    ordered = sorted(members, key=lambda one: one.rank)
    unhealthy = [one for one in ordered if one.target.unhealthy]
    healthy = [one for one in ordered if not one.target.unhealthy][:1]
    room = most - len(healthy) if most > 1 else most
    return (unhealthy[:room] + healthy)[:most]
