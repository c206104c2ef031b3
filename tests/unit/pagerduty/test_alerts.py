"""alerts.py: the pod is found in the alerts of each sender, and hostile values are ignored."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from debugcapture.pagerduty.alerts import Candidate, find_candidates
from debugcapture.pagerduty.note_text import LIMIT_BYTES, failure_note, marker
from debugcapture.pagerduty.senders import Sender, load_senders

POD = "checkout-7d9f8b6c5d-abcde"


def alert(details: Any, summary: str = "Something is wrong") -> dict[str, Any]:
    return {"summary": summary, "body": {"type": "alert_body", "details": details}}


FIRING = f"""Labels:
 - alertname = KubePodCrashLooping
 - cluster = lab
 - container = app
 - namespace = shop
 - pod = {POD}
Annotations:
 - description = Pod other/thing restarts
Source: http://prometheus/graph?g0.expr=up
"""


CLOUDWATCH = {
    "AlarmName": "restarts",
    "Trigger": {
        "MetricName": "pod_number_of_container_restarts",
        "Dimensions": [
            {"name": "ClusterName", "value": "lab"},
            {"name": "Namespace", "value": "shop"},
            {"name": "PodName", "value": "checkout"},
        ],
    },
}


NEW_RELIC = {"targets": [{"labels": {"clusterName": "lab", "namespaceName": "shop", "podName": POD}}]}
DYNATRACE = f"Problem P-1\nk8s.cluster.name: lab\nk8s.namespace.name: shop\nk8s.pod.name: {POD}"
DATADOG = f"kube_cluster_name:lab,kube_container_name:app,kube_deployment:checkout,kube_namespace:shop,pod_name:{POD}"
GRAFANA = {"alerts": [{"labels": {"namespace": "shop", "pod": POD}, "panelURL": "https://grafana.example/d/1"}]}
KUBE_STATE = {"firing": FIRING.replace(POD, "kube-state-metrics-0") + f" - exported_pod = {POD}\n"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (alert({"firing": FIRING}), Candidate("Alertmanager", "lab", "shop", POD, "app")),
        (
            alert({"alertname": "X", "namespace": "shop", "app": "checkout"}),
            Candidate("Alertmanager", "", "shop", workload="checkout"),
        ),
        (
            alert({"alertname": "X", "namespace": "shop", "statefulset": "db"}),
            Candidate("Alertmanager", "", "shop", kind="statefulset", workload="db"),
        ),
        (alert({"tags": DATADOG}), Candidate("Datadog", "lab", "shop", POD, "app", "deployment", "checkout")),
        (
            alert({"tags": DATADOG.split(",")}),
            Candidate("Datadog", "lab", "shop", POD, "app", "deployment", "checkout"),
        ),
        (alert(CLOUDWATCH), Candidate("CloudWatch Container Insights", "lab", "shop", workload="checkout")),
        (
            alert({"Message": json.dumps(CLOUDWATCH)}),
            Candidate("CloudWatch Container Insights", "lab", "shop", workload="checkout"),
        ),
        (alert({"ProblemDetails": DYNATRACE}), Candidate("Dynatrace", "lab", "shop", POD)),
        (alert(NEW_RELIC), Candidate("New Relic", "lab", "shop", POD)),
        (alert(GRAFANA), Candidate("Grafana", "", "shop", POD)),
        (alert(None, f"Pod shop/{POD} is crash looping."), Candidate("plain text", "", "shop", POD)),
        (alert("", f'pod "{POD}" in namespace "shop".'), Candidate("plain text", "", "shop", POD)),
        (
            alert({}, "Deployment shop/checkout has no replicas"),
            Candidate("plain text", "", "shop", kind="deployment", workload="checkout"),
        ),
        (
            alert({**KUBE_STATE, "exported_namespace": "shop"}),
            Candidate("kube-state-metrics", "lab", "shop", POD),
        ),
    ],
    ids=lambda value: value.sender if isinstance(value, Candidate) else "",
)
def test_each_sender_is_understood(body: dict[str, Any], expected: Candidate) -> None:
    assert find_candidates([body], load_senders()) == [expected]


@pytest.mark.parametrize("body", [None, [], 1, "pod shop/x", {}, {"body": None}, {"body": []}, alert(None), alert(7)])
def test_an_alert_without_a_pod_gives_nothing(body: Any) -> None:
    assert find_candidates([body], load_senders()) == []


def test_several_alerts_about_one_pod_give_one_candidate() -> None:
    assert len(find_candidates([alert({"firing": FIRING})] * 200, load_senders())) == 1


@pytest.mark.parametrize(
    "name", ["-o", "--kubeconfig=/x", "a;id", "$(id)", "${option.x}", "{{x}}", "../x", "a b", "A", "a" * 254, "a\n"]
)
def test_what_is_not_a_kubernetes_name_is_not_a_target(name: str) -> None:
    candidates = find_candidates(
        [alert({"alertname": "X", "namespace": "shop", "pod": [name, {"pod": name}]})], load_senders()
    )
    assert all(
        candidate.pod in ("", name.strip()) and re.fullmatch(r"[a-z0-9.-]*", candidate.pod) for candidate in candidates
    )


def test_custom_senders_have_priority_over_the_included_ones(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("- sender: ours\n  when: [kube_unit]\n  names: {namespace: [team], pod: [kube_unit]}\n")
    body = alert({"kube_unit": "web-0", "team": "red", "firing": FIRING})
    assert find_candidates([body], load_senders(str(own))) == [Candidate("ours", "", "red", "web-0")]


CATALOG: list[Sender] = load_senders()
NAMES = sorted({name for sender in CATALOG for names in sender.names.values() for name in names} | {"firing", "tags"})
HOSTILE = st.sampled_from(
    [
        "--",
        "-o yaml",
        "$(id)",
        "`id`",
        "; rm -rf /",
        "${option.x}",
        "{{7*7}}",
        "<script>",
        "\x00",
        "\u202e",
        "\ud800",
        "]]>",
    ]
)


TEXT = st.one_of(
    HOSTILE,
    st.text(max_size=60),
    st.sampled_from([FIRING, DATADOG, DYNATRACE, json.dumps(CLOUDWATCH)]).flatmap(
        lambda text: st.integers(0, len(text)).map(lambda cut: text[:cut])
    ),
    st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")),
    st.integers(1, 3).map(lambda power: "pod " * 10**power),
)


VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), TEXT), inner, max_size=6),
    ),
    max_leaves=12,
)


BODY = st.one_of(VALUE, st.builds(alert, VALUE, TEXT))


@settings(suppress_health_check=list(HealthCheck))
@given(BODY, TEXT)
def test_an_alert_can_only_set_names(body: Any, text: str) -> None:
    for candidate in find_candidates([body], CATALOG):
        assert candidate.pod or candidate.workload
        parts = {part: value for part, value in asdict(candidate).items() if part != "sender"}
        assert all(re.fullmatch(r"([A-Za-z0-9][\w.:/@-]{0,252})?", value, re.ASCII) for value in parts.values())
    note = failure_note(text.encode(errors="replace").decode(), "", marker("x"))
    assert len(note.encode()) <= LIMIT_BYTES
    assert note.count("\n") == 2
