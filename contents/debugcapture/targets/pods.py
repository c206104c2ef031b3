"""Choose pods, and the container to capture from: pure functions over the pods' JSON.

Source: Kubernetes API reference, core/v1 Pod, ContainerStatus.
"""

import difflib
from collections.abc import Sequence
from datetime import datetime

from ..errors import TargetNotFound
from ..model import ContainerState, Json, Target, User
from .health import findings, statuses

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
# Containers that a mesh or an agent adds to other people's pods; a native sidecar says of itself what it is.
SIDECARS = frozenset({
    "istio-proxy", "linkerd-proxy", "envoy", "envoy-sidecar", "consul-dataplane", "kuma-sidecar", "daprd",
    "aws-xray-daemon", "vault-agent", "cloud-sql-proxy", "cloudsql-proxy", "datadog-agent", "fluent-bit", "fluentd",
    "filebeat", "promtail", "otel-collector", "opentelemetry-collector", "oauth2-proxy", "kube-rbac-proxy",
    "config-reloader",
})  # fmt: skip


def find_target(pod: Json, container: str, now: datetime) -> Target:
    """Return the target in ``pod``: the named container, else the pod's default one, else the one that is failing.

    Where none is failing it is the first that is no sidecar. Raises TargetNotFound when the pod has no container of
    that name.
    """
    metadata, spec = pod["metadata"], pod["spec"]
    wrong = findings(pod, now)
    failing = next((one.container for one in wrong if one.container), "")
    chosen = _choose_container(pod, container, failing)
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
        container_id=container_id(pod, chosen["name"]),
        unhealthy=tuple(dict.fromkeys(f"{one.container}: {one.why}" if one.container else one.why for one in wrong)),
    )


def find_container(pod: Json, name: str) -> Json:
    """Return the container ``name`` of the pod's spec."""
    spec = pod["spec"]
    containers: list[Json] = [*spec["containers"], *(spec.get("initContainers") or [])]
    return next(one for one in containers if one["name"] == name)


def container_id(pod: Json, name: str) -> str:
    """Return the id of the container as it is now, without the runtime's name, or ""."""
    return str(container_status(pod, name).get("containerID", "")).rpartition("//")[2]


def container_status(pod: Json, name: str) -> Json:
    """Return the kubelet's status of the container, or an empty object when there is none yet."""
    return next((status for status in statuses(pod) if status["name"] == name), {})


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


def controller(one: Json) -> Json:
    """Return the reference to the object that owns ``one``, or an empty object."""
    owners: list[Json] = one["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), {})


def owner_uid(one: Json) -> str:
    """Return the UID of the object that owns ``one``, or ""."""
    return str(controller(one).get("uid", ""))


def workload(pod: Json) -> str:
    """Return the name of the pod's workload, or the pod's own.

    A ReplicaSet's name is its Deployment's plus the pod template's hash, which the pod has as a label.
    """
    owner = controller(pod)
    if not owner:
        return str(pod["metadata"]["name"])
    name = str(owner["name"])
    labels = pod["metadata"].get("labels") or {}
    return name.removesuffix("-" + labels.get("pod-template-hash", "")) if owner["kind"] == "ReplicaSet" else name


def container_names(pod: Json) -> list[str]:
    """Return the names of the pod's containers, init containers last; debug containers are none of its own."""
    return [one["name"] for kind in ("containers", "initContainers") for one in pod["spec"].get(kind) or []]


def pod_not_found(namespace: str, pod: str, there: Sequence[str], namespace_exists: bool) -> TargetNotFound:
    """Return the error for a pod that is not there, with the names that were perhaps meant."""
    if not namespace_exists:
        what = f"no pod {namespace}/{pod}"
        return TargetNotFound(what, f"namespace {namespace} does not exist", "Check the name of the namespace.")
    near = difflib.get_close_matches(pod, there, n=3, cutoff=0.5) or sorted(there)[:5]
    listed = f"Pods in the namespace: {', '.join(near)}." if near else "The namespace has no pods."
    return TargetNotFound(f"no pod {namespace}/{pod}", "it does not exist, or was replaced", listed)


def _choose_container(pod: Json, name: str, failing: str) -> Json:
    spec = pod["spec"]
    containers = {one["name"]: one for one in [*spec["containers"], *(spec.get("initContainers") or [])]}
    if name and name not in containers:
        where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        raise TargetNotFound(f"no container {name} in pod {where}", "", f"Available: {', '.join(containers)}.")
    default = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER, "")
    first = next((one["name"] for one in spec["containers"] if one["name"] not in SIDECARS), "")
    wanted = next((one for one in (name, default, failing, first) if one in containers), spec["containers"][0]["name"])
    chosen: Json = containers[wanted]
    return chosen
