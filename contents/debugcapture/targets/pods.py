"""Reads pods: the container to capture, its state, its user, its workload. Pure functions over the pods' JSON.

Source: Kubernetes API reference, core/v1 Pod, ContainerStatus.
"""

import difflib
from collections.abc import Sequence
from datetime import datetime

from ..errors import TargetNotFound
from ..kube.objects import (
    annotations_of,
    container_statuses,
    controller_of,
    labels_of,
    last_terminated_state,
    shares_processes,
)
from ..model import ContainerState, Json, Target, User
from ..settings.declare import is_object_name
from .health import find_problems
from .sidecars import is_sidecar
from .startup import initializing_container
from .workload import name_of_workload

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


def find_target(pod: Json, container: str, now: datetime) -> Target:
    """Return the target in ``pod``: the named container, or the first of these that exists.

    These are the init container that the pod waits for, its default container, the container with the most severe
    problem, and the first container that is not a sidecar. Raises TargetNotFound if the pod does not have the named
    container.
    """
    metadata, spec = pod["metadata"], pod["spec"]
    problems = find_problems(pod, now)
    failing = next((problem.container for problem in problems if problem.container), "")
    chosen = _choose_container(pod, container, failing)
    status = container_status(pod, chosen["name"])
    unhealthy = [
        f"{problem.container}: {problem.reason}" if problem.container else problem.reason for problem in problems
    ]
    return Target(
        namespace=metadata["namespace"],
        pod=metadata["name"],
        uid=metadata["uid"],
        container=chosen["name"],
        node=_valid_or_empty(spec.get("nodeName", "")),
        workload=workload_name(pod),
        image=chosen.get("image", ""),
        state=container_state(status),
        user=container_user(pod, chosen, status),
        container_id=container_id(pod, chosen["name"]),
        unhealthy=tuple(dict.fromkeys(unhealthy)),
        shares_processes=shares_processes(pod),
        workload_kind=owning_kind(pod),
    )


def find_container(pod: Json, name: str) -> Json:
    """Return the container ``name`` of the pod's spec."""
    spec = pod["spec"]
    containers: list[Json] = [*spec["containers"], *(spec.get("initContainers") or [])]
    return next(container for container in containers if container["name"] == name)


def container_id(pod: Json, name: str) -> str:
    """Return the ID of the container's current run, without the runtime's name; "" before its first start."""
    return str(container_status(pod, name).get("containerID", "")).rpartition("//")[2]


def container_status(pod: Json, name: str) -> Json:
    """Return the kubelet's status of the container, or an empty object if there is none yet."""
    return next((status for status in container_statuses(pod) if status["name"] == name), {})


def container_state(status: Json) -> ContainerState:
    """Return the state in ``status``, a ContainerStatus."""
    state = status.get("state") or {}
    phase = next((phase for phase in ("running", "waiting", "terminated") if phase in state), None)
    current = state[phase] if phase else {}
    last = last_terminated_state(status)
    return ContainerState(
        phase=phase or "unknown",  # type: ignore[arg-type]  # one of the three above
        reason=current.get("reason", ""),
        exit_code=current.get("exitCode"),
        restarts=status.get("restartCount", 0),
        last_reason=last.get("reason", ""),
        last_exit_code=last.get("exitCode"),
    )


def container_user(pod: Json, container: Json, status: Json) -> User | None:
    """Return the user that the container runs as; None if only its image specifies it.

    What the kubelet reports takes precedence over the spec (``status.user``, Kubernetes 1.33 with a runtime that
    supports it).
    """
    linux = (status.get("user") or {}).get("linux") or {}
    if "uid" in linux:
        return User(linux["uid"], linux.get("gid", linux["uid"]))
    context = (pod["spec"].get("securityContext") or {}) | (container.get("securityContext") or {})
    if "runAsUser" not in context:
        return None
    return User(context["runAsUser"], context.get("runAsGroup", 0))


def workload_name(pod: Json) -> str:
    """Return the name of the pod's workload, or of the pod if it has none."""
    return owning_workload(pod) or str(pod["metadata"]["name"])


def owning_workload(pod: Json) -> str:
    """Return the name of the workload that controls the pod; "" if there is none, or if the name is not valid.

    The name is the same for each release and each run (`name_of_workload`). The author
    of a pod can write any text into the name of its owner: the API server only requires that it is not empty. The name
    becomes a folder in the store and a tag of a Rundeck node.
    """
    return _valid_or_empty(name_of_workload(pod, controller_of(pod)))


def owning_kind(pod: Json) -> str:
    """Return the kind of `owning_workload` in lower case: deployment, statefulset or daemonset; "" if unknown."""
    owner = controller_of(pod)
    kind = owner.get("kind", "").lower()
    if kind == "replicaset" and "pod-template-hash" in labels_of(pod):
        return "deployment" if name_of_workload(pod, owner) != owner.get("name") else ""
    return kind if kind in ("statefulset", "daemonset") else ""


def container_names(pod: Json) -> list[str]:
    """Return the names of the pod's containers, init containers last. Debug containers are not included."""
    return [container["name"] for kind in ("containers", "initContainers") for container in pod["spec"].get(kind) or []]


def pod_not_found(namespace: str, pod: str, existing: Sequence[str], namespace_exists: bool) -> TargetNotFound:
    """Return the error for a pod that does not exist, with the most similar names among ``existing``."""
    if not namespace_exists:
        action = f"no pod {namespace}/{pod}"
        return TargetNotFound(action, f"namespace {namespace} does not exist", "Check the name of the namespace.")
    near = difflib.get_close_matches(pod, existing, n=3, cutoff=0.5) or sorted(existing)[:5]
    remedy = f"Pods in the namespace: {', '.join(near)}." if near else "The namespace has no pods."
    return TargetNotFound(f"no pod {namespace}/{pod}", "it does not exist, or was replaced", remedy)


def _valid_or_empty(name: str) -> str:
    return name if is_object_name(name) else ""


def _choose_container(pod: Json, name: str, failing: str) -> Json:
    spec = pod["spec"]
    containers: dict[str, Json] = {
        container["name"]: container for container in [*spec["containers"], *(spec.get("initContainers") or [])]
    }
    if name and name not in containers:
        pod_name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        raise TargetNotFound(f"no container {name} in pod {pod_name}", "", f"Available: {', '.join(containers)}.")
    default = annotations_of(pod).get(DEFAULT_CONTAINER, "")
    names = [container["name"] for container in spec["containers"]]
    first_main = next((name for name in names if not is_sidecar(pod, name)), "")
    preferred = (name, initializing_container(pod), default, failing, first_main)
    return containers[next((name for name in preferred if name in containers), names[0])]
