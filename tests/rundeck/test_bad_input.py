"""Every error is one line with what failed, which pod, why and what to do, and has the documented exit code.

Each row runs in Rundeck's engine against the real service that rejects the input. The jobs of jobs/open.yaml accept
every value, so that the step validates it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.demo import NAMESPACE, notes, opened, running_pod
from lab.kubernetes.kubectl import Kubectl
from lab.project import Project
from lab.rundeck import JobRun
from tests.rundeck.credentials import expired_token, unknown_authority

OPEN = str(Path(__file__).parent / "jobs" / "open.yaml")
UNREACHABLE = "https://127.0.0.1:9"
RBAC = "rbac.authorization.k8s.io/v1"
SNAPSHOT = {"pod.txt", "pod.yaml", "events.txt"}
SECRETS = ("token", "s3_secret_key", "pagerduty_token")


def run_job(project: Project, file: str, job: str | None = None, *, app: str = "orders", **options: str) -> JobRun:
    """Run a job on a pod of ``app``. However it ends, its output shows neither a secret nor a stack trace."""
    target = {"namespace": NAMESPACE, "pod": options.get("pod") or running_pod(app)}
    run = project.run(file, target | options, job=job)
    shown = "\n".join(run.output)
    assert [name for name in SECRETS if project.settings[name] and project.settings[name] in shown] == []
    assert "Traceback" not in shown
    return run


def run_open(project: Project, job: str, app: str = "orders", **options: str) -> JobRun:
    """Run a job of open.yaml, as `run_job` does."""
    return run_job(project, OPEN, job, app=app, **options)


def run_capture(project: Project, app: str = "orders", **options: str) -> JobRun:
    """Run the exported job that captures, as `run_job` does."""
    return run_job(project, "capture-pod.yaml", app=app, **options)


def says(run: JobRun, exit_code: int, *words: str) -> str:
    """Check that the failed step reported one line these ``words``, and return the line."""
    assert run.refused is None
    (failed,) = [step for step in run.steps if not step.success]
    assert failed.exit_code == exit_code, run.errors
    (line,) = [line for line in run.errors if line.startswith("Error: ")]
    assert [word for word in words if word not in line] == [], line
    return line


def kept_whole(bundle: Path) -> set[str]:
    """Check that every file of the manifest is in ``bundle`` with its checksum; return the names."""
    artifacts = json.loads((bundle / "manifest.json").read_text())["artifacts"]
    expected = {artifact["file"]: artifact["sha256"] for artifact in artifacts if artifact["file"]}
    assert {name: hashlib.sha256((bundle / name).read_bytes()).hexdigest() for name in expected} == expected
    return set(expected)


def note_with(text: str, incident: str) -> str:
    """The incident's note with ``text`` in it."""
    return next(note for note in notes(incident) if text in note)


TARGETS = {
    "namespace": ({"namespace": "shopp"}, ["no pod shopp/", "namespace shopp does not exist"]),
    "container": ({"container": "sidecar"}, ["no container sidecar in pod shop/orders-", "Available: orders"]),
}


@pytest.mark.parametrize("row", TARGETS)
def test_a_target_that_does_not_exist(row: str, project: Project) -> None:
    options, words = TARGETS[row]
    says(run_open(project, "capture", **options), 3, *words)


def test_a_replaced_pod_is_reported_with_the_name_of_its_replacement(project: Project) -> None:
    now = running_pod("checkout")
    unknown_id = f"{now[:-5]}zzzzz"
    says(
        run_open(project, "capture", pod=unknown_id),
        3,
        f"no pod shop/{unknown_id}",
        "was replaced",
        f"Pods in the namespace: {now}",
    )


@pytest.mark.parametrize("pod", ["x; rm -rf /", "$(id)", "a b", "../nodes", "Checkout"])
def test_a_pod_name_with_other_characters_is_refused_by_job_and_step(pod: str, project: Project) -> None:
    refused = run_capture(project, pod=pod)
    assert refused.refused
    assert not refused.steps
    says(run_open(project, "capture", pod=pod), 2, "pod must be", "Nothing was changed")


def test_a_collector_that_does_not_exist(project: Project) -> None:
    run = run_open(project, "capture", collectors="heapdump")
    says(run, 2, f"{NAMESPACE}/orders-", "unknown collector heapdump", "Did you mean jvm-heap-dump")


KUBECONFIGS: dict[str, tuple[str | None, str]] = {
    "no file": (None, "cannot read {file}: No such file or directory"),
    "no YAML": ("token: a-secret: [", "invalid kubeconfig: {file} is not YAML"),
    "no clusters": ("users: [{name: a-secret}]", "invalid kubeconfig: {file} contains no clusters"),
    "no such context": (
        "{clusters: [], current-context: prod}",
        "invalid kubeconfig: it does not contain the context 'prod'",
    ),
}


