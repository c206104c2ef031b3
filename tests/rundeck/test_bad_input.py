"""Whatever is wrong: one line that says what, which pod, why and what to do, and the documented exit code.

Each row runs in Rundeck's engine against the real service that refuses. The jobs of jobs/open.yaml let every value
through, so that it is the step that answers.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.demo import NAMESPACE, notes, running_pod
from lab.kubernetes.kubectl import Kubectl
from lab.project import Project
from lab.rundeck import JobRun
from tests.rundeck.credentials import expired_token, unknown_authority

OPEN = str(Path(__file__).parent / "jobs" / "open.yaml")
UNREACHABLE = "https://127.0.0.1:9"
RBAC = "rbac.authorization.k8s.io/v1"


def run_open(project: Project, job: str, app: str = "orders", **options: str) -> JobRun:
    """Run a job of open.yaml on a pod of ``app``."""
    target = {"namespace": NAMESPACE, "pod": running_pod(app)}
    return project.run(OPEN, target | options, job=job)


def says(run: JobRun, exit_code: int, *words: str) -> str:
    """Check that the failed step told it in one line, with these ``words`` in it; return the line."""
    assert run.refused is None
    (failed,) = [step for step in run.steps if not step.success]
    assert failed.exit_code == exit_code, run.errors
    (line,) = [line for line in run.errors if line.startswith("Error: ")]
    assert [word for word in words if word not in line] == [], line
    assert not any("Traceback" in line for line in run.output)
    return line


def shows_no_secret(run: JobRun, project: Project) -> None:
    for name in ("token", "s3_secret_key", "pagerduty_token"):
        assert not any(project.settings[name] in line for line in run.output), name


TARGETS = {
    "pod": ({"pod": "checkout-0"}, ["no pod shop/checkout-0", "does not exist", "Pods there: checkout-"]),
    "namespace": ({"namespace": "shopp"}, ["no pod shopp/", "there is no namespace shopp"]),
    "container": ({"container": "sidecar"}, ["no container sidecar in pod shop/orders-", "It has: orders"]),
}


@pytest.mark.parametrize("row", TARGETS)
def test_a_target_that_does_not_exist(row: str, project: Project) -> None:
    options, words = TARGETS[row]
    says(run_open(project, "capture", **options), 3, *words)


@pytest.mark.parametrize("pod", ["x; rm -rf /", "$(id)", "a b", "../nodes", "Checkout"])
def test_a_pod_name_with_other_characters_is_refused_by_job_and_step(pod: str, project: Project) -> None:
    refused = project.run("capture-pod.yaml", {"namespace": NAMESPACE, "pod": pod})
    assert refused.refused
    assert not refused.steps
    says(run_open(project, "capture", pod=pod), 2, "pod must be", "Nothing was touched")


def test_a_collector_that_does_not_exist(project: Project) -> None:
    run = run_open(project, "capture", collectors="heapdump")
    says(run, 2, "no collector heapdump", "jvm-thread-dump, pod-snapshot")


CONNECTIONS: dict[str, tuple[Callable[[], dict[str, str]], int, list[str]]] = {
    "no kubeconfig": (lambda: {"kubeconfig": "/nonexistent"}, 2, ["cannot read /nonexistent", "Correct"]),
    "wrong kubeconfig": (lambda: {"kubeconfig": __file__}, 2, ["wrong kubeconfig", "Correct"]),
    "expired token": (lambda: {"token": expired_token()}, 4, ["does not accept the credentials", "Renew the token"]),
    "garbage token": (lambda: {"token": "garbage"}, 4, ["does not accept the credentials", "Renew the token"]),
    "unreachable": (lambda: {"server": UNREACHABLE}, 5, ["did not answer", "Connection refused", "Check"]),
    "not trusted": (lambda: {"ca_certificate": unknown_authority()}, 5, ["is not trusted", "Check the CA"]),
    "system's CAs": (lambda: {"ca_certificate": ""}, 5, ["is not trusted", "Check the CA"]),
}


@pytest.mark.parametrize("row", CONNECTIONS)
def test_a_cluster_that_cannot_be_used(row: str, project: Project) -> None:
    change, exit_code, words = CONNECTIONS[row]
    changed = project.changed(**change())
    run = run_open(changed, "capture")
    line = says(run, exit_code, *words)
    assert exit_code == 2 or f"pod {NAMESPACE}/orders-" in line
    shows_no_secret(run, changed)


@pytest.fixture
def restricted_project(project: Project, kubectl: Kubectl) -> Iterator[Callable[[str], Project]]:
    """Return a function: the project as a service account that lacks one permission."""
    name = f"lacks-{secrets.token_hex(3)}"
    target = f"--namespace={NAMESPACE}"
    kubectl("create", "serviceaccount", name, target)

    def without(resource: str) -> Project:
        role = kubectl.json("get", "clusterrole", "debug-capture")
        rules = [rule for rule in role["rules"] if resource not in rule["resources"]]
        content = {"apiVersion": RBAC, "kind": "Role", "metadata": {"name": name}, "rules": rules}
        kubectl("apply", target, "-f", "-", stdin=json.dumps(content))
        kubectl("create", "rolebinding", name, f"--role={name}", f"--serviceaccount={NAMESPACE}:{name}", target)
        return project.changed(token=kubectl("create", "token", name, target).strip())

    yield without
    kubectl("delete", "serviceaccount,role,rolebinding", name, target, "--ignore-not-found")


@pytest.mark.parametrize(
    ("job", "resource"), [("exec", "pods/exec"), ("attach", "pods/ephemeralcontainers")], ids=["exec", "attach"]
)
def test_rbac_that_forbids_a_command(job: str, resource: str, restricted_project: Callable[[str], Project]) -> None:
    run = run_open(restricted_project(resource), job, command="id")
    says(run, 4, f"{NAMESPACE}/orders-", f'"{resource}"', "deploy/rbac.yaml")


@pytest.mark.parametrize("resource", ["pods/exec", "pods/ephemeralcontainers"])
def test_rbac_that_forbids_a_collector_leaves_the_rest(
    resource: str, restricted_project: Callable[[str], Project]
) -> None:
    lacking = restricted_project(resource)
    run = run_open(lacking, "capture", app="checkout")
    assert [step.exit_code for step in run.steps] == [10]
    assert run.data == {}  # this job has no filter; the exported one has
    run = lacking.run("capture-pod.yaml", {"namespace": NAMESPACE, "pod": running_pod("checkout")})
    assert run.succeeded, run.errors
    assert run.data["status"] == "partial"
    assert "Java thread dump failed: cannot" in run.data["summary"]
    assert f'"{resource}"' in run.data["summary"]


def test_pod_security_names_its_rule(project: Project) -> None:
    run = run_open(project, "attach", profile="general")
    says(run, 4, f"{NAMESPACE}/orders-", 'PodSecurity "restricted', "SYS_PTRACE", "lower security profile")


def test_an_image_that_cannot_be_pulled_is_given_up_at_once(project: Project) -> None:
    without_image = project.changed(image="127.0.0.1:9/none:1")
    says(run_open(without_image, "attach"), 5, f"{NAMESPACE}/orders-", "ErrImagePull", "Check the debug image")
    run = without_image.run("capture-pod.yaml", {"namespace": NAMESPACE, "pod": running_pod("checkout")})
    assert run.succeeded, run.errors
    assert run.data["status"] == "partial"
    assert "ErrImagePull" in run.data["summary"]


def test_a_command_that_does_not_exist_in_the_container(project: Project) -> None:
    options = {"namespace": NAMESPACE, "pod": running_pod("orders"), "command": "nonsense --help"}
    run = project.run("run-command.yaml", options)
    says(run, 5, "cannot run nonsense in shop/orders-", "no such program", "debug container")


STORES = {
    "no bucket": ({"store": "s3://nonexistent/x"}, ["NoSuchBucket", "Create the bucket"]),
    "wrong key": ({"s3_secret_key": "wrong"}, ["SignatureDoesNotMatch", "Check the S3 secret key"]),
    "unreachable": ({"s3_endpoint": "http://127.0.0.1:9"}, ["Could not connect", "Check the store"]),
}


@pytest.mark.parametrize("row", STORES)
def test_a_store_that_refuses_leaves_everything_in_the_spool_and_the_incident_knows(row: str, project: Project) -> None:
    change, words = STORES[row]
    changed = project.changed(**change)
    options = {"namespace": NAMESPACE, "pod": running_pod("orders"), "incident_id": "Q1ORDERS000001"}
    run = changed.run("capture-pod.yaml", options)
    bundle = Path(run.data["bundle"])
    says(run, 6, f"shop/orders/{bundle.name}", *words, f"Kept in the spool: {bundle}")
    assert {"pod.txt", "events.txt", "jvm-threads.txt", "manifest.json"} <= {file.name for file in bundle.iterdir()}
    note = next(one for one in notes("Q1ORDERS000001") if run.data["capture_id"] in one)
    assert words[0] in note
    assert str(bundle) in note
    shows_no_secret(run, changed)


INCIDENTS = {
    "wrong token": ({"pagerduty_token": "wrong"}, {}, 7, ["HTTP 401", "Check the API key"]),
    "no token": ({"pagerduty_token": ""}, {}, 2, ["pagerduty_token is missing", "Key Storage"]),
    "no incident": ({}, {"incident_id": "Q1NONEXISTENT0"}, 7, ["HTTP 404", "Check the incident's ID"]),
}


@pytest.mark.parametrize("row", INCIDENTS)
def test_an_incident_that_cannot_be_told(row: str, project: Project) -> None:
    change, options, exit_code, words = INCIDENTS[row]
    target = {"namespace": NAMESPACE, "pod": running_pod("orders"), "incident_id": "Q1ORDERS000001"}
    run = project.changed(**change).run("capture-pod.yaml", target | options)
    says(run, exit_code, "cannot add a note to incident", *words)
    assert run.data["link"]


def test_a_missing_pod_is_told_in_the_incident(project: Project) -> None:
    options = {"namespace": NAMESPACE, "pod": f"gone-{secrets.token_hex(4)}", "incident_id": "Q1ORDERS000001"}
    run = project.run("capture-pod.yaml", options)
    says(run, 3, options["pod"])
    assert any(options["pod"] in note and "Debug capture failed" in note for note in notes("Q1ORDERS000001"))


def test_a_spool_that_cannot_be_written(project: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = run_open(project.changed(spool=str(tmp_path / "file" / "spool")), "capture")
    says(run, 5, "cannot write to the spool", "Choose another spool")


def test_only_the_log_level_debug_shows_a_stack_trace(project: Project) -> None:
    options = {"namespace": NAMESPACE, "pod": "nonexistent"}
    run = project.run(OPEN, options, job="capture", loglevel="DEBUG")
    assert any("Traceback" in line for line in run.output)
