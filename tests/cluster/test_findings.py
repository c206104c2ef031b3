"""The first finding about each workload of the lab names its problem, and healthy workloads have no finding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from debugcapture.finding import Finding
from debugcapture.manifest import Manifest
from lab.kubernetes.kubectl import Kubectl
from lab.process import wait_until
from tests.cluster.captures import CaptureRun, captured
from tests.cluster.deep import Deep
from tests.cluster.objects import Apply, Ready, container, deployment, pod_spec

pytestmark = pytest.mark.xdist_group("runtimes")

# The rule of the first finding about each workload that has a problem, and words of its title.
PROBLEMS = {
    "java17-bare": ("java-deadlock", 'Deadlock between the threads "checkout-1" and "checkout-2"'),
    "java17-busybox": ("java-lock-contention", '"worker-2" waits for a monitor that "worker-1" holds'),
    "java25-full": ("java-lock-contention", '"worker-2" waits for a monitor that "worker-1" holds'),
    "java25-busybox": ("java-lock-contention", '"worker-2" waits for a monitor that "worker-1" holds'),
    "java25-bare": ("java-lock-contention", '"worker-2" waits for a monitor that "worker-1" holds'),
    "python-full": ("python-lock-wait", '"worker-2" waits for a lock in reserve_inventory'),
    "java17-crash": ("jvm-internal-error", "OutOfMemoryError: Java heap space"),
    "java25-crash": ("jvm-internal-error", "OutOfMemoryError: Java heap space"),
    "python-crash": ("container-keeps-failing", "exit code 139 (SIGSEGV)"),
    "node-crash": ("node-uncaught-error", "Error: the inventory is gone"),
    "go-crash": ("go-program-ended", "panic: the inventory is gone"),
    "native-crash": ("container-keeps-failing", "exit code 139 (SIGSEGV)"),
    "ruby-crash": ("container-keeps-failing", "the inventory is gone"),
    "php-crash": ("container-keeps-failing", "exit code 255"),
}
# These have information only: nothing is wrong, or their tools do not show the problem.
HEALTHY = (
    *("java17-full", "node-full", "node-busybox", "node-bare"),
    *("go-silent", "go-busybox", "ruby-full", "ruby-busybox", "ruby-bare", "php-full", "php-busybox", "php-bare"),
    "native-busybox",
)
# Two threads wait for one lock, and the evidence does not show for how long.
WAITS = {
    "go-full": "go-lock-wait",
    "go-bare": "go-lock-wait",
    "native-full": "native-mutex",
    "native-bare": "native-mutex",
}
MACHINE = ("disk-", "tasks-wait-", "processes-wait-")
"""Rules about the machine that runs the lab, not about a workload."""


def about(manifest: Manifest, pod: str) -> list[Finding]:
    """Return the findings about ``pod``, the most important first."""
    return [finding for finding in manifest.findings if pod in finding.pods and not finding.rule.startswith(MACHINE)]


def alarms(findings: Sequence[Finding]) -> list[str]:
    return [f"{finding.rule}: {finding.title}" for finding in findings if finding.severity != "info"]


def pod_of(deep: Deep, app: str) -> str:
    return deep.of(app)[0].pod


@pytest.mark.parametrize("app", PROBLEMS)
def test_the_first_finding_names_the_problem(app: str, deep: Deep) -> None:
    rule, words = PROBLEMS[app]
    first = about(deep.run.manifest, pod_of(deep, app))[0]
    assert (first.rule, words in first.title) == (rule, True), first.title


@pytest.mark.parametrize("app", WAITS)
def test_a_wait_for_a_lock_is_the_first_and_only_alarm(app: str, deep: Deep) -> None:
    findings = about(deep.run.manifest, pod_of(deep, app))
    assert findings[0].rule == WAITS[app]
    # The wait itself becomes a warning when it has lasted for minutes.
    assert alarms([finding for finding in findings if finding.rule != WAITS[app]]) == []


@pytest.mark.parametrize("app", HEALTHY)
def test_a_healthy_workload_has_no_alarm(app: str, deep: Deep) -> None:
    assert alarms(about(deep.run.manifest, pod_of(deep, app))) == []


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> CaptureRun:
    options = {"namespace": "shop", "selector": "app", "sample": "false", "max_pods": "10", "collectors": "quick"}
    return captured(tmp_path_factory.mktemp("spool"), **options)


@pytest.mark.parametrize(
    ("workload", "rule", "words"),
    [
        ("checkout", "java-deadlock", 'Deadlock between the threads "checkout-1" and "checkout-2"'),
        ("gateway", "container-keeps-failing", 'FATAL cannot load route table: upstream "payments" has no address'),
    ],
)
def test_the_first_finding_about_the_shop(workload: str, rule: str, words: str, shop: CaptureRun) -> None:
    (pod,) = [target.pod for target in shop.manifest.targets if target.workload == workload]
    first = about(shop.manifest, pod)[0]
    assert (first.rule, words in first.title) == (rule, True), first.title


def test_orders_is_healthy(shop: CaptureRun) -> None:
    (pod,) = [target.pod for target in shop.manifest.targets if target.workload == "orders"]
    assert alarms(about(shop.manifest, pod)) == []


def test_the_unhealthy_pod_is_compared_with_the_healthy_one(
    namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    probe = {"exec": {"command": ["sh", "-c", "[ ! -e /tmp/sick ]"]}, "periodSeconds": 1, "failureThreshold": 1}
    script = "echo ready; while :; do [ -e /tmp/sick ] && echo 'ERROR ledger is closed'; sleep 1; done"
    apply(deployment("web", pod_spec(container(["sh", "-c", script], readinessProbe=probe)), replicas=2))
    ready("pod -l app=web")
    sick = kubectl.json("get", "pods", f"--namespace={namespace}")["items"][0]["metadata"]["name"]
    kubectl("exec", sick, f"--namespace={namespace}", "--", "touch", "/tmp/sick")  # noqa: S108 - in the container

    def is_unready() -> bool:
        status = kubectl.json("get", "pod", sick, f"--namespace={namespace}")["status"]
        return not status["containerStatuses"][0]["ready"]

    wait_until("a pod that is not ready", is_unready, 60)
    wait_until("its error", lambda: "ERROR" in kubectl("logs", sick, f"--namespace={namespace}"), 60)
    run = captured(tmp_path, namespace=namespace, workload="web", max_pods="2", collectors="pod-snapshot")
    (difference,) = [entry for entry in run.manifest.differences if entry.subject == "errors in the log"]
    assert "ledger is closed" in difference.unhealthy
    assert (difference.pods, len(difference.healthy_pods)) == ((sick,), 1)
    assert any(finding.rule == "unhealthy-pods-differ" for finding in run.manifest.findings)
