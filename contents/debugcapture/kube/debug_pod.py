"""Pods that a capture creates if the job allows it: the copy of a crashed pod, and the node pod.

Both are deleted after use, and end by themselves after their time limit. Source: Kubernetes documentation, "Debug
Running Pods" (debugging using a copy of the pod, debugging via a shell on the node).
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import CaptureError, NotRunning
from ..model import ContainerRef, Json, Report, Target
from .client import Api
from .objects import terminated_state, waiting_state
from .values import FATAL_REASONS
from .watch import watch_pod

_TOOLS = "/debug-capture-tools"
_TOOLS_MOUNT = {"name": "debug-capture-tools", "mountPath": _TOOLS}
BUSYBOX = f"{_TOOLS}/busybox"
HOST = "/host"
_START_LIMIT_S = 120
# Fields that would make the copy act like the original, or end it.
_OMITTED_FIELDS = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "command", "args", "ports")
_COPIED_FIELDS = (
    "securityContext",
    "serviceAccountName",
    "imagePullSecrets",
    "tolerations",
    "nodeName",
    "runtimeClassName",
)


def pod_copy(pod: Json, target: Target, image: str, lives_s: int) -> Json:
    """Return a pod with the target's image, environment and volumes that only sleeps.

    It has no labels, so no Service or controller selects it. Its program is the static /bin/busybox of the debug
    ``image``, because the target's image may contain no programs.
    """
    spec = pod["spec"]
    containers = [*spec["containers"], *(spec.get("initContainers") or [])]
    original = next(container for container in containers if container["name"] == target.container)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _name("copy", target.pod), "namespace": target.namespace},
        "spec": {
            **{key: spec[key] for key in _COPIED_FIELDS if key in spec},
            **_short_lived(lives_s),
            "initContainers": [_busybox_container(original, image)],
            "containers": [_sleeping_container(original, lives_s)],
            "volumes": [*(spec.get("volumes") or []), {"name": _TOOLS_MOUNT["name"], "emptyDir": {}}],
        },
    }


def _sleeping_container(original: Json, lives_s: int) -> Json:
    """Return ``original`` with a program that only sleeps."""
    container = {key: value for key, value in original.items() if key not in _OMITTED_FIELDS}
    return container | {
        "command": [BUSYBOX, "sleep", str(lives_s)],
        "volumeMounts": [*(original.get("volumeMounts") or []), _TOOLS_MOUNT],
    }


def _busybox_container(original: Json, image: str) -> Json:
    """Return the init container that copies busybox from ``image``, with the privileges of ``original``."""
    container: Json = {
        "name": "debug-capture-tools",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/busybox", "cp", "/bin/busybox", BUSYBOX],
        "volumeMounts": [_TOOLS_MOUNT],
    }
    if "securityContext" in original:
        container["securityContext"] = original["securityContext"]
    return container


def _short_lived(lives_s: int) -> Json:
    """Return the fields of a pod's spec that end it after ``lives_s`` seconds, and keep it away from the API server."""
    return {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": lives_s,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
    }


def node_pod(node: str, namespace: str, image: str, lives_s: int) -> Json:
    """Return a pod with the processes, network and files (read-only) of ``node``, like `kubectl debug node/`."""
    container = {
        "name": "node",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", str(lives_s)],
        # The programs of the node run by chroot, which CRI-O does not allow by default.
        "securityContext": {"capabilities": {"add": ["SYS_CHROOT"]}},
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
            **_short_lived(lives_s),
            "tolerations": [{"operator": "Exists"}],
            "containers": [container],
            "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
        },
    }


@contextmanager
def run_pod(api: Api, pod: Json, report: Report) -> Iterator[ContainerRef]:
    """Create ``pod``, wait until it runs, yield its container, and delete it.

    Raises NotAllowed if RBAC or admission refuses, NotRunning with the reason if it does not start.
    """
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    api.create_pod(pod)
    report(f"created pod {namespace}/{name}")
    try:
        _wait_until_running(api, namespace, name, report)
        yield ContainerRef(namespace, name, pod["spec"]["containers"][0]["name"])
    finally:
        try:
            api.delete_pod(namespace, name)
        except CaptureError as error:
            report(f"pod {namespace}/{name} was not deleted; it stops by itself: {error}")


def _wait_until_running(api: Api, namespace: str, name: str, report: Report) -> None:
    reported_reason = ""
    for pod in watch_pod(api, namespace, name, _START_LIMIT_S):
        status = pod["status"]
        if status.get("phase") == "Running":
            return
        reason = _reason(status)
        if status.get("phase") in ("Failed", "Succeeded") or reason.partition(":")[0] in FATAL_REASONS:
            raise NotRunning(f"pod {namespace}/{name} did not start", reason, "Check the debug image.")
        if reason != reported_reason:
            report(f"waiting for pod {name}: {reason}")
            reported_reason = reason
    raise NotRunning(
        f"pod {namespace}/{name} did not start", f"it did not start within {_START_LIMIT_S} s ({reported_reason})"
    )


def _reason(status: Json) -> str:
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or []:
            waiting, ended = waiting_state(container), terminated_state(container)
            if waiting.get("reason") not in (None, "PodInitializing", "ContainerCreating"):
                return f"{waiting['reason']}: {waiting.get('message', '')}"
            if ended.get("exitCode"):
                return f"{ended.get('reason')}: {container['name']} ended with exit code {ended['exitCode']}"
    return str(status.get("reason") or "ContainerCreating")


def _name(kind: str, subject: str) -> str:
    return f"debug-capture-{kind}-{subject[:30].strip('.-')}-{secrets.token_hex(3)}".replace(".", "-")
