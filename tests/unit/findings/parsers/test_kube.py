"""Kubernetes objects and kubectl's output in any form: other notations, cut files, and hostile content."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.findings.kube_evidence import (
    CRASHED,
    DESCRIPTION,
    Json,
    alarms,
    container,
    crashed,
    ended,
    event,
    findings,
    listed,
    only,
    pod,
    waiting,
)
from tests.unit.hostile import TEXT, changed
from tests.unit.linear import assert_linear

KILLED = pod(
    container("app", waiting("CrashLoopBackOff"), ended(137, "OOMKilled"), restarts=4, ready=False), ready=False
)
OOM = "container-killed-for-memory"


def as_yaml(*values: Json) -> str:
    return "---\n".join(yaml.safe_dump(value, sort_keys=False) for value in values)


@pytest.mark.parametrize(
    "text",
    [
        as_yaml(KILLED),
        as_yaml({"kind": "ConfigMap", "metadata": {"name": "x"}}, KILLED),
        as_yaml({"kind": "PodList", "apiVersion": "v1", "items": [KILLED]}),
        "$ kubectl get pod -o yaml shop\n" + as_yaml(KILLED),
        json.dumps(KILLED),
        listed(KILLED),
        as_yaml(KILLED["status"]),
        as_yaml({"status": KILLED["status"]}),
        "\n".join(f"    {line}" for line in as_yaml({"status": KILLED["status"]}).splitlines()),
        crashed(137, "OOMKilled"),
        crashed(137, "OOMKilled").replace("\n", "\r\n"),
        "\n".join(line.strip() for line in crashed(137, "OOMKilled").splitlines()),
        crashed(137, "OOMKilled").partition("  app:")[2],
    ],
)
def test_the_forms_of_a_pod(text: str) -> None:
    finding = only(text, OOM)
    assert "137" in finding.title
    assert finding.evidence
    assert "OOMKilled" in "".join(finding.evidence[0].quote)


def test_a_cut_object_is_read_up_to_the_cut() -> None:
    for text in (listed(KILLED, pod(container("other"))), as_yaml(KILLED, KILLED)):
        assert only(text[: -len(text) // 4], OOM)


def test_a_log_that_mentions_pods_is_not_output_of_kubectl() -> None:
    text = "2026-11-30T10:00:00Z INFO Status: Running\n2026-11-30 WARN Type Reason: none\nkind: unknown\nName: a\n"
    assert not findings(text)


@pytest.mark.parametrize(
    ("start", "unit", "end"),
    [
        ("", " ", ""),
        ("", "Warning ", ""),
        ("", "1m ", ""),
        ("", "a-", " 0/1 Error"),
        ("Normal", " ", "x"),
        ("", "\nWarning Failed 1m", ""),
    ],
)
def test_hostile_lines_are_parsed_in_linear_time(start: str, unit: str, end: str) -> None:
    head, tail = crashed(1) + start, end + "Warning Failed 1m"
    assert_linear(lambda text: findings(head + text.decode()), unit.encode(), tail.encode())


PARTS = (*DESCRIPTION.splitlines(), *CRASHED.splitlines(), *json.dumps(KILLED, indent=1).splitlines()[:40]) + (
    "Events:",
    "  Type     Reason     Age                From               Message",
    "  Warning  Failed     16s (x2 over 90s)  kubelet            Error: ErrImagePull",
    "LAST SEEN   TYPE      REASON        OBJECT   MESSAGE",
    '12s         Warning   FailedMount   pod/a    Multi-Attach error for volume "a"',
    "NAME   READY   STATUS   RESTARTS   AGE",
    "shop-0   0/1   Error   4 (2m ago)   5m",
    "59m  6d  124  shop.1576a87b365ab1e4  ReplicaSet  Warning  FailedCreate  replicaset-controller  exceeded quota: a",
)


@given(st.lists(st.sampled_from(PARTS) | TEXT, max_size=30))
def test_any_text_is_parsed_without_an_exception(parts: list[str]) -> None:
    findings("\n".join(parts))


@given(changed(KILLED) | changed(event("FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.", count=2)))
def test_any_object_is_parsed_without_an_exception(value: object) -> None:
    text = json.dumps([value])
    findings(text)
    findings(text[: len(text) // 2])


def test_a_healthy_list_has_no_alarm() -> None:
    assert not alarms(listed(pod(container()), event("Scheduled", "Successfully assigned a/b to c", kind="Normal")))
