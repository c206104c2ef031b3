"""Creates, finds, watches and deletes the Jobs of fleet captures."""

from collections.abc import Iterator

from ..model import Json
from .client import Api, Change
from .resources import path_of, pods_path
from .watch import WatchedObject, watch_object


def jobs_path(namespace: str) -> str:
    """Return the path of the Jobs of a namespace."""
    return path_of("Job", namespace)


def create(api: Api, obj: Json) -> Json:
    """Create a Job, ConfigMap or Secret and return it as the server stored it."""
    namespace, kind = obj["metadata"]["namespace"], obj["kind"]
    return api.post(path_of(kind, namespace), f"cannot create {kind} {namespace}/{obj['metadata']['name']}", obj)


def find(api: Api, namespace: str, label: str) -> list[Json]:
    """Return the Jobs with ``label`` (KEY=VALUE)."""
    return api.items(jobs_path(namespace), f"cannot list Jobs of {namespace}", {"labelSelector": label})


def watch_job(api: Api, namespace: str, name: str, within_s: float) -> Iterator[Json]:
    """Yield the current Job, and again after each change; see `watch.watch_object`."""
    return watch_object(api, WatchedObject(jobs_path(namespace), name), within_s)


def failed_pods(api: Api, namespace: str, name: str) -> list[Json]:
    """Return the failed pods of the Job that still exist."""
    query = {"labelSelector": f"batch.kubernetes.io/job-name={name}", "fieldSelector": "status.phase=Failed"}
    return api.items(pods_path(namespace), f"cannot list the pods of Job {namespace}/{name}", query)


def remove(api: Api, namespace: str, name: str) -> None:
    """Delete the Job with its pods, ConfigMaps and Secret. Raises TargetNotFound if it does not exist."""
    path = path_of("Job", namespace, name)
    options: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    api.change(Change(f"cannot delete Job {namespace}/{name}", path, "DELETE", options, "application/json"))
