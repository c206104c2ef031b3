"""The permissions that each job needs. The source of deploy/rbac, of the doctor and of advice after a refusal. Pure.

Each level includes the one before: capture includes read, restart includes capture. tools/rbac.py writes the manifests.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

NAME = "debug-capture-missing"
ACCOUNT, EXTRA = "deploy/rbac/account.yaml", "deploy/rbac/namespace/pods.yaml"
_API = "rbac.authorization.k8s.io"
Scope = Literal["namespace", "cluster"]
Size = Literal["read", "capture", "capture-and-restart"]
Purpose = Literal[
    "state, logs and events", "workloads", "quotas, autoscalers and metrics", "nodes and namespaces",
    "commands in containers", "debug containers", "restarts", "pod copies and node pods",
    "watches instead of polling", "watches of rollouts",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Permission:
    """A rule of RBAC. ``resource`` may include a subresource: pods/log."""

    purpose: Purpose
    group: str
    """API group; "" for core."""
    resource: str
    verbs: tuple[str, ...]
    scope: Scope = "namespace"

    def __str__(self) -> str:
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{' and '.join(self.verbs)} {resource}"


_READ = ("get", "list")
PERMISSIONS: Final = (
    Permission("state, logs and events", "", "pods", _READ),
    Permission("state, logs and events", "", "pods/log", ("get",)),
    Permission("state, logs and events", "", "events", ("list",)),
    *(
        Permission("workloads", "apps", resource, _READ)
        for resource in ("deployments", "replicasets", "statefulsets", "daemonsets")
    ),
    *(Permission("workloads", "batch", resource, _READ) for resource in ("jobs", "cronjobs")),
    Permission("quotas, autoscalers and metrics", "autoscaling", "horizontalpodautoscalers", ("list",)),
    Permission("quotas, autoscalers and metrics", "policy", "poddisruptionbudgets", ("list",)),
    Permission("quotas, autoscalers and metrics", "", "resourcequotas", ("list",)),
    Permission("quotas, autoscalers and metrics", "metrics.k8s.io", "pods", ("get",)),
    *(Permission("nodes and namespaces", "", resource, ("get",), "cluster") for resource in ("namespaces", "nodes")),
    # For an exec by WebSocket, API servers before 1.35 require get, later ones create.
    Permission("commands in containers", "", "pods/exec", ("get", "create")),
    Permission("debug containers", "", "pods/ephemeralcontainers", ("patch",)),
    *(Permission("restarts", "apps", kind, ("patch",)) for kind in ("deployments", "statefulsets", "daemonsets")),
    *(Permission("restarts", "apps", f"{kind}/scale", ("patch",)) for kind in ("deployments", "statefulsets")),
    Permission("restarts", "", "pods", ("delete",)),
    Permission("pod copies and node pods", "", "pods", ("create", "delete")),
    Permission("watches instead of polling", "", "pods", ("watch",)),
    *(
        Permission("watches of rollouts", "apps", kind, ("watch",))
        for kind in ("deployments", "statefulsets", "daemonsets")
    ),
)
_READS: tuple[Purpose, ...] = (
    "state, logs and events", "workloads", "quotas, autoscalers and metrics", "nodes and namespaces",
    "watches instead of polling",
)  # fmt: skip
_CAPTURES: tuple[Purpose, ...] = (*_READS, "commands in containers", "debug containers")
SIZES: Final[Mapping[Size, tuple[Purpose, ...]]] = {
    "read": _READS,
    "capture": _CAPTURES,
    "capture-and-restart": (*_CAPTURES, "restarts", "watches of rollouts"),
}
# A capture works without these. It omits what they are for, and reports it.
OPTIONAL: Final[frozenset[Purpose]] = frozenset({
    "quotas, autoscalers and metrics", "nodes and namespaces", "pod copies and node pods", "watches instead of polling",
    "watches of rollouts",
})  # fmt: skip
# The purposes that each job requires.
_TARGET: tuple[Purpose, ...] = ("state, logs and events", "workloads")
_ALL: tuple[Purpose, ...] = (*_TARGET, "commands in containers", "debug containers")
JOBS: Final[Mapping[str, tuple[Purpose, ...]]] = {
    "Logs and events": _TARGET,
    "Run a diagnostic command": (*_TARGET, "commands in containers"),
    "Run a command in a pod": (*_TARGET, "commands in containers"),
    **dict.fromkeys(
        (
            "Capture debug state of a pod", "Capture debug state of a service", "Capture from an incident",
            "Capture before memory runs out", "Thread dump", "Heap dump", "Network capture", "Run a toolbox command",
        ),
        _ALL,
    ),
    **dict.fromkeys(("Capture, then restart", "Capture, then roll back"), (*_ALL, "restarts")),
}  # fmt: skip
_FORBIDDEN = re.compile(
    r'cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)


def jobs_by_need() -> dict[tuple[Purpose, ...], list[str]]:
    """Return the jobs grouped by the purposes that they require."""
    shared: dict[tuple[Purpose, ...], list[str]] = {}
    for job, purposes in JOBS.items():
        shared.setdefault(purposes, []).append(job)
    return shared


def manifest_granting(permission: Permission) -> str:
    """Return the smallest manifest in deploy/rbac that grants ``permission``."""
    if permission.scope == "cluster":
        return ACCOUNT
    sizes = (size for size, purposes in SIZES.items() if permission.purpose in purposes)
    return next((f"deploy/rbac/namespace/{size}.yaml" for size in sizes), EXTRA)


def grant_command(refusal: str) -> str:
    """Return advice on how to grant what the API server refused with the message ``refusal``."""
    match = _FORBIDDEN.search(refusal)
    missing = match and next((permission for permission in PERMISSIONS if _is_about(permission, match)), None)
    if not match or not missing:
        return "Grant it with one of the roles in deploy/rbac."
    option = f"-n {match['namespace']} " if match["namespace"] and missing.scope == "namespace" else ""
    return f"Grant it: kubectl apply {option}-f {manifest_granting(missing)}"


def _is_about(permission: Permission, refusal: re.Match[str]) -> bool:
    is_resource = (permission.group, permission.resource) == (refusal["group"], refusal["resource"])
    return is_resource and refusal["verb"] in permission.verbs


def role(missing: Iterable[Permission], namespace: str, user: str) -> str:
    """Return the YAML of a Role and a RoleBinding that grant ``missing`` to ``user`` in ``namespace``."""
    import yaml

    granted: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for permission in missing:
        granted.setdefault((permission.group, permission.verbs), []).append(permission.resource)
    rules = [
        {"apiGroups": [group], "resources": resources, "verbs": list(verbs)}
        for (group, verbs), resources in granted.items()
    ]
    head = {"apiVersion": f"{_API}/v1", "kind": "Role", "metadata": {"name": NAME, "namespace": namespace}}
    reference = {"apiGroup": _API, "kind": "Role", "name": NAME}
    binding = {**head, "kind": "RoleBinding", "roleRef": reference, "subjects": [_subject(user)]}
    return str(yaml.safe_dump_all([{**head, "rules": rules}, binding], sort_keys=False, default_flow_style=None))


def _subject(user: str) -> dict[str, str]:
    """Return the subject of a binding for ``user``, a user name of the API server."""
    prefix, _, rest = user.partition("serviceaccount:")
    namespace, _, name = rest.partition(":")
    if prefix == "system:" and name:
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"kind": "User", "name": user, "apiGroup": _API}
