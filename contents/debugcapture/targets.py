"""Find the container to capture from: pure functions over the pod's JSON.

Source: Kubernetes API reference, core/v1 Pod, ContainerStatus.
"""

import difflib
from collections.abc import Sequence

from .errors import TargetNotFound
from .model import ContainerState, Json, Target, User

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


def find_target(pod: Json, container: str) -> Target:
    """Return the target in ``pod``: the named container, else the pod's default one, else its first.

    Raises TargetNotFound when the pod has no container of that name.
    """
    metadata, spec = pod["metadata"], pod["spec"]
    chosen = _choose_container(pod, container)
    status = container_status(pod, chosen["name"])
    return Target(
        namespace=metadata["namespace"],
        pod=metadata["name"],
        uid=metadata["uid"],
        container=chosen["name"],
        node=spec.get("nodeName", ""),
        workload=workload(pod),
        image=chosen.get("image", ""),
        state=container_state(status),
        user=container_user(pod, chosen, status),
    )


def container_status(pod: Json, name: str) -> Json:
    """Return the kubelet's status of the container, or an empty object when there is none yet."""
    kinds = ("containerStatuses", "initContainerStatuses")
    statuses = [status for kind in kinds for status in pod["status"].get(kind) or []]
    return next((status for status in statuses if status["name"] == name), {})


def container_state(status: Json) -> ContainerState:
    """Return the state in ``status``, a ContainerStatus."""
    state = status.get("state") or {}
    phase = next((phase for phase in ("running", "waiting", "terminated") if phase in state), None)
    now = state[phase] if phase else {}
    last = (status.get("lastState") or {}).get("terminated") or {}
    return ContainerState(
        phase=phase or "unknown",  # type: ignore[arg-type]  # one of the three above
        reason=now.get("reason", ""),
        exit_code=now.get("exitCode"),
        restarts=status.get("restartCount", 0),
        last_reason=last.get("reason", ""),
        last_exit_code=last.get("exitCode"),
    )


def container_user(pod: Json, container: Json, status: Json) -> User | None:
    """Return whom the container runs as, or None when only its image knows.

    The kubelet's word (``status.user``, Kubernetes 1.33 with a runtime that reports it) counts before the spec.
    """
    linux = (status.get("user") or {}).get("linux") or {}
    if "uid" in linux:
        return User(linux["uid"], linux.get("gid", linux["uid"]))
    context = (pod["spec"].get("securityContext") or {}) | (container.get("securityContext") or {})
    if "runAsUser" not in context:
        return None
    return User(context["runAsUser"], context.get("runAsGroup", 0))


def workload(pod: Json) -> str:
    """Return the name of the pod's workload, or the pod's own.

    A ReplicaSet's name is its Deployment's plus the pod template's hash, which the pod has as a label.
    """
    owners = [owner for owner in pod["metadata"].get("ownerReferences") or [] if owner.get("controller")]
    if not owners:
        return str(pod["metadata"]["name"])
    name = str(owners[0]["name"])
    labels = pod["metadata"].get("labels") or {}
    return name.removesuffix("-" + labels.get("pod-template-hash", "")) if owners[0]["kind"] == "ReplicaSet" else name


def container_names(pod: Json) -> list[str]:
    """Return the names of the pod's containers, init containers last; debug containers are none of its own."""
    return [one["name"] for kind in ("containers", "initContainers") for one in pod["spec"].get(kind) or []]


def pod_not_found(namespace: str, pod: str, there: Sequence[str], namespace_exists: bool) -> TargetNotFound:
    """Return the error for a pod that is not there, with the names that were perhaps meant."""
    if not namespace_exists:
        what = f"no pod {namespace}/{pod}"
        return TargetNotFound(what, f"there is no namespace {namespace}", "Check the namespace's name.")
    near = difflib.get_close_matches(pod, there, n=3, cutoff=0.5) or sorted(there)[:5]
    listed = f"Pods there: {', '.join(near)}." if near else "The namespace has no pods."
    return TargetNotFound(f"no pod {namespace}/{pod}", "it does not exist, or has been replaced", listed)


def _choose_container(pod: Json, name: str) -> Json:
    spec = pod["spec"]
    containers = {one["name"]: one for one in [*spec["containers"], *(spec.get("initContainers") or [])]}
    default = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER)
    if name and name not in containers:
        where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        raise TargetNotFound(f"no container {name} in pod {where}", "", f"It has: {', '.join(containers)}.")
    chosen: Json = containers[name] if name else containers.get(default or "", spec["containers"][0])
    return chosen
