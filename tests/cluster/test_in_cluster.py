"""Captures by a Job of the real cluster: a killed index, node or step, and a run that another server resumes."""

from __future__ import annotations

import json
import os
import signal
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import Bundle
from debugcapture.fleet import manifests
from debugcapture.fleet.shards import record_key
from debugcapture.manifest import Manifest
from debugcapture.model import Outcome
from debugcapture.steps.capture import capture
from debugcapture.stores.registry import open_readable
from lab.kubernetes.kubectl import Kubectl
from lab.process import wait_until
from tests.cluster.captures import captured, run_context
from tests.cluster.fleet import Fleet
from tests.faults.daemons import kill, repair

IN_TIME_S = 240


@pytest.fixture
def fleet(namespace: str, kubectl: Kubectl) -> Fleet:
    fleet = Fleet(kubectl, namespace, {"pods_per_index": "2"})
    fleet.grant()
    fleet.pods(6)
    return fleet


def manifest_of(outcome: Outcome) -> Manifest:
    return Bundle(Path(outcome.data["bundle"])).manifest()


def test_each_pod_is_captured_once_though_an_index_is_killed(fleet: Fleet, tmp_path: Path) -> None:
    log: list[str] = []
    step = fleet.step(collectors="pod-snapshot,processes")
    killing = threading.Thread(target=kill_index, args=(fleet, "0"))
    killing.start()
    outcome = capture(step, run_context(tmp_path, log))
    killing.join()
    manifest = manifest_of(outcome)
    assert manifest.status == "complete", log
    assert len(manifest.targets) == len(manifest.artifacts) == 6
    assert any("3 of 3 workers done, 0 failed; 6 of 6 pods" in line for line in log)
    assert manifest.requests > 6
    assert f"{manifest.requests} requests to the API server" in log
    store = open_readable(step.store)
    page = store.read(f"{manifest.key}/index.html")
    assert page
    for artifact in manifest.artifacts:
        assert artifact.direct
        own = store.read(artifact.direct.key)
        assert own
        assert artifact.file.encode() in page.replace(b"&#x2F;", b"/")
        assert b"processes.txt" in own
    assert fleet.jobs() == []
    fleet.kubectl(
        "wait", f"--namespace={fleet.namespace}", "--for=delete", "secret", "-l", manifests.RUN_LABEL, "--timeout=60s"
    )


def kill_index(fleet: Fleet, index: str) -> None:
    label = f"--selector=batch.kubernetes.io/job-completion-index={index}"
    place = f"--namespace={fleet.namespace}"
    wait_until("the index", lambda: bool(fleet.kubectl("get", "pods", place, label, "--output=name")), 60)
    fleet.kubectl("delete", "pod", place, label, "--grace-period=0", "--force", "--wait=false")


def test_a_pod_whose_capture_was_stopped_is_captured_again(fleet: Fleet, tmp_path: Path) -> None:
    """The worker is stopped as by a drained node, while strace counts system calls. It can still store what it has."""
    log: list[str] = []
    stopping = threading.Thread(target=stop_index_at_work, args=(fleet, "0"))
    stopping.start()
    outcome = capture(fleet.step(collectors="pod-snapshot,system-calls"), run_context(tmp_path, log))
    stopping.join()
    manifest = manifest_of(outcome)
    assert manifest.status == "complete", [artifact.reason for artifact in manifest.artifacts]
    assert len(manifest.artifacts) == 6


def stop_index_at_work(fleet: Fleet, index: str) -> None:
    label = f"--selector=batch.kubernetes.io/job-completion-index={index}"
    place = f"--namespace={fleet.namespace}"

    def is_at_work() -> bool:
        names = fleet.kubectl("get", "pods", place, label, "--output=name").split()
        return any("Events: complete" in fleet.kubectl("logs", name, place) for name in names)

    def is_running() -> bool:
        return "Running" in fleet.kubectl("get", "pods", place, label, "--output=jsonpath={.items[*].status.phase}")

    wait_until("the index", is_running, 60)
    wait_until("the first artifacts of the index", is_at_work, 60)
    fleet.kubectl("delete", "pod", place, label, "--wait=false")


