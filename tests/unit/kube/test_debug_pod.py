"""debug_pod.py: what copies of pods and pods on nodes are, and that they are removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from debugcapture.errors import NotRunning, TargetNotFound
from debugcapture.kube import debug_pod
from debugcapture.kube.client import Api
from debugcapture.kube.debug_pod import BUSYBOX, node_pod, pod_copy, run_pod
from debugcapture.model import Json
from tests.unit.builders import container, pod, target

ORIGINAL = pod(
    metadata={"labels": {"app": "web"}, "ownerReferences": [{"kind": "ReplicaSet"}]},
    spec={
        "containers": [
            container("proxy"),
            container(
                command=["/app"],
                args=["--serve"],
                env=[{"name": "A", "value": "1"}],
                livenessProbe={"httpGet": {}},
                lifecycle={"preStop": {}},
                ports=[{"containerPort": 80}],
                volumeMounts=[{"name": "data", "mountPath": "/data"}],
                securityContext={"runAsNonRoot": True},
            ),
        ],
        "initContainers": [container("migrate")],
        "ephemeralContainers": [container("debugger")],
        "securityContext": {"runAsUser": 1000},
        "volumes": [{"name": "data", "emptyDir": {}}],
        "imagePullSecrets": [{"name": "pull"}],
    },
)


def test_the_copy_sleeps_and_receives_no_traffic() -> None:
    copy = pod_copy(ORIGINAL, target(), "toolbox:1", 300)
    assert copy["metadata"].keys() == {"name", "namespace"}
    assert copy["metadata"]["name"].startswith("debug-capture-copy-checkout")
    spec = copy["spec"]
    (only,) = spec["containers"]
    assert only["command"] == [BUSYBOX, "sleep", "300"]
    assert not {"livenessProbe", "lifecycle", "args", "ports"} & only.keys()
    assert (only["image"], only["env"]) == ("registry.example/app:1", [{"name": "A", "value": "1"}])
    assert [init_container["name"] for init_container in spec["initContainers"]] == ["debug-capture-tools"]
    assert "ephemeralContainers" not in spec
    assert (spec["activeDeadlineSeconds"], spec["restartPolicy"]) == (300, "Never")
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert spec["initContainers"][0]["securityContext"] == {"runAsNonRoot": True}
    assert not spec["automountServiceAccountToken"]


def test_pod_on_a_node_sees_it_but_cannot_change_its_files() -> None:
    spec = node_pod("node-1.example", "debug", "toolbox:1", 300)["spec"]
    assert (spec["nodeName"], spec["hostPID"], spec["activeDeadlineSeconds"]) == ("node-1.example", True, 300)
    assert spec["containers"][0]["volumeMounts"] == [{"name": "host", "mountPath": "/host", "readOnly": True}]
    assert spec["containers"][0]["securityContext"] == {"capabilities": {"add": ["SYS_CHROOT"]}}


class Cluster:
    def __init__(self, *statuses: Json) -> None:
        self.statuses, self.deleted = list(statuses), list[str]()

    def create_pod(self, pod: Json) -> Json:
        return pod

    def delete_pod(self, _namespace: str, name: str) -> None:
        self.deleted.append(name)
        raise TargetNotFound("cannot delete", "it is gone")

    def changes(self, *_: object) -> Iterator[Json]:
        yield from ({"status": status} for status in self.statuses)


@pytest.fixture(autouse=True)
def _changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debug_pod, "watch_pod", lambda api, *place: api.changes(*place))


def init(**state: Any) -> Json:
    return {"phase": "Pending", "initContainerStatuses": [{"name": "tools", "state": state}]}


def test_pod_is_removed_whatever_happens() -> None:
    cluster, log_lines = Cluster(init(waiting={"reason": "PodInitializing"}), {"phase": "Running"}), list[str]()
    pod_json = node_pod("n", "debug", "toolbox:1", 300)
    with run_pod(cast("Api", cluster), pod_json, log_lines.append) as place:
        assert (place.namespace, place.container) == ("debug", "node")
        assert cluster.deleted == []
    assert cluster.deleted == [pod_json["metadata"]["name"]]
    assert "it stops by itself" in log_lines[-1]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (init(waiting={"reason": "ErrImagePull", "message": "denied"}), "ErrImagePull: denied"),
        ({**init(terminated={"reason": "Error", "exitCode": 1}), "phase": "Failed"}, "tools ended with exit code 1"),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
    ],
)
def test_pod_that_does_not_start_is_reported_and_removed(status: Json, reason: str) -> None:
    cluster = Cluster(status)
    with (
        pytest.raises(NotRunning, match=reason),
        run_pod(cast("Api", cluster), node_pod("n", "debug", "x:1", 300), lambda _: None),
    ):
        pass
    assert len(cluster.deleted) == 1
