"""collect.py: each collector leaves an artifact or the reason why there is none; one never stops another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Lock
from typing import Any, cast

import pytest

from debugcapture.bundle.artifact import ArtifactFile
from debugcapture.bundle.bundle import Bundle, create_bundle
from debugcapture.bundle.record import Record
from debugcapture.capture.collect import TargetCapture
from debugcapture.capture.debug_session import DebugOptions, DebugSession
from debugcapture.capture.probe import CaptureScope
from debugcapture.collectors.plan import CapturePolicy
from debugcapture.errors import NotAllowed, TargetNotFound
from debugcapture.kube.client import Api
from debugcapture.kube.exec_stream import Stdio
from debugcapture.kube.frames import out_of_time
from debugcapture.model import (
    Artifact,
    Collector,
    ContainerRef,
    ContainerState,
    ExitStatus,
    StartFailure,
    Target,
    Tool,
    User,
)
from debugcapture.settings.debug_container import Profile
from tests.unit.builders import NOON, collector, container, manifest, pod, status, target, terminated
from tests.unit.fakes import JAVA, OK, Cluster

SNAPSHOT = collector(id="pod-snapshot", title="Pod snapshot", file="", reads_api="snapshot", in_image=(), from_debug=())


def report(_line: str) -> None:
    pass


Run = Callable[..., tuple[Artifact, ...]]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return create_bundle(tmp_path, "web-0", NOON)


@pytest.fixture
def capture(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs collectors against a cluster and returns their artifacts."""

    def run(
        cluster: Cluster,
        *collectors: Collector,
        of: Target | None = None,
        ceiling: Profile = "restricted",
        preset: bool = False,
        image: str = "toolbox:1",
    ) -> tuple[Artifact, ...]:
        monkeypatch.setattr("debugcapture.kube.exec_stream.run", cluster.run)
        api, of = cast("Api", cluster), of or target()
        scope = CaptureScope(cluster.found, of, CapturePolicy(ceiling, debug_image=True), preset=preset)
        record = Record(bundle, manifest(artifacts=(), finished=None))
        with DebugSession(api, of, (), DebugOptions(image, ceiling, 90), report) as debug_session:
            TargetCapture(api, scope, debug_session, record, report).run(collectors)
        result = record.finish()
        assert result.finished
        assert bundle.manifest().artifacts == tuple(_saved(artifact) for artifact in result.artifacts)
        return result.artifacts

    return run


