"""deploy/rbac on a real API server: each manifest grants enough, and each missing rule is reported.

The tests run as a service account with exactly the rules of a manifest.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from debugcapture.collectors.catalog import catalog, presets
from debugcapture.errors import CaptureError, NotAllowed
from debugcapture.kube.auth import connect
from debugcapture.kube.client import Api
from debugcapture.kube.rbac import PERMISSIONS, SIZES, Permission, Size
from debugcapture.settings.declare import read
from debugcapture.settings.forms import RestartStep
from debugcapture.steps.execute import ExecStep
from debugcapture.steps.restart import restart
from lab.kubernetes.kubectl import Kubectl
from lab.process import wait_until
from tests.cluster.captures import CaptureRun, as_bearer, captured, run_context
from tests.cluster.objects import IMAGE, bare, container, deployment, pod, pod_spec

pytestmark = pytest.mark.xdist_group("permissions")  # one account, whose rules each test changes

Rule = tuple[str, str, str]  # group, resource, verb
READ = ("pod-snapshot", "logs", "events", "workload", "node", "metrics")
# tests/cluster/test_runtimes.py runs the collectors of the preset deep with the permissions of a capture. These are
# the others.
JAVA = ("jvm-command-line", "jvm-system-properties", "jvm-thread-dumps", "jvm-heap-dump-gz")
ALSO = (*JAVA, "system-calls", "packet-capture")
CREATES_PODS = ("node-state",)
EVERYTHING = tuple(PERMISSIONS)


def rules(permissions: tuple[Permission, ...]) -> set[Rule]:
    return {(permission.group, permission.resource, verb) for permission in permissions for verb in permission.verbs}


def of_size(size: Size) -> tuple[Permission, ...]:
    return tuple(permission for permission in PERMISSIONS if permission.purpose in SIZES[size])


class Account:
    """A service account whose rules each test changes, and the namespace of the rules."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self._kubectl, self.namespace = kubectl, namespace
        self._apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "captures"}})
        for kind, name in (("Role", "captures"), ("ClusterRole", namespace)):
            self._write(kind, name, set())
            subject = {"kind": "ServiceAccount", "name": "captures", "namespace": namespace}
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
            head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": f"{kind}Binding", "metadata": {"name": name}}
            self._apply({**head, "roleRef": reference, "subjects": [subject]})
        token = kubectl("create", "token", "captures", f"--namespace={namespace}").strip()
        self.connection = as_bearer(token)
        self._api = Api(connect(read(ExecStep, {**self.connection, "command": "-"}).connection))

    def holds(self, permissions: tuple[Permission, ...], *, but: Rule | None = None) -> None:
        """Grant exactly ``permissions`` without the rule ``but``, and wait until they apply."""
        for kind, name, scope in (("Role", "captures", "namespace"), ("ClusterRole", self.namespace, "cluster")):
            inside = tuple(permission for permission in permissions if permission.scope == scope)
            self._write(kind, name, rules(inside) - {but})
        granted = rules(permissions) - {but}
        wait_until("the rules to be in force", lambda: self._has() == granted, 30)

    def _has(self) -> set[Rule]:
        """Return the permissions according to the API server, without those that every account has."""
        review = {"kind": "SelfSubjectRulesReview", "spec": {"namespace": self.namespace}}
        answer = self._api.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", "cannot check", review)
        return {
            (group, resource, verb)
            for rule in answer["status"]["resourceRules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
            if not resource.startswith("selfsubject")
        }

    def _write(self, kind: str, name: str, granted: set[Rule]) -> None:
        content = [
            {"apiGroups": [group], "resources": [two], "verbs": [three]} for group, two, three in sorted(granted)
        ]
        head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}}
        self._apply({**head, "rules": content})

    def _apply(self, thing: dict[str, Any]) -> None:
        self._kubectl("apply", f"--namespace={self.namespace}", "-f", "-", stdin=json.dumps(thing))

    def capture(self, spool: Path, **options: str) -> CaptureRun:
        common = {"namespace": self.namespace, "fail_when_partial": "true"}
        return captured(spool, **(self.connection | common | options))

    def restart(self, spool: Path, **options: str) -> None:
        common = {"namespace": self.namespace, "dry_run": "true", "gate": "none", "gate_stored": "false"}
        restart(read(RestartStep, self.connection | common | options), run_context(spool, []))


