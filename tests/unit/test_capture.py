"""capture.py: each collector leaves an artifact or the reason why there is none; one never stops another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from debugcapture.attachment import Attachment, DebugOptions
from debugcapture.bundle import ArtifactFile, Bundle, create_bundle
from debugcapture.capture import Capture, judge
from debugcapture.cluster.api import Api
from debugcapture.errors import NotAllowed
from debugcapture.model import (
    Artifact,
    ArtifactOutcome,
    Collector,
    ContainerState,
    ExitStatus,
    Manifest,
    Target,
)
from tests.unit.builders import NOON, collector, manifest, pod, target
from tests.unit.fakes import OK, Cluster

SNAPSHOT = collector(id="pod-snapshot", title="Pod snapshot", file="", reads_api=True, in_image=(), from_debug=None)


@pytest.mark.parametrize(
    ("ended", "size", "errors", "outcome", "reason"),
    [
        (OK, 5, "", "complete", ""),
        (OK, 5, "a warning", "complete", ""),
        (OK, 0, "", "failed", "it wrote nothing"),
        (ExitStatus(1), 5, "first\nlast\n", "truncated", "exit code 1: last"),
        (ExitStatus(1), 0, "", "failed", "exit code 1"),
        (ExitStatus(None, "TimeLimit", "still running"), 5, "", "truncated", "still running"),
        (ExitStatus(None, "StreamBroken", "it fell"), 0, "x", "failed", "it fell: x"),
    ],
    ids=["whole", "with a warning", "nothing", "cut", "failed", "time limit", "broken"],
)
def test_only_exit_code_zero_with_output_is_complete(
    ended: ExitStatus, size: int, errors: str, outcome: ArtifactOutcome, reason: str
) -> None:
    assert judge(ended, size, errors) == (outcome, reason)


def say(_line: str) -> None:
    pass


Run = Callable[..., tuple[Artifact, ...]]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return create_bundle(tmp_path, "web-0", NOON)


@pytest.fixture
def capture(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs collectors against a cluster and returns their artifacts."""

    def run(cluster: Cluster, *collectors: Collector, of: Target | None = None) -> tuple[Artifact, ...]:
        monkeypatch.setattr("debugcapture.cluster.exec.run", cluster.run)
        options = DebugOptions("toolbox:1", "restricted", 90)
        api, of = cast("Api", cluster), of or target()
        with Attachment(api, of, options, lambda _: None) as attachment:
            one = Capture(api, pod(), of, attachment, lambda _: None)
            done = one.run(collectors, bundle, manifest(artifacts=(), finished=None))
        assert done.finished
        assert bundle.manifest().artifacts == tuple(_saved(artifact) for artifact in done.artifacts)
        return done.artifacts

    return run


