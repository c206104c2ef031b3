"""deploy/admission.yaml on a real API server: a stolen token only allows captures and restarts.

The policies are applied with the test's own names and service account.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from debugcapture.errors import CaptureError, NotAllowed
from debugcapture.kube.auth import connect
from debugcapture.kube.client import JSON_PATCH, STRATEGIC_MERGE, Api, Change
from debugcapture.kube.ephemeral_container import DebugContainer, container_spec
from debugcapture.kube.exec_stream import run_short
from debugcapture.kube.resources import path_of
from debugcapture.model import ContainerRef, User
from debugcapture.settings.declare import read
from debugcapture.settings.forms import RestartStep
from debugcapture.steps.execute import ExecStep
from debugcapture.steps.restart import restart
from lab.kubernetes.kubectl import Kubectl
from lab.paths import REPO
from lab.process import wait_until
from tests.cluster.captures import as_bearer, captured, run_context
from tests.cluster.objects import BARE, IMAGE, bare, container, deployment, pod, pod_spec

pytestmark = pytest.mark.xdist_group("admission")
Spec = dict[str, Any]
ACCOUNTS = (
    "system:serviceaccount:debug-capture:debug-capture",
    "system:serviceaccount:debug-capture-jobs:debug-capture-job",
)


class Stolen:
    """The token of an account with the permissions for captures and restarts, and the changes that use it."""

    def __init__(self, kubectl: Kubectl, namespace: str, protected: str) -> None:
        self.kubectl, self.namespace, self.protected = kubectl, namespace, protected
        token = kubectl("create", "token", "captures", f"--namespace={namespace}").strip()
        self.connection = as_bearer(token)
        self.api = Api(connect(read(ExecStep, {**self.connection, "command": "-"}).connection))

    def attach(self, namespace: str, **changes: Any) -> None:
        """Attach the debug container to the pod "bare", with changed fields."""
        debug = DebugContainer(IMAGE, "restricted", User(1000, 1000), 5, "app")
        spec = container_spec(f"debug-capture-{secrets.token_hex(3)}", debug, "t") | changes
        self.api.patch_ephemeral_containers(namespace, "bare", spec)

    def patch(self, body: Any, content_type: str = STRATEGIC_MERGE) -> None:
        """Patch the deployment "web"; the API server only checks it."""
        path = path_of("deployment", self.namespace, "web")
        self.api.change(Change("cannot patch web", path, body=body, content_type=content_type, dry_run=True))

    def patch_template(self, spec: Spec, **container_fields: Any) -> None:
        """Patch the pod template of "web" and the fields of its container."""
        containers = [{"name": "app", **container_fields}] if container_fields else []
        self.patch({"spec": {"template": {"spec": {**spec, **({"containers": containers} if containers else {})}}}})

    def allow_rollbacks(self, *, allowed: bool) -> None:
        """Change the policy, and wait until the change applies."""
        name = f"debug-capture-restarts-{self.namespace}"
        value = [{"op": "replace", "path": "/spec/variables/0/expression", "value": str(allowed).lower()}]
        self.kubectl("patch", "validatingadmissionpolicy", name, "--type=json", f"--patch={json.dumps(value)}")

        def applies() -> bool:
            try:
                self.patch_template({"priorityClassName": ""}, env=[{"name": "X", "value": "1"}])
            except NotAllowed:
                return not allowed
            return allowed

        wait_until("the change to apply", applies, 30)


def policies(namespace: str, protected: str) -> list[Spec]:
    """The objects of deploy/admission.yaml for the account of this test, with the test's own names."""
    text = (REPO / "deploy" / "admission.yaml").read_text()
    for account in ACCOUNTS:
        text = text.replace(account, f"system:serviceaccount:{namespace}:captures")
    objects: list[Spec] = list(yaml.safe_load_all(text))
    values = {"images": f"['registry.example/other:1', '{IMAGE}']", "protectedNamespaces": f"['x', '{protected}']"}
    for item in objects:
        item["metadata"]["name"] += f"-{namespace}"
        if item["kind"] == "ValidatingAdmissionPolicyBinding":
            item["spec"]["policyName"] += f"-{namespace}"
            continue
        for variable in item["spec"]["variables"]:
            variable["expression"] = values.get(variable["name"], variable["expression"])
    return objects


