"""The Jobs of a capture in the cluster on the API server: make, find, watch, remove."""

from collections.abc import Iterator

from ..model import Json
from .client import Api, Change
from .resources import path_of, pods_path
from .watch import Watched, changes


def jobs_path(namespace: str) -> str:
    """Return the path of a namespace's Jobs on the API server."""
    return path_of("Job", namespace)


def create(api: Api, thing: Json) -> Json:
    """Create ``thing``, a Job, ConfigMap or Secret, and return it as the server keeps it."""
    namespace, kind = thing["metadata"]["namespace"], thing["kind"]
    return api.post(path_of(kind, namespace), f"cannot create {kind} {namespace}/{thing['metadata']['name']}", thing)


def find(api: Api, namespace: str, label: str) -> list[Json]:
    """Return the Jobs with ``label``, KEY=VALUE."""
    return api.items(jobs_path(namespace), f"cannot list Jobs of {namespace}", {"labelSelector": label})


def watched(api: Api, namespace: str, name: str, within_s: float) -> Iterator[Json]:
    """Yield the Job as it is now, and after each change; see `watch.changes`."""
    return changes(api, Watched(jobs_path(namespace), name), within_s)


def failed_pods(api: Api, namespace: str, name: str) -> list[Json]:
    """Return the Job's pods that failed, as far as they are still there."""
    query = {"labelSelector": f"batch.kubernetes.io/job-name={name}", "fieldSelector": "status.phase=Failed"}
    return api.items(pods_path(namespace), f"cannot list the pods of Job {namespace}/{name}", query)


def remove(api: Api, namespace: str, name: str) -> None:
    """Delete the Job; its pods, ConfigMaps and Secret go with it. Raises TargetNotFound when it is gone."""
    path = path_of("Job", namespace, name)
    options: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    api.change(Change(f"cannot delete Job {namespace}/{name}", path, "DELETE", options, "application/json"))
