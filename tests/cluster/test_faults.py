"""What breaks while a capture runs: the API server, the node, a runtime, a process that may not be looked at."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from debugcapture.cluster.api import Api
from debugcapture.model import Json
from lab.kubernetes import layout
from lab.kubernetes.kubectl import Kubectl
from lab.paths import REPO
from lab.process import Process, wait_until
from tests.cluster.captures import captured
from tests.cluster.objects import Apply, Ready, bare, container, pod, pod_spec

BIG = 256 << 20
BEGUN = 4 << 20
Killed = Callable[[str], None]


@pytest.fixture
def kill() -> Iterator[Killed]:
    """Kill a daemon of the cluster; afterwards the cluster is repaired."""
    killed: list[Process] = []

    def one(name: str) -> None:
        process = Process(layout.PART, name, [])
        identity = process.identity()
        assert identity
        identity.signal(SIGKILL)
        wait_until(f"the death of {name}", lambda: not identity.alive(), 20)
        killed.append(process)

    yield one
    if not all(process.running() for process in killed):
        repair()


def repair() -> None:
    subprocess.run([sys.executable, "-m", "lab", "up", "kubernetes"], cwd=REPO, check=True, capture_output=True)


def test_file_is_fetched_on_after_the_api_server_was_restarted(  # noqa: PLR0913, PLR0917 - the fixtures of a cluster
    namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, kill: Killed, tmp_path: Path
) -> None:
    make = f"yes evidence | head -c {BIG} >/tmp/big; touch /tmp/made; while :; do sleep 1; done"
    made = {"exec": {"command": ["test", "-f", "/tmp/made"]}, "periodSeconds": 1}  # noqa: S108 - in the container
    apply(pod("web", pod_spec(container(["sh", "-c", make], readinessProbe=made))))
    ready("pod/web")
    catalog = tmp_path / "big.json"
    copy = {"run": ["cp", "/tmp/big", "/tmp/out"], "output": "/tmp/out", "removes": True}  # noqa: S108
    big: dict[str, object] = {"id": "big", "title": "Big", "file": "big.bin", "kind": "binary", "in_image": [copy]}
    big |= {"time_limit_s": 300, "size_limit_bytes": 1 << 30, "source": "https://example.org"}
    catalog.write_text(json.dumps([big]))

    def restart() -> None:
        wait_until("the first bytes", lambda: any(one.stat().st_size > BEGUN for one in arriving(tmp_path)), 60)
        kill("kube-apiserver")
        repair()

    restarted = threading.Thread(target=restart)
    restarted.start()
    done = captured(tmp_path, namespace=namespace, pod="web", collectors="big,pod-snapshot", catalog=str(catalog))
    restarted.join()
    one = done.artifact("big")
    assert (one.outcome, one.integrity, one.bytes) == ("complete", "verified", BIG), done.said
    assert one.sha256 == hashlib.sha256((done.folder / one.file).read_bytes()).hexdigest()
    assert kubectl("exec", "web", f"--namespace={namespace}", "--", "sha256sum", "/tmp/big").split()[0] == one.sha256  # noqa: S108
    assert any("going on after" in line for line in done.said)


def arriving(spool: Path) -> list[Path]:
    return list(spool.glob("*/big.bin.part"))


def test_node_that_is_gone_costs_only_what_has_to_come_from_it(
    namespace: str, apply: Apply, ready: Ready, kill: Killed, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(bare())))
    ready("pod/web")
    kill("kubelet")
    done = captured(tmp_path, namespace=namespace, pod="web", collectors="pod-snapshot,native-stacks")
    files = {one.file: one for one in done.manifest.artifacts if one.collector == "pod-snapshot"}
    assert {"pod.txt", "pod.yaml", "events.txt"} <= files.keys()
    assert "The pod's node does not answer" in files[""].reason  # the log
    assert "node localhost is not ready" in done.artifact("native-stacks").reason
    assert done.manifest.status == "partial"


def test_runtime_that_does_not_share_processes_is_told(
    namespace: str, apply: Apply, ready: Ready, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Such a runtime ignores the field (Kubernetes API reference, EphemeralContainer); the one here honours it."""
    patch = Api.patch_ephemeral_containers

    def without_target(api: Api, place: str, name: str, spec: Json) -> Json:
        return patch(api, place, name, {key: value for key, value in spec.items() if key != "targetContainerName"})

    monkeypatch.setattr(Api, "patch_ephemeral_containers", without_target)
    apply(pod("web", pod_spec(bare())))
    ready("pod/web")
    done = captured(tmp_path, namespace=namespace, pod="web", collectors="pod-snapshot,native-stacks")
    assert "its runtime does not share them" in done.artifact("native-stacks").reason
    assert done.text("pod.txt")


def test_more_privilege_is_used_only_after_less_was_denied(
    namespace: str, apply: Apply, ready: Ready, tmp_path: Path
) -> None:
    """A program that its user may not read may not be traced by that user either: ptrace(2), PR_SET_DUMPABLE."""
    hidden = "cp /bin/busybox /tmp/sleep; chmod 111 /tmp/sleep; exec /tmp/sleep 3600"
    apply(pod("web", pod_spec(container(["sh", "-c", hidden]))))
    ready("pod/web")
    given = {"namespace": namespace, "pod": "web", "collectors": "pod-snapshot,native-stacks"}
    denied = captured(tmp_path, **given, profile="restricted")
    assert denied.artifact("native-stacks").outcome == "failed"
    assert "The job allows no more than profile restricted" in denied.artifact("native-stacks").reason
    allowed = captured(tmp_path, **given, profile="general")
    stacks = allowed.artifact("native-stacks")
    assert stacks.outcome == "complete", allowed.said
    assert "with profile general" in stacks.how
    assert any("denied with profile restricted" in line for line in allowed.said)


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
    done = captured(tmp_path, namespace=namespace, pod="wide", collectors="pod-snapshot,native-stacks")
    assert done.manifest.target.container == "c777"
    assert done.text("pod.txt").count("lab.local/pause:1") >= 1000


def test_only_the_last_seconds_of_the_logs_are_taken_when_asked(
    namespace: str, apply: Apply, ready: Ready, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(container(["sh", "-c", "echo old; sleep 8; while :; do echo new; sleep 1; done"]))))
    ready("pod/web")
    whole = {"namespace": namespace, "pod": "web", "collectors": "logs"}
    wait_until("a new line", lambda: "new" in captured(tmp_path, **whole).text("logs/app.log"), 30)
    text = captured(tmp_path, **whole, log_since_s="4").text("logs/app.log")
    assert "new" in text
    assert "old" not in text
