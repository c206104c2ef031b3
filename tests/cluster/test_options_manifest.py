"""deploy/options-server/kubernetes.yaml: it runs in the cluster, and its role is exactly sufficient."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import lab.kubernetes
from lab.kubernetes.kubectl import Kubectl
from tests.cluster.fleet import API_SERVER

pytestmark = pytest.mark.xdist_group("options manifest")  # its namespace has a fixed name

MANIFEST = Path(__file__).parents[2] / "deploy" / "options-server" / "kubernetes.yaml"
OWN = "debug-capture-options"


def things() -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(MANIFEST.read_text()))
    return documents


@pytest.fixture(scope="module")
def account(kubectl: Kubectl) -> Iterator[str]:
    """Create the account of the manifest with its role and namespace. The other objects are only validated."""
    objects = [
        item
        for item in things()
        if item["kind"] in ("Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding")
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    kubectl("apply", "-f", "-", stdin=text)
    yield f"system:serviceaccount:{OWN}:{OWN}"
    kubectl("delete", "-f", "-", "--timeout=120s", stdin=text)


def test_api_server_accepts_the_manifest_and_its_pods_are_restricted(account: str, kubectl: Kubectl) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": things()})
    assert account
    kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)
    (deployment,) = [item for item in things() if item["kind"] == "Deployment"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": OWN, "namespace": OWN},
        **deployment["spec"]["template"],
    }
    pod["metadata"] = {"name": OWN, "namespace": OWN}
    kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))  # refused if it were not restricted


def test_the_account_has_exactly_the_permissions_that_the_server_uses(account: str, kubectl: Kubectl) -> None:
    def may(verb: str, resource: str, *part: str) -> bool:
        return kubectl.succeeds("auth", "can-i", verb, resource, *part, f"--as={account}", "--all-namespaces")

    lists = (
        "namespaces",
        "pods",
        "deployments.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "jobs.batch",
        "cronjobs.batch",
    )
    assert [resource for resource in lists if not may("list", resource)] == []
    assert may("get", "pods")
    more = [
        ("get", "secrets"),
        ("list", "secrets"),
        ("get", "pods", "--subresource=log"),
        ("create", "pods", "--subresource=exec"),
        ("delete", "pods"),
    ]
    assert [request for request in more if may(*request)] == []


def test_it_serves_from_the_cluster_by_its_own_account(account: str, kubectl: Kubectl) -> None:
    """As in the manifest, but with the image of the lab, and with the network of the machine."""
    assert account
    token = secrets.token_hex(32)
    here = f"--namespace={OWN}"
    kubectl("create", "secret", "generic", OWN, here, "--from-file=options-token=/dev/stdin", stdin=token)
    kubectl("label", "namespace", OWN, "pod-security.kubernetes.io/enforce=privileged", "--overwrite")
    (objects,) = [item for item in things() if item["kind"] == "Deployment"]
    spec = objects["spec"]["template"]["spec"]
    spec["hostNetwork"] = True
    server = spec["containers"][0]
    server["image"] = lab.kubernetes.endpoint().capture_image
    server["env"] += API_SERVER
    kubectl("apply", "-f", "-", stdin=json.dumps(objects))
    kubectl("rollout", "status", here, f"deployment/{OWN}", "--timeout=60s")
    request = urllib.request.Request(f"http://127.0.0.1:{server['ports'][0]['containerPort']}/workloads?namespace=shop")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request)
    request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request) as answer:
        offered = [row["value"] for row in json.load(answer)]
    assert {"deployment/checkout", "deployment/gateway", "deployment/orders"} <= set(offered)
