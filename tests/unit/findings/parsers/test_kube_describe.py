"""Descriptions by kubectl: pods and workloads, several versions, and cut files."""

from __future__ import annotations

import pytest

from tests.unit.findings.kube_evidence import (
    QUOTA,
    crashed,
    described_events,
    description,
    findings,
    only,
)


@pytest.mark.parametrize(
    ("facts", "about"),
    [
        ("Replicas:      1 current / 2 desired\nPods Status:   1 Running / 0 Waiting", "ReplicaSet shop"),
        ("Parallelism:   1\nPods Statuses: 0 Active / 0 Succeeded / 6 Failed", "Job shop"),
        (
            "Replicas:      2 desired | 1 total\nUpdate Strategy: RollingUpdate\nPods Status: 1 Running",
            "StatefulSet shop",
        ),
    ],
)
def test_events_of_the_description_of_a_workload(facts: str, about: str) -> None:
    row = ("Warning", "FailedCreate", "9s (x5 over 1m)", QUOTA)
    template = "Pod Template:\n  Containers:\n   app:\n    Image:      registry.test/app:1\n"
    text = f"Name:          shop\nNamespace:     shop\n{facts}\n{template}{described_events([row])}"
    (finding,) = findings(text)
    assert finding.title.startswith(f"{about} cannot create pods: quota team")


OOM = "container-killed-for-memory"


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
