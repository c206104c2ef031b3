"""Faults of permissions in the cluster: RBAC, admission, quota, scheduling, images."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

import lab.kubernetes
from debugcapture.errors import CaptureError
from debugcapture.kube.auth import connect
from debugcapture.kube.client import Api, Change
from debugcapture.settings.cluster import ConnectionSettings
from lab.kubernetes import archive, images, layout
from lab.kubernetes.pki import Authority, Subject
from lab.kubernetes.workloads import grant
from lab.paths import REPO
from lab.process import wait_until
from tests.cluster.objects import container, pod_spec
from tests.faults.crowd import crowded
from tests.faults.world import LONG_STREAM, Account, World

_CROWDED_S = 10  # the stream ends in the meantime
_ALIEN = "lab.local/alien:1"
_ADMISSION = "admissionregistration.k8s.io/v1"
_PAUSE = "lab.local/pause:1"
_DEBUG_CONTAINERS = {
    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods/ephemeralcontainers"],
}  # fmt: skip


def rules(without: str = "") -> list[dict[str, Any]]:
    """The permissions of a capture, without one resource."""
    role, _binding = yaml.safe_load_all((REPO / "deploy" / "rbac" / "namespace" / "capture.yaml").read_text())
    rules: list[dict[str, Any]] = role["rules"]
    remaining_rules = [
        rule | {"resources": [resource for resource in rule["resources"] if resource != without]} for rule in rules
    ]
    return [rule for rule in remaining_rules if rule["resources"]]


def may_not(resource: str) -> Any:
    """The account lacks the permission for ``resource``."""

    def provoke(world: World) -> None:
        world.own_pod()
        world.account().may(rules(resource))

    return provoke


def _granted(world: World) -> Account:
    """An account that may capture the current pod."""
    world.own_pod()
    account = world.account()
    account.may(rules())
    return account


def right_taken_away_meanwhile(world: World) -> None:
    account = _granted(world)
    world.collect("pod-snapshot", "stream", "rest", "look")

    def take() -> None:
        world.arriving("stream.bin")
        account.may([])

    world.at("capturing ", take)


def account_deleted_meanwhile(world: World) -> None:
    """Its tokens expire with it. The API server caches one for ten seconds."""
    account = _granted(world)
    world.collect("pod-snapshot", "stream", "rest", "look", stream=LONG_STREAM)

    def delete() -> None:
        world.arriving("stream.bin")
        world.kubectl("delete", "serviceaccount", account.name, f"--namespace={account.namespace}")

    world.at("capturing ", delete)


def no_room_for_requests(world: World) -> None:
    account = _granted(world)
    world.broken.enter_context(crowded(world, account))


def no_room_for_a_while(world: World) -> None:
    account = _granted(world)
    world.collect("pod-snapshot", "stream", "rest", "look")

    def crowd() -> None:
        world.arriving("stream.bin")
        with crowded(world, account):
            time.sleep(_CROWDED_S)

    world.at("capturing ", crowd)


def pod_security(world: World) -> None:
    world.own_namespace(**{"pod-security.kubernetes.io/enforce": "restricted"})
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    spec = pod_spec(container(securityContext=security))
    spec["securityContext"] |= {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    world.own_pod(spec)
    world.collect("pod-snapshot", "words", "look", look={"needs": ["SYS_PTRACE"]})
    world.change(profile="sysadmin")


def policy_that_denies(world: World) -> None:
    """A ValidatingAdmissionPolicy, which the API server itself evaluates."""
    namespace = world.own_namespace()
    world.own_pod()
    name = f"no-debug-{namespace}"
    where = {"namespaceSelector": {"matchLabels": {"debug-capture-faults": namespace}}}
    message = "debug containers are not allowed during the freeze"
    world.applied_for_all({
        "apiVersion": _ADMISSION, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {"failurePolicy": "Fail", "validations": [{"expression": "false", "message": message}],
                 "matchConstraints": {"resourceRules": [_DEBUG_CONTAINERS]}},
    })  # fmt: skip
    world.applied_for_all({
        "apiVersion": _ADMISSION, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": where},
    })  # fmt: skip
    _until_denied(world)


def webhook_that_denies(world: World) -> None:
    _webhook(world, world.broken.enter_context(_denying_webhook(world.folder)))


def webhook_that_is_down(world: World) -> None:
    _webhook(world, 9)


def quota_for_pods(world: World) -> None:
    """The quota limits pods, so that it rejects the copy of a crashed pod."""
    namespace = world.own_namespace()
    grant(world.kubectl, namespace, "pods")
    ended = pod_spec(container(["sh", "-c", "echo last words; exit 3"]), restartPolicy="Never")
    world.own_pod(ended, ready=False)
    world.kubectl("wait", f"--namespace={namespace}", "pod/web", "--for=jsonpath={.status.phase}=Failed",
                  "--timeout=60s")  # fmt: skip
    world.kubectl("create", "quota", "full", f"--namespace={namespace}", "--hard=pods=0")
    world.collect("pod-snapshot")
    world.change(files="/etc/passwd", allow_copy="true")


def pod_that_nothing_can_run(world: World) -> None:
    world.own_pod(pod_spec(container(), nodeSelector={"no": "such-node"}), ready=False)


def target_image_that_is_missing(world: World) -> None:
    world.own_pod(pod_spec(container(image="127.0.0.1:9/none:1")), ready=False)
    place = f"--namespace={world.settings['namespace']}"
    reason = "jsonpath={.status.containerStatuses[0].state.waiting.reason}"
    world.kubectl("wait", place, "pod/web", f"--for={reason}", "--timeout=60s")


def debug_image_that_is_missing(world: World) -> None:
    world.own_pod()
    world.change(image="127.0.0.1:9/none:1")


def debug_image_without_run_tool(world: World) -> None:
    world.own_pod()
    world.change(image=_PAUSE)


def debug_image_for_another_processor(world: World) -> None:
    """Its run-tool has the head of an ELF file for a processor that this machine is not."""
    machine = 8 if archive.architecture() != "mips" else 40
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + (2).to_bytes(2, "little") + machine.to_bytes(2, "little") + bytes(44)
    layer = archive.Layer()
    layer.data("/bin/run-tool", head, 0o755)
    file = world.folder / "alien.tar"
    archive.write(archive.Image(_ALIEN, layer, ["/bin/run-tool"]), file)
    images.ctr("images", "import", str(file))
    world.own_pod()
    world.change(image=_ALIEN)


def _webhook(world: World, port: int) -> None:
    namespace = world.own_namespace()
    world.own_pod()
    hook = {
        "name": "debug.faults.example",
        "clientConfig": {"url": f"https://127.0.0.1:{port}/", "caBundle": _authority()},
        "rules": [_DEBUG_CONTAINERS],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 5,
        "namespaceSelector": {"matchLabels": {"debug-capture-faults": namespace}},
    }
    world.applied_for_all({
        "apiVersion": _ADMISSION, "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"no-debug-{namespace}"}, "webhooks": [hook],
    })  # fmt: skip
    _until_denied(world)


def _until_denied(world: World) -> None:
    """Wait until the API server has loaded the rule that denies. It reads such rules from time to time."""
    api = Api(connect(ConnectionSettings(kubeconfig=str(lab.kubernetes.endpoint().kubeconfig))))
    path = f"/api/v1/namespaces/{world.settings['namespace']}/pods/{world.settings['pod']}/ephemeralcontainers"
    probe = {"spec": {"ephemeralContainers": [{"name": "probe", "image": _PAUSE}]}}

    def denied() -> bool:
        try:
            api.change(Change("probing", path, body=probe, dry_run=True))
        except CaptureError:
            return True
        return False

    wait_until("the denial", denied, 60)


def _authority() -> str:
    return base64.b64encode((layout.pki_dir() / "ca.crt").read_bytes()).decode()


@contextmanager
def _denying_webhook(folder: Path) -> Iterator[int]:
    """An admission webhook that denies all; yields its port."""
    pki = folder / "webhook"
    pki.mkdir()
    for name in ("ca.crt", "ca.key"):
        (pki / name).write_bytes((layout.pki_dir() / name).read_bytes())
    Authority(pki).ensure(Subject("webhook", "webhook", serves=True))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pki / "webhook.crt", pki / "webhook.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Denies)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Denies(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = {"message": "production is frozen until Monday", "code": 403}
        answer = {"uid": review["request"]["uid"], "allowed": False, "status": status}
        body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
