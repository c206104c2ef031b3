"""Debug containers on the real cluster: captures share them, and if one is rejected, only its collectors fail."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from lab.kubernetes.kubectl import Kubectl
from lab.process import wait_until
from tests.cluster.captures import captured
from tests.cluster.objects import (
    Apply,
    Ready,
    bare,
    container,
    debug_containers,
    pod,
    pod_spec,
)


def test_debug_container_that_still_runs_is_joined_not_doubled(
    namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(bare())))
    ready("pod/web")
    options = {
        "namespace": namespace,
        "pod": "web",
        "collectors": "pod-snapshot,system-calls",
    }  # 10 s, so that both captures run at the same time
    both = [threading.Thread(target=captured, args=(tmp_path,), kwargs=options) for _ in range(2)]
    both[0].start()
    wait_until("the first debug container", lambda: bool(debug_containers(kubectl, namespace, "running")), 60)
    both[1].start()
    for thread in both:
        thread.join()
    wait_until("their end", lambda: not debug_containers(kubectl, namespace, "running"), 30)
    assert len(debug_containers(kubectl, namespace, "terminated")) <= 2


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        (
            {"image": "lab.local/no-such:1"},
            "ErrImageNeverPull|ErrImagePull|ImagePullBackOff",
            "Check the name of the debug",
        ),
        ({"image": "lab.local/pause:1"}, "did not start", "build the toolbox image of this version"),
        ({"profile": "sysadmin"}, "", ""),
    ],
    ids=["no such image", "image without run-tool", "all is allowed"],
)
def test_refused_debug_container_is_reported_and_the_rest_is_captured(  # noqa: PLR0913, PLR0917
    changes: dict[str, str],
    error: str,
    reason: str,
    namespace: str,
    apply: Apply,
    ready: Ready,
    tmp_path: Path,
) -> None:
    apply(pod("web", pod_spec(bare())))
    ready("pod/web")
    run = captured(tmp_path, namespace=namespace, pod="web", collectors="logs,events,native-stacks", **changes)
    stacks = run.artifact("native-stacks")
    assert run.artifact("events").outcome in ("complete", "skipped")
    if not error:
        assert stacks.outcome == "complete"
        return
    assert stacks.outcome == "failed"
    assert re.search(error, stacks.reason)
    assert reason in stacks.reason


def test_a_profile_above_pod_security_fails_with_the_rule(
    apply: Apply, ready: Ready, namespace: str, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    secure = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
    secure |= {"seccompProfile": {"type": "RuntimeDefault"}}
    apply(pod("web", pod_spec(container(securityContext=secure))))
    ready("pod/web")
    options = {
        "namespace": namespace,
        "pod": "web",
        "collectors": "packet-capture,native-stacks",
        "profile": "netadmin",
    }
    run = captured(tmp_path, **options)
    packets = run.artifact("packet-capture")
    assert packets.outcome == "failed"
    assert "PodSecurity" in packets.reason
    assert run.manifest.status == "partial"
    assert run.artifact("native-stacks").outcome == "complete"


def test_packets_are_captured_if_pod_security_allows_it(
    namespace: str, apply: Apply, ready: Ready, tmp_path: Path
) -> None:
    apply(pod("web", pod_spec(container())))
    ready("pod/web")
    run = captured(tmp_path, namespace=namespace, pod="web", collectors="packet-capture", profile="netadmin")
    packets = run.artifact("packet-capture")
    assert packets.outcome == "complete", packets.reason
    assert (run.folder / packets.file).read_bytes()[:4] in (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4")
