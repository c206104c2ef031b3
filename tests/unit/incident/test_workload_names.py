"""workload_names.py: the workload of a pod that is gone is guessed from its name."""

from __future__ import annotations

import pytest

from debugcapture.incident.workload_names import possible_workloads
from debugcapture.pagerduty.alerts import Candidate


@pytest.mark.parametrize(
    ("pod", "workloads"),
    [
        (
            "cart-6f8d9c7b54-q2w4x",
            ["deployment/cart", "daemonset/cart-6f8d9c7b54", "job/cart-6f8d9c7b54", "cart"],
        ),
        ("db-0", ["statefulset/db", "db"]),
        ("agent-x7k2p", ["daemonset/agent", "job/agent", "agent"]),
        (
            "report-29455860-x7k2p",
            ["deployment/report", "daemonset/report-29455860", "job/report-29455860", "cronjob/report", "report"],
        ),
        ("web", []),
    ],
)
def test_a_pod_is_named_after_its_workload(pod: str, workloads: list[str]) -> None:
    assert possible_workloads(Candidate("x", pod=pod)) == workloads


@pytest.mark.parametrize(
    ("kind", "name", "workloads"),
    [
        ("deployment", "cart", ["deployment/cart"]),
        ("", "cart", ["cart"]),
        ("", "cart-6f8d9c7b54", ["cart-6f8d9c7b54", "cart"]),
        ("replicaset", "cart-6f8d9c7b54", ["replicaset/cart-6f8d9c7b54", "cart"]),
        ("deployment", "cart-6f8d9c7b54", ["deployment/cart-6f8d9c7b54"]),
        ("job", "report-29455860", ["job/report-29455860", "cronjob/report"]),
        ("horizontalpodautoscaler", "cart", ["horizontalpodautoscaler/cart", "cart"]),
        ("", "my-service", ["my-service"]),
    ],
)
def test_a_workload_of_one_release_or_run_stands_for_the_workload(kind: str, name: str, workloads: list[str]) -> None:
    assert possible_workloads(Candidate("x", kind=kind, workload=name)) == workloads
