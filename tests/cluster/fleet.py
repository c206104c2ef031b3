"""Fixtures of captures in the cluster: pods, the namespace and permissions of the Job, a prefix in the store."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import yaml

import lab.kubernetes
from debugcapture.settings.declare import read
from debugcapture.settings.forms import CaptureStep
from lab.kubernetes.kubectl import Kubectl
from lab.paths import REPO
from lab.stores.s3 import s3_endpoint
from tests.cluster.objects import IMAGE

RBAC = REPO / "deploy" / "rbac-in-cluster.yaml"
CAPTURE = REPO / "deploy" / "rbac" / "namespace" / "capture.yaml"
# Pods of the lab reach a server on the loopback interface only through the network of the machine.
API_SERVER = [
    {"name": "KUBERNETES_SERVICE_HOST", "value": "127.0.0.1"},
    {"name": "KUBERNETES_SERVICE_PORT", "value": lab.kubernetes.endpoint().server.rpartition(":")[2]},
]
ON_THE_MACHINE = {"hostNetwork": True, "containers": [{"name": "capture", "env": API_SERVER}]}


@dataclass(frozen=True)
class Fleet:
    """A namespace with pods to capture, and with the Job that captures them."""

    kubectl: Kubectl
    namespace: str
    settings: dict[str, str] = field(default_factory=dict)

    def step(self, **options: str) -> CaptureStep:
        """The settings of a capture in the cluster by an account with exactly the documented permissions."""
        store, cluster = s3_endpoint(), lab.kubernetes.endpoint()
        common = {
            "server": cluster.server,
            "token": self.token(),
            "ca_certificate": cluster.ca_file.read_text(),
            "mode": "in-cluster",
            "image": cluster.toolbox_image,
            "job_image": cluster.capture_image,
            "job_namespace": self.namespace,
            "job_pod_spec": json.dumps(ON_THE_MACHINE),
            "namespace": self.namespace,
            "selector": "app",
            "sample": "false",
            "max_pods": "1000",
            "collectors": "pod-snapshot",
            "store": f"s3://{store.bucket}/{self.namespace}",
            "s3_endpoint": store.url,
            "s3_region": store.region,
            "s3_access_key": store.access_key,
            "s3_secret_key": store.secret_key,
            "fail_when_partial": "false",
        }
        return read(CaptureStep, common | self.settings | options)

    def token(self) -> str:
        account = ("debug-capture", f"--namespace={self.namespace}")
        return self.kubectl("create", "token", *account, "--duration=1h").strip()

    def grant(self) -> None:
        """Grant the step and the Job the documented permissions in this namespace, with the documented bindings."""
        documents = [document for document in yaml.safe_load_all(RBAC.read_text()) if document["kind"] != "Namespace"]
        things = [_moved(document, self.namespace) for document in documents]
        things.append({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "debug-capture"}})
        things += _captures(self.namespace)
        self.kubectl("apply", f"--namespace={self.namespace}", "-f", "-", stdin=json.dumps(_list(things)))

    def pods(self, count: int, workloads: int = 2) -> None:
        """Create running pods of some workloads."""
        things = [_pod(f"web-{number:03}", f"web-{number % workloads}") for number in range(count)]
        self.kubectl("apply", f"--namespace={self.namespace}", "-f", "-", stdin=json.dumps(_list(things)))
        self.kubectl(
            "wait", f"--namespace={self.namespace}", "--for=condition=Ready", "pod", "-l", "app", "--timeout=180s"
        )

    def jobs(self) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = self.kubectl.json("get", "jobs", f"--namespace={self.namespace}")["items"]
        return jobs

    def job_pods(self) -> list[dict[str, Any]]:
        label = "--selector=batch.kubernetes.io/job-name"
        pods: list[dict[str, Any]] = self.kubectl.json("get", "pods", f"--namespace={self.namespace}", label)["items"]
        return pods


def _moved(thing: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The same in the test's namespace. Objects without a namespace get another name, and outlive the namespace."""
    metadata = thing["metadata"]
    if thing["kind"] == "ClusterRoleBinding":
        return {
            **thing,
            "kind": "RoleBinding",
            "metadata": {"name": metadata["name"]},
            "subjects": _of(thing, namespace),
        }
    moved = {**thing, "metadata": {**metadata, "namespace": namespace}}
    return {**moved, "subjects": _of(thing, namespace)} if "subjects" in thing else moved


def _of(thing: dict[str, Any], namespace: str) -> list[dict[str, Any]]:
    return [{**subject, "namespace": namespace} for subject in thing["subjects"]]


def _captures(namespace: str) -> list[dict[str, Any]]:
    """The permissions of a capture in one namespace from deploy/rbac, for the step and for the Job."""
    role, binding = yaml.safe_load_all(CAPTURE.read_text())
    accounts = ("debug-capture", "debug-capture-job")
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": namespace} for name in accounts]
    return [role, {**binding, "subjects": subjects}]


def _pod(name: str, app: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": app}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {"runAsUser": 1000, "runAsGroup": 1000},
            "containers": [
                {
                    "name": "app",
                    "image": IMAGE,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c", "while :; do sleep 1; done"],
                }
            ],
        },
    }


def _list(things: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": things}