def permissions(namespace: str, bound_in: str) -> list[Spec]:
    """The objects of deploy/rbac/namespace/capture-and-restart.yaml for the account of this test."""
    objects = list(yaml.safe_load_all((REPO / "deploy/rbac/namespace/capture-and-restart.yaml").read_text()))
    for item in objects:
        item["metadata"]["namespace"] = bound_in
        if item["kind"] == "RoleBinding":
            item["subjects"] = [{"kind": "ServiceAccount", "name": "captures", "namespace": namespace}]
    return objects


@pytest.fixture(scope="module")
def stolen(kubectl: Kubectl) -> Iterator[Stolen]:
    namespace, protected = (f"test-{secrets.token_hex(4)}" for _ in range(2))
    for name in (namespace, protected):
        kubectl("create", "namespace", name)
    web = deployment("web", pod_spec(container()))
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "captures", "namespace": namespace}}
    pods = [
        {**pod("bare", pod_spec(bare())), "metadata": {"name": "bare", "namespace": name}}
        for name in (namespace, protected)
    ]
    rules = [item for name in (namespace, protected) for item in permissions(namespace, name)]
    web["metadata"]["namespace"] = namespace
    admission = policies(namespace, protected)
    try:
        for items in ([account, web, *pods, *rules], admission):
            kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        kubectl("wait", f"--namespace={namespace}", "--for=condition=Available", "deployment/web", "--timeout=90s")
        kubectl("wait", f"--namespace={namespace}", "--for=condition=Ready", "pod/bare", "--timeout=90s")
        stolen = Stolen(kubectl, namespace, protected)
        wait_until("the policies to be in force", lambda: "captures are not allowed" in _attach_protected(stolen), 60)
        wait_until("the policies to be in force", lambda: "rollbacks are not" in _change_environment(stolen), 60)
        yield stolen
    finally:
        names = [f"{item['kind']}/{item['metadata']['name']}" for item in admission]
        kubectl("delete", *names, "--ignore-not-found")
        kubectl("delete", "namespace", namespace, protected, "--wait=false")


def _attach_protected(stolen: Stolen) -> str:
    return refusal(lambda: stolen.attach(stolen.protected))


def _change_environment(stolen: Stolen) -> str:
    return refusal(lambda: stolen.patch_template({}, env=[{"name": "X", "value": "1"}]))


def refusal(act: Callable[[], object]) -> str:
    """The error of ``act``, "" if it succeeds."""
    try:
        act()
    except CaptureError as error:
        return str(error)
    return ""


def test_captures_and_restarts_work(stolen: Stolen, tmp_path: Path) -> None:
    options = {"namespace": stolen.namespace, "pod": "bare", "collectors": "processes,pod-snapshot"}
    run = captured(tmp_path, **(stolen.connection | options))
    assert run.artifact("processes").outcome == "complete", run.log
    changes = {"action": "restart", "workload": "deployment/web", "gate": "none", "gate_stored": "false"}
    options = {"namespace": stolen.namespace, "rollout_limit_s": "120", **changes}
    assert restart(read(RestartStep, stolen.connection | options), run_context(tmp_path, [])).exit_code == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": BARE}, "only the debug images in the policy are allowed"),
        ({"image": f"{IMAGE}0"}, "only the debug images"),
        ({"name": "mine"}, "must start with debug-capture-"),
        ({"securityContext": {"privileged": True}}, "privileged debug containers are not allowed"),
        ({"securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}}, "more privileges than the profile"),
        ({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}, "more privileges than the profile"),
        (
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}}}]},
            "must have plain values",
        ),
        ({"envFrom": [{"secretRef": {"name": "database"}}]}, "must have plain values"),
    ],
    ids=["image", "prefix of the image", "name", "privileged", "ptrace", "admin", "secret", "all of a secret"],
)
def test_the_same_token_cannot_attach_another_container(changes: Spec, message: str, stolen: Stolen) -> None:
    with pytest.raises(NotAllowed, match=message):
        stolen.attach(stolen.namespace, **changes)


