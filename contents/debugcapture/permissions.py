"""What a capture has to be allowed on the API server, and for what; a test compares it with deploy/rbac*.yaml. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

NAME = "debug-capture-missing"
_API = "rbac.authorization.k8s.io"
Scope = Literal["namespace", "cluster"]
Purpose = Literal[
    "every capture", "commands in the container", "debug containers", "services by name", "what is around the pod",
    "nodes and namespaces", "copies of pods, looks at nodes", "waits without polling",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Permission:
    """A rule as RBAC has it; ``resource`` may have a subresource: pods/log."""

    purpose: Purpose
    group: str  # "" for the core
    resource: str
    verbs: tuple[str, ...]
    scope: Scope = "namespace"

    def __str__(self) -> str:
        place = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{' and '.join(self.verbs)} {place}"


_READ = ("get", "list")
PERMISSIONS = (
    *(Permission("every capture", "", resource, _READ) for resource in ("pods", "pods/log", "events")),
    Permission("commands in the container", "", "pods/exec", ("get", "create")),
    *(
        Permission("services by name", "apps", resource, _READ)
        for resource in ("deployments", "replicasets", "statefulsets", "daemonsets")
    ),
    *(Permission("services by name", "batch", resource, _READ) for resource in ("jobs", "cronjobs")),
    Permission("what is around the pod", "autoscaling", "horizontalpodautoscalers", ("list",)),
    Permission("what is around the pod", "policy", "poddisruptionbudgets", ("list",)),
    Permission("what is around the pod", "", "resourcequotas", ("list",)),
    Permission("what is around the pod", "metrics.k8s.io", "pods", ("get",)),
    Permission("debug containers", "", "pods/ephemeralcontainers", ("patch",)),
    *(Permission("nodes and namespaces", "", one, ("get",), "cluster") for one in ("namespaces", "nodes")),
    Permission("copies of pods, looks at nodes", "", "pods", ("create", "delete")),
    Permission("waits without polling", "", "pods", ("watch",)),
)
# A capture does without these; what they are for is left out, and said so. Where they are granted by us.
OPTIONAL: Mapping[Purpose, str] = {
    "what is around the pod": "deploy/rbac.yaml",
    "nodes and namespaces": "deploy/rbac.yaml",
    "copies of pods, looks at nodes": "deploy/rbac-pods.yaml",
    "waits without polling": "deploy/rbac.yaml",
}


def role(missing: Iterable[Permission], namespace: str, user: str) -> str:
    """Return, as YAML for kubectl, a Role and its binding that grant ``missing`` to ``user`` in ``namespace``."""
    import yaml

    granted: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for one in missing:
        granted.setdefault((one.group, one.verbs), []).append(one.resource)
    rules = [
        {"apiGroups": [group], "resources": resources, "verbs": list(verbs)}
        for (group, verbs), resources in granted.items()
    ]
    head = {"apiVersion": f"{_API}/v1", "kind": "Role", "metadata": {"name": NAME, "namespace": namespace}}
    reference = {"apiGroup": _API, "kind": "Role", "name": NAME}
    binding = {**head, "kind": "RoleBinding", "roleRef": reference, "subjects": [_subject(user)]}
    return str(yaml.safe_dump_all([{**head, "rules": rules}, binding], sort_keys=False, default_flow_style=None))


def _subject(user: str) -> dict[str, str]:
    """Return ``user``, as the API server calls it, as a subject of a binding."""
    prefix, _, rest = user.partition("serviceaccount:")
    namespace, _, name = rest.partition(":")
    if prefix == "system:" and name:
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"kind": "User", "name": user, "apiGroup": _API}