@pytest.mark.parametrize("job", ["capture", "exec"])
@pytest.mark.parametrize("row", KUBECONFIGS)
def test_a_kubeconfig_that_is_wrong(row: str, job: str, project: Project, tmp_path: Path) -> None:
    content, reason = KUBECONFIGS[row]
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content)
    by_file = project.changed(kubeconfig=str(file), server="", token="", ca_certificate="")
    run = run_open(by_file, job, command="id") if job == "exec" else run_open(by_file, job)
    says(run, 2, f"{NAMESPACE}/orders-", reason.format(file=file), "Correct the cluster connection")
    assert "a-secret" not in "\n".join(run.output)


CONNECTIONS: dict[str, tuple[Callable[[], dict[str, str]], int, list[str]]] = {
    "expired token": (lambda: {"token": expired_token()}, 4, ["rejects the credentials", "Renew the token"]),
    "garbage token": (lambda: {"token": "garbage-0815"}, 4, ["rejects the credentials", "Renew the token"]),
    "unreachable": (lambda: {"server": UNREACHABLE}, 5, ["did not respond", "Connection refused", "Check"]),
    "not trusted": (lambda: {"ca_certificate": unknown_authority()}, 5, ["is not trusted", "Check the CA"]),
    "system's CAs": (lambda: {"ca_certificate": ""}, 5, ["is not trusted", "Check the CA"]),
}


@pytest.mark.parametrize("row", CONNECTIONS)
def test_a_cluster_that_cannot_be_used(row: str, project: Project) -> None:
    change, exit_code, words = CONNECTIONS[row]
    says(run_open(project.changed(**change()), "capture"), exit_code, f"pod {NAMESPACE}/orders-", *words)


@pytest.fixture
def restricted_project(project: Project, kubectl: Kubectl) -> Iterator[Callable[[str], Project]]:
    """Return a function: the project as a service account that lacks one permission."""
    name = f"lacks-{secrets.token_hex(3)}"
    target = f"--namespace={NAMESPACE}"
    kubectl("create", "serviceaccount", name, target)

    def without(resource: str) -> Project:
        role = kubectl.json("get", "role", "debug-capture-capture", target)
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
    says(run, 4, f"{NAMESPACE}/orders-", f'"{resource}"', "deploy/rbac/namespace/capture.yaml")


@pytest.mark.parametrize("resource", ["pods/exec", "pods/ephemeralcontainers"])
def test_rbac_that_forbids_a_collector_does_not_stop_the_others(
    resource: str, restricted_project: Callable[[str], Project]
) -> None:
    # The debug container of another capture is joined only if it has the same configuration.
    lacking = restricted_project(resource).changed(environment=f"ROUND={secrets.token_hex(4)}")
    run = run_open(lacking, "capture", app="checkout")
    assert [step.exit_code for step in run.steps] == [10]
    (manifest,) = Path(lacking.settings["spool"]).glob("*/manifest.json")
    bundle = manifest.parent
    assert kept_whole(bundle) >= SNAPSHOT
    assert "jvm-threads.txt" not in kept_whole(bundle)
    run = run_capture(lacking, "checkout", incident_id="Q1CHECKOUT0001")
    assert run.succeeded, run.errors
    assert run.data["status"] == "partial"
    assert "failed: cannot" in run.data["summary"]
    for text in (run.data["summary"], note_with(run.data["capture_id"], "Q1CHECKOUT0001")):
        assert f'"{resource}" in API group' in text


def test_pod_security_names_its_rule(project: Project) -> None:
    run = run_open(project, "attach", profile="general")
    says(run, 4, f"{NAMESPACE}/orders-", 'PodSecurity "restricted', "SYS_PTRACE", "lower security profile")


def test_an_image_that_cannot_be_pulled_fails_at_once(project: Project) -> None:
    without_image = project.changed(image="127.0.0.1:9/none:1")
    says(
        run_open(without_image, "attach"),
        5,
        f"{NAMESPACE}/orders-",
        "ErrImagePull",
        "Check the name of the debug",
    )
    run = run_capture(without_image, "checkout")
    assert run.succeeded, run.errors
    assert run.data["status"] == "partial"
    assert "ErrImagePull" in run.data["summary"]


def test_a_command_that_does_not_exist_in_the_container(project: Project) -> None:
    run = run_job(project, "run-command.yaml", command="nonsense --help")
    says(run, 5, "cannot run nonsense in shop/orders-", "does not contain this program", "debug container")


@pytest.mark.parametrize("job", ["exec", "attach"])
def test_a_command_in_a_container_that_does_not_run(job: str, project: Project, kubectl: Kubectl) -> None:
    run = while_crashed(kubectl, lambda: run_open(project, job, app="gateway", command="id"))
    says(
        run,
        5,
        "shop/gateway-",
        "it is not running: waiting (CrashLoopBackOff)",
        "Capture it instead: the logs and the state",
    )


