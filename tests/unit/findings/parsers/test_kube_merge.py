"""kube_merge.py: the files of a capture show one pod, and a fact that only one of them has is kept."""

from __future__ import annotations

from debugcapture.finding import EvidenceLines
from debugcapture.findings.parsers.kube_merge import merged
from debugcapture.findings.parsers.kube_model import Cluster, Container, Event, Pod, Run, Workload

SUMMARY_LINES, OBJECT_LINES = EvidenceLines("pod.txt", 20, 20), EvidenceLines("pod.yaml", 106, 106)
SUMMARY = Pod(
    "web-0",
    "shop",
    owner="StatefulSet/web",
    containers=(Container("app", state=Run("waiting", "CreateContainerConfigError"), lines=SUMMARY_LINES),),
)
OBJECT = Pod(
    "web-0",
    "shop",
    restart_policy="Always",
    containers=(
        Container(
            "app",
            state=Run("waiting", "CreateContainerConfigError", 'configmap "settings" not found'),
            restarts=0,
            ready=False,
            lines=OBJECT_LINES,
        ),
        Container("proxy"),
    ),
)


def test_values_come_from_the_object_and_lines_from_the_summary() -> None:
    (pod,) = merged([Cluster(pods=(SUMMARY,)), Cluster(pods=(OBJECT,))]).pods
    assert (pod.owner, pod.restart_policy) == ("StatefulSet/web", "Always")
    app, proxy = pod.containers
    assert (app.state.message, app.ready, app.lines) == ('configmap "settings" not found', False, SUMMARY_LINES)
    assert proxy.name == "proxy"


def test_the_order_of_the_files_does_not_matter() -> None:
    clusters = [Cluster(pods=(SUMMARY,)), Cluster(pods=(OBJECT,))]
    assert merged(clusters) == merged(clusters[::-1])


def test_a_log_adds_its_last_message_to_the_container() -> None:
    words = EvidenceLines("logs/app.log", 3, 3, ("no route to db",))
    log = Pod("web-0", containers=(Container("app", last_words=words),))
    (pod,) = merged([Cluster(pods=(log,)), Cluster(pods=(OBJECT,))]).pods
    assert (pod.namespace, pod.containers[0].last_words, pod.containers[0].lines) == ("shop", words, OBJECT_LINES)


def test_other_pods_and_all_events_and_workloads_stay() -> None:
    other = Pod("web-1", "shop")
    events = (Event("Warning", "BackOff", "again"), Event("Normal", "Pulled", "there"))
    clusters = [
        Cluster(pods=(OBJECT,), events=events[:1]),
        Cluster(pods=(other,), events=events[1:], workloads=(Workload("StatefulSet", "web"),)),
    ]
    cluster = merged(clusters)
    assert [pod.name for pod in cluster.pods] == ["web-0", "web-1"]
    assert cluster.events == events
    assert [workload.name for workload in cluster.workloads] == ["web"]
