"""collect.py: the target restarts, disappears or hangs, or the capture is killed."""

from __future__ import annotations

from typing import Any, cast

import pytest

from debugcapture.bundle.bundle import Bundle
from debugcapture.bundle.record import Record
from debugcapture.capture import probe as probe_module
from debugcapture.capture.collect import TargetCapture
from debugcapture.capture.debug_session import DebugOptions, DebugSession
from debugcapture.capture.probe import CaptureScope
from debugcapture.collectors.plan import CapturePolicy
from debugcapture.errors import TargetNotFound
from debugcapture.kube.client import Api
from debugcapture.kube.frames import out_of_time
from debugcapture.model import (
    ExitStatus,
    Target,
    User,
)
from tests.unit.builders import collector, manifest, pod, status, target
from tests.unit.capture.collecting import SNAPSHOT, Run, in_image
from tests.unit.capture.conftest import report
from tests.unit.fakes import Cluster


def noticed(cluster: Cluster, bundle: Bundle, of: Target) -> tuple[bool, tuple[str, ...]]:
    api, record = cast("Api", cluster), Record(bundle, manifest(artifacts=(), finished=None))
    scope = CaptureScope(pod(), of, CapturePolicy("restricted", debug_image=True))
    running = TargetCapture(
        api, scope, DebugSession(api, of, (), DebugOptions("x:1", "restricted", 90), report), record, report
    )
    running.run([SNAPSHOT])
    return running.is_pod_gone, record.manifest.remarks


def test_restart_during_the_capture_is_reported(bundle: Bundle) -> None:
    cluster = Cluster()
    cluster.pod_json = pod(status={"containerStatuses": [status(containerID="containerd://new")]})
    artifacts, remarks = noticed(cluster, bundle, target(container_id="old"))
    assert not artifacts
    assert remarks == ("shop/checkout-7d9f-abcde: container app was restarted during the capture",)


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "another pod of that name"])
def test_pod_that_is_gone_is_noticed(replaced: bool, bundle: Bundle) -> None:
    cluster = Cluster()
    cluster.is_gone, cluster.pod_json = not replaced, pod(metadata={"uid": "u-2"})
    artifacts, _ = noticed(cluster, bundle, target(user=User(1, 1)))
    assert artifacts


def test_a_killed_capture_keeps_its_evidence(bundle: Bundle) -> None:
    class Killed(Cluster):
        def run(self, *_: object, **__: object) -> ExitStatus:
            raise SystemExit(143)

    api, record = cast("Api", in_image(Killed)), Record(bundle, manifest(artifacts=(), finished=None))
    scope = CaptureScope(pod(), target(), CapturePolicy("restricted", debug_image=True))
    debug_session = DebugSession(api, target(), (), DebugOptions("toolbox:1", "restricted", 90), report)
    with pytest.raises(SystemExit):
        TargetCapture(api, scope, debug_session, record, report).run([collector(), SNAPSHOT])
    assert bundle.manifest().status == "partial"
    assert bundle.manifest().artifacts[0].file == "logs/app.log"


def test_target_that_vanishes_in_mid_capture_is_noticed(bundle: Bundle) -> None:
    class Gone(Cluster):
        def run(self, *_: object, **__: object) -> ExitStatus:
            raise TargetNotFound("cannot run a command", "pods not found")

    cluster = Gone()
    cluster.is_gone = True
    api, record = cast("Api", cluster), Record(bundle, manifest(artifacts=(), finished=None))
    scope = CaptureScope(pod(), target(), CapturePolicy("restricted", debug_image=True))
    debug_session = DebugSession(api, target(), (), DebugOptions("toolbox:1", "restricted", 90), report)
    running = TargetCapture(api, scope, debug_session, record, report)
    running.run([collector()])
    assert running.is_pod_gone
    assert record.manifest.artifacts[0].outcome == "failed"


def test_an_unexpected_error_affects_only_its_own_artifact(capture: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def odd(*_: object, **__: object) -> None:
        raise ValueError("what is\nthat")

    monkeypatch.setattr(probe_module, "parse", odd)
    dump, snapshot = capture(in_image(), collector(), SNAPSHOT)[-1], capture(in_image(), collector(), SNAPSHOT)[0]
    assert (dump.outcome, dump.reason) == ("failed", "ValueError: what is that. Please report this bug.")
    assert snapshot.outcome == "complete"


def test_a_shell_that_hangs_is_called_once(capture: Run) -> None:
    class Hangs(Cluster):
        def run(self, *arguments: Any, **_: Any) -> ExitStatus:
            self.ran.append(tuple(arguments[1]))
            return out_of_time()

    cluster = in_image(Hangs)
    artifacts = capture(cluster, collector(), collector(id="jvm-histogram", title="Histogram"))
    assert [artifact.outcome for artifact in artifacts] == ["failed", "failed"]
    assert len(cluster.ran) == 1
