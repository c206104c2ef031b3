"""Clusters whose policies demand, or set, a read-only root file system for every container.

Gatekeeper's K8sPSPReadOnlyRootFilesystem and Azure Policy demand it; a mutating webhook, as Kyverno's, sets it.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab.kubernetes import layout
from lab.kubernetes.kubectl import Kubectl
from lab.process import wait_until
from tests.cluster.captures import CaptureRun, captured
from tests.cluster.objects import Apply, Ready, pod, pod_spec

JVM, PYTHON = "lab.local/checkout:1", "lab.local/python-bare:1"
READ_ONLY = {"readOnlyRootFilesystem": True}
JAVA = "jvm-thread-dump,jvm-heap-dump,native-stacks,core-dump,processes"
NO_VOLUME = "python-stacks,python-profile,native-stacks,processes,disk"
MESSAGE = "only read-only root filesystem container is allowed"
EXPRESSION = (
    "object.spec.containers.all(c, c.?securityContext.?readOnlyRootFilesystem.orValue(false)) && "
    "object.spec.?ephemeralContainers.orValue([]).all(c, c.?securityContext.?readOnlyRootFilesystem.orValue(false))"
)


def demanding_policy(namespace: str) -> list[dict[str, Any]]:
    resources = ["pods", "pods/ephemeralcontainers"]
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": resources}
    kind, name = "ValidatingAdmissionPolicy", f"read-only-root-{namespace}"
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": EXPRESSION, "message": MESSAGE}],
        },
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding = policy | {
        "kind": f"{kind}Binding",
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": selector},
        },
    }
    return [policy, binding]


@pytest.fixture
def demanded(namespace: str, kubectl: Kubectl) -> Iterator[None]:
    """A policy that refuses containers with a writable root."""
    policy = demanding_policy(namespace)
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": policy}))
    try:
        refused = json.dumps(pod("probe", pod_spec({"name": "app", "image": JVM})))
        wait_until("the policy", lambda: _is_refused(kubectl, namespace, refused), 60)
        yield
    finally:
        for item in policy:
            kubectl("delete", item["kind"], item["metadata"]["name"])


def _is_refused(kubectl: Kubectl, namespace: str, manifest: str) -> bool:
    process = kubectl._run(("create", f"--namespace={namespace}", "--dry-run=server", "-f", "-"), manifest)
    return MESSAGE in process.stderr


class Mutator(BaseHTTPRequestHandler):
    """A webhook that makes the root of each ephemeral container read-only."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        containers = review["request"]["object"]["spec"].get("ephemeralContainers") or []
        changes = [
            {
                "op": "add",
                "path": f"/spec/ephemeralContainers/{number}/securityContext",
                "value": container.get("securityContext", {}) | READ_ONLY,
            }
            for number, container in enumerate(containers)
        ]
        patch = base64.b64encode(json.dumps(changes).encode()).decode()
        response = {"uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
        answer = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Write no log."""


@contextmanager
def webhook_server() -> Iterator[int]:
    """Run the webhook with the certificate of the API server, and yield its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mutator)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(layout.pki_dir() / "apiserver.crt", layout.pki_dir() / "apiserver.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def injected(namespace: str, kubectl: Kubectl) -> Iterator[None]:
    """A webhook that changes objects which break its rule."""
    name = f"read-only-root-{namespace}"
    resources = ["pods/ephemeralcontainers"]
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": resources}
    with webhook_server() as port:
        authority = base64.b64encode((layout.pki_dir() / "ca.crt").read_bytes()).decode()
        webhook = {
            "name": "read-only-root.lab.local",
            "rules": [rule],
            "clientConfig": {"url": f"https://127.0.0.1:{port}/", "caBundle": authority},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
        }
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [webhook],
        }
        kubectl("apply", "-f", "-", stdin=json.dumps(configuration))
        try:
            yield
        finally:
            kubectl("delete", "mutatingwebhookconfiguration", name)


def jvm() -> dict[str, Any]:
    tmp = [{"name": "tmp", "mountPath": "/tmp"}]
    container = {"name": "app", "image": JVM, "securityContext": READ_ONLY, "volumeMounts": tmp}
    return pod("web", pod_spec(container, volumes=[{"name": "tmp", "emptyDir": {}}]))


def python() -> dict[str, Any]:
    return pod("web", pod_spec({"name": "app", "image": PYTHON, "securityContext": READ_ONLY}))


def assert_complete(run: CaptureRun, collectors: str) -> None:
    outcomes = {artifact.collector: (artifact.outcome, artifact.reason) for artifact in run.manifest.artifacts}
    assert outcomes == dict.fromkeys(collectors.split(","), ("complete", ""))


@pytest.mark.usefixtures("demanded")
@pytest.mark.parametrize(
    ("manifest", "collectors"), [(jvm(), JAVA), (python(), NO_VOLUME)], ids=["volume at /tmp", "no volume"]
)
def test_every_tool_works_where_a_policy_demands_a_read_only_root(
    manifest: dict[str, Any],
    collectors: str,
    namespace: str,
    apply: Apply,
    ready: Ready,
    kubectl: Kubectl,
    tmp_path: Path,
) -> None:
    apply(manifest)
    ready("pod/web")
    options = {"namespace": namespace, "pod": "web", "collectors": collectors, "allow_heavy": "true"}
    run = captured(tmp_path, **options)
    assert_complete(run, collectors)
    attached = kubectl.json("get", "pod", "web", f"--namespace={namespace}")["spec"]["ephemeralContainers"]
    assert [container["securityContext"]["readOnlyRootFilesystem"] for container in attached] == [True]
    if collectors == NO_VOLUME:
        profile = run.artifact("python-profile")
        assert profile.method.endswith("; its root file system is read-only, so the tool writes to /dev/shm")


@pytest.mark.usefixtures("injected")
def test_every_tool_works_where_a_webhook_sets_a_read_only_root(
    namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    apply(jvm())
    ready("pod/web")
    options = {"namespace": namespace, "pod": "web", "collectors": JAVA, "allow_heavy": "true"}
    run = captured(tmp_path, **options | {"collectors": "jvm-thread-dump,core-dump"})
    assert_complete(run, "jvm-thread-dump,core-dump")
    assert any("a policy of the cluster made its root file system read-only" in line for line in run.log)
    attached = kubectl.json("get", "pod", "web", f"--namespace={namespace}")["spec"]["ephemeralContainers"]
    assert len(attached) == 2
    assert_complete(captured(tmp_path, **options | {"collectors": "jvm-thread-dump"}), "jvm-thread-dump")
    attached = kubectl.json("get", "pod", "web", f"--namespace={namespace}")["spec"]["ephemeralContainers"]
    assert len(attached) == 3  # the second capture starts with the result of the first one
