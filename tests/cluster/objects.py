"""Objects for the lab's cluster, and what their status says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.kubernetes.kubectl import Kubectl

BARE = "lab.local/pause:1"  # one static program, without a shell
SLEEPER = ["sh", "-c", "while :; do sleep 1; done"]
IMAGE = "lab.local/toolbox:1"
Apply = Callable[[dict[str, Any]], None]
Ready = Callable[[str], None]


def container(command: list[str] | None = None, **fields: Any) -> dict[str, Any]:
    return {"name": "app", "image": IMAGE, "command": command or SLEEPER, **fields}


def bare(**fields: Any) -> dict[str, Any]:
    return {"name": "app", "image": BARE, **fields}


def pod_spec(*containers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    security = {"runAsUser": 1000, "runAsGroup": 1000}
    return {
        "containers": list(containers),
        "terminationGracePeriodSeconds": 0,
        "securityContext": security,
        **fields,
    }


def pod(name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": spec}


def deployment(name: str, spec: dict[str, Any], replicas: int = 1) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def waits(kubectl: Kubectl, namespace: str, name: str) -> bool:
    statuses = kubectl.json("get", "pod", name, f"--namespace={namespace}")["status"].get("containerStatuses") or []
    return any("waiting" in status["state"] and status["restartCount"] for status in statuses)


def restarts(kubectl: Kubectl, namespace: str, name: str) -> int:
    statuses = kubectl.json("get", "pod", name, f"--namespace={namespace}")["status"].get("containerStatuses") or []
    return sum(status["restartCount"] for status in statuses)


def debug_containers(kubectl: Kubectl, namespace: str, state: str, pod: str = "web") -> list[str]:
    status = kubectl.json("get", "pod", pod, f"--namespace={namespace}")["status"]
    return [
        container["name"] for container in status.get("ephemeralContainerStatuses") or [] if state in container["state"]
    ]
