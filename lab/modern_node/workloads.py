"""The workloads of the node: runtimes, and a pod with shared processes, each with runc and with crun."""

import json
from typing import Any

from lab.kubernetes import runtimes
from lab.kubernetes.kubectl import Kubectl
from lab.kubernetes.runtimes import RUNNING
from lab.kubernetes.workloads import Expected, grant
from lab.modern_node.names import NAMESPACE, NODE, RUNTIMES, TAINT

# Only a few, because a capture takes ten times as long on emulated processors.
_NAMES = (
    "java17-full",
    "java17-bare",
    "java17-busybox",
    "python-full",
    "python-bare",
    "node-bare",
    "go-bare",
    "native-bare",
)
WORKLOADS = tuple(workload for workload in RUNNING if workload.name in _NAMES)
SHARED = "shared-processes"
IMAGES = frozenset({"pause", "toolbox", *(workload.image for workload in WORKLOADS)})
EXPECTED = Expected(
    NAMESPACE,
    frozenset(f"{name}-{runtime}" for name in (*_NAMES, SHARED) for runtime in RUNTIMES),
    frozenset(),
)


def apply(kubectl: Kubectl, image_keys: dict[str, str]) -> None:
    """Apply the runtime classes, which put their pods on this node, and the workloads."""
    _apply(kubectl, [_namespace(), *map(runtime_class, RUNTIMES)])
    grant(kubectl, NAMESPACE)
    _apply(kubectl, [manifest for runtime in RUNTIMES for manifest in manifests(runtime, image_keys)])


def delete(kubectl: Kubectl) -> None:
    """Delete the objects of ``apply``, and the node, because its kubelet has stopped."""
    quiet = ("--ignore-not-found", "--wait=false")
    kubectl("delete", "namespace", NAMESPACE, *quiet)
    kubectl("delete", "pods", "--all", f"--namespace={NAMESPACE}", "--force", "--grace-period=0", *quiet)
    kubectl("delete", "runtimeclass", *RUNTIMES, *quiet)
    kubectl("delete", "node", NODE, *quiet)


def _apply(kubectl: Kubectl, items: list[dict[str, Any]]) -> None:
    kubectl("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def _namespace() -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def runtime_class(runtime: str) -> dict[str, Any]:
    """Return the RuntimeClass, which places its pods on this node."""
    return {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": runtime},
        "handler": runtime,
        "scheduling": {
            "nodeSelector": {"kubernetes.io/hostname": NODE},
            "tolerations": [{"key": TAINT, "operator": "Exists"}],
        },
    }


def manifests(runtime: str, image_keys: dict[str, str]) -> list[dict[str, Any]]:
    """Return the Deployments that use the runtime."""
    deployments = [runtimes.manifest(workload, image_keys[workload.image]) for workload in WORKLOADS]
    jdk = next(workload for workload in WORKLOADS if workload.name == "java17-full")
    shared = runtimes.manifest(jdk, image_keys[jdk.image])
    pod = shared["spec"]["template"]["spec"]
    pod["shareProcessNamespace"] = True
    pod["containers"].append(pod["containers"][0] | {"name": "neighbor"})
    return [_with_runtime(manifest, runtime) for manifest in deployments] + [_with_runtime(shared, runtime, SHARED)]


def _with_runtime(manifest: dict[str, Any], runtime: str, name: str = "") -> dict[str, Any]:
    """Return the manifest with names and a namespace of its own."""
    name = f"{name or manifest['metadata']['name']}-{runtime}"
    labels = {"app": name}
    template = manifest["spec"]["template"]
    template["metadata"]["labels"] = labels
    template["spec"]["runtimeClassName"] = runtime
    manifest["metadata"] = {"name": name, "namespace": NAMESPACE, "labels": labels}
    manifest["spec"]["selector"] = {"matchLabels": labels}
    return manifest
