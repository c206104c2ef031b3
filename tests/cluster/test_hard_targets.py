"""Targets that reject a tool, or that a tool could damage. tests/field/README.md lists the reported cases."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest

from lab.kubernetes.kubectl import Kubectl
from tests.cluster.captures import CaptureRun, captured
from tests.cluster.objects import Apply, Ready, pod, pod_spec

JDK, BARE_JVM, NODE, GO = (f"lab.local/{name}:1" for name in ("orders", "checkout", "node-bare", "go-full"))
DUMP = "Full thread dump"
TMP: dict[str, Any] = {"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}
RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "runAsGroup": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
JDWP = "-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=127.0.0.1:5005"
JMX = (
    "-Dcom.sun.management.jmxremote.port=9010 -Dcom.sun.management.jmxremote.authenticate=false "
    "-Dcom.sun.management.jmxremote.ssl=false"
)


def target(image: str, limit: str = "192Mi", **fields: Any) -> dict[str, Any]:
    security = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    resources = {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": limit}}
    return {"name": "app", "image": image, "securityContext": security, "resources": resources, **fields}


def spec(*containers: dict[str, Any], tmp: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    fields |= {"securityContext": RESTRICTED, "enableServiceLinks": False, "dnsPolicy": "Default"}
    return pod_spec(*containers, volumes=[{"name": "tmp", "emptyDir": tmp or {}}], **fields)


def variable(name: str, value: str) -> dict[str, Any]:
    return {"env": [{"name": name, "value": value}]}


def log(kubectl: Kubectl, namespace: str) -> str:
    return kubectl("logs", "web", f"--namespace={namespace}", "--container=app")


def threads(run: CaptureRun) -> str:
    artifact = run.artifact("jvm-thread-dump")
    assert artifact.outcome == "complete", artifact.reason
    return run.text(artifact.file)


@pytest.mark.parametrize("options", [JDWP, JMX, "-Xms96m -XX:+AlwaysPreTouch"], ids=["debugger", "JMX", "heap"])
def test_options_of_the_application_do_not_break_jcmd(
    options: str, namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    apply(pod("web", spec(target(JDK, **TMP, **variable("JAVA_TOOL_OPTIONS", options)))))
    ready("pod/web")
    run = captured(tmp_path, namespace=namespace, pod="web", collectors="jvm-thread-dump,jvm-info")
    assert DUMP in threads(run)
    assert run.artifact("jvm-thread-dump").method == "by exec: the image has jcmd"
    assert run.artifact("jvm-info").outcome == "complete"
    assert DUMP not in log(kubectl, namespace)


@pytest.mark.parametrize("image", [JDK, BARE_JVM], ids=["jcmd", "jattach"])
@pytest.mark.parametrize("kind", ["no /tmp", "attach is off"])
def test_a_jvm_that_accepts_no_attach_writes_its_threads_to_its_log_once(
    kind: str, image: str, namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    off = TMP | variable("JAVA_TOOL_OPTIONS", "-XX:+DisableAttachMechanism")
    apply(pod("web", spec(target(image, **(off if kind == "attach is off" else {})))))
    ready("pod/web")
    collectors = "jvm-thread-dump,jvm-info,jvm-heap-histogram"
    run = captured(tmp_path, namespace=namespace, pod="web", collectors=collectors)
    assert threads(run).startswith(DUMP)
    assert '"main"' in threads(run)
    assert run.artifact("jvm-thread-dump").method == "from the container's log, because the process refused the tool"
    for collector in ("jvm-info", "jvm-heap-histogram"):
        reason = run.artifact(collector).reason
        assert "accepts no tool of this kind" in reason or "runs with -XX:+DisableAttachMechanism" in reason
    assert log(kubectl, namespace).count(DUMP) == 1


def test_if_two_jvms_share_processes_only_that_of_the_target_is_captured(
    namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    other = target(JDK, **TMP) | {"name": "other"}
    apply(pod("web", spec(target(JDK, **TMP), other, shareProcessNamespace=True)))
    ready("pod/web")
    run = captured(tmp_path, namespace=namespace, pod="web", container="app", collectors="jvm-thread-dump,processes")
    assert [artifact.file for artifact in run.manifest.artifacts] == ["jvm-threads.txt", "processes.txt"]
    pid = re.search(r"== /proc/(\d+)/status", run.text("processes.txt"))
    assert pid
    cgroup = kubectl(
        "exec", "web", f"--namespace={namespace}", "--container=app", "--", "cat", f"/proc/{pid[1]}/cgroup"
    )
    status = kubectl.json("get", "pod", "web", f"--namespace={namespace}")["status"]["containerStatuses"]
    (container_id,) = (item["containerID"].rpartition("/")[2] for item in status if item["name"] == "app")
    assert container_id in cgroup


@pytest.mark.parametrize(
    ("tmp", "limit", "reason"),
    [
        ({"sizeLimit": "16Mi"}, "192Mi", r"of memory does not fit into the 16 MiB of volume at /tmp \(sizeLimit\)"),
        ({"medium": "Memory"}, "96Mi", r"only \d+ MiB of memory are left below the limit of 96 MiB"),
    ],
    ids=["small", "in memory"],
)
def test_a_heap_dump_that_the_volume_at_tmp_cannot_hold_goes_to_the_debug_container(
    tmp: dict[str, Any],
    limit: str,
    reason: str,
    namespace: str,
    apply: Apply,
    ready: Ready,
    kubectl: Kubectl,
    tmp_path: Path,
) -> None:
    apply(pod("web", spec(target(JDK, limit, **TMP), tmp=tmp)))
    ready("pod/web")
    if tmp.get("medium"):
        fill = ("sh", "-c", "head -c 62914560 /dev/zero >/tmp/fill")
        kubectl("exec", "web", f"--namespace={namespace}", "--", *fill)
    options = {"namespace": namespace, "pod": "web", "collectors": "events,jvm-heap-dump", "allow_heavy": "true"}
    refused = captured(tmp_path, **options, image="").artifact("jvm-heap-dump")
    assert refused.outcome == "failed"  # the job names it
    assert re.search(reason, refused.reason), refused.reason
    before = kubectl("exec", "web", f"--namespace={namespace}", "--container=app", "--", "ls", "-A", "/tmp")
    run = captured(tmp_path, **options)
    dump = run.artifact("jvm-heap-dump")
    assert (dump.outcome, dump.file, dump.integrity) == ("complete", "jvm-heap.hprof.gz", "verified"), dump.reason
    with gzip.open(run.folder / dump.file) as content:
        assert content.read(12) == b"JAVA PROFILE"
    after = kubectl("exec", "web", f"--namespace={namespace}", "--container=app", "--", "ls", "-A", "/tmp")
    assert {*after.split()} - {*before.split()} <= {".java_pid1"}


FILL = "const a=[];for(let i=0;i<9e5;i++)a.push({i,s:'x'+i});setInterval(()=>{},1000)"


def test_a_node_process_near_its_limit_gets_no_snapshot(
    namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    apply(pod("web", spec(target(NODE, "192Mi", command=["/usr/bin/node", "-e", FILL], **TMP))))
    ready("pod/web")
    options = {"namespace": namespace, "pod": "web", "collectors": "events,node-heap-snapshot", "allow_heavy": "true"}
    snapshot = captured(tmp_path, **options).artifact("node-heap-snapshot")
    assert snapshot.outcome == "failed"  # the job names it
    assert re.search(r"may need \d+ MiB of additional memory, but only \d+ MiB of memory are left", snapshot.reason)
    status = kubectl.json("get", "pod", "web", f"--namespace={namespace}")["status"]["containerStatuses"]
    assert [item["restartCount"] for item in status] == [0]


def test_go_profiles_are_read_in_spite_of_a_proxy(namespace: str, apply: Apply, ready: Ready, tmp_path: Path) -> None:
    proxy = [{"name": name, "value": "http://127.0.0.1:9"} for name in ("http_proxy", "HTTP_PROXY")]
    apply(pod("web", spec(target(GO, args=["pprof"], env=proxy, **TMP))))
    ready("pod/web")
    run = captured(tmp_path, namespace=namespace, pod="web", collectors="go-goroutines")
    artifact = run.artifact("go-goroutines")
    assert (artifact.outcome, artifact.origin) == ("complete", "exec"), artifact.reason
    assert "goroutine 1" in run.text("go-goroutines.txt")


def test_a_python_process_that_may_not_be_traced_is_captured_with_the_allowed_profile(
    namespace: str, apply: Apply, ready: Ready, tmp_path: Path
) -> None:
    """py-spy has its own words for a denial. PR_SET_DUMPABLE (prctl(2), option 4) has the effect of Yama."""
    program = "import ctypes, time\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\nwhile True:\n    time.sleep(1)\n"
    command = ["/usr/bin/python3", "-c", program]
    service = {"name": "app", "image": "lab.local/python-bare:1", "command": command}
    apply(pod("web", pod_spec(service, securityContext={"runAsUser": 1000, "runAsGroup": 1000})))
    ready("pod/web")
    options = {"namespace": namespace, "pod": "web", "collectors": "pod-snapshot,python-stacks"}
    denied = captured(tmp_path, **options, profile="restricted").artifact("python-stacks")
    assert denied.outcome == "failed"
    assert "The job allows at most the profile restricted" in denied.reason
    allowed = captured(tmp_path, **options, profile="general")
    stacks = allowed.artifact("python-stacks")
    assert stacks.outcome == "complete", (stacks.reason, allowed.log)
    assert "with profile general" in stacks.method
    assert "Python v3" in allowed.text(stacks.file)