def while_crashed(kubectl: Kubectl, run: Callable[[], JobRun]) -> JobRun:
    """Return the result of ``run`` while gateway is down; run again if gateway has started meanwhile."""
    for _ in range(240):
        before = gateway_status(kubectl)
        if (before["state"].get("waiting") or {}).get("reason") == "CrashLoopBackOff":
            result = run()
            if gateway_status(kubectl) == before:
                return result
        time.sleep(0.5)
    raise TimeoutError("gateway does not pause")


def gateway_status(kubectl: Kubectl) -> dict[str, Any]:
    pod = kubectl.json("get", "pod", running_pod("gateway"), f"--namespace={NAMESPACE}")
    status: dict[str, Any] = pod["status"]["containerStatuses"][0]
    return status


STORES: dict[str, tuple[dict[str, str], int, list[str]]] = {
    "no bucket": ({"store": "s3://nonexistent/x"}, 6, ["NoSuchBucket", "Create the bucket"]),
    "wrong key": (
        {"s3_secret_key": "wrong-0815"},
        6,
        ["SignatureDoesNotMatch", "Check s3_access_key and s3_secret_key"],
    ),
    "unreachable": ({"s3_endpoint": UNREACHABLE}, 6, ["Could not connect", "Check s3_endpoint"]),
    "no store": ({"store": ""}, 2, ["store is missing", "Set the store's URL"]),
}


@pytest.mark.parametrize("row", STORES)
def test_if_the_store_fails_everything_stays_in_the_spool_and_the_note_reports_it(row: str, project: Project) -> None:
    change, exit_code, words = STORES[row]
    run = run_capture(project.changed(**change), incident_id="Q1ORDERS000001")
    bundle = Path(run.data["bundle"])
    assert bundle.parent == Path(project.settings["spool"])
    says(run, exit_code, running_pod("orders"), *words, f"The bundle is in the spool: {bundle}")
    assert SNAPSHOT | {"jvm-threads.txt"} <= kept_whole(bundle)
    note = note_with(run.data["capture_id"], "Q1ORDERS000001")
    assert f"Not in the store: cannot {'store' if exit_code == 6 else 'upload'}" in note
    assert words[0] in note
    assert f"Saved on the Rundeck server in {bundle}" in note


INCIDENTS: dict[str, tuple[dict[str, str], dict[str, str], int, list[str]]] = {
    "wrong token": (
        {"pagerduty_token": "wrong-0815"},
        {},
        7,
        ["HTTP 401", "Check the API key", "the next run sends it"],
    ),
    "no token": ({"pagerduty_token": ""}, {}, 2, ["pagerduty_token is missing", "Key Storage"]),
    "no incident": ({}, {"incident_id": "Q1NONEXISTENT0"}, 7, ["HTTP 404", "Check the incident's ID"]),
}


@pytest.mark.parametrize("row", INCIDENTS)
def test_an_incident_that_cannot_be_notified(row: str, project: Project) -> None:
    change, options, exit_code, words = INCIDENTS[row]
    incident = {"incident_id": "Q1ORDERS000001"} | options
    run = run_capture(project.changed(**change), **incident)
    says(run, exit_code, f"cannot add a note to incident {incident['incident_id']}", *words)
    assert "orders" in opened(run.data["link"])  # the evidence is stored nevertheless


@pytest.mark.parametrize(
    ("change", "exit_code"), [({}, 3), ({"kubeconfig": "/nonexistent"}, 2)], ids=["missing pod", "no kubeconfig"]
)
def test_a_failed_capture_is_reported_in_the_incident(change: dict[str, str], exit_code: int, project: Project) -> None:
    pod = f"gone-{secrets.token_hex(4)}"
    line = says(run_capture(project.changed(**change), pod=pod, incident_id="Q1ORDERS000001"), exit_code, f"shop/{pod}")
    note = note_with(pod, "Q1ORDERS000001")
    assert note.startswith("Debug capture failed")
    assert line.removeprefix("Error: ") in note


def test_a_spool_that_cannot_be_written(project: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = run_open(project.changed(spool=str(tmp_path / "file" / "spool")), "capture")
    says(run, 5, f"{NAMESPACE}/orders-", "cannot write to the spool", "Not a directory", "Choose another spool")


def test_the_log_level_debug_shows_a_stack_trace_and_no_secret(project: Project, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text("token: a-secret: [")
    wrong = project.changed(kubeconfig=str(tmp_path / "kubeconfig"))
    run = wrong.run(OPEN, {"namespace": NAMESPACE, "pod": "x"}, job="capture", loglevel="DEBUG")
    shown = "\n".join(run.output)
    assert "Traceback" in shown
    assert "a-secret" not in shown
    assert project.settings["token"] not in shown