def test_nothing_happens_in_a_protected_namespace(stolen: Stolen) -> None:
    bare_pod = ContainerRef(stolen.protected, "bare", "app")
    with pytest.raises(NotAllowed, match=f"captures are not allowed in namespace {stolen.protected}"):
        run_short(stolen.api, bare_pod, ("id",))
    assert "captures are not allowed" in _attach_protected(stolen)


ROLLBACK_LIMITS: list[tuple[Spec, Spec, str]] = [
    ({}, {"image": BARE}, "other tags of the images"),
    ({"serviceAccountName": "captures"}, {}, "may not change the service account"),
    ({"hostPID": True}, {}, "namespaces of the host"),
    ({"hostNetwork": True}, {}, "namespaces of the host"),
    ({}, {"securityContext": {"privileged": True}}, "may not add privileges"),
    ({}, {"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}, "may not add privileges"),
    ({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}, {}, "other volumes or Secrets"),
    ({"volumes": [{"name": "s", "secret": {"secretName": "database"}}]}, {}, "other volumes or Secrets"),
    ({}, {"envFrom": [{"secretRef": {"name": "database"}}]}, "other volumes or Secrets"),
    (
        {},
        {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}}}]},
        "other volumes or Secrets",
    ),
    ({"initContainers": [{"name": "first", "image": BARE}]}, {}, "other tags of the images"),
]


@pytest.mark.parametrize(("spec", "fields", "message"), ROLLBACK_LIMITS)
def test_the_same_token_cannot_make_a_workload_run_something_else(
    spec: Spec, fields: Spec, message: str, stolen: Stolen
) -> None:
    stolen.allow_rollbacks(allowed=False)
    with pytest.raises(NotAllowed, match="rollbacks are not allowed"):
        stolen.patch_template(spec, **fields)
    stolen.allow_rollbacks(allowed=True)
    with pytest.raises(NotAllowed, match=message):
        stolen.patch_template(spec, **fields)


def test_a_rollback_works_only_where_it_is_allowed(stolen: Stolen, tmp_path: Path) -> None:
    """The change of the job: the complete template of an earlier ReplicaSet, as a JSON patch."""
    second = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "Y", "value": "2"}]}]}}}}
    in_namespace = f"--namespace={stolen.namespace}"
    stolen.kubectl("patch", "deployment", "web", in_namespace, f"--patch={json.dumps(second)}")
    stolen.kubectl("rollout", "status", "deployment/web", in_namespace, "--timeout=90s")
    options = {"namespace": stolen.namespace, "workload": "deployment/web", "action": "undo", "gate": "none"}
    step = read(RestartStep, stolen.connection | options | {"gate_stored": "false", "dry_run": "true"})
    stolen.allow_rollbacks(allowed=False)
    with pytest.raises(NotAllowed, match="rollbacks are not allowed"):
        restart(step, run_context(tmp_path, []))
    stolen.allow_rollbacks(allowed=True)
    assert restart(step, run_context(tmp_path, [])).exit_code == 0


def test_labels_and_annotations_are_not_a_restart(stolen: Stolen) -> None:
    """A label or an annotation can inject a sidecar or an identity."""
    stolen.allow_rollbacks(allowed=False)
    for metadata in ({"labels": {"inject": "yes"}}, {"annotations": {"inject": "yes"}}):
        with pytest.raises(NotAllowed, match="rollbacks are not allowed"):
            stolen.patch({"spec": {"template": {"metadata": metadata}}})
    replacement = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": f"{IMAGE}0"}]
    with pytest.raises(NotAllowed, match="rollbacks are not allowed"):
        stolen.patch(replacement, JSON_PATCH)


def test_other_accounts_are_not_affected(stolen: Stolen) -> None:
    patch = {"spec": {"template": {"spec": {"hostPID": True}}}}
    stolen.kubectl(
        "patch",
        "deployment",
        "web",
        f"--namespace={stolen.namespace}",
        "--dry-run=server",
        f"--patch={json.dumps(patch)}",
    )