def _saved(one: Artifact) -> Artifact:
    """Times are saved in milliseconds."""
    fields = {name: getattr(one, name) for name in Artifact.__slots__}
    exact = one.started
    return Artifact(**fields | {"started": exact.replace(microsecond=exact.microsecond // 1000 * 1000)})


JCMD = {"jcmd": (OK, b"12 Main\nthreads\n", b"")}
DEBUG = {"sh": (OK, b"/proc/7/maps\n", b""), "jattach": (OK, b"threads\n", b"")}


def test_image_that_has_the_tool_is_used_as_it_is(capture: Run, bundle: Bundle) -> None:
    cluster = Cluster(**JCMD)
    (one,) = capture(cluster, collector())
    assert (one.outcome, one.how) == ("complete", "by exec: the image has jcmd")
    assert (bundle.folder / one.file).read_bytes() == b"12 Main\nthreads\n"
    assert cluster.attached == []


def test_image_without_tools_gets_a_debug_container_that_is_ended(capture: Run, bundle: Bundle) -> None:
    cluster = Cluster(**DEBUG)
    (one,) = capture(cluster, collector())
    assert one.outcome == "complete"
    assert (bundle.folder / one.file).read_bytes() == b"threads\n"
    assert ("jattach", "7", "threaddump") in cluster.ran
    assert cluster.ran[-1][:2] == ("sh", "-c")
    assert cluster.attached[0]["securityContext"]["runAsUser"] == 1000


def test_collectors_share_one_debug_container(capture: Run) -> None:
    cluster = Cluster(**DEBUG)
    second = collector(id="again", file="again.txt")
    assert [one.outcome for one in capture(cluster, collector(), second)] == ["complete", "complete"]
    assert len(cluster.attached) == 1


def test_refused_debug_container_fails_each_collector_that_needs_it(capture: Run) -> None:
    cluster = Cluster()
    cluster.refuses = True
    artifacts = capture(cluster, collector(), collector(id="again"))
    assert [(one.outcome, one.reason) for one in artifacts] == [("failed", "cannot attach: forbidden. Ask.")] * 2
    assert len(cluster.attached) == 1


def test_disk_that_is_full_is_a_reason_like_any_other(capture: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: ArtifactFile, _piece: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ArtifactFile, "write", full)
    (one,) = capture(Cluster(**JCMD), collector())
    assert (one.outcome, one.file) == ("failed", "")
    assert "No space left on device" in one.reason


def test_container_without_the_process_is_skipped(capture: Run) -> None:
    (one,) = capture(Cluster(sh=(OK, b"", b"")), collector())
    assert (one.outcome, one.file, one.reason) == ("skipped", "", "there is no Java process in container app")


def test_api_is_read_first_and_a_failure_stops_nothing(capture: Run) -> None:
    cluster = Cluster()
    cluster.refuses = True
    artifacts = capture(cluster, collector(), SNAPSHOT)
    assert [one.outcome for one in artifacts] == ["complete"] * 4 + ["failed"]
    assert [one.file for one in artifacts] == ["logs/app.log", "pod.txt", "pod.yaml", "events.txt", ""]


def test_log_that_breaks_off_is_kept_and_called_truncated(capture: Run, bundle: Bundle) -> None:
    cluster = Cluster()
    cluster.log_error = NotAllowed("cannot read the log", "the token has expired")
    log = capture(cluster, SNAPSHOT)[0]
    assert (log.outcome, log.reason) == ("truncated", "cannot read the log: the token has expired")
    assert (bundle.folder / log.file).read_bytes() == b"started\n"


def test_size_limit_cuts_and_is_told(capture: Run, bundle: Bundle) -> None:
    (one,) = capture(Cluster(**JCMD), collector(size_limit_bytes=4))
    assert (one.outcome, one.bytes) == ("truncated", 4)
    assert "cut at its size limit of 4 bytes" in one.reason
    assert (bundle.folder / one.file).read_bytes() == b"12 M"


def test_container_that_does_not_run_runs_nothing(capture: Run) -> None:
    cluster = Cluster(**JCMD)
    (one,) = capture(cluster, collector(), of=target(state=ContainerState("waiting", "CrashLoopBackOff")))
    assert one.outcome == "skipped"
    assert cluster.ran == []


def test_capture_that_is_killed_leaves_what_it_had(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(**JCMD)

    def killed(*_: object, **__: object) -> ExitStatus:
        raise SystemExit(143)

    monkeypatch.setattr("debugcapture.cluster.exec.run", killed)
    options = DebugOptions("toolbox:1", "restricted", 90)
    api = cast("Api", cluster)
    one = Capture(api, pod(), target(), Attachment(api, target(), options, lambda _: None), lambda _: None)
    start: Manifest = manifest(artifacts=(), finished=None)
    with pytest.raises(SystemExit):
        one.run([collector(), SNAPSHOT], bundle, start)
    assert bundle.manifest().status == "partial"
    assert [artifact.file for artifact in bundle.manifest().artifacts][0] == "logs/app.log"
