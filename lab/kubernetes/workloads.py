"""The sample workloads: apply them, and wait until they fail as intended."""

import base64
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.kubernetes.kubectl import Kubectl
from lab.paths import REPO
from lab.process import wait_until

NAMESPACE = "shop"
_MANIFESTS = REPO / "lab" / "workloads"
_PERMISSIONS = REPO / "deploy" / "rbac"
WORN_AFTER = 40
"""Number of debug containers of a pod that is replaced at the next start."""

_TOKEN_LIFE_S, _TOKEN_REST_S = 48 * 3600, 24 * 3600


def make_account(kubectl: Kubectl) -> None:
    """Apply the service account of captures, which may only read nodes and the names of namespaces."""
    kubectl("apply", f"--filename={_PERMISSIONS / 'account.yaml'}")


def grant(kubectl: Kubectl, namespace: str, size: str = "capture") -> None:
    """Grant the permissions of a file of deploy/rbac/namespace in ``namespace``."""
    kubectl("apply", f"--namespace={namespace}", f"--filename={_PERMISSIONS / 'namespace' / f'{size}.yaml'}")


def renew_token(kubectl: Kubectl, file: Path) -> None:
    """Return a token of the service account of captures that is valid for at least a day."""
    if file.exists() and _expires_in(file) > _TOKEN_REST_S and _is_accepted(kubectl, file):
        return
    account = ("debug-capture", "--namespace=debug-capture")
    token = kubectl("create", "token", *account, f"--duration={_TOKEN_LIFE_S}s").strip()
    file.touch(mode=0o600)
    file.write_text(token)


def _expires_in(file: Path) -> float:
    try:
        claims = file.read_text().split(".")[1]
        expiry = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"]
    except (IndexError, KeyError, ValueError):
        return 0
    return float(expiry) - time.time()


def _is_accepted(kubectl: Kubectl, file: Path) -> bool:
    """Return whether the cluster accepts the token; after a reset it does not."""
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": file.read_text().strip()},
    }
    answer = json.loads(kubectl("create", "--filename=-", "--output=json", stdin=json.dumps(review)))
    return bool(answer["status"].get("authenticated"))


def apply(kubectl: Kubectl) -> None:
    """Apply the namespace first, then the objects in it."""
    kubectl("apply", f"--filename={_MANIFESTS / 'namespace.yaml'}")
    grant(kubectl, NAMESPACE)
    kubectl("apply", f"--filename={_MANIFESTS}")


def replace_full_pods(kubectl: Kubectl, namespace: str) -> None:
    """Delete pods to which earlier runs have added many debug containers, because Kubernetes never removes these."""
    for pod in kubectl.json("get", "pods", f"--namespace={namespace}")["items"]:
        if len(pod["spec"].get("ephemeralContainers", [])) > WORN_AFTER:
            kubectl("delete", "pod", pod["metadata"]["name"], f"--namespace={namespace}", "--wait=true")


def wait_for_all(kubectl: Kubectl, running: "RunningContainers", expected: "Expected", timeout_s: float = 120) -> None:
    """Wait until the healthy workloads are ready and the others have crashed."""
    wait_until("the sample workloads", lambda: not unready(kubectl, running, expected), timeout_s)


@dataclass(frozen=True)
class Expected:
    """The pods of a namespace, by the label ``app``."""

    namespace: str
    ready: frozenset[str]
    crashing: frozenset[str]


SHOP = Expected(NAMESPACE, frozenset({"checkout", "orders"}), frozenset({"gateway"}))


class RunningContainers:
    """Decides whether a container that is running according to the pod's status really runs. By default it does."""

    def __contains__(self, container_id: str) -> bool:
        return True


def unready(kubectl: Kubectl, running: RunningContainers, expected: Expected = SHOP) -> list[str]:
    """Return the workloads that are not yet in their expected state."""
    pods = kubectl.json("get", "pods", f"--namespace={expected.namespace}")["items"]
    live = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    ready = {_app(pod) for pod in live if _is_ready(pod, running)}
    crashed = {_app(pod) for pod in live if _has_crashed(pod)}
    return sorted((expected.ready - ready) | (expected.crashing - crashed))


def _app(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["labels"].get("app"))


def _is_ready(pod: dict[str, Any], running: RunningContainers) -> bool:
    statuses = pod["status"].get("containerStatuses", [])
    return bool(statuses) and all(status["ready"] and status["containerID"] in running for status in statuses)


def _has_crashed(pod: dict[str, Any]) -> bool:
    statuses = pod["status"].get("containerStatuses", [])
    return any(status["restartCount"] or "terminated" in status["state"] for status in statuses)
