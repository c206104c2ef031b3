"""across_files.py: a failing pod is connected with its rollout only if the files of the capture show it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.findings.across_files import AcrossFiles
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain, explain_bundle
from debugcapture.findings.isolation import Isolation
from debugcapture.findings.parsers.kube_model import Cluster, Container, Pod, Run, Workload
from tests.unit.builders import artifact, manifest
from tests.unit.hostile import changed

SET = {
    "kind": "ReplicaSet",
    "metadata": {
        "name": "shop-547cd64cc7",
        "creationTimestamp": "2026-11-30T12:00:00Z",
        "annotations": {"deployment.kubernetes.io/revision": "2"},
    },
}
DIFF = """--- revision 1 (shop-6f4f5d48bc)
+++ revision 2 (shop-547cd64cc7)
@@ -3,1 +3,1 @@
-  - image: registry.test/shop:1
+  - image: registry.test/shop:2
"""
RULE = "pod-fails-since-rollout"


def pod(
    status: dict[str, Any], started: str = "2026-11-30T12:00:05Z", owner: str = "shop-547cd64cc7"
) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"{owner}-x2x4k",
            "namespace": "web",
            "ownerReferences": [{"kind": "ReplicaSet", "name": owner}],
        },
        "spec": {"containers": [{"name": "app", "image": "registry.test/shop:2"}]},
        "status": {"startTime": started, "containerStatuses": [{"name": "app", **status}]},
    }


def crashed(finished: str, restarts: int = 5, **more: Any) -> dict[str, Any]:
    ended = {"terminated": {"reason": "Error", "exitCode": 1, "finishedAt": finished}}
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    return {"ready": False, "restartCount": restarts, "state": waiting, "lastState": ended, **more}


CRASHED = crashed("2026-11-30T12:06:00Z")


def findings(value: dict[str, Any], replica_set: dict[str, Any] = SET, diff: str = DIFF) -> list[Finding]:
    def never(_file: Evidence, error: Exception) -> None:
        raise AssertionError from error

    with tempfile.TemporaryDirectory() as folder:
        files = []
        contents = (("pod.yaml", value, "pod-snapshot"), ("workload.yaml", replica_set, "workload"))
        for name, content, collector in contents:
            path = Path(folder) / name
            path.write_text(json.dumps(content, indent=1))
            files.append(Evidence(path, name, "shop-1", collector))
        path = Path(folder) / "release.diff"
        path.write_text(diff)
        files.append(Evidence(path, path.name, "shop-1", "workload"))
        return [finding for finding in explain(files, never) if finding.rule == RULE]


def test_a_pod_that_crashes_since_its_rollout() -> None:
    (finding,) = findings(pod(CRASHED))
    assert finding.severity == "warning"
    assert finding.title == (
        "shop: the pod has failed since the rollout of revision 2 at 2026-11-30T12:00:00Z created it"
    )
    assert 'container "app" has restarted 5 times, the last time after exit code 1' in finding.detail
    assert 'removed "image: registry.test/shop:1"; added "image: registry.test/shop:2"' in finding.detail
    assert {passage.file for passage in finding.evidence} == {"pod.yaml", "workload.yaml", "release.diff"}
    assert finding.pod == "shop-1"


def test_a_pod_that_never_started_since_its_rollout() -> None:
    waiting = {"ready": False, "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    (finding,) = findings(pod(waiting))
    assert "has not started (ImagePullBackOff)" in finding.detail
    creating = {"ready": False, "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}
    assert findings(pod(creating)) == []


def revised(revision: str) -> dict[str, Any]:
    metadata = SET["metadata"]
    assert isinstance(metadata, dict)
    return SET | {"metadata": metadata | {"annotations": {"deployment.kubernetes.io/revision": revision}}}


@pytest.mark.parametrize(
    ("value", "replica_set"),
    [
        (pod(CRASHED), revised("1")),
        (pod(CRASHED, "2026-11-30T14:00:00Z"), SET),
        (pod(CRASHED, owner="other-547cd64cc7"), SET),
        (pod(crashed("2026-11-30T18:00:00Z", restarts=3)), SET),
        (pod(crashed("2026-11-30T12:06:00Z", restarts=1)), SET),
        (pod(crashed("2026-11-30T12:06:00Z", ready=True)), SET),
        (pod({"ready": True, "restartCount": 0, "state": {"running": {"startedAt": "2026-11-30T12:00:09Z"}}}), SET),
    ],
    ids=["first release", "later pod", "another owner", "ran well before", "one restart", "ready again", "healthy"],
)
def test_a_similar_pod_is_not_connected_with_the_rollout(value: dict[str, Any], replica_set: dict[str, Any]) -> None:
    assert findings(value, replica_set) == []


def test_a_release_of_another_replica_set_is_not_named() -> None:
    (finding,) = findings(pod(CRASHED), diff=DIFF.replace("shop-547cd64cc7", "shop-6b6b6b6b6b"))
    assert "removed" not in finding.detail


def test_the_findings_of_a_bundle_include_those_across_files(tmp_path: Path) -> None:
    for name, content in (("pod.yaml", pod(CRASHED)), ("workload.yaml", SET)):
        (tmp_path / name).write_text(json.dumps(content))
    capture_manifest = manifest(
        artifact(file="pod.yaml", collector="pod-snapshot"), artifact(file="workload.yaml", collector="workload")
    )
    everything, _ = explain_bundle(tmp_path, capture_manifest, lambda _file, _error: None)
    assert RULE in {finding.rule for finding in everything}


@given(changed(pod(CRASHED)), changed(SET), st.sampled_from([DIFF, "", DIFF[:90]]))
def test_hostile_objects_are_parsed_without_an_exception(value: Any, replica_set: Any, diff: str) -> None:
    findings(value, replica_set, diff)


def test_a_pod_that_makes_a_rule_fail_loses_only_its_own_findings() -> None:
    across_files, failures = AcrossFiles(), list[str]()
    for pod in ("bad", "good"):
        # The times of "bad" cannot be compared: only one of them has a time zone.
        started = "2026-11-30T03:00:00" if pod == "bad" else "2026-11-30T03:00:00Z"
        ended = Run("terminated", exit_code=1, started="2026-11-30T03:10:00Z", finished="2026-11-30T03:10:01Z")
        failing = Container("app", state=Run("waiting", "CrashLoopBackOff"), last=ended, restarts=9)
        cluster = Cluster(
            pods=(Pod(pod, owner="ReplicaSet/web-2", started=started, containers=(failing,)),),
            workloads=(Workload("ReplicaSet", "web-2", created="2026-11-30T03:00:00Z", revision="2"),),
        )
        across_files.add(Evidence(Path(f"/bundle/{pod}/pod.yaml"), f"{pod}/pod.yaml", pod), cluster)
    findings = list(across_files.findings(Isolation(lambda evidence, _error: failures.append(evidence.pod))))
    assert failures == ["bad"]
    assert [finding.pod for finding in findings] == ["good"]
