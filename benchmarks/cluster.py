"""A pod of the lab's cluster for benchmarks, in a namespace of its own that goes with it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lab.kubernetes
from lab.kubernetes.kubectl import Kubectl

NAMESPACE = "bench"
POD = "source"
CONTAINER = "toolbox"


@dataclass(frozen=True)
class BenchPod:
    """A running pod, and how to reach it."""

    kubeconfig: Path
    kubectl: Path
    run: Kubectl
    image: str  # of the toolbox

    def output(self, *command: str) -> str:
        """What ``command`` prints in the pod."""
        return self.run("exec", f"--namespace={NAMESPACE}", POD, f"--container={CONTAINER}", "--", *command)

    @property
    def place(self) -> tuple[str, ...]:
        """Arguments of our programs: kubeconfig, namespace, pod, container."""
        return (str(self.kubeconfig), NAMESPACE, POD, CONTAINER)


@contextmanager
def bench_pod(*, bare: bool = False, host_network: bool = False) -> Iterator[BenchPod]:
    """A pod with a shell and an empty /data; ``bare``: one with nothing but a program, called app.

    With ``host_network`` it reaches what listens on this machine only, as the stores do.
    """
    cluster = lab.kubernetes.endpoint()
    kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
    _delete(kubectl)
    try:
        for thing in (
            {"kind": "Namespace", "metadata": {"name": NAMESPACE}},
            _bare() if bare else _pod(cluster.toolbox_image, host_network=host_network),
        ):
            kubectl("create", "--filename=-", stdin=json.dumps({"apiVersion": "v1", **thing}))
        kubectl("wait", f"--namespace={NAMESPACE}", f"pod/{POD}", "--for=condition=Ready", "--timeout=60s")
        yield BenchPod(cluster.kubeconfig, cluster.kubectl, kubectl, cluster.toolbox_image)
    finally:
        _delete(kubectl)


def _delete(kubectl: Kubectl) -> None:
    pod = ("delete", "pod", POD, f"--namespace={NAMESPACE}", "--ignore-not-found", "--grace-period=1")
    if kubectl.succeeds("get", "namespace", NAMESPACE):
        kubectl(*pod)
        kubectl("delete", "namespace", NAMESPACE, "--wait=true", "--timeout=600s")  # thousands of pods take minutes


def _bare() -> dict[str, object]:
    container = {"name": "app", "image": "lab.local/pause:1", "imagePullPolicy": "IfNotPresent"}
    security = {"runAsUser": 1000, "runAsGroup": 1000}
    return {
        "kind": "Pod",
        "metadata": {"name": POD, "namespace": NAMESPACE},
        "spec": {"containers": [container], "securityContext": security},
    }


def _pod(image: str, *, host_network: bool) -> dict[str, object]:
    container = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "3600"],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    return {
        "kind": "Pod",
        "metadata": {"name": POD, "namespace": NAMESPACE},
        "spec": {
            "containers": [container],
            "volumes": [{"name": "data", "emptyDir": {}}],
            "hostNetwork": host_network,
        },
    }
