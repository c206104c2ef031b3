"""Where the API server has each kind of object: the only table of its paths. Pure.

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
_SHORT: Final = {"deploy": "deployment", "sts": "statefulset", "ds": "daemonset", "cj": "cronjob", "rs": "replicaset"}
OWNS_PODS: Final[Mapping[str, str]] = {
    "deployment": "replicaset",
    "cronjob": "job",
}  # what owns the pods, where it is not the workload


def path_of(kind: str, namespace: str = "", name: str = "") -> str:
    """Return the path of all objects of ``kind`` in ``namespace`` ("": in the whole cluster), or of the one ``name``.

    ``kind`` is as in a manifest, in any case: Deployment, deployment.
    """
    where = f"namespaces/{quote(namespace)}/" if namespace else ""
    path = _COLLECTIONS[kind.lower()].format(where)
    return f"{path}/{quote(name)}" if name else path


def pods_path(namespace: str) -> str:
    """Return the path of a namespace's pods on the API server."""
    return path_of("Pod", namespace)


def pod_path(namespace: str, pod: str) -> str:
    """Return the pod's path on the API server."""
    return path_of("Pod", namespace, pod)


def kind_of(text: str) -> str:
    """Return the kind that ``text`` means, as WORKLOAD_KINDS has it: plural and kubectl's short names are taken too."""
    singular = text.lower().removesuffix("s") if text.lower() not in _SHORT else text.lower()
    return _SHORT.get(singular, singular)
