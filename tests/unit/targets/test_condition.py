"""condition.py: when a pod meets the condition of a capture."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, cast

import pytest

from debugcapture.errors import NotMeasurable, TargetNotFound
from debugcapture.kube.client import Api
from debugcapture.kube.exec_stream import Stdio
from debugcapture.model import ExitStatus, Json
from debugcapture.targets.condition import Condition, measure, parse_condition
from tests.unit.builders import container, pod, status, target
from tests.unit.fakes import MISSING

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)


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
    assert parse_condition(text) == condition


class Cluster:
    """A cluster whose metrics API reports ``usage``; None without such an API. Its images have no program."""

    def __init__(self, usage: Json | None) -> None:
        self.usage = usage

    def get_optional(self, _path: str, doing: str) -> Json:
        if self.usage is None:
            raise TargetNotFound(doing, "the server could not find the requested resource")
        return self.usage

    def run(self, *_: Any, **__: Any) -> ExitStatus:
        return MISSING


class HasVersion2(Cluster):
    """The control groups of its nodes have version 2 only."""

    def run(self, _place: object, argv: list[str], stdio: Stdio, **_: Any) -> ExitStatus:
        if argv[1].endswith("memory.current"):
            return ExitStatus(1)
        stdio.stdout(memoryview(b"104857600\n"))
        return ExitStatus(0)


def limited(**more: Any) -> Json:
    return pod(spec={"containers": [container(resources={"limits": {"memory": "200Mi"}}, **more)]})


def measured(condition: str, pod_json: Json, usage: Json | None = None, kind: type[Cluster] = Cluster) -> int:
    parsed = parse_condition(condition)
    assert parsed
    return measure(cast("Api", kind(usage)), pod_json, target(), parsed, NOON)


def test_restarts_and_readiness_are_the_pods_own() -> None:
    assert measured("restarts > 1", pod(status={"containerStatuses": [status(restartCount=7)]})) == 7
    unready = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-02T11:58:00Z"}
    assert measured("not-ready > 1s", pod(status={"conditions": [unready]})) == 120
    assert measured("not-ready > 1s", pod()) == 0


def test_memory_is_a_share_of_the_limit() -> None:
    usage = {
        "containers": [{"name": "proxy", "usage": {"memory": "1Gi"}}, {"name": "app", "usage": {"memory": "150Mi"}}]
    }
    assert measured("memory > 90%", limited(), usage) == 75


def test_without_a_metrics_server_the_cgroup_of_the_container_is_read() -> None:
    assert measured("memory > 90%", limited(), kind=HasVersion2) == 50


def test_unknown_memory_is_an_error() -> None:
    with pytest.raises(NotMeasurable, match="no metrics API, and the image has no cat"):
        measured("memory > 90%", limited())
    with pytest.raises(NotMeasurable, match="has no memory limit"):
        measured("memory > 90%", pod())
