"""jobs.py: the requests for the Job of a fleet capture."""

from __future__ import annotations

from typing import Any, cast

from debugcapture.kube import jobs
from debugcapture.kube.client import Api, Change


class Recorder:
    """An API that records its requests."""

    def __init__(self) -> None:
        self.requests: list[Any] = []

    def items(self, path: str, _action: str, query: dict[str, str]) -> list[Any]:
        self.requests.append((path, query))
        return []

    def post(self, path: str, action: str, body: Any) -> Any:
        self.requests.append((path, action))
        return body

    def change(self, change: Change) -> None:
        self.requests.append((change.method, change.path, change.body))


def test_an_object_is_created_at_the_path_of_its_kind() -> None:
    api = Recorder()
    config = {"kind": "ConfigMap", "metadata": {"namespace": "shop", "name": "plan"}}
    assert jobs.create(cast("Api", api), config) == config
    assert api.requests == [("/api/v1/namespaces/shop/configmaps", "cannot create ConfigMap shop/plan")]


def test_pods_and_objects_of_a_removed_job_are_deleted_in_the_background() -> None:
    api = Recorder()
    jobs.remove(cast("Api", api), "shop", "capture")
    ((method, path, body),) = api.requests
    assert (method, path) == ("DELETE", "/apis/batch/v1/namespaces/shop/jobs/capture")
    assert body["propagationPolicy"] == "Background"


def test_jobs_and_failed_pods_are_selected_by_the_server() -> None:
    api = Recorder()
    jobs.find(cast("Api", api), "shop", "run=1")
    jobs.failed_pods(cast("Api", api), "shop", "capture")
    assert api.requests == [
        ("/apis/batch/v1/namespaces/shop/jobs", {"labelSelector": "run=1"}),
        (
            "/api/v1/namespaces/shop/pods",
            {"labelSelector": "batch.kubernetes.io/job-name=capture", "fieldSelector": "status.phase=Failed"},
        ),
    ]