@pytest.mark.exclusive
def test_a_node_that_restarts_only_delays_the_capture(fleet: Fleet, tmp_path: Path) -> None:
    log: list[str] = []
    dying = threading.Thread(target=cut_the_power, args=(fleet,))
    dying.start()
    outcome = capture(fleet.step(collectors="pod-snapshot,processes"), run_context(tmp_path, log))
    dying.join()
    manifest = manifest_of(outcome)
    assert manifest.status == "complete", log
    assert len(manifest.artifacts) == 6


def cut_the_power(fleet: Fleet) -> None:
    """End the kubelet and the indexes as a power failure does; the kubelet starts again a little later."""
    wait_until("an index at work", lambda: bool(index_processes(fleet)), 120)
    kill("kubelet")
    try:
        for pid in index_processes(fleet):
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(pid, signal.SIGKILL)
    finally:
        repair()


def index_processes(fleet: Fleet) -> list[int]:
    uids = [pod["metadata"]["uid"] for pod in fleet.job_pods()]
    workers = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            group = (process / "cgroup").read_text()
            is_worker = any(uid in group for uid in uids) and b"fleet.worker" in (process / "cmdline").read_bytes()
            workers += [int(process.name)] if is_worker else []
    return workers


def test_run_whose_step_and_job_were_killed_resumes_elsewhere(fleet: Fleet, tmp_path: Path) -> None:
    log: list[str] = []

    def die(line: str) -> None:
        log.append(line)
        if "1 of 3 workers done" in line:
            raise SystemExit(143)

    first = fleet.step(parallelism="1")
    with pytest.raises(SystemExit):
        capture(first, replace(run_context(tmp_path / "one", []), report=die))
    (running,) = fleet.jobs()
    run_id = next(line.rpartition("resume=")[2] for line in log if "resume=" in line)
    place = f"--namespace={fleet.namespace}"
    fleet.kubectl("delete", "job", place, running["metadata"]["name"], "--cascade=foreground", "--timeout=60s")
    targets = Bundle(tmp_path / "one" / run_id).manifest().targets
    store = open_readable(first.store)
    finished = {target.pod for target in targets if store.read(record_key(run_id, target.uid))}
    assert 2 <= len(finished) < 6
    missing_pod = next(target.pod for target in targets if target.pod not in finished)
    fleet.kubectl("delete", "pod", place, missing_pod, "--wait=true", "--timeout=60s")

    log_lines: list[str] = []
    outcome = capture(fleet.step(resume=run_id), run_context(tmp_path / "other", log_lines))
    manifest = manifest_of(outcome)
    assert f"the store already has {len(finished)} of 6 pods" in log_lines
    assert manifest.capture_id == run_id
    assert [target.pod for target in manifest.targets] == [target.pod for target in targets]
    by_pod = {artifact.title.partition(" ")[0].rpartition("/")[2]: artifact for artifact in manifest.artifacts}
    assert {name for name, record in by_pod.items() if record.outcome == "complete"} == by_pod.keys() - {missing_pod}
    assert "not found" in by_pod[missing_pod].reason
    assert any(f": {6 - len(finished)} pods for " in line for line in log_lines)


def test_pods_of_the_job_are_admitted_where_pod_security_is_restricted(fleet: Fleet, kubectl: Kubectl) -> None:
    kubectl("label", "namespace", fleet.namespace, "pod-security.kubernetes.io/enforce=restricted")
    order = manifests.JobSpec("20260102T120000Z-web-1", "debug-capture-x", {}, {"s3_secret_key": "x"}, "", 1, {}, 5)
    template = manifests.job(order, fleet.step(job_pod_spec="").in_cluster, 1)["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {"name": "x", "namespace": fleet.namespace}}
    kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))


def test_requests_to_the_api_server_grow_with_the_pods_by_a_small_number(fleet: Fleet, tmp_path: Path) -> None:
    fleet.pods(20)
    settings = {
        pods: captured(
            tmp_path,
            namespace=fleet.namespace,
            selector="app",
            sample="false",
            max_pods=str(pods),
            collectors="pod-snapshot,processes",
        ).manifest.requests
        for pods in (1, 5, 20)
    }
    each = (settings[20] - settings[1]) / 19
    print(settings)
    assert each <= 12, settings
    assert settings[5] <= settings[1] + 4 * (each + 1), settings
    assert settings[1] - each <= 5, settings
