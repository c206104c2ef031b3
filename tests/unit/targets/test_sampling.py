"""sampling.py: which of many pods are captured."""

from __future__ import annotations

from typing import Any

import pytest

from debugcapture.model import Json
from debugcapture.settings.target import Sampling
from debugcapture.targets.sampling import Candidate, make_candidate, sample_line, sort_candidates, take_sample
from tests.unit.builders import NOON, pod, status

CRASHING = {"containerStatuses": [status(state={"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=4)]}


def candidate(name: str, workload: str = "web", *, ill: bool = False, **metadata: Any) -> Candidate:
    owner = [{"kind": "StatefulSet", "name": workload, "uid": workload, "controller": True}]
    pod_json: Json = pod(metadata={"name": name, "uid": name, "ownerReferences": owner, **metadata})
    well = {"phase": "Running", "containerStatuses": [status(ready=True)]}
    return make_candidate({**pod_json, "status": CRASHING if ill else well}, "", NOON)


def names(candidates: list[Candidate]) -> list[str]:
    return [candidate.target.pod for candidate in candidates]


ILL = [candidate(f"ill-{number}", ill=True) for number in range(4)]
WELL = [candidate(f"well-{number}") for number in range(4)]


@pytest.mark.parametrize(
    ("most", "taken"),
    [
        (1, ["ill-0"]),
        (2, ["ill-0", "well-0"]),
        (3, ["ill-0", "ill-1", "well-0"]),
        (9, ["ill-0", "ill-1", "ill-2", "ill-3", "well-0"]),
    ],
)
def test_the_most_unhealthy_and_one_healthy_are_taken(most: int, taken: list[str]) -> None:
    assert names(take_sample([*WELL, *reversed(ILL)], "unhealthy-first", most)) == taken


@pytest.mark.parametrize(("members", "taken"), [(WELL, ["well-0"]), (ILL, ["ill-0", "ill-1", "ill-2"])])
def test_if_all_pods_are_alike_the_sample_has_no_pod_for_comparison(members: list[Candidate], taken: list[str]) -> None:
    assert names(take_sample(members, "unhealthy-first", 3)) == taken


def test_each_workload_has_its_own_sample() -> None:
    others = [candidate("db-0", "db"), candidate("db-1", "db", ill=True), candidate("db-2", "db", ill=True)]
    assert names(take_sample([*ILL, *others], "unhealthy-first", 2)) == ["ill-0", "ill-1", "db-1", "db-0"]


def test_workloads_of_one_name_in_two_namespaces_are_two() -> None:
    assert names(take_sample([candidate("a"), candidate("b", namespace="other")], "newest", 5)) == ["a", "b"]


@pytest.mark.parametrize(
    ("order", "first"),
    [("unhealthy-first", "b"), ("newest", "c"), ("oldest", "a")],
)
def test_candidates_are_sorted_in_the_order_of_the_setting(order: Any, first: str) -> None:
    aged = [
        candidate("a", creationTimestamp="2026-01-01T00:00:00Z"),
        candidate("b", creationTimestamp="2026-01-02T00:00:00Z", ill=True),
        candidate("c", creationTimestamp="2026-01-03T00:00:00Z"),
    ]
    assert names(sort_candidates(aged, order))[0] == first


def test_a_sample_is_reported_with_the_setting_that_selects_every_pod() -> None:
    line = sample_line(Sampling(50, 10), 30, 3000)
    assert "30 of 3000" in line
    assert "sample_above" in line
    assert "set sample to false" in line


def test_a_sample_takes_the_unhealthy_pods_that_come_first_in_the_order() -> None:
    aged = [candidate(f"ill-{day}", ill=True, creationTimestamp=f"2026-01-0{day}T00:00:00Z") for day in (1, 2, 3)]
    healthy = [candidate(f"well-{day}", creationTimestamp=f"2026-01-0{day}T00:00:00Z") for day in (4, 5)]
    assert names(take_sample([*aged, *healthy], "newest", 3)) == ["ill-3", "ill-2", "well-5"]
    assert names(take_sample([*aged, *healthy], "oldest", 3)) == ["ill-1", "ill-2", "well-4"]
