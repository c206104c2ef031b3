"""Captures on the real cluster: selected, replaced and crashed pods, bad connections, and kills."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import lab.kubernetes
from debugcapture.bundle.bundle import Bundle
from debugcapture.errors import BadInput, Rejected, TargetNotFound
from debugcapture.settings.declare import read
from debugcapture.settings.forms import CaptureStep
from debugcapture.steps.capture import capture
from debugcapture.steps.upload import UploadStep, upload
from lab.kubernetes.kubectl import Kubectl
from lab.paths import REPO
from lab.process import wait_until
from tests.cluster.captures import captured, run_context, settings
from tests.cluster.objects import (
    IMAGE,
    Apply,
    Ready,
    bare,
    container,
    debug_containers,
    deployment,
    pod,
    pod_spec,
    restarts,
    waits,
)
from tests.cluster.slow_proxy import SlowProxy


def test_pods_of_a_service_are_captured_in_parallel_each_in_its_folder(
    namespace: str, apply: Apply, ready: Ready, tmp_path: Path
) -> None:
    apply(deployment("web", pod_spec(container()), replicas=3))
    ready("pod -l app=web")
    run = captured(tmp_path, namespace=namespace, workload="web", collectors="pod-snapshot,processes")
    assert run.manifest.status == "complete"
    pods = [target.pod for target in run.manifest.targets]
    assert len(set(pods)) == 3
    for name in pods:
        assert (run.folder / name / "pod.txt").exists()
        assert run.artifact("processes", name).integrity == "verified"
        assert any(line.startswith(f"[{name}] ") for line in run.log)
    assert run.manifest.remarks[0] == f"selected 3 of 3 pods of deployment {namespace}/web, unhealthy first"


def test_unhealthy_pod_is_captured_before_the_healthy_ones(
    namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    for name in ("a-healthy", "b-healthy"):
        apply(pod(name, pod_spec(container()), labels={"app": "web"}))
    apply(pod("c-crashing", pod_spec(container(["sh", "-c", "echo last words >&2; exit 7"])), labels={"app": "web"}))
    ready("pod/a-healthy pod/b-healthy")
    wait_until("a crash loop", lambda: waits(kubectl, namespace, "c-crashing"), 60)
    run = captured(tmp_path, namespace=namespace, selector="app=web", max_pods="1", collectors="logs")
    assert run.manifest.target.pod == "c-crashing"
    # While the container starts again, the kubelet removes the log of the run before the last.
    assert any("last words" in log.read_text() for log in (run.folder / "logs").iterdir())
    assert any("exit code 7" in line for line in run.manifest.remarks)


def test_pod_that_is_replaced_is_followed_to_its_replacement(
    namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    apply(deployment("web", pod_spec(container())))
    ready("pod -l app=web")
    first = kubectl.json("get", "pods", f"--namespace={namespace}")["items"][0]["metadata"]["name"]
    catalog = tmp_path / "slow.yaml"
    slow = {"id": "dawdler", "title": "Dawdler", "file": "dawdler.txt", "time_limit_s": 60, "size_limit_bytes": 1000}
    slow |= {"source": "https://example.org", "in_image": [{"run": ["sh", "-c", "echo begun; sleep 10; echo done"]}]}
    catalog.write_text(json.dumps([slow]))

    def replace() -> None:
        wait_until("its beginning", lambda: any(path.stat().st_size for path in tmp_path.glob("*/dawdler.txt*")), 60)
        kubectl("delete", "pod", first, f"--namespace={namespace}", "--wait=false")

    replaced = threading.Thread(target=replace)
    replaced.start()
    run = captured(
        tmp_path, namespace=namespace, workload="web", collectors="dawdler,pod-snapshot", catalog=str(catalog)
    )
    replaced.join()
    followed = run.manifest.targets[1].pod
    assert followed != first
    assert any(f"continuing with its replacement {namespace}/{followed}" in line for line in run.manifest.remarks)
    assert run.text(f"{followed}/dawdler.txt") == "begun\ndone\n"
    assert run.text("dawdler.txt").startswith("begun")


def test_files_of_a_crashed_container_are_captured_from_its_volume(
    namespace: str, apply: Apply, kubectl: Kubectl, tmp_path: Path
) -> None:
    crash = container(
        ["sh", "-c", "echo heap >/data/java_pid1.hprof; echo state >/data/state.txt; exit 3"],
        volumeMounts=[{"name": "data", "mountPath": "/data"}],
    )
    apply(pod("crashing", pod_spec(crash, volumes=[{"name": "data", "emptyDir": {}}], restartPolicy="Always")))
    # Down for some time: the kubelet does not start a debug container next to a container that is ending.
    wait_until("two crashes", lambda: restarts(kubectl, namespace, "crashing") > 1, 90)
    wait_until("a crash loop", lambda: waits(kubectl, namespace, "crashing"), 60)
    run = captured(
        tmp_path, namespace=namespace, pod="crashing", collectors="crash-dumps,logs", files="/data/state.txt"
    )
    assert run.text("left/data_java_pid1.hprof") == "heap\n"
    with tarfile.open(run.folder / "files.tar") as archive:
        member = archive.extractfile("data/state.txt")
        assert member
        assert member.read() == b"state\n"


def test_dumps_below_a_sub_path_and_of_another_owner_are_captured(
    namespace: str, apply: Apply, kubectl: Kubectl, tmp_path: Path
) -> None:
    """The volume is mounted as in charts, and a JVM that runs as root writes a dump that no other user can read."""
    script = "umask 077; echo heap >/dumps/java_pid1.hprof; echo state >/dumps/state.txt; exit 3"
    mounts = [{"name": "data", "mountPath": "/dumps", "subPath": "shop/dumps"}]
    crash = container(["sh", "-c", script], volumeMounts=mounts)
    spec = pod_spec(crash, volumes=[{"name": "data", "emptyDir": {}}], restartPolicy="Always") | {"securityContext": {}}
    apply(pod("by-root", spec))
    wait_until("two crashes", lambda: restarts(kubectl, namespace, "by-root") > 1, 90)
    wait_until("a crash loop", lambda: waits(kubectl, namespace, "by-root"), 60)
    run = captured(tmp_path, namespace=namespace, pod="by-root", collectors="crash-dumps")
    assert run.text("left/dumps_java_pid1.hprof") == "heap\n", run.log
    assert run.artifact("crash-dumps").title == "/dumps/java_pid1.hprof"


def test_next_start_of_a_crashing_container_is_captured_when_configured(
    namespace: str, apply: Apply, kubectl: Kubectl, tmp_path: Path
) -> None:
    apply(pod("brief", pod_spec(container(["sh", "-c", "sleep 8; exit 1"]))))
    wait_until("a crash", lambda: restarts(kubectl, namespace, "brief") > 0, 90)
    wait_until("its end", lambda: waits(kubectl, namespace, "brief"), 60)
    run = captured(tmp_path, namespace=namespace, pod="brief", collectors="native-stacks", wait_for_restart_s="120")
    assert run.artifact("native-stacks").outcome == "complete", run.log


BIG = 48 << 20


@pytest.fixture
def big_file(apply: Apply, ready: Ready) -> Path:
    """A service that has a large file."""
    make = f"head -c {BIG} /dev/urandom >/tmp/big; while :; do sleep 1; done"
    apply(pod("web", pod_spec(container(["sh", "-c", make]))))
    ready("pod/web")
    return Path("/tmp/big")  # noqa: S108 - in the container


def fetching(folder: Path) -> str:
    """A catalog with a collector that fetches the large file."""
    script = f'while [ "$(wc -c </tmp/big)" -lt {BIG} ]; do sleep 1; done; cp /tmp/big "$0"'
    output = "/tmp/debug-capture-{id}"
    copy = {"run": ["sh", "-c", script, output], "output": output, "removes": True}
    entry = {"id": "big", "title": "Big", "file": "big.bin", "time_limit_s": 120, "size_limit_bytes": 1 << 30}
    file = folder / "big.yaml"
    file.write_text(json.dumps([entry | {"source": "https://example.org", "kind": "binary", "in_image": [copy]}]))
    return str(file)


def sum_of(kubectl: Kubectl, namespace: str, file: Path) -> str:
    return kubectl("exec", "web", f"--namespace={namespace}", "--", "sha256sum", str(file)).split()[0]


@pytest.fixture
def slow() -> Iterator[SlowProxy]:
    with SlowProxy(lab.kubernetes.endpoint().server) as proxy:
        yield proxy


@pytest.mark.parametrize("harm", ["slow", "cut"])
def test_file_is_complete_on_a_bad_connection(  # noqa: PLR0913, PLR0917 - the fixtures of a cluster
    harm: str, namespace: str, big_file: Path, slow: SlowProxy, kubectl: Kubectl, tmp_path: Path
) -> None:
    """kubernetes#124571: the end of the output is lost when the reader is slow."""
    if harm == "slow":
        slow.bytes_per_s = 16 << 20
    else:
        slow.cut_after = 10 << 20
    options = {"namespace": namespace, "pod": "web", "collectors": "big", "catalog": fetching(tmp_path)}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(slow.kubeconfig(lab.kubernetes.endpoint().kubeconfig))
    run = captured(tmp_path, kubeconfig=str(kubeconfig), **options)
    big = run.artifact("big")
    assert (big.outcome, big.integrity, big.bytes) == ("complete", "verified", BIG), (big.reason, run.log[-3:])
    assert big.sha256 == sum_of(kubectl, namespace, big_file)
    assert hashlib.sha256((run.folder / big.file).read_bytes()).hexdigest() == big.sha256
    if harm == "cut":
        assert slow.cuts
        assert any("resuming after" in line for line in run.log)


