"""comparison/differences.py: each difference is shown on two pods, and two equal pods have none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from debugcapture.findings.comparison.differences import RULE, difference_finding, differences_of
from debugcapture.findings.comparison.facts import PodFacts

MIB = 1 << 20
HEALTHY = PodFacts(
    "web-ok",
    node="node-1",
    images={("app",): "shop/web:1"},
    variables={("app", "LEVEL"): "info", ("app", "TOKEN"): "[masked:ab]"},
    limits={("app", "memory"): "256Mi"},
    memory={"app": 100 * MIB},
    threads=20,
    waiting=Counter({"RUNNABLE at Main.run(Main.java:3)": 1}),
    errors=Counter({"cache miss #": 4}),
    has_log=True,
)
SICK = replace(HEALTHY, pod="web-sick")


def entries(unhealthy: PodFacts, *healthy: PodFacts) -> list[tuple[str, str, str]]:
    differences = differences_of([unhealthy], healthy or [HEALTHY])
    return [(difference.subject, difference.unhealthy, difference.healthy) for difference in differences]


def test_equal_pods_have_no_difference() -> None:
    assert entries(SICK) == []
    assert difference_finding(()) is None


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"images": {("app",): "shop/web:2"}}, ("image of app", "shop/web:2", "shop/web:1")),
        ({"node": "node-2"}, ("node", "node-2", "node-1")),
        (
            {"variables": HEALTHY.variables | {("app", "LEVEL"): "debug"}},
            ("variable LEVEL of app", "debug", "info"),
        ),
        ({"variables": {("app", "LEVEL"): "info"}}, ("variable TOKEN of app", "none", "[masked:ab]")),
        ({"limits": {("app", "memory"): "64Mi"}}, ("memory limit of app", "64Mi", "256Mi")),
        ({"memory": {"app": 200 * MIB}}, ("memory of app", "200 MiB", "100 MiB")),
        (
            {"waiting": Counter({"BLOCKED at Stock.get(Stock.java:12)": 9})},
            ("threads", "9 of 20 BLOCKED at Stock.get(Stock.java:12)", "none there"),
        ),
        ({"threads": 60}, ("number of threads", "60", "20")),
        (
            {"errors": Counter({"cache miss #": 900, "connection refused": 7})},
            ("errors in the log", "7 × connection refused", "none"),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_facts_of_the_unhealthy_pod_only_are_differences(
    change: dict[str, Any], difference: tuple[str, str, str]
) -> None:
    assert entries(replace(SICK, **change)) == [difference]


@pytest.mark.parametrize(
    "change",
    [
        {"images": {}},
        {"node": ""},
        {"variables": {}},
        {"memory": {"app": 130 * MIB}},
        {"threads": 0, "waiting": Counter()},
        {"threads": 32},
        {"waiting": Counter({"BLOCKED at Stock.get(Stock.java:12)": 1})},
        {"errors": Counter({"boom": 3}), "has_log": False},
    ],
    ids=lambda value: ", ".join(value),
)
def test_a_missing_fact_or_a_small_difference_is_not_reported(change: dict[str, Any]) -> None:
    assert entries(replace(SICK, **change)) == []


def test_a_fact_of_a_healthy_pod_is_not_a_difference() -> None:
    other = replace(HEALTHY, pod="web-ok-2", node="node-2")
    sick = replace(SICK, node="node-2", images={("app",): "shop/web:2"})
    assert entries(sick, HEALTHY, other) == [("image of app", "shop/web:2", "shop/web:1")]


def test_the_same_difference_of_several_pods_is_one_and_a_finding_names_them() -> None:
    first, second = (replace(SICK, pod=name, images={("app",): "shop/web:2"}) for name in ("a", "b"))
    differences = differences_of([first, replace(second, node="node-2")], [HEALTHY])
    assert [(difference.subject, difference.pods) for difference in differences] == [
        ("image of app", ("a", "b")),
        ("node", ("b",)),
    ]
    finding = difference_finding(differences)
    assert finding is not None
    assert finding.title == "2 unhealthy pods differ from the healthy web-ok: image of app, node"
    assert finding.detail.startswith("image of app: shop/web:2, healthy: shop/web:1; node: node-2")
    assert (finding.rule, finding.severity, finding.pods) == (RULE, "info", ("a", "b"))


def test_without_both_sides_nothing_is_compared() -> None:
    assert differences_of([], [HEALTHY]) == differences_of([SICK], []) == ()
