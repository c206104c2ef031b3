"""Captures on a node with cgroup v2, with runc and crun: by exec, by debug container, and with shared processes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from debugcapture.errors import NothingCaptured
from lab.kubernetes.kubectl import Kubectl
from lab.modern_node.names import NAMESPACE, NODE, RUNTIMES
from lab.modern_node.workloads import SHARED, WORKLOADS
from lab.part import LabError
from tests.cluster.captures import CaptureRun, as_captures, captured
from tests.cluster.test_runtimes import CONTENT

EXEC, DEBUG_CONTAINER = "exec", "debug-container"
JVM = ("jvm-thread-dump", "jvm-heap-histogram", "jvm-info")
# How the capture gets each dump, by workload.
TABLE = {
    "java17-full": dict.fromkeys(JVM, EXEC),
    "java17-bare": dict.fromkeys(JVM, DEBUG_CONTAINER),
    "java17-busybox": dict.fromkeys(JVM, DEBUG_CONTAINER),
    "python-full": {"python-stacks": EXEC},
    "python-bare": {"python-stacks": DEBUG_CONTAINER},
    "node-bare": {"node-stacks": DEBUG_CONTAINER, "node-report": DEBUG_CONTAINER},
    "go-bare": dict.fromkeys(("go-goroutines", "go-heap-profile", "native-stacks"), DEBUG_CONTAINER),
    "native-bare": {"native-stacks": DEBUG_CONTAINER},
}
NOT_FOUND = {"runc": 'exec: "jcmd": executable file not found', "crun": "executable file `jcmd` not found"}
THREAD_DUMP = "Full thread dump"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> CaptureRun:
    options = {"namespace": NAMESPACE, "selector": f"app,app notin ({','.join(map(shared, RUNTIMES))})"}
    options |= {"sample": "false", "max_pods": "100", "concurrency": "2", "collectors": "standard"}
    return captured(tmp_path_factory.mktemp("spool"), **options, **as_captures())


def shared(runtime: str) -> str:
    return f"{SHARED}-{runtime}"


def pod_of(app: str, kubectl: Kubectl) -> str:
    (pod,) = kubectl.json("get", "pods", f"--namespace={NAMESPACE}", f"--selector=app={app}")["items"]
    return str(pod["metadata"]["name"])


def test_table_has_every_workload() -> None:
    assert {workload.name for workload in WORKLOADS} == TABLE.keys()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_node_has_cgroup_v2_and_the_runtime(runtime: str, kubectl: Kubectl) -> None:
    info = kubectl.json("get", "node", NODE)["status"]["nodeInfo"]
    assert info["containerRuntimeVersion"].startswith("containerd://2.")
    execute = ("exec", f"--namespace={NAMESPACE}", f"deployment/java17-busybox-{runtime}", "--")
    assert kubectl(*execute, "cat", "/proc/self/cgroup") == "0::/\n"
    with pytest.raises(LabError, match=re.escape(NOT_FOUND[runtime])):
        kubectl(*execute, "jcmd")


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("workload", TABLE)
def test_workload_is_captured_completely(workload: str, runtime: str, run: CaptureRun) -> None:
    pod = re.compile(rf"{workload}-{runtime}-[0-9a-f]+-\w+")
    artifacts = [artifact for artifact in run.manifest.artifacts if pod.fullmatch(artifact.pod)]
    short = [artifact for artifact in artifacts if artifact.outcome in ("failed", "truncated")]
    assert [(artifact.collector, artifact.reason) for artifact in short] == []
    by_collector = {artifact.collector: artifact for artifact in artifacts if artifact.file}
    for collector, origin in TABLE[workload].items():
        artifact = by_collector[collector]
        assert (artifact.origin, artifact.integrity) == (origin, "verified")
        assert re.search(CONTENT[collector], (run.folder / artifact.file).read_bytes()[: 1 << 20]), artifact.file


def test_no_line_is_a_stack_trace(run: CaptureRun) -> None:
    assert not [line for line in run.log if "Traceback" in line or "\n  File" in line]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_processes_of_other_containers_are_left_alone(runtime: str, kubectl: Kubectl, tmp_path: Path) -> None:
    pod = pod_of(shared(runtime), kubectl)
    options = {"namespace": NAMESPACE, "pod": pod, "container": "java17-full"}
    run = captured(tmp_path, **options, collectors="jvm-thread-dump,native-stacks,processes", **as_captures())
    assert {artifact.collector: artifact.origin for artifact in run.manifest.artifacts if artifact.file} == {
        "jvm-thread-dump": EXEC,
        "native-stacks": DEBUG_CONTAINER,
        "processes": EXEC,
    }
    own, title, others = run.text("processes.txt").partition("== processes of other containers:")
    assert title
    assert len(re.findall(r" java$", own, re.MULTILINE)) == 1
    assert len(re.findall(r" java$", others.partition("\n\n")[0], re.MULTILINE)) == 1
    assert THREAD_DUMP not in kubectl("logs", pod, f"--namespace={NAMESPACE}", "--container=neighbor")


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(("workload", "reason"), [("java17-bare", "no shell"), ("java17-busybox", "jcmd")])
def test_missing_program_is_the_reason(
    workload: str, reason: str, runtime: str, kubectl: Kubectl, tmp_path: Path
) -> None:
    options = {"namespace": NAMESPACE, "pod": pod_of(f"{workload}-{runtime}", kubectl), "image": ""}
    with pytest.raises(NothingCaptured, match=f"the image has .*{reason}"):
        captured(tmp_path, **options, collectors="jvm-thread-dump", **as_captures())
