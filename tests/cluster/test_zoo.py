"""Captures of the zoo (lab/workloads/zoo): the container, the method, the reasons and the first finding.

All pods are captured once in parallel, as an operator would capture a complete namespace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatch

import pytest

from debugcapture.finding import Finding
from debugcapture.manifest import Artifact
from debugcapture.model import Target
from lab.kubernetes import zoo
from lab.kubernetes.kubectl import Kubectl
from lab.process import wait_until
from tests.cluster.captures import CaptureRun, as_captures, captured
from tests.cluster.deep import Looks
from tests.cluster.traces import NOTHING, Changes, first_processes

pytestmark = pytest.mark.xdist_group("zoo")

EXEC = {"processes": "exec", "network-state": "exec", "disk": "exec"}
SHELL = EXEC | {"native-stacks": "debug-container"}
BARE = dict.fromkeys(SHELL, "debug-container")
DUMP = {"crash-dumps": "volume"}
ENDED = {"jvm-thread-dump": "container app is not running"}
_HANGS_AFTER_S = 120  # targets/startup.py
_SETTLES_S = 30


@dataclass(frozen=True)
class Expected:
    """The expected result of a pod. ``finding`` is a pattern for the first finding; "" for a healthy pod."""

    ways: Mapping[str, str]
    """Where the files of a collector come from."""
    finding: str = ""
    container: str = "app"
    workload: str = ""
    """The name of the pod's label ``app`` if it is empty."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """A pattern for the reason why the file of a collector is missing. The collector may have wildcards."""


CRASH = Expected(DUMP, r'Container "app" ended with exit code 3', reasons=ENDED)
EXPECTED = {
    "alpine": Expected(SHELL),
    "debian": Expected(SHELL),
    "minimal": Expected(SHELL, reasons={"crash-dumps": "there are no dumps"}),
    "distroless-root": Expected(BARE),
    "distroless-nonroot": Expected(BARE),
    "read-only-root": Expected(
        EXEC | {"jvm-thread-dump": "exec"}, reasons={"jvm-*": "accepts no tool of this kind.*Read-only file system"}
    ),
    "read-only-root-tmp": Expected(
        EXEC | dict.fromkeys(("jvm-thread-dump", "jvm-heap-histogram", "jvm-info"), "debug-container"),
        r'"worker-\d" waits for a monitor that "worker-\d" holds',
    ),
    "root": Expected(SHELL),
    "image-user": Expected(dict.fromkeys((*EXEC, "python-stacks"), "debug-container")),
    "fs-group": CRASH,
    "other-owner": CRASH,
    "shared-processes": Expected(SHELL),
    "host-pid": Expected(SHELL),
    "native-sidecar": Expected(SHELL),
    "init-running": Expected(SHELL, r'hangs: container "migrate": init container has run for', "migrate"),
    "init-failing": Expected(
        {},
        r'Init container "migrate" ended with exit code 1',
        "migrate",
        reasons={"jvm-thread-dump": "container migrate is not running"},
    ),
    "startup-probe": Expected(SHELL, r'Startup probe failed: container "app"'),
    "readiness-gate": Expected(SHELL, "is not ready: readiness gate example.com/in-load-balancer is not met for"),
    "terminating": Expected(
        EXEC, reasons={"native-stacks": "the pod is being deleted, and the kubelet starts no container in it"}
    ),
    "static": Expected(EXEC, reasons={"native-stacks": r"from a file of its node \(static pod\)"}),
    "killed-sidecar": Expected(
        SHELL, r'Container "log-shipper" was killed for memory: OOMKilled.*memory limit 16Mi', "log-shipper"
    ),
    "sub-path": CRASH,
    "volumes": Expected(SHELL),
    "many-debug-containers": Expected(SHELL),
    "rollout": Expected(SHELL),
    "deployment-config": Expected(SHELL),
    "partitioned": Expected(SHELL),
    "import": Expected({}, r'Container "app" ended with exit code 4', reasons=ENDED),
    "report": Expected(SHELL),
}
# Without a separate process namespace, or not started.
UNSEEN = ("shared-processes", "host-pid", "init-running")
# The JVM creates its socket when a tool attaches, and keeps it.
EXCEPTIONS = {"read-only-root-tmp": (r"(unix )?/tmp/\.java_pid1(\.tmp)?",)}


@dataclass(frozen=True)
class Zoo:
    """The capture, and what it changed in the containers, by the label ``app``."""

    capture: CaptureRun
    pods: Mapping[str, str]
    changes: Mapping[str, Changes]

    def target(self, app: str) -> Target:
        return next(target for target in self.capture.manifest.targets if target.pod == self.pods[app])

    def artifacts(self, app: str) -> list[Artifact]:
        return [artifact for artifact in self.capture.manifest.artifacts if artifact.pod == self.pods[app]]

    def alarms(self, app: str) -> list[Finding]:
        """The findings about the pod, without those of the severity info."""
        pod, findings = self.pods[app], self.capture.manifest.findings
        return [item for item in findings if pod in (item.pod, *item.pods) and item.severity != "info"]

    def text(self, app: str, collector: str) -> str:
        file = next(artifact.file for artifact in self.artifacts(app) if artifact.collector == collector)
        return self.capture.text(file)


