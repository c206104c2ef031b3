"""The paths of Kubernetes objects on the API server. Pure.

Source: Kubernetes API reference, "Operations" of each kind; metrics.k8s.io, "PodMetrics".
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

_COLLECTIONS: Final = {
    "configmap": "/api/v1/{}configmaps",
    "cronjob": "/apis/batch/v1/{}cronjobs",
    "daemonset": "/apis/apps/v1/{}daemonsets",
    "deployment": "/apis/apps/v1/{}deployments",
    "event": "/api/v1/{}events",
    "horizontalpodautoscaler": "/apis/autoscaling/v2/{}horizontalpodautoscalers",
    "job": "/apis/batch/v1/{}jobs",
    "namespace": "/api/v1/namespaces",
    "node": "/api/v1/nodes",
    "pod": "/api/v1/{}pods",
    "poddisruptionbudget": "/apis/policy/v1/{}poddisruptionbudgets",
    "podmetrics": "/apis/metrics.k8s.io/v1beta1/{}pods",
    "replicaset": "/apis/apps/v1/{}replicasets",
    "resourcequota": "/api/v1/{}resourcequotas",
    "secret": "/api/v1/{}secrets",
    "selfsubjectaccessreview": "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    "selfsubjectreview": "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    "statefulset": "/apis/apps/v1/{}statefulsets",
}
WORKLOAD_KINDS: Final = ("deployment", "statefulset", "daemonset", "cronjob", "job", "replicaset")
_SHORT: Final = {
    "deploy": "deployment", "sts": "statefulset", "ds": "daemonset", "cj": "cronjob", "rs": "replicaset",
    "rc": "replicationcontroller", "dc": "deploymentconfig", "ro": "rollout", "hpa": "horizontalpodautoscaler",
    "pdb": "poddisruptionbudget", "pvc": "persistentvolumeclaim", "svc": "service", "ing": "ingress",
}  # fmt: skip
# Kinds that neither own pods nor refer to them in a way that says which pods are meant.
KINDS_WITHOUT_PODS: Final = frozenset({
    "configmap", "endpoint", "ingress", "namespace", "node", "pod", "secret", "service", "serviceaccount",
})  # fmt: skip
OWNS_PODS: Final[Mapping[str, str]] = {
    "deployment": "replicaset",
    "cronjob": "job",
}
"""The kind that owns the pods of a workload, if it is not the workload itself."""


def path_of(kind: str, namespace: str = "", name: str = "") -> str:
    """Return the path of the objects of ``kind`` in ``namespace`` ("" for all namespaces), or of the object ``name``.

    ``kind`` is the kind in a manifest. Case does not matter.
    """
    scope = f"namespaces/{quote(namespace)}/" if namespace else ""
    path = _COLLECTIONS[kind.lower()].format(scope)
    return f"{path}/{quote(name)}" if name else path


def pods_path(namespace: str) -> str:
    """Return the path of the pods of a namespace."""
    return path_of("Pod", namespace)


def pod_path(namespace: str, pod: str) -> str:
    """Return the path of a pod."""
    return path_of("Pod", namespace, pod)


def kind_of(text: str) -> str:
    """Return the kind in ``text`` in lower case. Plurals and the short names of kubectl are accepted."""
    lower = text.lower()
    singular = lower if lower in _SHORT or lower.endswith("ss") else lower.removesuffix("s")
    return _SHORT.get(singular, singular)
