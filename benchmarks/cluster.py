"""A pod for benchmarks in the lab's cluster. It has its own namespace, which is deleted at the end."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lab.kubernetes
from debugcapture.kube.auth import connect
from debugcapture.kube.client import Api
from debugcapture.settings.cluster import ConnectionSettings
from lab.kubernetes.kubectl import Kubectl

NAMESPACE = "bench"
POD = "source"
CONTAINER = "toolbox"
PAUSE = "lab.local/pause:1"
# The kubelet lists its containers every second. It does not change a pod again before it has listed the last change.
_SETTLED_S = 2.5


@dataclass(frozen=True)
class BenchPod:
    """A running pod and the means to access it."""

    kubeconfig: Path
    kubectl: Path
    run: Kubectl
    image: str
    """The toolbox image."""
    server: str
    """The URL of the API server."""

    def output(self, *command: str) -> str:
        """Return the output of ``command`` in the pod."""
        return self.run("exec", f"--namespace={NAMESPACE}", POD, f"--container={CONTAINER}", "--", *command)

    @property
    def place(self) -> tuple[str, ...]:
        """The first arguments of the programs: kubeconfig, namespace, pod, container."""
        return (str(self.kubeconfig), NAMESPACE, POD, CONTAINER)


@contextmanager
def bench_pod(*, bare: bool = False, host_network: bool = False, image: str = PAUSE) -> Iterator[BenchPod]:
    """Run a pod with a shell and an empty /data or, if ``bare``, a pod whose container ``app`` runs ``image``.

    With ``host_network``, the pod can reach the stores, which listen on the loopback address of this machine only.
    """
    cluster = lab.kubernetes.endpoint()
    kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
    _delete(kubectl)
    try:
        kubectl("create", "namespace", NAMESPACE)
        _create(kubectl, _bare(image) if bare else _pod(cluster.toolbox_image, host_network=host_network))
        yield BenchPod(cluster.kubeconfig, cluster.kubectl, kubectl, cluster.toolbox_image, cluster.server)
    finally:
        _delete(kubectl)


def renew_bare_pod(pod: BenchPod) -> None:
    """Replace the bare pod with a new one. Wait until it runs and the kubelet has listed its container."""
    pod.run("delete", "pod", POD, f"--namespace={NAMESPACE}", "--grace-period=1")
    _create(pod.run, _bare(PAUSE))
    time.sleep(_SETTLED_S)


def make_pending_pods(pod: BenchPod, count: int) -> None:
    """Create pods that no scheduler assigns to a node. They exist in the API server, but do not run."""
    api = Api(connect(ConnectionSettings(kubeconfig=str(pod.kubeconfig), requests_per_s=1000)))
    spec = {"schedulerName": "none", "containers": [{"name": "app", "image": pod.image}]}

    def make(number: int) -> None:
        metadata = {"name": f"pending-{number:05}", "namespace": NAMESPACE, "labels": {"app": f"app-{number % 50}"}}
        api.create_pod({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(make, range(count)))


def _create(kubectl: Kubectl, pod: dict[str, object]) -> None:
    kubectl("create", "--filename=-", stdin=json.dumps({"apiVersion": "v1", **pod}))
    kubectl("wait", f"--namespace={NAMESPACE}", f"pod/{POD}", "--for=condition=Ready", "--timeout=60s")


def _delete(kubectl: Kubectl) -> None:
    pod = ("delete", "pod", POD, f"--namespace={NAMESPACE}", "--ignore-not-found", "--grace-period=1")
    if kubectl.succeeds("get", "namespace", NAMESPACE):
        kubectl(*pod)
        kubectl("delete", "namespace", NAMESPACE, "--wait=true", "--timeout=600s")  # thousands of pods take minutes


def _bare(image: str) -> dict[str, object]:
    container = {"name": "app", "image": image, "imagePullPolicy": "IfNotPresent"}
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