@pytest.fixture(scope="module")
def captured_zoo(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    pods = {
        pod["metadata"]["labels"]["app"]: pod
        for pod in kubectl.json("get", "pods", f"--namespace={zoo.NAMESPACE}")["items"]
        if "deletionTimestamp" not in pod["metadata"] or pod["metadata"]["name"] == "terminating"
    }
    created = max(_time(pods[app]["metadata"]["creationTimestamp"]) for app in ("init-running", "startup-probe"))
    hangs = created + timedelta(seconds=_HANGS_AFTER_S + 30)
    wait_until("the starting pods to hang", lambda: datetime.now(timezone.utc) > hangs, _HANGS_AFTER_S + 30)
    stay = {app for app, state in zoo.states().items() if state not in ("crashed", "ended")}
    first = first_processes(kubectl, zoo.NAMESPACE)
    looks = Looks.at({app: pid for app, pid in first.items() if app in stay})
    options = {"selector": "app", "sample": "false", "max_pods": "100", "concurrency": "12", "collectors": "standard"}
    capture = captured(tmp_path_factory.mktemp("spool"), namespace=zoo.NAMESPACE, **options, **as_captures())
    names = {app: pod["metadata"]["name"] for app, pod in pods.items()}
    return Zoo(capture, names, looks.settled(_SETTLES_S))


def recently_killed(kubectl: Kubectl, captured_at: datetime) -> bool:
    """Whether the sidecar was killed in the hour before the capture. Only such a kill counts."""
    pods = kubectl.json("get", "pods", f"--namespace={zoo.NAMESPACE}", "--selector=app=killed-sidecar")["items"]
    runs = [status["lastState"] for pod in pods for status in pod["status"]["containerStatuses"]]
    ends = [_time(run["terminated"]["finishedAt"]) for run in runs if "terminated" in run]
    return captured_at - max(ends) < timedelta(hours=1)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_every_workload_of_the_zoo_has_an_expectation() -> None:
    assert EXPECTED.keys() == zoo.states().keys()


@pytest.mark.parametrize("app", EXPECTED)
def test_the_capture_of_each(app: str, captured_zoo: Zoo, kubectl: Kubectl) -> None:
    expected = EXPECTED[app]
    if app == "killed-sidecar" and not recently_killed(kubectl, captured_zoo.capture.manifest.started):
        expected = replace(expected, container="app", finding=r'Container "log-shipper" was killed for memory')
    target = captured_zoo.target(app)
    assert (target.container, target.workload) == (expected.container, expected.workload or app)
    artifacts = captured_zoo.artifacts(app)
    ways = {artifact.collector: artifact.origin for artifact in artifacts if artifact.file and artifact.origin != "api"}
    assert ways == expected.ways
    for collector, pattern in expected.reasons.items():
        reasons = [artifact.reason for artifact in artifacts if fnmatch(artifact.collector, collector)]
        assert any(re.search(pattern, reason) for reason in reasons), reasons
    failed = {artifact.collector for artifact in artifacts if artifact.outcome == "failed"}
    assert failed <= expected.reasons.keys()
    alarms = captured_zoo.alarms(app)
    if expected.finding:
        assert re.search(expected.finding, alarms[0].title), [alarm.title for alarm in alarms]
    else:
        assert not alarms


@pytest.mark.parametrize("app", [app for app, state in zoo.states().items() if state not in ("crashed", "ended")])
def test_a_capture_leaves_nothing_in_the_container(app: str, captured_zoo: Zoo) -> None:
    if app in UNSEEN:
        assert app not in captured_zoo.changes
    else:
        assert captured_zoo.changes[app].without(EXCEPTIONS.get(app, ())) == NOTHING


@pytest.mark.parametrize(("app", "other"), [("shared-processes", "tail"), ("host-pid", "kubelet")])
def test_processes_of_other_containers_are_listed_apart(app: str, other: str, captured_zoo: Zoo) -> None:
    own, title, others = captured_zoo.text(app, "processes").partition("== processes of other containers:")
    assert title
    assert re.search(r"\d+ \d+ S 1 \d+ kB sleep$", own, re.MULTILINE)
    assert not re.search(rf" {other}$|run-tool$", own, re.MULTILINE)
    assert re.search(rf" {other}$", others.partition("\n\n")[0], re.MULTILINE)
    (stacks,) = (item for item in captured_zoo.artifacts(app) if item.collector == "native-stacks")
    assert stacks.outcome == "complete"


def test_a_jvm_without_a_writable_folder_prints_its_threads_to_the_log(captured_zoo: Zoo) -> None:
    (threads,) = (item for item in captured_zoo.artifacts("read-only-root") if item.collector == "jvm-thread-dump")
    assert threads.method == "from the container's log, because the process refused the tool"


def test_the_log_warns_of_a_pod_with_many_debug_containers_and_has_no_stack_trace(captured_zoo: Zoo) -> None:
    log = "\n".join(captured_zoo.capture.log)
    assert re.search(r"has 1\d\d debug containers, which Kubernetes never removes", log)
    assert "Traceback" not in log


def test_workloads_of_the_same_revision_are_not_one_finding(captured_zoo: Zoo) -> None:
    rollouts = [item for item in captured_zoo.capture.manifest.findings if item.rule == "last-rollout"]
    assert len(rollouts) > 1
    assert all(len(item.pods) == 1 for item in rollouts)