@pytest.fixture(scope="module")
def account(kubectl: Kubectl) -> Iterator[Account]:
    """In a namespace without Pod Security, with a workload of each kind."""
    name = f"test-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    web = deployment("web", pod_spec(container(["sh", "-c", "echo hello; while :; do sleep 1; done"])))
    java = {**container(), "image": "lab.local/orders:1"}
    del java["command"]
    nowhere = {**pod_spec(bare()), "nodeSelector": {"none": "such"}}
    labels = {"matchLabels": {"app": "x"}}
    template = {"metadata": {"labels": {"app": "x"}}, "spec": nowhere}
    items = [
        web,
        deployment("java", pod_spec(java)),
        pod("bare", pod_spec(bare())),
        *(
            {
                "apiVersion": "apps/v1",
                "kind": kind,
                "metadata": {"name": "other"},
                "spec": {"selector": labels, "template": template},
            }
            for kind in ("StatefulSet", "DaemonSet")
        ),
    ]
    kubectl(
        "apply",
        f"--namespace={name}",
        "-f",
        "-",
        stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}),
    )
    kubectl("wait", f"--namespace={name}", "--for=condition=Available", "deployment/web", "deployment/java")
    kubectl("wait", f"--namespace={name}", "--for=condition=Ready", "pod/bare")
    yield Account(kubectl, name)
    kubectl("delete", "namespace", name, "--wait=false")
    kubectl("delete", "clusterrole,clusterrolebinding", name)


def test_every_collector_is_promised_by_a_size_and_run_with_it() -> None:
    promised = {*READ, *presets()["deep"].collectors, *ALSO, *CREATES_PODS}
    assert promised == {collector.id for collector in catalog().values() if not collector.unproved}


def test_the_size_read_captures_state_logs_and_events_completely(account: Account, tmp_path: Path) -> None:
    account.holds(of_size("read"))
    run = account.capture(tmp_path, workload="web", collectors=",".join(READ))
    # The lab has no metrics server, and a first release has no earlier one to compare with.
    assert {artifact.reason for artifact in run.manifest.artifacts if artifact.outcome != "complete"} <= {"it is empty"}
    assert {artifact.collector for artifact in run.manifest.artifacts} >= {*READ} - {"logs", "events"}
    assert "hello" in run.text("logs/app.log")


@pytest.mark.parametrize(
    ("pod_of", "collectors"), [("java", JAVA), ("web", ("system-calls", "packet-capture"))], ids=["java", "any"]
)
def test_the_size_capture_is_enough_for_collectors_outside_the_presets(
    pod_of: str, collectors: tuple[str, ...], account: Account, tmp_path: Path
) -> None:
    account.holds(of_size("capture"))
    options = {"collectors": ",".join(collectors), "allow_heavy": "true", "profile": "netadmin"}
    run = account.capture(tmp_path, workload=pod_of, **options)
    assert {artifact.collector: artifact.reason for artifact in run.manifest.artifacts} == dict.fromkeys(collectors, "")


def test_inspecting_the_node_also_needs_the_permission_to_create_pods(account: Account, tmp_path: Path) -> None:
    extra = tuple(permission for permission in PERMISSIONS if permission.purpose == "pod copies and node pods")
    account.holds((*of_size("capture"), *extra))
    run = account.capture(tmp_path, pod="bare", collectors="node-state", node_namespace=account.namespace)
    assert run.artifact("node-state").outcome == "complete"


Deed = Callable[[Account, Path], str]


def collecting(collectors: str, **options: str) -> Deed:
    """Return the reason of the collector, or the error of the capture. Another collector always succeeds."""

    def run(account: Account, spool: Path) -> str:
        with_it = collectors if collectors == "events" else f"events,{collectors}"
        common = {"collectors": with_it, "fail_when_partial": "false", "image": ""}
        run = account.capture(spool, **({"workload": "web"} | common | options))
        return run.artifact(collectors).reason

    return run


def about(kind: str) -> Deed:
    return collecting("events", workload=f"{kind.removesuffix('s')}/no-such")


def log(account: Account, spool: Path) -> str:
    common = {"workload": "web", "collectors": "pod-snapshot", "fail_when_partial": "false"}
    run = account.capture(spool, **common)
    return next(artifact.reason for artifact in run.manifest.artifacts if artifact.title == "Log of app")


def events(account: Account, spool: Path) -> str:
    common = {"workload": "web", "collectors": "pod-snapshot", "fail_when_partial": "false"}
    run = account.capture(spool, **common)
    return next(artifact.reason for artifact in run.manifest.artifacts if artifact.title == "Events")


def around(account: Account, spool: Path) -> str:
    """Return what workload.yaml reports as missing."""
    run = account.capture(spool, workload="web", collectors="workload")
    return "".join(line for line in run.text("workload.yaml").splitlines() if line.startswith("# omitted: "))


def restarting(**options: str) -> Deed:
    def run(account: Account, spool: Path) -> str:
        account.restart(spool, **options)
        return ""

    return run


def deleting(account: Account, spool: Path) -> str:
    run = account.capture(spool, workload="web", collectors="events")
    account.restart(spool, action="delete-pod", pod=run.manifest.target.pod)
    return ""


