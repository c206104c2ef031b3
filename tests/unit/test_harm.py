"""harm.py, condition.py: what a dump would cost its target, how often one may be taken, and when at all."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest

from debugcapture.collectors.impact import Budget, disk_limit_bytes, probe_budget_s, too_heavy, too_soon
from debugcapture.errors import NotMeasurable, TargetNotFound, UnexpectedAnswer
from debugcapture.kube.client import Api
from debugcapture.kube.values import quantity
from debugcapture.model import ExitStatus, Json, Process, Tool, User
from debugcapture.targets.condition import Condition, measured, parse
from tests.unit.builders import collector, container, pod, status, target

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
DUMP = collector(invasive="heavy", in_image=(), from_debug=(Tool(("jattach", "{pid}"), output="/tmp/{id}"),))
GIB = [Process(1, User(1, 1), "java", 1 << 30, ())]


@pytest.mark.parametrize(
    ("budget", "why"),
    [
        (Budget(), ""),
        (Budget(probe_s=60, disk_bytes=2 << 30), ""),
        (
            Budget(probe_s=10),
            "1,024 MiB of memory stop the process for about 12 s, and the liveness probe restarts the",
        ),
        (Budget(disk_bytes=500 << 20), "does not fit into the 500 MiB of disk"),
    ],
    ids=["no limits", "enough", "probe", "disk"],
)
def test_dump_is_weighed_against_what_the_target_can_bear(budget: Budget, why: str) -> None:
    told = too_heavy(DUMP, GIB, budget)
    assert (why in told) if why else told == ""


def test_what_is_not_heavy_is_not_weighed() -> None:
    assert too_heavy(collector(), GIB, Budget(probe_s=0, disk_bytes=0)) == ""


@pytest.mark.parametrize(
    ("probe", "seconds"),
    [
        (None, None),
        ({}, None),
        ({"periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 5}, 25.0),
        ({"httpGet": {}}, 21.0),
    ],
)
def test_liveness_probe_gives_the_time_that_a_pause_may_take(probe: Json | None, seconds: float | None) -> None:
    assert probe_budget_s(container(livenessProbe=probe)) == seconds


@pytest.mark.parametrize(
    ("text", "number"), [("1Gi", 1 << 30), ("512Mi", 512 << 20), ("1.5Ki", 1536), ("2G", 2 * 10**9), ("100", 100)]
)
def test_quantities_are_read_as_kubernetes_does(text: str, number: int) -> None:
    assert quantity(text) == number
    assert disk_limit_bytes(container(resources={"limits": {"ephemeral-storage": text}})) == number


@pytest.mark.parametrize("text", ["", "-1", "1.2.3", "1 Gi", "1Xi", "1e999", "Gi"])
def test_what_is_no_quantity_of_bytes_is_told(text: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="no quantity of bytes"):
        quantity(text)


def test_container_without_limits_has_none() -> None:
    assert disk_limit_bytes(container()) is None


def ago(*seconds: int) -> list[datetime]:
    return [NOON - timedelta(seconds=one) for one in seconds]


@pytest.mark.parametrize(
    ("dumped", "why"),
    [
        ([], ""),
        (ago(700), ""),
        (ago(90_000, 599), "its workload was dumped 599 s ago; the cool-down is 600 s"),
        (ago(3600, 7200, 10_800), "its workload was dumped 3 times in the last 24 hours; the job allows 3"),
        (ago(3600, 7200, 90_000), ""),
    ],
    ids=["never", "long ago", "just now", "too often", "not today"],
)
def test_flapping_alert_does_not_dump_all_night(dumped: list[datetime], why: str) -> None:
    assert too_soon(dumped, NOON, 600, 3) == why


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("", None),
        ("memory > 90%", Condition("memory", 90)),
        ("restarts>3", Condition("restarts", 3)),
        ("not-ready > 120s", Condition("not-ready", 120)),
    ],
)
def test_condition_is_read(text: str, condition: Condition | None) -> None:
    assert parse(text) == condition


class Cluster:
    def __init__(self, usage: Json | None) -> None:
        self.usage = usage

    def get(self, _path: str, doing: str) -> Json:
        if self.usage is None:
            raise TargetNotFound(doing, "the server could not find the requested resource")
        return self.usage


def limited(**more: Any) -> Json:
    return pod(spec={"containers": [container(resources={"limits": {"memory": "200Mi"}}, **more)]})


def measure(condition: str, whole: Json, usage: Json | None = None) -> int:
    wanted = parse(condition)
    assert wanted
    return measured(cast("Api", Cluster(usage)), whole, target(), wanted, NOON)


def test_restarts_and_readiness_are_the_pods_own() -> None:
    assert measure("restarts > 1", pod(status={"containerStatuses": [status(restartCount=7)]})) == 7
    unready = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-02T11:58:00Z"}
    assert measure("not-ready > 1s", pod(status={"conditions": [unready]})) == 120
    assert measure("not-ready > 1s", pod()) == 0


def test_memory_is_a_share_of_the_limit() -> None:
    usage = {
        "containers": [{"name": "proxy", "usage": {"memory": "1Gi"}}, {"name": "app", "usage": {"memory": "150Mi"}}]
    }
    assert measure("memory > 90%", limited(), usage) == 75


def test_without_a_metrics_server_the_containers_own_cgroup_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_api: object, _place: object, argv: list[str], *, stdout: Any, **_: Any) -> ExitStatus:
        if argv[1].endswith("memory.current"):  # cgroup v2 only
            return ExitStatus(1)
        stdout(memoryview(b"104857600\n"))
        return ExitStatus(0)

    monkeypatch.setattr("debugcapture.kube.exec_stream.run", run)
    assert measure("memory > 90%", limited()) == 50


def test_memory_that_nobody_knows_is_an_error_not_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("debugcapture.kube.exec_stream.run", lambda *_, **__: ExitStatus(127))
    with pytest.raises(NotMeasurable, match="no metrics API, and the image no cat"):
        measure("memory > 90%", limited())
    with pytest.raises(NotMeasurable, match="has no memory limit"):
        measure("memory > 90%", pod())
