"""Which container of a real pod is captured: one that hangs while it starts, one of a pod that is being deleted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.kubernetes.kubectl import Kubectl
from lab.process import wait_until
from tests.cluster.captures import captured
from tests.cluster.objects import Apply, Ready, bare, container, debug_containers, pod, pod_spec

STAYS: dict[str, Any] = {"lifecycle": {"preStop": {"sleep": {"seconds": 590}}}}


def init_runs(kubectl: Kubectl, namespace: str, name: str) -> bool:
    status = kubectl.json("get", "pod", name, f"--namespace={namespace}")["status"]
    return any("running" in item["state"] for item in status.get("initContainerStatuses") or [])


@pytest.mark.parametrize(
    ("init", "method"),
    [
        (container(), "exec"),
        (bare(), "debug-container"),
        (
            container(restartPolicy="Always", startupProbe={"exec": {"command": ["false"]}, "failureThreshold": 720}),
            "exec",
        ),
    ],
    ids=["with a shell", "without a shell", "native sidecar whose startup probe never passes"],
)
def test_the_init_container_that_hangs_is_captured(
    init: dict[str, Any], method: str, apply: Apply, namespace: str, kubectl: Kubectl, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(bare(), initContainers=[{**init, "name": "setup"}])))
    wait_until("its init container", lambda: init_runs(kubectl, namespace, "web"), 60)
    run = captured(tmp_path, namespace=namespace, pod="web", collectors="processes")
    assert run.manifest.target.container == "setup"
    assert (run.artifact("processes").outcome, run.artifact("processes").origin) == ("complete", method)


@pytest.fixture
def ending(namespace: str, kubectl: Kubectl) -> Iterator[Any]:
    """Delete the pod `web`, which stays for its grace period; at the end, do not wait for that."""
    yield lambda: kubectl("delete", "pod", "web", f"--namespace={namespace}", "--wait=false")
    kubectl("delete", "pod", "web", f"--namespace={namespace}", "--grace-period=0", "--force", "--ignore-not-found")


def test_a_pod_that_is_being_deleted_is_captured_by_exec(
    apply: Apply, ready: Ready, ending: Any, namespace: str, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(container(**STAYS)) | {"terminationGracePeriodSeconds": 600}))
    ready("pod/web")
    ending()
    run = captured(tmp_path, namespace=namespace, pod="web", collectors="processes")
    assert "terminating" in run.manifest.target.unhealthy
    assert (run.artifact("processes").outcome, run.artifact("processes").origin) == ("complete", "exec")


def test_a_pod_that_is_being_deleted_gets_no_debug_container_and_says_so_at_once(
    apply: Apply, ready: Ready, ending: Any, namespace: str, kubectl: Kubectl, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(bare(**STAYS)) | {"terminationGracePeriodSeconds": 600}))
    ready("pod/web")
    ending()
    started = time.monotonic()
    run = captured(tmp_path, namespace=namespace, pod="web", collectors="events,processes")
    assert time.monotonic() - started < 30
    assert run.artifact("events").outcome == "complete"
    assert "the pod is being deleted, and the kubelet starts no container in it" in run.artifact("processes").reason
    assert not any(debug_containers(kubectl, namespace, state) for state in ("running", "waiting", "terminated"))