def looking(account: Account, spool: Path) -> str:
    options = {"node_namespace": account.namespace, "fail_when_partial": "false"}
    run = account.capture(spool, pod="bare", collectors="events,node-state", **options)
    return run.artifact("node-state").reason


READS = ("get", "list")
DEEDS: dict[Rule, Deed] = {
    ("", "pods", "get"): collecting("events", workload="", pod="bare"),
    ("", "pods", "list"): collecting("events"),
    ("", "pods/log", "get"): log,
    ("", "events", "list"): events,
    ("apps", "replicasets", "get"): collecting("workload"),
    ("apps", "replicasets", "list"): collecting("events"),
    **{("apps", kind, verb): about(kind) for kind in ("deployments", "statefulsets", "daemonsets") for verb in READS},
    **{("batch", kind, verb): about(kind) for kind in ("jobs", "cronjobs") for verb in READS},
    ("autoscaling", "horizontalpodautoscalers", "list"): around,
    ("policy", "poddisruptionbudgets", "list"): around,
    ("", "resourcequotas", "list"): around,
    ("metrics.k8s.io", "pods", "get"): collecting("metrics"),
    ("", "nodes", "get"): collecting("node"),
    ("", "pods/exec", "get"): collecting("processes"),
    ("", "pods/ephemeralcontainers", "patch"): collecting("processes", workload="", pod="bare", image=IMAGE),
    ("apps", "deployments", "patch"): restarting(workload="deployment/web"),
    ("apps", "statefulsets", "patch"): restarting(workload="statefulset/other"),
    ("apps", "daemonsets", "patch"): restarting(workload="daemonset/other"),
    ("apps", "deployments/scale", "patch"): restarting(workload="deployment/web", action="scale", replicas="1"),
    ("apps", "statefulsets/scale", "patch"): restarting(workload="statefulset/other", action="scale", replicas="1"),
    ("", "pods", "delete"): deleting,
    ("", "pods", "create"): looking,
}  # fmt: skip
# Without the first, a wrong namespace is reported as forbidden. Servers from 1.35 check the second. Without the watch
# rules, the capture polls.
ELSEWHERE = {
    ("", "namespaces", "get"), ("", "pods/exec", "create"), ("", "pods", "watch"),
    *(("apps", kind, "watch") for kind in ("deployments", "statefulsets", "daemonsets")),
}  # fmt: skip


def error_of(deed: Deed, account: Account, spool: Path) -> str:
    """Return the reason of an artifact, or the error. A refusal must be the error with exit code 4."""
    try:
        return deed(account, spool)
    except CaptureError as error:
        return str(error) if isinstance(error, NotAllowed) or "forbidden" not in str(error) else f"wrong: {error!r}"


def test_every_rule_is_tried() -> None:
    assert DEEDS.keys() | ELSEWHERE == rules(EVERYTHING)


@pytest.mark.parametrize("rule", DEEDS, ids=lambda rule: " ".join(filter(None, (rule[2], rule[1], rule[0]))))
def test_a_missing_rule_is_reported_in_one_line(rule: Rule, account: Account, tmp_path: Path) -> None:
    group, resource, verb = rule
    account.holds(EVERYTHING, but=rule)
    line = error_of(DEEDS[rule], account, tmp_path)
    assert f'cannot {verb} resource "{resource}" in API group "{group}"' in line
    assert "\n" not in line
    assert "Grant it: kubectl apply " in line


def test_a_wrong_namespace_is_distinguished_from_a_forbidden_one(account: Account, tmp_path: Path) -> None:
    deed = collecting("events", namespace="no-such", workload="", pod="web")
    account.holds(of_size("read"))
    assert "namespace no-such does not exist" in error_of(deed, account, tmp_path)
    account.holds(of_size("read"), but=("", "namespaces", "get"))
    assert 'cannot get resource "pods" in API group "" in the namespace "no-such"' in error_of(deed, account, tmp_path)


def test_exec_requests_the_permission_that_its_server_requires(
    account: Account, kubectl: Kubectl, tmp_path: Path
) -> None:
    minor = int(kubectl.json("version")["serverVersion"]["minor"].rstrip("+"))
    deed = collecting("processes")
    account.holds(EVERYTHING, but=("", "pods/exec", "create"))
    line = error_of(deed, account, tmp_path)
    assert ('cannot create resource "pods/exec"' in line) is (minor >= 35)


def test_a_debug_container_is_waited_for_without_a_watch(account: Account, tmp_path: Path) -> None:
    account.holds(EVERYTHING, but=("", "pods", "watch"))
    assert error_of(DEEDS["", "pods/ephemeralcontainers", "patch"], account, tmp_path) == ""


def test_a_restart_is_waited_for_without_a_watch(account: Account, tmp_path: Path) -> None:
    account.holds(EVERYTHING, but=("apps", "deployments", "watch"))
    assert error_of(restarting(workload="deployment/web", dry_run="false"), account, tmp_path) == ""
