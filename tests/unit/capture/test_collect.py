"""collect.py: each collector adds an artifact, or the reason why there is none, and never stops another one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Barrier, Lock
from typing import Any

import pytest

from debugcapture.bundle.artifact import ArtifactFile
from debugcapture.bundle.bundle import Bundle
from debugcapture.errors import NotAllowed
from debugcapture.kube.exec_stream import Stdio
from debugcapture.model import (
    ContainerRef,
    ContainerState,
    Tool,
)
from tests.unit.builders import collector, pod, status, target, terminated
from tests.unit.capture.collecting import SNAPSHOT, Run, bare, in_image
from tests.unit.fakes import Cluster


def test_image_that_has_the_tool_is_used_as_it_is(capture: Run, bundle: Bundle) -> None:
    cluster = in_image()
    (artifact,) = capture(cluster, collector())
    assert (artifact.outcome, artifact.method, artifact.integrity) == (
        "complete",
        "by exec: the image has jcmd",
        "verified",
    )
    assert (bundle.folder / artifact.file).read_bytes() == b"threads\n"
    assert cluster.tools() == [("jcmd", "7", "Thread.print")]
    assert cluster.attached == []


def test_image_without_tools_gets_a_debug_container_that_is_ended(capture: Run, bundle: Bundle) -> None:
    cluster = bare()
    (artifact,) = capture(cluster, collector())
    assert (artifact.outcome, artifact.method) == ("complete", "from a debug container: the image has no jcmd")
    assert (bundle.folder / artifact.file).read_bytes() == b"threads\n"
    assert cluster.tools() == [("jattach", "7", "threaddump")]
    assert cluster.ran[-1][:2] == ("run-tool", "leave")
    assert cluster.attached[0]["securityContext"]["runAsUser"] == 1000


def test_collectors_share_one_debug_container(capture: Run) -> None:
    cluster = bare()
    second = collector(id="again", file="again.txt")
    assert [artifact.outcome for artifact in capture(cluster, collector(), second)] == ["complete", "complete"]
    assert len(cluster.attached) == 1


def test_safe_tools_run_side_by_side(capture: Run) -> None:
    both = Barrier(2, timeout=30)

    class WaitsForTheOther(Cluster):
        def run(self, place: ContainerRef, argv: Sequence[str], stdio: Stdio, **limits: Any) -> Any:
            if "Thread.print" in argv:
                both.wait()  # BrokenBarrierError where the other one does not run
            return super().run(place, argv, stdio, **limits)

    cluster = in_image(WaitsForTheOther)
    again = collector(id="again", file="again.txt", runtime="any")
    artifacts = capture(cluster, collector(), again)
    assert {(artifact.collector, artifact.outcome) for artifact in artifacts} == {
        ("jvm-thread-dump", "complete"),
        ("again", "complete"),
    }


def test_safe_tools_of_one_runtime_run_one_after_another(capture: Run) -> None:
    alone = Lock()

    class RunsOneAtATime(Cluster):
        def run(self, place: ContainerRef, argv: Sequence[str], stdio: Stdio, **limits: Any) -> Any:
            if "Thread.print" not in argv:
                return super().run(place, argv, stdio, **limits)
            assert alone.acquire(blocking=False), "another tool of the runtime is running"
            time.sleep(0.05)  # for the other one to start, if it may
            alone.release()
            return super().run(place, argv, stdio, **limits)

    artifacts = capture(in_image(RunsOneAtATime), collector(), collector(id="again", file="again.txt"))
    assert [(artifact.collector, artifact.outcome) for artifact in artifacts] == [
        ("jvm-thread-dump", "complete"),
        ("again", "complete"),
    ]


def test_a_tool_that_pauses_the_process_runs_alone_and_a_dump_runs_last(capture: Run) -> None:
    cluster = in_image()
    of_each = [
        replace(collector(id=level, file=f"{level}.txt", invasive=level), in_image=(Tool(("jcmd", level)),))
        for level in ("heavy", "pauses", "safe")
    ]
    capture(cluster, *of_each)
    assert cluster.tools() == [("jcmd", "safe"), ("jcmd", "pauses"), ("jcmd", "heavy")]


def test_each_process_of_the_kind_leaves_its_own_artifact(capture: Run) -> None:
    cluster = in_image()
    cluster.listing += "P 8 1000 1000 1 java\nT\nM /x/libjvm.so\n"
    assert [artifact.file for artifact in capture(cluster, collector())] == ["jvm-threads-7.txt", "jvm-threads-8.txt"]


def test_a_previous_log_that_the_kubelet_has_removed_does_not_make_a_capture_partial(capture: Run) -> None:

    class HasNoPreviousLog(Cluster):
        def log(self, *_: object, previous: bool = False, **__: object) -> Iterator[bytes]:
            yield b"unable to retrieve container logs for containerd://abc" if previous else b"started\n"

    cluster = in_image(HasNoPreviousLog)
    cluster.pod_json = pod(status={"containerStatuses": [status(lastState=terminated("Error", 1))]})
    artifacts = capture(cluster, SNAPSHOT)
    outcomes = {artifact.title: (artifact.outcome, artifact.reason_code) for artifact in artifacts}
    assert outcomes["Previous log of app"] == ("skipped", "not-there")
    assert outcomes["Log of app"] == ("complete", "")


def test_disk_that_is_full_is_a_reason_like_any_other(capture: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: ArtifactFile, _piece: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ArtifactFile, "write", full)
    (artifact,) = capture(in_image(), collector())
    assert (artifact.outcome, artifact.file) == ("failed", "")
    assert "No space left on device" in artifact.reason


def test_container_without_the_process_is_skipped_and_for_a_preset_not_mentioned(capture: Run) -> None:
    cluster = Cluster()
    cluster.listing = "S 9\nP 1 1000 1000 1 nginx\nT\nM /usr/sbin/nginx\n"
    (artifact,) = capture(cluster, collector())
    assert (artifact.outcome, artifact.file, artifact.reason) == (
        "skipped",
        "",
        "there is no Java process in container app",
    )
    assert capture(cluster, collector(), preset=True) == ()


def test_api_is_read_first_and_a_failure_stops_nothing(capture: Run) -> None:
    cluster = bare()
    cluster.refuses = True
    artifacts = capture(cluster, collector(), SNAPSHOT)
    assert [artifact.outcome for artifact in artifacts] == ["complete"] * 4 + ["failed"]
    assert [artifact.file for artifact in artifacts] == ["logs/app.log", "pod.txt", "pod.yaml", "events.txt", ""]


def test_file_is_read_once_for_all_collectors(capture: Run) -> None:
    logs = collector(id="logs", file="", reads_api="logs", in_image=(), from_debug=())
    artifacts = capture(Cluster(), SNAPSHOT, logs)
    assert [artifact.file for artifact in artifacts].count("logs/app.log") == 1


def test_an_interrupted_log_is_kept_and_marked_as_truncated(capture: Run, bundle: Bundle) -> None:
    cluster = Cluster()
    cluster.log_error = NotAllowed("cannot read the log", "the token has expired")
    log = capture(cluster, SNAPSHOT)[0]
    assert (log.outcome, log.reason) == ("truncated", "cannot read the log: the token has expired")
    assert (bundle.folder / log.file).read_bytes() == b"started\n"


def test_size_limit_cuts_and_is_reported(capture: Run, bundle: Bundle) -> None:
    (artifact,) = capture(in_image(), collector(size_limit_bytes=4))
    assert (artifact.outcome, artifact.bytes) == ("truncated", 4)
    assert "it reached its size limit of 4 bytes" in artifact.reason
    assert (bundle.folder / artifact.file).read_bytes() == b"thre"


def test_container_that_does_not_run_runs_nothing(capture: Run) -> None:
    cluster = in_image()
    (artifact,) = capture(cluster, collector(), of=target(state=ContainerState("waiting", "CrashLoopBackOff")))
    assert artifact.outcome == "skipped"
    assert cluster.ran == []