def test_killed_capture_leaves_a_valid_bundle_and_a_debug_container_that_ends(
    namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(bare())))
    ready("pod/web")
    cluster = lab.kubernetes.endpoint()
    options = {"kubeconfig": str(cluster.kubeconfig), "image": IMAGE, "namespace": namespace, "pod": "web"}
    options |= {
        "collectors": "pod-snapshot,native-stacks,packet-capture",
        "profile": "netadmin",
        "spool": str(tmp_path),
        "debug_time_limit_s": "30",
    }
    environment = {f"RD_CONFIG_{name.upper()}": value for name, value in options.items()}
    script = REPO / "contents" / "k8s-debug-capture.py"
    process = subprocess.Popen([sys.executable, script], env=os.environ | environment, stdout=subprocess.DEVNULL)
    wait_until("the debug container", lambda: bool(debug_containers(kubectl, namespace, "running")), 60)
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    manifest = Bundle(folder).manifest()
    assert manifest.status == "partial"
    assert manifest.finished is None
    for artifact in manifest.artifacts:
        if artifact.file:
            assert hashlib.sha256((folder / artifact.file).read_bytes()).hexdigest() == artifact.sha256
    store = tmp_path / "store"
    store.mkdir()
    upload(read(UploadStep, {"store": store.as_uri(), "spool": str(tmp_path)}), run_context(tmp_path, []))
    assert {path.name for path in store.rglob("pod.*")} == {"pod.txt", "pod.yaml"}
    wait_until("its own end", lambda: not debug_containers(kubectl, namespace, "running"), 60)