def _saved(artifact: Artifact) -> Artifact:
    """Times are saved in milliseconds."""
    return replace(artifact, started=artifact.started.replace(microsecond=artifact.started.microsecond // 1000 * 1000))


def in_image() -> Cluster:
    return Cluster(jcmd=(OK, b"threads\n", b""))


def bare() -> Cluster:
    return Cluster(shell=False, debug=["jattach"], jattach=(OK, b"threads\n", b""))


def test_image_that_has_the_tool_is_used_as_it_is(capture: Run, bundle: Bundle) -> None:
    cluster = in_image()
    (artifact,) = capture(cluster, collector())
    assert (artifact.outcome, artifact.how, artifact.integrity) == (
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
    assert (artifact.outcome, artifact.how) == ("complete", "from a debug container: the image has no jcmd")
    assert (bundle.folder / artifact.file).read_bytes() == b"threads\n"
    assert cluster.tools() == [("jattach", "7", "threaddump")]
    assert cluster.ran[-1][:2] == ("run-tool", "leave")
    assert cluster.attached[0]["securityContext"]["runAsUser"] == 1000


def test_collectors_share_one_debug_container(capture: Run) -> None:
    cluster = bare()
    second = collector(id="again", file="again.txt")
    assert [artifact.outcome for artifact in capture(cluster, collector(), second)] == ["complete", "complete"]
    assert len(cluster.attached) == 1


def test_safe_tools_run_side_by_side(capture: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, both, run = in_image(), Barrier(2, timeout=30), Cluster.run

    def waits_for_the_other(_api: Api, place: ContainerRef, argv: Sequence[str], stdio: Stdio, **limits: Any) -> Any:
        if "Thread.print" in argv:
            both.wait()  # BrokenBarrierError where the other one does not run
        return run(cluster, _api, place, argv, stdio, **limits)

    monkeypatch.setattr(cluster, "run", waits_for_the_other)
    again = collector(id="again", file="again.txt", runtime="any")
    artifacts = capture(cluster, collector(), again)
    assert {(artifact.collector, artifact.outcome) for artifact in artifacts} == {
        ("jvm-thread-dump", "complete"),
        ("again", "complete"),
    }


def test_safe_tools_of_one_runtime_run_one_after_another(capture: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, run, alone = in_image(), Cluster.run, Lock()

    def is_alone(_api: Api, place: ContainerRef, argv: Sequence[str], stdio: Stdio, **limits: Any) -> Any:
        if "Thread.print" not in argv:
            return run(cluster, _api, place, argv, stdio, **limits)
        assert alone.acquire(blocking=False), "another tool of the runtime is running"
        time.sleep(0.05)  # for the other one to start, if it may
        alone.release()
        return run(cluster, _api, place, argv, stdio, **limits)

    monkeypatch.setattr(cluster, "run", is_alone)
    artifacts = capture(cluster, collector(), collector(id="again", file="again.txt"))
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


def test_a_previous_log_that_the_kubelet_has_removed_does_not_make_a_capture_partial(
    capture: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    cluster = in_image()
    cluster.found = pod(status={"containerStatuses": [status(lastState=terminated("Error", 1))]})

    def log(*_: object, previous: bool = False, **__: object) -> Iterator[bytes]:
        yield b"unable to retrieve container logs for containerd://abc" if previous else b"started\n"

    monkeypatch.setattr(cluster, "log", log)
    artifacts = capture(cluster, SNAPSHOT)
    outcomes = {artifact.title: (artifact.outcome, artifact.reason_code) for artifact in artifacts}
    assert outcomes["Previous log of app"] == ("skipped", "not-there")
    assert outcomes["Log of app"] == ("complete", "")


ADDRESS_IN_USE = b"ERROR: transport error 202: bind failed: Address already in use\n"


def test_a_tool_that_the_environment_of_the_container_breaks_is_replaced_by_that_of_the_debug_image(
    capture: Run,
) -> None:
    cluster = Cluster(debug=["jattach"], jcmd=(ExitStatus(2), b"", ADDRESS_IN_USE), jattach=(OK, b"threads\n", b""))
    (artifact,) = capture(cluster, collector())
    assert (artifact.outcome, artifact.how) == ("complete", "failed in the target container")


def test_where_both_tools_fail_both_reasons_stand(capture: Run) -> None:
    refused = (ExitStatus(1), b"", b"Could not start attach mechanism: No such file or directory\n")
    cluster = Cluster(debug=["jattach"], jcmd=(ExitStatus(2), b"", ADDRESS_IN_USE), jattach=refused)
    (artifact,) = capture(cluster, collector())
    assert artifact.outcome == "failed"
    assert artifact.reason == (
        "exit code 1: Could not start attach mechanism: No such file or directory; in the target container: "
        "exit code 2: ERROR: transport error 202: bind failed: Address already in use"
    )


@pytest.mark.parametrize("change", [{"invasive": "heavy"}, {"from_debug": (Tool(("jcmd", "{pid}")),)}], ids=str)
def test_a_dump_and_the_same_tool_are_not_repeated(change: dict[str, Any], capture: Run) -> None:
    cluster = Cluster(debug=["jattach"], jcmd=(ExitStatus(2), b"", ADDRESS_IN_USE), jattach=(OK, b"threads\n", b""))
    (artifact,) = capture(cluster, collector(**change))
    assert (artifact.outcome, cluster.attached) == ("failed", [])


def test_a_denial_after_a_heading_is_a_denial(capture: Run) -> None:
    tool = Tool(("jcmd", "{pid}"), denied_pattern="^denied$")
    cluster = Cluster(debug=["jattach"], jcmd=(ExitStatus(1), b"7:\n" * 9, b"denied\n"), jattach=(OK, b"t\n", b""))
    (artifact,) = capture(cluster, collector(in_image=(tool,)))
    assert (artifact.outcome, artifact.how) == ("complete", "denied in the target container")


def test_a_denial_says_which_profile_could_help(capture: Run) -> None:
    (artifact,) = capture(Denying(shell=False), collector())
    assert artifact.reason.endswith(
        "jattach: denied. The job allows at most the profile restricted. With the profile general, root could read a "
        "process that its own user may not trace (Yama)."
    )


def test_variables_that_configure_a_tool_without_a_shell_are_a_reason_for_a_debug_container(capture: Run) -> None:
    finds = Tool(("jcmd", "{pid}"), ("jcmd", "-h"), find=("jcmd", "-l"), pid_pattern=r"^(\d+) ")
    cluster = Cluster(shell=False, debug=["jattach"], jcmd=(OK, b"7 x\n", b""), jattach=(OK, b"threads\n", b""))
    variables = [{"name": "JAVA_TOOL_OPTIONS", "value": "-Xms96m"}]
    cluster.found = pod(spec={"containers": [container(env=variables)]})
    (artifact,) = capture(cluster, collector(in_image=(finds,)))
    assert artifact.origin == "debug-container"
    assert ("jcmd", "-l") not in cluster.ran


NO_ATTACH = b"Could not start attach mechanism: Read-only file system\n"
JATTACH = Tool(("jattach", "{pid}"), ("jattach",), refused_pattern="^Could not start attach mechanism: Read-only.*$")
THREADS = collector(
    from_debug=(JATTACH,),
    from_log=(Tool(("sh", "-c", "kill -QUIT $1", "sh", "{pid}"), in_log="^Full thread dump "),),
)
HISTOGRAM = collector(id="jvm-heap-histogram", file="histogram.txt", from_debug=(JATTACH,))


class WithoutAttach(Cluster):
    """A cluster whose JVM accepts no attach, and writes its threads to its log when it gets a signal."""

    def __init__(self, dumps: int, **options: Any) -> None:
        refused = (ExitStatus(1), b"", NO_ATTACH)
        super().__init__(debug=["jattach"], jattach=refused, sh=(OK, b"", b""), **options)
        self.dumps = dumps

    def log(self, *_: object, **__: object) -> Iterator[bytes]:
        signals = len([tool for tool in self.tools() if tool[0] == "sh"])
        yield b"2026-01-02T12:00:00Z hello\n" + b"2026-01-02T12:00:00Z Full thread dump x\n" * (self.dumps * signals)


@pytest.mark.parametrize("shell", [True, False], ids=["shell", "no shell"])
def test_a_jvm_without_attach_writes_its_threads_to_the_log_once(
    shell: bool, capture: Run, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    cluster = WithoutAttach(1, shell=shell)
    threads, histogram = capture(cluster, THREADS, HISTOGRAM, preset=True)
    assert (threads.outcome, threads.how) == (
        "complete",
        "from the container's log, because the process refused the tool",
    )
    assert (bundle.folder / threads.file).read_bytes().startswith(b"Full thread dump")
    assert (histogram.outcome, histogram.reason_code) == ("skipped", "other")
    assert "process 7 accepts no tool of this kind: exit code 1: Could not start attach" in histogram.reason
    assert [tool[0] for tool in cluster.tools()] == ["jattach", "sh"]


def test_a_jvm_whose_options_turn_attach_off_is_not_asked(capture: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    cluster = WithoutAttach(1)
    cluster.listing += "A\n"
    histogram, threads = capture(cluster, HISTOGRAM, THREADS)
    assert (threads.outcome, [tool[0] for tool in cluster.tools()]) == ("complete", ["sh"])
    assert (histogram.outcome, histogram.reason) == ("skipped", "process 7 runs with -XX:+DisableAttachMechanism")


def test_a_dump_that_the_attempt_to_attach_caused_needs_no_signal(
    capture: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = WithoutAttach(1, shell=False)
    monkeypatch.setattr(cluster, "log", lambda *_, **__: iter([b"2026-01-02T12:00:00Z Full thread dump x\n"]))
    (threads,) = capture(cluster, THREADS)
    assert threads.outcome == "complete"
    assert [tool[0] for tool in cluster.tools()] == ["jattach"]


def test_a_jvm_that_writes_its_threads_elsewhere_is_reported(capture: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    (threads,) = capture(WithoutAttach(0, shell=False), THREADS)
    assert threads.outcome == "failed"
    assert threads.reason.endswith("Read-only file system; nothing appeared in the container's log either")


CRASH_DUMPS = collector(id="crash-dumps", file="", reads_api="crash-dumps", in_image=(), from_debug=())
WITH_VOLUME = pod(
    spec={
        "containers": [container(volumeMounts=[{"name": "data", "mountPath": "/data"}])],
        "volumes": [{"name": "data", "emptyDir": {}}],
    }
)


@pytest.mark.parametrize(("programs", "attached"), [("HAS find\n", 0), ("", 1)], ids=["find", "no find"])
def test_volumes_are_searched_by_a_debug_container_if_the_image_has_no_find(
    programs: str, attached: int, capture: Run
) -> None:
    cluster = Cluster(find=(OK, b"", b""))
    cluster.found, cluster.listing = WITH_VOLUME, f"{programs}{cluster.listing}"
    (artifact,) = capture(cluster, CRASH_DUMPS)
    assert (artifact.outcome, artifact.reason) == ("skipped", "there are no dumps on the container's volumes")
    assert len(cluster.attached) == attached
    folder = "/proc/7/root/data" if attached else "/data"
    assert any(argv[:2] == ("find", folder) for argv in cluster.ran)


def test_volumes_that_nothing_can_search_are_not_said_to_be_empty(capture: Run) -> None:
    cluster = Cluster()
    cluster.found = WITH_VOLUME
    (artifact,) = capture(cluster, CRASH_DUMPS, image="")
    assert artifact.outcome == "skipped"
    assert "were not searched: its image has no find, and no debug image is set" in artifact.reason


SHARED = target(shares_processes=True)


def test_in_a_pod_that_shares_its_processes_only_those_of_the_container_are_captured(capture: Run) -> None:
    cluster = in_image()
    cluster.listing = f"S 99\nP 1 0 0 1 pause\nF\nP 5 0 0 9 java\nF\n{JAVA.replace('T' + chr(10), '')}"
    (artifact,) = capture(cluster, collector(), of=SHARED)
    assert artifact.outcome == "complete"
    assert cluster.tools() == [("jcmd", "7", "Thread.print")]


def test_processes_that_only_a_debug_container_can_distinguish_are_captured_from_there(capture: Run) -> None:
    cluster = Cluster(debug=["jattach"], jattach=(OK, b"threads\n", b""))
    cluster.listing = f"S 99\n{JAVA.replace('T' + chr(10), '')}"
    cluster.debug_listing = f"S 99\nP 1 0 0 1 java\nM /x/libjvm.so\n{JAVA}"
    (artifact,) = capture(cluster, collector(), of=SHARED)
    assert (artifact.outcome, cluster.tools()) == ("complete", [("jattach", "7", "threaddump")])


def test_processes_that_nothing_distinguishes_are_refused(capture: Run) -> None:
    cluster = in_image()
    cluster.listing = f"S 99\n{JAVA.replace('T' + chr(10), '')}"
    (artifact,) = capture(cluster, collector(), of=SHARED)
    assert artifact.outcome == "failed"
    assert "no control group contains the ID of the container" in artifact.reason
    assert cluster.tools() == []


def test_without_a_shell_the_tool_of_the_image_may_list_processes_of_other_containers(capture: Run) -> None:
    finds = Tool(("jcmd", "{pid}"), ("jcmd", "-h"), find=("jcmd", "-l"), pid_pattern=r"^(\d+) ")
    cluster = Cluster(shell=False, debug=["jattach"], jcmd=(OK, b"1 other\n", b""), jattach=(OK, b"threads\n", b""))
    (artifact,) = capture(cluster, collector(in_image=(finds,)), of=SHARED)
    assert artifact.outcome == "complete"
    assert ("jcmd", "-l") not in cluster.ran


@pytest.mark.parametrize(
    "answer",
    [
        (ExitStatus(None, "", "no", StartFailure.NO_PROGRAM), b"", b"executable file `jcmd` not found in $PATH"),
        (ExitStatus(1), b"", b"ERROR: transport error 202: bind failed: Address already in use"),
    ],
    ids=["no jcmd", "a jcmd that fails"],
)
def test_a_list_that_failed_does_not_show_that_there_is_no_process(answer: Any, capture: Run) -> None:
    finds = Tool(("jcmd", "{pid}"), ("jcmd", "-h"), find=("jcmd", "-l"), pid_pattern=r"^(\d+) ")
    cluster = Cluster(shell=False, debug=["jattach"], jcmd=answer, jattach=(OK, b"threads\n", b""))
    (artifact,) = capture(cluster, collector(in_image=(finds,)), preset=True)
    assert (artifact.outcome, artifact.origin) == ("complete", "debug-container")


def test_a_node_that_cannot_be_reached_is_the_reason_of_every_collector(
    capture: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, calls = in_image(), list[object]()

    def unreachable(*_: object, **__: object) -> ExitStatus:
        calls.append(1)
        return ExitStatus(None, "", "error dialing backend: EOF", StartFailure.NODE_UNREACHABLE)

    monkeypatch.setattr(cluster, "run", unreachable)
    artifacts = capture(cluster, collector(), collector(id="again"))
    assert {artifact.reason for artifact in artifacts} == {
        f"cannot run sh in {target().ref}: error dialing backend: EOF. Check the node of the pod."
    }
    assert len(calls) == 1


def test_refused_debug_container_fails_each_collector_that_needs_it(capture: Run) -> None:
    cluster = bare()
    cluster.refuses = True
    artifacts = capture(cluster, collector(), collector(id="again"))
    assert [(artifact.outcome, artifact.reason) for artifact in artifacts] == [
        ("failed", "cannot attach: forbidden. Ask.")
    ] * 2
    assert len(cluster.attached) == 1


def test_debug_image_without_the_tool_is_told(capture: Run) -> None:
    cluster = Cluster(shell=False)
    (artifact,) = capture(cluster, collector())
    assert (artifact.outcome, artifact.reason) == ("failed", "the debug image has no jattach")


class Denying(Cluster):
    """A cluster whose debug container may not touch the target unless it is root; the tool says so in its ``words``."""

    words = b"jattach: denied\n"

    def run(self, _api: Api, place: ContainerRef, argv: Sequence[str], stdio: Stdio, **rest: Any) -> Any:
        spec = next((spec for spec in self.attached if spec["name"] == place.container), {})
        denied = spec and spec["securityContext"]["runAsUser"] != 0
        self.answers["jattach"] = (ExitStatus(1), b"", self.words) if denied else (OK, b"threads\n", b"")
        return super().run(_api, place, argv, stdio, **rest)


def test_more_privilege_is_taken_only_after_less_was_denied_and_where_it_is_allowed(capture: Run) -> None:
    cluster = Denying(shell=False)
    (artifact,) = capture(cluster, collector(), ceiling="general")
    assert artifact.outcome == "complete"
    assert artifact.how.endswith("with profile general")
    assert [spec["securityContext"]["runAsUser"] for spec in cluster.attached] == [1000, 0]


def test_without_leave_for_more_the_denial_stays(capture: Run) -> None:
    (artifact,) = capture(Denying(shell=False), collector())
    assert artifact.outcome == "failed"
    assert "jattach: denied" in artifact.reason


def test_words_of_a_container_gain_no_privilege(capture: Run) -> None:
    cluster = Denying(shell=False)
    cluster.words = b"EACCES, EPERM, ptrace: Operation not permitted; it says 'jattach: denied'\n"
    (artifact,) = capture(cluster, collector(), ceiling="general")
    assert (artifact.outcome, artifact.reason_code, len(cluster.attached)) == ("failed", "exit-code", 1)


def test_collector_that_needs_more_than_admission_gives_is_skipped(capture: Run) -> None:
    cluster = bare()
    cluster.refuses = True
    (artifact,) = capture(cluster, collector(needs=("SYS_PTRACE",), detect=None), ceiling="general")
    assert artifact.outcome == "skipped"
    assert "forbidden" in artifact.reason


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


def test_file_is_read_once_whoever_asks_for_it(capture: Run) -> None:
    logs = collector(id="logs", file="", reads_api="logs", in_image=(), from_debug=())
    artifacts = capture(Cluster(), SNAPSHOT, logs)
    assert [artifact.file for artifact in artifacts].count("logs/app.log") == 1


def test_log_that_breaks_off_is_kept_and_called_truncated(capture: Run, bundle: Bundle) -> None:
    cluster = Cluster()
    cluster.log_error = NotAllowed("cannot read the log", "the token has expired")
    log = capture(cluster, SNAPSHOT)[0]
    assert (log.outcome, log.reason) == ("truncated", "cannot read the log: the token has expired")
    assert (bundle.folder / log.file).read_bytes() == b"started\n"


def test_size_limit_cuts_and_is_told(capture: Run, bundle: Bundle) -> None:
    (artifact,) = capture(in_image(), collector(size_limit_bytes=4))
    assert (artifact.outcome, artifact.bytes) == ("truncated", 4)
    assert "it reached its size limit of 4 bytes" in artifact.reason
    assert (bundle.folder / artifact.file).read_bytes() == b"thre"


def test_container_that_does_not_run_runs_nothing(capture: Run) -> None:
    cluster = in_image()
    (artifact,) = capture(cluster, collector(), of=target(state=ContainerState("waiting", "CrashLoopBackOff")))
    assert artifact.outcome == "skipped"
    assert cluster.ran == []


def noticed(
    cluster: Cluster, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, of: Target
) -> tuple[bool, tuple[str, ...]]:
    monkeypatch.setattr("debugcapture.kube.exec_stream.run", cluster.run)
    api, record = cast("Api", cluster), Record(bundle, manifest(artifacts=(), finished=None))
    scope = CaptureScope(pod(), of, CapturePolicy("restricted", debug_image=True))
    running = TargetCapture(
        api, scope, DebugSession(api, of, (), DebugOptions("x:1", "restricted", 90), report), record, report
    )
    running.run([SNAPSHOT])
    return running.is_pod_gone, record.manifest.remarks


def test_restart_during_the_capture_is_told(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    cluster.found = pod(status={"containerStatuses": [status(containerID="containerd://new")]})
    artifacts, remarks = noticed(cluster, bundle, monkeypatch, target(container_id="old"))
    assert not artifacts
    assert remarks == ("shop/checkout-7d9f-abcde: container app was restarted during the capture",)


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "another pod of that name"])
def test_pod_that_is_gone_is_noticed(replaced: bool, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    cluster.gone, cluster.found = not replaced, pod(metadata={"uid": "u-2"})
    artifacts, _ = noticed(cluster, bundle, monkeypatch, target(user=User(1, 1)))
    assert artifacts


def test_capture_that_is_killed_leaves_what_it_had(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = in_image()

    def killed(*_: object, **__: object) -> ExitStatus:
        raise SystemExit(143)

    monkeypatch.setattr("debugcapture.kube.exec_stream.run", killed)
    api, record = cast("Api", cluster), Record(bundle, manifest(artifacts=(), finished=None))
    scope = CaptureScope(pod(), target(), CapturePolicy("restricted", debug_image=True))
    debug_session = DebugSession(api, target(), (), DebugOptions("toolbox:1", "restricted", 90), report)
    with pytest.raises(SystemExit):
        TargetCapture(api, scope, debug_session, record, report).run([collector(), SNAPSHOT])
    assert bundle.manifest().status == "partial"
    assert bundle.manifest().artifacts[0].file == "logs/app.log"


def test_target_that_vanishes_in_mid_capture_is_noticed(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    def report_missing(*_: object, **__: object) -> ExitStatus:
        raise TargetNotFound("cannot run a command", "pods not found")

    monkeypatch.setattr("debugcapture.kube.exec_stream.run", report_missing)
    cluster = Cluster()
    cluster.gone = True
    api, record = cast("Api", cluster), Record(bundle, manifest(artifacts=(), finished=None))
    scope = CaptureScope(pod(), target(), CapturePolicy("restricted", debug_image=True))
    debug_session = DebugSession(api, target(), (), DebugOptions("toolbox:1", "restricted", 90), report)
    running = TargetCapture(api, scope, debug_session, record, report)
    running.run([collector()])
    assert running.is_pod_gone
    assert record.manifest.artifacts[0].outcome == "failed"


def test_what_nobody_thought_of_costs_its_own_artifact_and_no_other(
    capture: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: object, **__: object) -> None:
        raise ValueError("what is\nthat")

    monkeypatch.setattr("debugcapture.capture.probe.parse", odd)
    dump, snapshot = capture(in_image(), collector(), SNAPSHOT)[-1], capture(in_image(), collector(), SNAPSHOT)[0]
    assert (dump.outcome, dump.reason) == ("failed", "ValueError: what is that. Please report this bug.")
    assert snapshot.outcome == "complete"


def test_a_shell_that_hangs_is_asked_once(capture: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = in_image()

    def hangs(_api: object, _place: object, argv: Sequence[str], *_: object, **__: object) -> ExitStatus:
        cluster.ran.append(tuple(argv))
        return out_of_time()

    monkeypatch.setattr(cluster, "run", hangs)
    artifacts = capture(cluster, collector(), collector(id="jvm-histogram", title="Histogram"))
    assert [artifact.outcome for artifact in artifacts] == ["failed", "failed"]
    assert len(cluster.ran) == 1
