"""goals.py: a requested collector without an artifact has failed, others may be skipped."""

from __future__ import annotations

import pytest

from debugcapture.collectors.catalog import choose
from debugcapture.collectors.goals import apply_goals
from debugcapture.manifest import Artifact, Manifest
from tests.unit.builders import artifact, manifest, nothing

REFUSED = 'pods "web" is forbidden: violates PodSecurity "restricted:latest"'


def captured(collector: str, pod: str = "") -> Artifact:
    return artifact(collector=collector, pod=pod, file=f"{collector}.txt")


def skipped(collector: str, reason: str = REFUSED, pod: str = "") -> Artifact:
    return nothing("skipped", reason, collector=collector, pod=pod)


def result(names: str, *artifacts: Artifact) -> Manifest:
    return apply_goals(choose(names).goals, manifest(*artifacts))


@pytest.mark.parametrize(
    ("names", "artifacts"),
    [
        ("traffic", [captured("packet-capture"), captured("network-state")]),
        ("traffic", [captured("packet-capture"), skipped("network-state")]),
        ("traffic", [captured("packet-capture", "web-1"), skipped("packet-capture", pod="web-2")]),
        ("heap", [captured("jvm-heap-histogram"), captured("jvm-heap-dump")]),
        ("heap", [captured("go-heap-profile")]),
        ("threads", [captured("python-stacks"), skipped("native-stacks")]),
        ("network", [captured("pod-snapshot"), skipped("packet-capture")]),
        ("standard", [captured("pod-snapshot"), skipped("crash-dumps", "no dump was left")]),
        ("packet-capture", [captured("packet-capture")]),
        ("logs-and-events", [captured("pod-snapshot")]),
    ],
)
def test_a_capture_with_everything_that_was_requested_is_complete(names: str, artifacts: list[Artifact]) -> None:
    manifest = result(names, *artifacts)
    assert manifest.artifacts == tuple(artifacts)
    assert (manifest.status, manifest.fulfilled) == ("complete", True)


@pytest.mark.parametrize(
    ("names", "artifacts", "failed"),
    [
        ("traffic", [skipped("packet-capture"), captured("network-state")], "packet-capture"),
        ("heap", [captured("jvm-heap-histogram"), skipped("jvm-heap-dump", "too soon")], "jvm-heap-dump"),
    ],
)
def test_a_job_without_its_main_result_is_partial_and_says_so(
    names: str, artifacts: list[Artifact], failed: str
) -> None:
    manifest = result(names, *artifacts)
    assert (manifest.status, manifest.fulfilled) == ("partial", False)
    (failure,) = [artifact for artifact in manifest.artifacts if artifact.outcome == "failed"]
    assert (failure.collector, failure.reason) == (
        failed,
        next(artifact.reason for artifact in artifacts if artifact.collector == failed),
    )


def test_one_missing_artifact_of_several_requested_ones_makes_the_capture_partial() -> None:
    outcome = result("packet-capture,jvm-thread-dump", skipped("packet-capture"), captured("jvm-thread-dump"))
    assert (outcome.status, outcome.fulfilled) == ("partial", True)
    both = result("standard,packet-capture", captured("pod-snapshot"), skipped("packet-capture"))
    assert (both.status, both.fulfilled) == ("partial", True)


def test_a_capture_without_any_artifact_is_failed() -> None:
    outcome = result("traffic", skipped("packet-capture"), skipped("network-state"))
    assert outcome.status == "failed"


def test_events_and_logs_that_the_pod_snapshot_has_are_not_missing() -> None:
    chosen = choose("events,pod-snapshot,logs,processes")
    assert [collector.id for collector in chosen.collectors] == ["pod-snapshot", "processes"]
    outcome = apply_goals(chosen.goals, manifest(captured("pod-snapshot"), captured("processes")))
    assert (outcome.status, outcome.fulfilled, len(outcome.artifacts)) == ("complete", True, 2)
    alone = result("events", captured("events"))
    assert (alone.status, alone.fulfilled) == ("complete", True)


def test_an_empty_list_is_not_the_reason_of_a_goal_that_was_not_reached() -> None:
    empty = nothing("skipped", "it is empty", collector="metrics", reason_code="empty")
    no_dump = nothing("skipped", "no dump was left", collector="crash-dumps", reason_code="not-there")
    outcome = result("standard,python-stacks", captured("pod-snapshot"), empty, no_dump)
    assert outcome.artifacts[-1].reason == "no such process runs in the container"


def test_a_goal_without_an_artifact_gets_a_line_with_the_known_reasons() -> None:
    outcome = result("heap", captured("jvm-heap-histogram"), skipped("processes", "it is not running"))
    line = outcome.artifacts[-1]
    assert line.title == "Java heap dump or Node.js heap snapshot or Go heap profile or .NET process dump"
    assert (line.outcome, line.reason, line.file) == ("failed", "it is not running", "")
    assert result("heap", captured("jvm-heap-histogram")).artifacts[-1].reason.startswith("no such process")


def test_without_goals_the_status_does_not_change() -> None:
    before = manifest(captured("pod-snapshot"), skipped("x"))
    assert apply_goals((), before) == before
