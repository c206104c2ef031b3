"""Parsers of Kubernetes objects and of kubectl's output: other versions, cut files, and hostile content."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.findings.parsers.kube_documents import documents
from debugcapture.findings.parsers.kube_model import duration_s, moment, stem
from debugcapture.findings.parsers.shell_script import unmatched_keyword
from tests.unit.findings.kube_evidence import (
    CRASHED,
    DESCRIPTION,
    Json,
    alarms,
    container,
    crashed,
    described_events,
    description,
    ended,
    event,
    findings,
    listed,
    only,
    pod,
    waiting,
)
from tests.unit.hostile import TEXT, changed

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


def test_several_descriptions_in_one_file() -> None:
    second = description().replace("shop-6d4f5b9c7d-x2x4k", "cart-1").replace("  app:", "  cart:")
    text = crashed(137, "OOMKilled") + "\n\n" + second
    assert only(text, OOM).pods == ("shop-6d4f5b9c7d-x2x4k",)
    assert len(findings(text)) == 1


def test_a_message_of_several_lines() -> None:
    text = """Events:
  Type     Reason     Age                From               Message
  ----     ------     ----               ----               -------
  Warning  Unhealthy  29s (x40 over 7m)  kubelet            Liveness probe failed: cannot connect
to the database
  Normal   Pulled     20s                kubelet            Container image "a" already present on machine
"""
    assert "cannot connect to the database" in only(text, "probe-fails").detail


def test_old_events_of_a_description() -> None:
    text = """Events:
  FirstSeen  LastSeen  Count  From                 SubObjectPath         Type     Reason   Message
  ---------  --------  -----  ----                 -------------         -------- ------   -------
  3m  1m  14  {kubelet node-1}  spec.containers{app}  Warning  BackOff  Back-off restarting failed container
"""
    finding = only(text, "container-is-restarted-in-a-loop")
    assert 'Container "app"' in finding.title
    assert "14 times, last seen 1m ago" in finding.detail


def test_a_description_without_alignment() -> None:
    text = "State: Running\n  Started: Mon, 30 Nov 2026 10:00:57 +0000\nLast State: Terminated\n  Reason: Error\n"
    text += "  Exit Code: 137\nReady: True\nRestart Count: 1\n"
    assert "1 restart" in only(text, "container-keeps-failing").title


def test_a_log_that_mentions_pods_is_not_output_of_kubectl() -> None:
    text = "2026-11-30T10:00:00Z INFO Status: Running\n2026-11-30 WARN Type Reason: none\nkind: unknown\nName: a\n"
    assert not findings(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-30T10:00:05Z", datetime(2026, 11, 30, 10, 0, 5, tzinfo=timezone.utc)),
        ("2026-11-30T10:00:05.123456789Z", datetime(2026, 11, 30, 10, 0, 5, 123456, tzinfo=timezone.utc)),
        ("Mon, 30 Nov 2026 10:00:05 +0000", datetime(2026, 11, 30, 10, 0, 5, tzinfo=timezone.utc)),
        ("yesterday", None),
        ("2026-99-30T10:00:05Z", None),
        ("", None),
    ],
)
def test_times(text: str, expected: datetime | None) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("6m9s", 369), ("3d2h", 266_400), ("87s", 87), ("1y2d", 31_708_800), ("<unknown>", None), ("", None), ("m", None)],
)
def test_durations(text: str, expected: int | None) -> None:
    assert duration_s(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop-6d4f5b9c7d-x2x4k", "shop"),
        ("web-0", "web"),
        ("agent-x2x4k", "agent"),
        ("shop", "shop"),
        ("import-28187618-54d9v", "import"),
    ],
)
def test_the_stem_of_a_pod_name(name: str, expected: str) -> None:
    assert stem(name) == expected


@pytest.mark.parametrize(
    "text",
    [
        "[" * 300_000,
        '{"a":' * 100_000,
        "a: &a [*a, *a]\n" * 1000,
        "- " * 100_000,
        "kind: Pod\nmetadata: " + "{a: " * 50_000,
        "? " * 50_000,
        "'" * 100_000,
    ],
)
def test_hostile_documents_end_soon(text: str) -> None:
    started = time.monotonic()
    documents(text)
    assert time.monotonic() - started < 10


def test_hostile_lines_end_soon() -> None:
    started = time.monotonic()
    lines = (" " * 16_000, "Warning " * 2000, "1m " * 5000, "a-" * 8000 + " 0/1 Error", "Normal" + " " * 15_000 + "x")
    findings(crashed(1) + "\n".join(line + "Warning Failed 1m" for line in lines * 20))
    assert time.monotonic() - started < 10


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
def test_text_of_any_form_breaks_nothing(parts: list[str]) -> None:
    findings("\n".join(parts))


@given(changed(KILLED) | changed(event("FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.", count=2)))
def test_objects_of_any_form_break_nothing(value: object) -> None:
    text = json.dumps([value])
    findings(text)
    findings(text[: len(text) // 2])


@given(
    TEXT, st.lists(st.sampled_from(("if", "fi", "do", "done", "case", "'", '"', ";", "\\", "(", "#", " ")), max_size=40)
)
def test_a_script_of_any_form_breaks_nothing(text: str, words: list[str]) -> None:
    unmatched_keyword(text + " ".join(words))
    unmatched_keyword("".join(words))


def test_a_healthy_list_has_no_alarm() -> None:
    assert not alarms(listed(pod(container()), event("Scheduled", "Successfully assigned a/b to c", kind="Normal")))


def test_the_lines_after_the_containers() -> None:
    text = description(
        events=described_events([("Warning", "FailedScheduling", "9s", "0/1 nodes are available: selector.")])
    )
    text = text.replace("Node:             node-1/10.0.0.1", "Node:             <none>")
    text = text.replace(
        "Node-Selectors:              <none>", "Node-Selectors:              disk=fast\n               zone=a"
    )
    assert "label disk=fast, zone=a" in only(text, "pod-is-not-scheduled").detail


def test_a_pod_that_terminates_for_long_in_a_description() -> None:
    text = description().replace("Status:           Running", "Status:           Terminating (lasts 3d4h)")
    finding = only(text, "pod-deletion-does-not-end")
    assert (finding.severity, "Terminating, lasts 3d4h" in finding.title) == ("warning", True)
    text = text.replace("(lasts 3d4h)", "(lasts 20s)")
    assert only(text, "pod-deletion-does-not-end").severity == "info"


def test_the_old_table_of_events_with_a_header() -> None:
    text = (
        "LASTSEEN   FIRSTSEEN   COUNT     NAME                      KIND      SUBOBJECT               TYPE      REASON"
        "    SOURCE            MESSAGE\n"
        "2m         1h          41        shop-1.14ef0b7d9a2b3c4d   Pod       spec.containers{app}    Warning   BackOff"
        "   kubelet, node-1   Back-off restarting failed container\n"
        "2m         1h          4         shop.14ef0b7d9a2b3c4d     Job                               Warning   "
        "FailedCreate   job-controller   Error creating: pods is forbidden: exceeded quota\n"
    )
    loop = only(text, "container-is-restarted-in-a-loop")
    assert 'Container "app" of Pod shop-1 ends' in loop.title
    assert "41 times, last seen 2m ago" in loop.detail
    assert only(text, "pods-cannot-be-created").title.startswith("Job shop cannot create pods")
