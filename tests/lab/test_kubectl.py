"""What the lab reads and changes without a kubectl process is what kubectl reads and changes."""

from __future__ import annotations

import json
import secrets

import pytest

from lab.kubernetes import rest
from lab.kubernetes.kubectl import Kubectl
from lab.part import LabError

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
IN_SHOP = "--namespace=shop"


def web(release: str) -> dict[str, object]:
    labels = {"app": "web"}
    containers = [{"name": "app", "image": "lab.local/pause:1", "env": [{"name": "RELEASE", "value": release}]}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("get", "deployments", IN_SHOP),
        ("get", "deployment", "orders", IN_SHOP),
        ("get", "pods", IN_SHOP, "--selector=app=orders"),
        ("get", "jobs", IN_SHOP),
    ],
    ids=" ".join,
)
def test_a_request_returns_the_objects_of_kubectl(arguments: tuple[str, ...], kubectl: Kubectl) -> None:
    read = rest.read(kubectl.kubeconfig, arguments)
    printed = json.loads(kubectl(*arguments, "--output=json"))
    assert [stable(item) for item in read.get("items", [read])] == [
        stable(item) for item in printed.get("items", [printed])
    ]


def stable(item: dict[str, object]) -> dict[str, object]:
    """An object without what may change between two requests."""
    metadata = item["metadata"]
    assert isinstance(metadata, dict)
    return item | {"status": None, "metadata": {**metadata, "resourceVersion": None}}


@pytest.mark.parametrize(
    "arguments",
    [
        ("get", "configmaps", IN_SHOP),
        ("get", "pods", "--all-namespaces"),
        ("get", "pods", IN_SHOP, "--field-selector=status.phase=Running"),
        ("get", "pods", "a", "b", IN_SHOP),
        ("version",),
    ],
    ids=" ".join,
)
def test_kubectl_executes_everything_else(arguments: tuple[str, ...], kubectl: Kubectl) -> None:
    assert rest.read(kubectl.kubeconfig, arguments) is None


def test_the_message_of_an_error_is_that_of_kubectl(kubectl: Kubectl, namespace: str) -> None:
    with pytest.raises(LabError, match=r'Error from server \(NotFound\): pods "none" not found'):
        kubectl.json("get", "pod", "none", f"--namespace={namespace}")
    with pytest.raises(LabError, match=r"AlreadyExists"):
        kubectl("create", "namespace", namespace)
    unknown = web("first") | {"speck": {}}
    with pytest.raises(LabError, match=r'unknown field "speck"'):
        kubectl("apply", f"--namespace={namespace}", "-f", "-", stdin=json.dumps(unknown))


def test_an_object_is_created_and_then_changed(kubectl: Kubectl, namespace: str) -> None:
    for release in ("first", "second"):
        kubectl("apply", f"--namespace={namespace}", "-f", "-", stdin=json.dumps(web(release)))
        (container,) = kubectl.json("get", "deployment", "web", f"--namespace={namespace}")["spec"]["template"]["spec"][
            "containers"
        ]
        assert container["env"] == [{"name": "RELEASE", "value": release}]
    kubectl("apply", f"--namespace={namespace}", "-f", "-", stdin=json.dumps(CONFIG))
    assert kubectl.json("get", "configmap", "settings", f"--namespace={namespace}")["data"] == {"a": "b"}


def test_a_namespace_is_created_and_deleted(kubectl: Kubectl) -> None:
    name = f"test-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    assert kubectl("get", "namespace", name, "--output=jsonpath={.status.phase}") == "Active"
    kubectl("delete", "namespace", name, "--wait=false")
    left = kubectl("get", "namespace", name, "--ignore-not-found", "--output=jsonpath={.status.phase}")
    assert left in ("", "Terminating")
