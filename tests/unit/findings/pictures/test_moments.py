"""moments.py: what happened to a pod, from its status and its events."""

from __future__ import annotations

from datetime import datetime, timezone

from debugcapture.finding import EvidenceLines
from debugcapture.findings.parsers.kube_model import Cluster, Condition, Container, Event, Pod, Run, Workload
from debugcapture.findings.pictures.moments import cluster_moments
from debugcapture.picture import Moment

LINES = EvidenceLines("pod.txt", 7, 7)


def at(minute: int) -> str:
    return f"2026-11-30T03:{minute:02}:00Z"


def time(minute: int) -> datetime:
    return datetime(2026, 11, 30, 3, minute, tzinfo=timezone.utc)


def test_the_end_of_a_run_has_its_beginning_and_its_exit_code() -> None:
    last = Run("terminated", "OOMKilled", exit_code=137, started=at(1), finished=at(9))
    state = Run("running", started=at(10))
    pod = Pod("shop-1", node="node-1", started=at(0), containers=(Container("app", state=state, last=last),))
    assert cluster_moments(Cluster(pods=(pod,))).moments == (
        Moment(time(0), "run", "Pod started on node node-1"),
        Moment(time(9), "restart", 'Container "app" ended: exit code 137 (OOMKilled)', "bad", time(1)),
        Moment(time(10), "run", 'Container "app" started'),
    )


def test_a_debug_container_is_not_part_of_the_timeline() -> None:
    debug = Container("debug-1", "debug container", state=Run("running", started=at(1)))
    event = Event("Normal", "Started", "Started container", last_seen=at(1), is_about_debug_container=True)
    assert cluster_moments(Cluster(pods=(Pod(containers=(debug,)),), events=(event,))).moments == ()


def test_readiness_names_the_reason() -> None:
    pod = Pod(conditions=(Condition("Ready", "False", "ContainersNotReady", since=at(3)),), lines=LINES)
    (moment,) = cluster_moments(Cluster(pods=(pod,))).moments
    assert (moment.kind, moment.text, moment.tone) == ("probe", "Pod is not ready: ContainersNotReady", "warning")
    assert (moment.file, moment.line) == ("pod.txt", 7)


def test_events_are_sorted_by_their_kind() -> None:
    events = (
        Event("Warning", "Unhealthy", "Liveness probe failed: 500", 12, last_seen=at(5), first_seen=at(2), lines=LINES),
        Event("Normal", "Killing", "failed liveness probe", last_seen=at(6)),
        Event("Normal", "ScalingReplicaSet", "Scaled up", last_seen=at(1)),
        Event("Warning", "FailedMount", "no volume", last_seen=at(4)),
        Event("Normal", "Pulled", "image is present", last_seen=at(1)),
        Event("Warning", "BackOff", "no time is known", last_seen="5m ago"),
    )
    moments = cluster_moments(Cluster(events=events)).moments
    assert [moment.kind for moment in moments] == ["rollout", "problem", "probe", "restart"]
    assert (moments[2].count, moments[2].first, moments[2].text) == (
        12,
        time(2),
        "Unhealthy: Liveness probe failed: 500",
    )


def test_a_message_of_the_kubelet_has_no_uid() -> None:
    message = "Back-off restarting failed container app in pod shop-1_shop(2e9a65aa-22a7-4aea-82d1-f02b385db84d)"
    (moment,) = cluster_moments(Cluster(events=(Event("Warning", "BackOff", message, last_seen=at(1)),))).moments
    assert moment.text == "BackOff: Back-off restarting failed container app in pod shop-1"


def test_a_replica_set_is_a_rollout_with_its_revision() -> None:
    workloads = (
        Workload("ReplicaSet", "shop-5b5b", created=at(1), revision="4"),
        Workload("Node", "node-1", created=at(1)),
        Workload("ReplicaSet", "old", created="1970-01-01T00:00:00Z"),
    )
    (moment,) = cluster_moments(Cluster(workloads=workloads)).moments
    assert (moment.kind, moment.text) == ("rollout", "ReplicaSet shop-5b5b (revision 4) was created")


def test_of_very_many_moments_the_newest_are_kept() -> None:
    events = tuple(
        Event("Warning", "Failed", f"{number}", last_seen=f"2026-11-30T03:00:00.{number:03}Z") for number in range(99)
    )
    moments = cluster_moments(Cluster(events=events)).moments
    assert (len(moments), moments[-1].text) == (60, "Failed: 98")
