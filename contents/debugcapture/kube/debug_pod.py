"""Pods of our own, where the job's author allows them: a copy of a crashed pod, and a look at a node.

Both end by themselves after their time limit, and are deleted when done with. Source: Kubernetes documentation, "Debug
Running Pods" (debugging using a copy of the pod, debugging via a shell on the node).
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import CaptureError, NotRunning
from ..model import ContainerRef, Json, Target
from .client import Api
from .values import HOPELESS
from .watch import pod_changes

_TOOLS = "/debug-capture-tools"
BUSYBOX = f"{_TOOLS}/busybox"
HOST = "/host"
_START_LIMIT_S = 120
# What would make the copy act as the original does, or end it.
_LEFT_OUT = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "command", "args", "ports")


def copy_of(pod: Json, target: Target, image: str, lives_s: int) -> Json:
    """Return a pod with the target's image, environment and volumes that only sleeps.

    It has no labels, so no Service and no controller sees it. Its program comes from the debug ``image``, since the
    target's may have none; it must have a static /bin/busybox.
    """
    spec = pod["spec"]
    containers = [*spec["containers"], *(spec.get("initContainers") or [])]
    original = next(one for one in containers if one["name"] == target.container)
    tools = {"name": "debug-capture-tools", "mountPath": _TOOLS}
    container = {key: value for key, value in original.items() if key not in _LEFT_OUT}
    container |= {
        "command": [BUSYBOX, "sleep", str(lives_s)],
        "volumeMounts": [*(original.get("volumeMounts") or []), tools],
    }
    bring = {
        "name": "debug-capture-tools",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/busybox", "cp", "/bin/busybox", BUSYBOX],
        "volumeMounts": [tools],
        **({"securityContext": original["securityContext"]} if "securityContext" in original else {}),
    }
    kept = ("securityContext", "serviceAccountName", "imagePullSecrets", "tolerations", "nodeName", "runtimeClassName")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _name("copy", target.pod), "namespace": target.namespace},
        "spec": {
            **{key: spec[key] for key in kept if key in spec},
            "restartPolicy": "Never",
            "activeDeadlineSeconds": lives_s,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "initContainers": [bring],
            "containers": [container],
            "volumes": [*(spec.get("volumes") or []), {"name": tools["name"], "emptyDir": {}}],
        },
    }


def node_pod(node: str, namespace: str, image: str, lives_s: int) -> Json:
    """Return a pod that sees the processes, network and (read-only) files of ``node``, as `kubectl debug node/`."""
    container = {
        "name": "node",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", str(lives_s)],
        "volumeMounts": [{"name": "host", "mountPath": HOST, "readOnly": True}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _name("node", node), "namespace": namespace},
        "spec": {
            "nodeName": node,
            "hostPID": True,
            "hostNetwork": True,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": lives_s,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "tolerations": [{"operator": "Exists"}],
            "containers": [container],
            "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
        },
    }


@contextmanager
def running(api: Api, pod: Json, say: Callable[[str], None]) -> Iterator[ContainerRef]:
    """Create ``pod``, wait until it runs, yield its container, and delete it.

    Raises NotAllowed when RBAC or admission refuses, NotRunning with the reason when it does not start.
    """
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    api.create_pod(pod)
    say(f"created pod {namespace}/{name}")
    try:
        _wait(api, namespace, name, say)
        yield ContainerRef(namespace, name, pod["spec"]["containers"][0]["name"])
    finally:
        try:
            api.delete_pod(namespace, name)
        except CaptureError as error:
            say(f"pod {namespace}/{name} was not deleted; it stops by itself: {error}")


def _wait(api: Api, namespace: str, name: str, say: Callable[[str], None]) -> None:
    told = ""
    for pod in pod_changes(api, namespace, name, _START_LIMIT_S):
        status = pod["status"]
        if status.get("phase") == "Running":
            return
        reason = _reason(status)
        if status.get("phase") in ("Failed", "Succeeded") or reason.partition(":")[0] in HOPELESS:
            raise NotRunning(f"pod {namespace}/{name} did not start", reason, "Check the debug image.")
        if reason != told:
            say(f"waiting for pod {name}: {reason}")
            told = reason
    raise NotRunning(f"pod {namespace}/{name} did not start", f"it did not start within {_START_LIMIT_S} s ({told})")


def _reason(status: Json) -> str:
    for kind in ("initContainerStatuses", "containerStatuses"):
        for one in status.get(kind) or []:
            waiting = one["state"].get("waiting") or {}
            ended = one["state"].get("terminated") or {}
            if waiting.get("reason") not in (None, "PodInitializing", "ContainerCreating"):
                return f"{waiting['reason']}: {waiting.get('message', '')}"
            if ended.get("exitCode"):
                return f"{ended.get('reason')}: {one['name']} ended with exit code {ended['exitCode']}"
    return str(status.get("reason") or "ContainerCreating")


def _name(kind: str, of: str) -> str:
    return f"debug-capture-{kind}-{of[:30].strip('.-')}-{secrets.token_hex(3)}".replace(".", "-")
