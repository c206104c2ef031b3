"""alerts.py and facts.py: an alert that contains several alerts names a target for each, and never a mixture."""

from __future__ import annotations

import json
from typing import Any

import pytest

from debugcapture.pagerduty.alerts import Candidate, find_candidates
from debugcapture.pagerduty.senders import load_file, load_senders
from tests.unit.builders import written
from tests.unit.linear import assert_linear

SENDERS = load_senders()
CART, PAY = "cart-6f8d9c7b54-q2w4x", "pay-0"


def alert(details: Any, summary: str = "[FIRING:2] Something") -> dict[str, Any]:
    return {"summary": summary, "body": {"type": "alert_body", "details": details}}


def labels(**names: str) -> str:
    lines = "".join(f" - {name} = {value}\n" for name, value in {"alertname": "Broken", **names}.items())
    return f"Labels:\n{lines}Annotations:\n - description = see the runbook\nSource: http://x/graph?a=b\n"


def candidates_in(body: dict[str, Any]) -> list[tuple[str, str, str]]:
    candidates = find_candidates([body], SENDERS)
    return [(candidate.cluster, candidate.namespace, candidate.pod or candidate.workload) for candidate in candidates]


TWO = labels(namespace="shop", pod=CART, cluster="eu") + labels(namespace="bank", pod=PAY, cluster="us")
NODE_FIRST = labels(namespace="monitoring", node="n7", cluster="eu") + labels(namespace="shop", pod=CART, cluster="us")
BOTH = [("eu", "shop", CART), ("us", "bank", PAY)]


def grafana(*alerts: dict[str, str], **more: Any) -> dict[str, Any]:
    firing = [{"status": "firing", "labels": item, "panelURL": "https://x/d/1"} for item in alerts]
    return {"alerts": firing, **more}


FIRST = {"namespace": "shop", "pod": CART, "cluster": "eu"}
SECOND = {"namespace": "bank", "pod": PAY, "cluster": "us"}

GROUPS: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {
    "labels": (alert({"firing": TWO, "num_firing": "2"}), BOTH),
    "another alert first": (alert({"firing": NODE_FIRST}), [("us", "shop", CART)]),
    "another alert last": (
        alert({"firing": labels(namespace="shop", pod=CART) + labels(namespace="monitoring", cluster="eu")}),
        [("", "shop", CART)],
    ),
    "resolved beside firing": (alert({"firing": labels(**FIRST), "resolved": labels(**SECOND)}), BOTH[:1]),
    "only resolved": (alert({"firing": "", "resolved": labels(**SECOND)}), BOTH[1:]),
    "cluster for all": (
        alert({"cluster": "eu", "firing": labels(namespace="shop", pod=CART) + labels(namespace="bank", pod=PAY)}),
        [("eu", "shop", CART), ("eu", "bank", PAY)],
    ),
    "JSON": (alert(grafana(FIRST, SECOND)), BOTH),
    "JSON as text": (alert({"message": json.dumps(grafana(FIRST, SECOND))}), BOTH),
    "JSON, another alert first": (alert(grafana({"namespace": "monitoring", "cluster": "us"}, FIRST)), BOTH[:1]),
    "JSON, resolved beside firing": (
        alert({"alerts": [{"status": "resolved", "labels": SECOND}, {"status": "firing", "labels": FIRST}]}),
        BOTH[:1],
    ),
    "JSON, labels that all share": (
        alert(grafana({"pod": CART}, {"pod": PAY}, commonLabels={"namespace": "shop", "cluster": "eu"})),
        [("eu", "shop", CART), ("eu", "shop", PAY)],
    ),
    "conditions with dimensions": (
        alert(
            {
                "schemaId": "azureMonitorCommonAlertSchema",
                "allOf": [
                    {"dimensions": [{"name": "podName", "value": CART}, {"name": "Namespace", "value": "shop"}]},
                    {"dimensions": [{"name": "podName", "value": PAY}, {"name": "Namespace", "value": "bank"}]},
                ],
            }
        ),
        [("", "shop", CART), ("", "bank", PAY)],
    ),
    "lines": (
        alert({"text": f"alert: a\nnamespace: shop\npod: {CART}\nalert: b\nnamespace: bank\npod: {PAY}\n"}),
        [("", "shop", CART), ("", "bank", PAY)],
    ),
    "one alert": (alert({"firing": labels(**FIRST)}), BOTH[:1]),
    "links beside the names": (
        alert({**FIRST, "alertname": "x", "links": [
            {"href": "https://a", "text": "a"}, {"href": "https://b", "text": ""}]}),
        BOTH[:1],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "targets"), GROUPS.values(), ids=GROUPS.keys())
def test_each_block_names_its_own_target(body: dict[str, Any], targets: list[tuple[str, str, str]]) -> None:
    assert candidates_in(body) == targets


def test_hundreds_of_alerts_of_one_group_are_all_read() -> None:
    firing = "".join(labels(namespace="shop", pod=f"web-{number}") for number in range(300))
    assert [name for _, _, name in candidates_in(alert({"firing": firing}))] == [
        f"web-{number}" for number in range(300)
    ]


def test_a_pattern_of_an_own_rule_gets_the_cluster_from_the_names_of_the_rule(tmp_path: Any) -> None:
    rule = "- {sender: own, names: {cluster: [site]}, patterns: ['unit (?P<namespace>[a-z]+)/(?P<pod>[a-z0-9-]+)']}"
    senders = load_file(written(tmp_path, "own.yaml", rule))
    body = alert({"site": "eu", "text": f"unit shop/{CART} is down"})
    assert find_candidates([body], senders) == [Candidate("own", "eu", "shop", CART)]


@pytest.mark.parametrize(
    "piece",
    [
        "pod ", "a-", "pod a-b in ", "Labels:\n", labels(pod="a"), "namespace ", "pod=a ", "a/b-12345 ", "k   =",
        "container a in pod ", 'pod\\"\\"  in  (((', "pod name ", "{", "[[",
    ],
)  # fmt: skip
def test_hostile_text_is_read_in_time_that_grows_with_its_length(piece: str) -> None:
    assert_linear(lambda text: candidates_in(alert({"firing": text.decode()})), piece.encode())


@pytest.mark.parametrize("depth", [5, 50])
def test_hostile_names_and_lists_are_limited(depth: int) -> None:
    value: Any = {"k" * 100_000: "x"}
    for _ in range(depth):
        value = {"k" * 100_000: [value, *({"a": "1", "b": "2"} for _ in range(500))]}
    assert candidates_in(alert(value)) == []
