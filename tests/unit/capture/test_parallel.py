"""parallel.py: what the end of a capture writes besides its artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from debugcapture.bundle.bundle import PICTURES, Bundle
from debugcapture.bundle.record import Record
from debugcapture.bundle.spool import Room
from debugcapture.capture import parallel
from debugcapture.capture.debug_session import DebugOptions
from debugcapture.capture.parallel import CaptureOptions, ParallelCapture
from debugcapture.collectors.catalog import choose
from debugcapture.kube.client import Api
from debugcapture.model import ContainerState, Json
from debugcapture.targets.selection import SelectedPod
from tests.unit.builders import artifact, manifest, pod, status, target, written
from tests.unit.fakes import OK, Cluster

DUMP = "goroutine 1 [running]:\nmain.main()\n\t/a.go:1 +0x1\n"


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def captures(tmp_path: Path, lines: list[str]) -> ParallelCapture:
    options = CaptureOptions(choose("quick"), DebugOptions("", "restricted", 60), False, False, 0, 0, 1)
    cluster: Api = Cluster()  # type: ignore[assignment] # it has what a capture without targets needs
    return ParallelCapture(cluster, options, Room(tmp_path, 0, 0), lines.append)


@pytest.fixture
def record(bundle: Bundle) -> Record:
    written(bundle.folder, "go-goroutines.txt", DUMP)
    return Record(bundle, manifest(artifact(file="go-goroutines.txt"), capture_id=bundle.folder.name))


def test_a_finished_capture_has_what_its_report_draws(captures: ParallelCapture, record: Record) -> None:
    captures.finish(record)
    (pod,) = record.bundle.pictures().pods
    assert [(stacks.title, stacks.total) for stacks in pod.stacks] == [("Goroutines", 1)]


def test_a_file_that_cannot_be_explained_is_reported_and_stays_in_the_bundle(
    captures: ParallelCapture, bundle: Bundle, lines: list[str]
) -> None:
    written(bundle.folder, "node-cpu.json", '{"nodes": [{"id": 1, "callFrame": ')
    captures.finish(Record(bundle, manifest(artifact(file="node-cpu.json"), capture_id=bundle.folder.name)))
    (line,) = lines
    assert line.startswith("node-cpu.json cannot be explained: the file is not valid JSON: ")
    assert line.endswith(". The file itself is in the bundle.")


def test_a_capture_whose_pictures_cannot_be_written_is_finished(
    captures: ParallelCapture, record: Record, lines: list[str]
) -> None:
    (record.bundle.folder / PICTURES).mkdir()
    finished = captures.finish(record)
    assert finished.finished
    assert any(line.startswith("the report will have no pictures: ") for line in lines)


def test_one_pod_of_an_image_is_asked_for_programs_that_the_image_does_not_have(bundle: Bundle, tmp_path: Path) -> None:
    cluster = Cluster(shell=False, debug=["jattach"], jattach=(OK, b"threads\n", b""))
    cluster.pod_json = pod(status={"containerStatuses": [status("app", imageID="registry/app@sha256:1")]})
    options = CaptureOptions(
        choose("jvm-thread-dump"), DebugOptions("toolbox:1", "restricted", 60), False, False, 0, 0, concurrency=2
    )
    captures = ParallelCapture(cluster, options, Room(tmp_path, 0, 0), lambda _line: None)  # type: ignore[arg-type]
    record = Record(bundle, manifest(artifacts=(), finished=None))
    captures.run([SelectedPod(cluster.pod_json, target(pod=name)) for name in ("web-0", "web-1")], record)
    assert [artifact.outcome for artifact in record.manifest.artifacts] == ["complete", "complete"]
    in_targets = [argv for argv, place in zip(cluster.ran, cluster.places, strict=True) if place == "app"]
    assert sorted(argv[0] for argv in in_targets) == ["jcmd", "sh"]


def crashed(restarts: int) -> Json:
    waits = {"waiting": {"reason": "CrashLoopBackOff"}}
    return pod(status={"containerStatuses": [status("app", state=waits, restartCount=restarts)]})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ([crashed(3), crashed(3)], "did not start within 30 s"),
        ([crashed(3), crashed(4)], "started within 30 s, but ended before the kubelet reported that it runs"),
        ([crashed(3), pod()], "has started"),
    ],
    ids=["not started", "too brief", "started"],
)
def test_the_log_and_the_manifest_say_how_the_wait_for_a_start_ended(
    changes: list[Json],
    line: str,
    bundle: Bundle,
    tmp_path: Path,
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parallel, "watch_pod", lambda *_: iter(changes))
    debug = DebugOptions("", "restricted", 60, wait_for_restart_s=30)
    options = CaptureOptions(choose("pod-snapshot"), debug, False, False, 0, 0, 1)
    record = Record(bundle, manifest(artifacts=(), finished=None))
    cluster = cast("Api", Cluster())
    selected = SelectedPod(crashed(3), target(state=ContainerState("waiting", "CrashLoopBackOff", restarts=3)))
    ParallelCapture(cluster, options, Room(tmp_path, 0, 0), lines.append).run([selected], record)
    expected = f"shop/checkout-7d9f-abcde {line}"
    assert expected in lines
    assert expected in record.manifest.remarks