def test_dry_run_changes_nothing_and_reports_the_plan(
    namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(container())))
    ready("pod/web")
    log: list[str] = []
    step = settings(namespace=namespace, pod="web", collectors="pod-snapshot,native-stacks,core-dump", dry_run="true")
    assert capture(step, run_context(tmp_path, log)).data == {}
    assert not list(tmp_path.iterdir())
    assert not debug_containers(kubectl, namespace, "running")
    table = log[-1]
    assert "Native stacks" in table
    assert "allow_heavy is off" in table


@pytest.mark.parametrize(("when", "captures"), [("restarts > 5", False), ("not-ready > 0s", False), ("", True)])
def test_condition_decides_whether_anything_is_done(  # noqa: PLR0913, PLR0917 - the fixtures of a cluster
    when: str, captures: bool, namespace: str, apply: Apply, ready: Ready, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(container())))
    ready("pod/web")
    log: list[str] = []
    step = settings(namespace=namespace, pod="web", collectors="logs,pod-snapshot", when=when)
    assert bool(capture(step, run_context(tmp_path, log)).data) is captures
    assert captures or any("nothing to do" in line for line in log)


def test_memory_condition_reads_the_containers_own_use(
    namespace: str, apply: Apply, ready: Ready, tmp_path: Path
) -> None:
    fill = ["sh", "-c", "head -c 60m /dev/urandom >/dev/shm/x; sleep 3600"]
    apply(pod("web", pod_spec(container(fill, resources={"limits": {"memory": "100Mi"}}))))
    ready("pod/web")
    log: list[str] = []
    step = settings(namespace=namespace, pod="web", collectors="pod-snapshot", when="memory > 50%")
    wait_until("memory in use", lambda: bool(capture(step, run_context(tmp_path, log)).data), 30)
    assert any("which meets memory > 50%" in line for line in log)


