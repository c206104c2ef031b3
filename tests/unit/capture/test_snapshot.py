"""snapshot.py: what is read from the API, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from debugcapture.capture.snapshot import LOG_LINES, READERS, snapshot_files
from debugcapture.errors import LogRemoved
from debugcapture.kube.client import Api
from debugcapture.model import READS, Json
from debugcapture.redaction.redactor import mask
from tests.unit.builders import container, pod, status, target, terminated
from tests.unit.clock import Clock
from tools.yaml_text import read_yaml


class Cluster:
    """The part of an Api that a snapshot reads."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.read: list[tuple[str, bool]] = []
        self.removed = 0  # the number of answers that report a deleted log

    def log(
        self, _namespace: str, _pod: str, container: str, *, previous: bool = False, tail_lines: int, since_s: int
    ) -> Iterator[bytes]:
        assert tail_lines == LOG_LINES
        assert since_s == 0
        self.read.append((container, previous))
        if self.removed:
            self.removed -= 1
            yield b"unable to retrieve container logs for containerd://abc"
            return
        yield f"{container} {previous}".encode()

    def events(self, namespace: str, uid: str) -> list[Json]:
        return [{"type": "Warning", "reason": "BackOff", "message": f"{namespace} {uid}"}]


def files(pod_json: Json, cluster: Cluster | None = None, part: str = "snapshot") -> dict[str, bytes]:
    parts = snapshot_files(cast("Api", cluster or Cluster()), pod_json, target(), part)
    return {file.file: b"".join(file.read()) for file in parts}


CRASHING = pod(
    spec={"containers": [container("app"), container("proxy")], "initContainers": [container("setup")]},
    status={
        "containerStatuses": [status("app", lastState=terminated("Error", 1)), status("proxy")],
        "initContainerStatuses": [status("setup")],
    },
)


def test_data_that_disappears_first_is_read_first() -> None:
    assert list(files(CRASHING)) == [
        "logs/app.previous.log",
        "logs/app.log",
        "logs/proxy.log",
        "logs/setup.log",
        "pod.txt",
        "pod.yaml",
        "events.txt",
    ]


def test_each_log_is_that_of_its_container_and_run() -> None:
    parts = files(CRASHING)
    assert parts["logs/app.previous.log"] == b"app True"
    assert parts["logs/setup.log"] == b"setup False"


def test_nothing_is_requested_before_it_is_read() -> None:
    cluster = Cluster()
    snapshot_files(cast("Api", cluster), CRASHING, target(), "snapshot")
    assert cluster.read == []


def test_container_that_never_started_has_no_log() -> None:
    waiting = {"name": "app", "state": {"waiting": {"reason": "ImagePullBackOff"}}, "containerID": ""}
    assert list(files(pod(status={"containerStatuses": [waiting]}))) == ["pod.txt", "pod.yaml", "events.txt"]


def test_yaml_is_the_pod_without_its_secrets() -> None:
    secret = container(env=[{"name": "TOKEN", "value": "hunter2"}])
    text = files(pod(spec={"containers": [secret]}))["pod.yaml"].decode()
    assert "hunter2" not in text
    read = read_yaml(text)
    assert read["spec"]["containers"][0]["env"] == [{"name": "TOKEN", "value": mask(b"hunter2").decode()}]
    assert list(read)[:3] == ["apiVersion", "kind", "metadata"]


def test_events_are_those_of_this_pod_only() -> None:
    assert b"shop u-1" in files(pod())["events.txt"]


def test_every_data_source_that_a_catalog_may_name_exists() -> None:
    assert {*READERS, "crash-dumps", "node-state"} == set(READS)


@pytest.mark.parametrize(
    ("part", "names"),
    [("logs", ["logs/app.log"]), ("events", ["events.txt"])],
)
def test_parts_of_the_snapshot_can_be_captured_separately(part: str, names: list[str]) -> None:
    assert list(files(pod(), part=part)) == names


def test_log_of_a_run_that_was_just_removed_is_requested_again() -> None:
    cluster = Cluster()
    cluster.removed = 3
    assert files(pod(), cluster, "logs") == {"logs/app.log": b"app False"}
    assert len(cluster.read) == 4
    assert sum(cluster.clock.slept) > 0


def test_the_kubelets_message_about_a_missing_log_is_not_captured_as_a_log() -> None:
    cluster = Cluster()
    cluster.removed = 1000
    with pytest.raises(LogRemoved, match="unable to retrieve container logs"):
        files(pod(), cluster, "logs")


def test_a_log_has_the_start_time_of_its_run() -> None:
    earlier, later = "2026-01-02T08:00:00Z", "2026-01-02T11:00:00Z"
    crashed = status(lastState=terminated("Error", 1, startedAt=earlier))
    parts = snapshot_files(
        cast("Api", Cluster()), pod(status={"containerStatuses": [crashed]}), target(), "logs", log_since_s=0
    )
    starts = {file.file: file.log.started.strftime("%H") for file in parts if file.log and file.log.started}
    assert starts == {"logs/app.previous.log": earlier[11:13], "logs/app.log": later[11:13]}
    recent = snapshot_files(cast("Api", Cluster()), pod(), target(), "logs", log_since_s=60)
    assert [file.log.started for file in recent if file.log] == [None]
