"""options.py: the rows of dropdowns, their order, and their format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.errors import NotAllowed, TargetNotFound
from debugcapture.kube.client import Api
from debugcapture.listings.cache import Cache, CachedList, Entry, MemoryStorage
from debugcapture.listings.options import (
    ListQuery,
    Row,
    Source,
    collector_rows,
    container_rows,
    is_pod_of,
    json_text,
    labelled_list,
    namespace_rows,
    pod_row,
    script_text,
    workload_row,
)
from debugcapture.model import Json
from tests.unit.builders import NOON, container, pod, status, terminated

CRASHED = status(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=terminated("Error", 7))


def crashing(name: str = "crashing") -> Json:
    return pod(metadata={"name": name}, status={"containerStatuses": [CRASHED]})


def owned(kind: str, name: str, /, **metadata: Any) -> Json:
    return pod(metadata={"ownerReferences": [{"kind": kind, "name": name, "controller": True}], **metadata})


class Cluster:
    """Lists by path; ``refused`` are the ends of paths that may not be listed."""

    connection = SimpleNamespace(server="https://k")

    def __init__(self, lists: Mapping[str, list[Json]], refused: tuple[str, ...] = ()) -> None:
        self.lists, self.refused = lists, refused
        self.queries: list[str] = []

    def pages(self, path: str, doing: str) -> Iterator[list[Json]]:
        self.queries.append(path)
        if path.endswith(self.refused):
            raise NotAllowed(doing, "forbidden")
        yield self.lists.get(path, [])

    def items(self, path: str, doing: str) -> list[Json]:
        return [item for page in self.pages(path, doing) for item in page]


def rows(cluster: Cluster, query: ListQuery, most: int = 500) -> list[Row]:
    def now() -> datetime:
        return NOON

    source = Source(cast("Api", cluster), Cache(MemoryStorage(), ttl_s=0, clock=now), most)
    return list(source.read_list(query).rows)


def workload(name: str, ready: int | None, replicas: int | None, **metadata: Any) -> Json:
    return {
        "metadata": {"namespace": "shop", "name": name, **metadata},
        "spec": {} if replicas is None else {"replicas": replicas},
        "status": {} if ready is None else {"readyReplicas": ready},
    }


def test_configured_namespaces_are_offered_without_a_request() -> None:
    cluster = Cluster({})
    assert rows(cluster, ListQuery("namespaces", ("shop", "back"))) == [Row("shop", "shop"), Row("back", "back")]
    assert cluster.queries == []


def test_namespaces_that_are_being_deleted_come_last() -> None:
    items = [{"metadata": {"name": "b"}}, {"metadata": {"name": "a", "deletionTimestamp": "…"}}]
    assert namespace_rows(items) == [Row("b", "b"), Row("a (being deleted)", "a")]


def test_workloads_that_are_not_ready_come_first() -> None:
    deployments = [workload("a", 2, 2), workload("b", None, 1), workload("z", 1, 3)]
    jobs = [workload("nightly-123", None, None, ownerReferences=[{"kind": "CronJob", "controller": True}])]
    cluster = Cluster(
        {
            "/apis/apps/v1/namespaces/shop/deployments": deployments,
            "/apis/batch/v1/namespaces/shop/cronjobs": [workload("nightly", None, None)],
            "/apis/batch/v1/namespaces/shop/jobs": jobs,
        }
    )
    assert rows(cluster, ListQuery("workloads", ("shop",))) == [
        Row("b (Deployment, 0 of 1 ready)", "deployment/b"),
        Row("z (Deployment, 1 of 3 ready)", "deployment/z"),
        Row("a (Deployment, 2 of 2 ready)", "deployment/a"),
        Row("nightly (CronJob)", "cronjob/nightly"),
    ]


def test_daemon_set_counts_its_own_way() -> None:
    counts = {"desiredNumberScheduled": 3, "numberReady": 2}
    daemon_set: Json = {"metadata": {"namespace": "shop", "name": "agent"}, "spec": {}, "status": counts}
    assert workload_row("daemonset", daemon_set, with_namespace=False) == (
        False,
        Row("agent (DaemonSet, 2 of 3 ready)", "daemonset/agent"),
    )


def test_a_kind_that_may_not_be_listed_is_left_out_unless_all_are_forbidden() -> None:
    lists = {"/apis/apps/v1/namespaces/shop/deployments": [workload("a", 1, 1)]}
    some = Cluster(lists, ("jobs", "daemonsets"))
    assert [row.value for row in rows(some, ListQuery("workloads", ("shop",)))] == ["deployment/a"]
    with pytest.raises(NotAllowed, match="cannot list the deployments of shop"):
        rows(Cluster(lists, ("",)), ListQuery("workloads", ("shop",)))


def test_the_whole_cluster_is_listed_with_one_request_and_labels_have_the_namespace() -> None:
    cluster = Cluster({"/api/v1/pods": [crashing()]})
    assert rows(cluster, ListQuery("pods")) == [
        Row("shop/crashing - app CrashLoopBackOff (exit code 7)", "crashing"),
    ]
    assert cluster.queries == ["/api/v1/pods"]


def test_unhealthy_pods_come_first_and_the_list_is_cut_behind_them() -> None:
    ready = {"containerStatuses": [status(ready=True)]}
    well = [pod(metadata={"name": f"well-{number}"}, status=ready) for number in range(4)]
    cluster = Cluster({"/api/v1/namespaces/shop/pods": [*well, crashing()]})
    listed = rows(cluster, ListQuery("pods", ("shop",)), most=3)
    assert [row.value for row in listed] == ["crashing", "well-0", "well-1"]
    assert listed[1].label == "well-0 - running"


def test_pods_of_a_workload() -> None:
    labels = {"labels": {"pod-template-hash": "7d9f"}}
    pods = [owned("ReplicaSet", "web-7d9f", name="a", **labels), owned("StatefulSet", "db", name="db-0"), crashing()]
    cluster = Cluster({"/api/v1/namespaces/shop/pods": pods})
    assert [row.value for row in rows(cluster, ListQuery("pods", ("shop",), "deployment/web"))] == ["a"]


@pytest.mark.parametrize(
    ("name", "owner", "whether"),
    [
        ("web", ("ReplicaSet", "web-7d9f"), True),
        ("deployment/web", ("ReplicaSet", "web-7d9f"), True),
        ("deploy/web", ("ReplicaSet", "web-7d9f"), True),
        ("statefulset/web", ("ReplicaSet", "web-7d9f"), False),
        ("db", ("StatefulSet", "db"), True),
        ("statefulset/db", ("StatefulSet", "db"), True),
        ("deployment/db", ("StatefulSet", "db"), False),
        ("cronjob/nightly", ("Job", "nightly-29001"), True),
        ("cronjob/night", ("Job", "nightly-29001"), False),
        ("job/nightly-29001", ("Job", "nightly-29001"), True),
        ("rollout/web", ("ReplicaSet", "web-7d9f"), True),
        ("cloneset/web", ("CloneSet", "web"), True),
        ("rollout/db", ("ReplicaSet", "web-7d9f"), False),
    ],
)
def test_pod_belongs_to_its_workload(name: str, owner: tuple[str, str], whether: bool) -> None:
    assert is_pod_of(name, owned(*owner, labels={"pod-template-hash": "7d9f"})) is whether


def test_pod_without_a_controller_has_no_workload_of_a_kind() -> None:
    assert not is_pod_of("deployment/checkout-7d9f-abcde", pod())


def test_containers_begin_with_the_one_that_would_be_captured() -> None:
    sick = {**CRASHED, "name": "app"}
    both = pod(
        spec={"containers": [container("proxy"), container("app")], "initContainers": [container("setup")]},
        status={"containerStatuses": [status("proxy"), sick]},
    )
    listed = container_rows(both, NOON)
    assert [row.value for row in listed] == ["app", "proxy", "setup"]
    assert listed[0].label.startswith("app - waiting (CrashLoopBackOff)")


def test_collectors_begin_with_the_presets() -> None:
    listed = collector_rows("", 500)
    assert listed[0] == Row("quick - Harmless and fast (under 30 s)", "quick")
    assert "jvm-thread-dump" in [row.value for row in listed]
    assert len(collector_rows("", 3)) == 3


def test_rundeck_reads_every_collector_unchanged() -> None:
    listed = collector_rows("", 500)
    assert [value for _, value in rundeck_reads(script_text(listed))] == [row.value for row in listed]


def test_old_rows_show_their_time() -> None:
    entry = Entry(json.dumps([("shop", "shop")]), NOON)
    assert labelled_list(CachedList(entry)).rows == (Row("shop", "shop"),)
    stale_reason = labelled_list(CachedList(entry, "it is away"))
    assert stale_reason.rows == (Row("shop (list of 2026-01-02 12.00 UTC)", "shop"),)
    assert (stale_reason.time, stale_reason.stale_reason) == (NOON, "it is away")


def rundeck_reads(text: str) -> list[tuple[str, str]]:
    """The list that ScriptOptionValues of rundeck-core reads from the output of a script: an error ends it."""
    result, started = [], False
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if line in ("==START_OPTIONS==", "==END_OPTIONS=="):
            started = line == "==START_OPTIONS=="
        elif started:
            parts = line.split(":")
            result.append((parts[0], parts[1]))
    return result


def test_colons_of_a_label_do_not_become_part_of_the_value() -> None:
    assert rundeck_reads(script_text([Row("shop/web - app: killed at 12:30", "web")])) == [
        ("shop/web - app killed at 12.30", "web")
    ]


def test_a_label_without_readable_characters_is_replaced_by_the_value() -> None:
    assert rundeck_reads(script_text([Row("##", "web"), Row("", "api")])) == [("web", "web"), ("api", "api")]


def test_value_that_rundeck_would_cut_is_left_out() -> None:
    script = script_text([Row("a", "a:b"), Row("b", ""), Row("c", "#c"), Row("d", "ä"), Row("e", "e\n"), Row("f", "f")])
    assert rundeck_reads(script) == [("f", "f")]


@given(st.lists(st.tuples(st.text(), st.from_regex(r"[a-z0-9]([-a-z0-9./]{0,20}[a-z0-9])?", fullmatch=True))))
def test_rundeck_reads_each_value_whatever_the_label_is(given_rows: list[tuple[str, str]]) -> None:
    text = script_text([Row(*row) for row in given_rows])
    assert text.isascii()
    assert [value for _, value in rundeck_reads(text)] == [value for _, value in given_rows]


def test_the_json_has_the_format_of_a_values_url() -> None:
    assert json.loads(json_text([Row("web: ä", "web"), Row("", "x")])) == [{"name": "web: ä", "value": "web"}]


def test_long_label_is_cut() -> None:
    many = [
        status(f"container-{number}", **{key: CRASHED[key] for key in ("state", "lastState")}) for number in range(9)
    ]
    cluster = Cluster({"/api/v1/namespaces/shop/pods": [pod(status={"containerStatuses": many})]})
    (row,) = rows(cluster, ListQuery("pods", ("shop",)))
    assert len(row.label) == 160
    assert row.label.endswith("...")


def test_group_that_the_cluster_does_not_have_is_left_out() -> None:
    class Old(Cluster):
        def pages(self, path: str, doing: str) -> Iterator[list[Json]]:
            if "/batch/" in path:
                raise TargetNotFound(doing, "the server has no such group")
            return super().pages(path, doing)

    cluster = Old({"/apis/apps/v1/namespaces/shop/deployments": [workload("a", 1, 1)]})
    assert [row.value for row in rows(cluster, ListQuery("workloads", ("shop",)))] == ["deployment/a"]


def test_pod_row_shows_a_recent_restart() -> None:
    ended = {"terminated": {"exitCode": 9, "finishedAt": (NOON - timedelta(minutes=5)).isoformat()}}
    label = pod_row(
        pod(status={"containerStatuses": [status(lastState=ended, restartCount=2)]}), NOON, with_namespace=False
    )
    assert label.label.endswith("app restarted 5 min ago after exit code 9, 2 restarts")