def test_workload_is_not_dumped_again_before_its_cooldown_ends(
    namespace: str, apply: Apply, ready: Ready, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(container())))
    ready("pod/web")
    options = {"namespace": namespace, "pod": "web", "collectors": "core-dump,pod-snapshot", "allow_heavy": "true"}
    first, second = captured(tmp_path, **options), captured(tmp_path, **options)
    assert first.artifact("core-dump").outcome == "complete", first.artifact("core-dump").reason
    assert second.artifact("core-dump").outcome == "failed"  # the job requests it
    assert "cooldown is 600 s" in second.artifact("core-dump").reason


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"workload": "wep"}, TargetNotFound, "Available: web"),
        ({"selector": "app=none"}, TargetNotFound, "it has no pods"),
        ({"selector": "a=b=c"}, Rejected, "HTTP 400"),
        ({"workload": "web", "collectors": "jvm-heap"}, BadInput, "Did you mean jvm-heap-dump"),
        ({"workload": "web", "catalog": "/no/such.yaml"}, BadInput, "No such file"),
        ({"workload": "web", "pod": "x"}, BadInput, "pod and workload are set"),
        ({"workload": "web", "container": "nope"}, TargetNotFound, "Available: app"),
    ],
)
def test_wrong_input_is_reported_in_one_line(  # noqa: PLR0913, PLR0917 - the fixtures of a cluster
    options: dict[str, str],
    error: type[Exception],
    reason: str,
    namespace: str,
    apply: Apply,
    ready: Ready,
    tmp_path: Path,
) -> None:
    apply(deployment("web", pod_spec(container())))
    ready("pod -l app=web")
    step = read(
        CaptureStep, {"kubeconfig": str(lab.kubernetes.endpoint().kubeconfig), "namespace": namespace} | options
    )
    with pytest.raises(error, match=reason) as caught:
        capture(step, run_context(tmp_path, []))
    assert "\n" not in str(caught.value)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_files_of_a_crashed_containers_image_are_captured_from_a_pod_copy(
    namespace: str, apply: Apply, kubectl: Kubectl, tmp_path: Path
) -> None:
    crash = container(["sh", "-c", "exit 3"], livenessProbe={"exec": {"command": ["false"]}})
    apply(pod("crashing", pod_spec(crash), labels={"app": "web"}))
    wait_until("a crash", lambda: restarts(kubectl, namespace, "crashing") > 0, 60)
    options = {"namespace": namespace, "pod": "crashing", "collectors": "logs,pod-snapshot", "files": "/etc/passwd"}
    refused = captured(tmp_path, **options)
    assert "Set allow_copy" in refused.artifact("files").reason
    run = captured(tmp_path, **options, allow_copy="true")
    with tarfile.open(run.folder / "copy-files.tar") as archive:
        assert archive.getnames() == ["etc/passwd"]
    pods = kubectl.json("get", "pods", f"--namespace={namespace}")["items"]
    assert [item["metadata"]["name"] for item in pods if "deletionTimestamp" not in item["metadata"]] == ["crashing"]


def test_node_pod_captures_the_node_if_the_job_allows_it(
    namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(bare())))
    ready("pod/web")
    options = {"namespace": namespace, "pod": "web", "collectors": "node-state,pod-snapshot"}
    assert "Set node_namespace" in captured(tmp_path, **options).artifact("node-state").reason
    run = captured(tmp_path, **options, node_namespace=namespace)
    text = run.text("node-state.txt")
    assert "== kernel messages" in text
    assert "kubelet" in text  # among the node's processes
    pods = kubectl.json("get", "pods", f"--namespace={namespace}")["items"]
    assert [item["metadata"]["name"] for item in pods if "deletionTimestamp" not in item["metadata"]] == ["web"]
