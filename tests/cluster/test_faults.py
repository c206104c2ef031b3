"""Unusual pods: a runtime that shares no processes, a process that may not be traced, many statuses.

Failures during a capture are in tests/faults.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from debugcapture.kube.client import Api
from debugcapture.model import Json
from lab.kubernetes.kubectl import Kubectl
from lab.process import wait_until
from tests.cluster.captures import captured
from tests.cluster.objects import Apply, Ready, bare, container, pod, pod_spec


def test_runtime_that_does_not_share_processes_is_reported(
    namespace: str, apply: Apply, ready: Ready, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Such a runtime ignores the field (Kubernetes API reference, EphemeralContainer); the one of the lab honors it."""
    patch = Api.patch_ephemeral_containers

    def without_target(api: Api, place: str, name: str, spec: Json) -> Json:
        return patch(api, place, name, {key: value for key, value in spec.items() if key != "targetContainerName"})

    monkeypatch.setattr(Api, "patch_ephemeral_containers", without_target)
    apply(pod("web", pod_spec(bare())))
    ready("pod/web")
    run = captured(tmp_path, namespace=namespace, pod="web", collectors="pod-snapshot,native-stacks")
    assert "the container runtime does not share them" in run.artifact("native-stacks").reason
    assert run.text("pod.txt")


def test_more_privilege_is_used_only_after_less_was_denied(
    namespace: str, apply: Apply, ready: Ready, tmp_path: Path
) -> None:
    """A user who may not read a program may not trace it either: ptrace(2), PR_SET_DUMPABLE."""
    hidden = "cp /bin/busybox /tmp/sleep; chmod 111 /tmp/sleep; exec /tmp/sleep 3600"
    apply(pod("web", pod_spec(container(["sh", "-c", hidden]))))
    ready("pod/web")
    options = {"namespace": namespace, "pod": "web", "collectors": "pod-snapshot,native-stacks"}
    denied = captured(tmp_path, **options, profile="restricted")
    assert denied.artifact("native-stacks").outcome == "failed"
    assert "The job allows at most the profile restricted" in denied.artifact("native-stacks").reason
    allowed = captured(tmp_path, **options, profile="general")
    stacks = allowed.artifact("native-stacks")
    assert stacks.outcome == "complete", allowed.log
    assert "with profile general" in stacks.method
    assert any("denied with profile restricted" in line for line in allowed.log)


def test_pod_with_a_thousand_statuses_is_captured(
    namespace: str, apply: Apply, kubectl: Kubectl, tmp_path: Path
) -> None:
    names = [f"c{number}" for number in range(1000)]
    idle = [{"name": name, "image": "lab.local/pause:1"} for name in names]
    apply(pod("wide", pod_spec(*idle, nodeSelector={"no": "such-node"})))
    running = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    common = {"image": "lab.local/pause:1", "imageID": "x", "ready": True, "restartCount": 0, "state": running}
    statuses = [{"name": name, **common} for name in names]
    statuses[777] |= {"ready": False, "restartCount": 9, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    patch = json.dumps({"status": {"phase": "Running", "containerStatuses": statuses}})
    file = tmp_path / "patch.json"
    file.write_text(patch)
    kubectl("patch", "pod", "wide", f"--namespace={namespace}", "--subresource=status", f"--patch-file={file}")
    run = captured(tmp_path, namespace=namespace, pod="wide", collectors="pod-snapshot,native-stacks")
    assert run.manifest.target.container == "c777"
    assert run.text("pod.txt").count("lab.local/pause:1") >= 1000


def test_only_the_last_seconds_of_the_logs_are_captured_when_configured(
    namespace: str, apply: Apply, ready: Ready, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(container(["sh", "-c", "echo old; sleep 8; while :; do echo new; sleep 1; done"]))))
    ready("pod/web")
    settings = {"namespace": namespace, "pod": "web", "collectors": "logs"}
    wait_until("a new line", lambda: "new" in captured(tmp_path, **settings).text("logs/app.log"), 30)
    text = captured(tmp_path, **settings, log_since_s="4").text("logs/app.log")
    assert "new" in text
    assert "old" not in text
