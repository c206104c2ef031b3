"""manifests.py: the objects of a capture in the cluster, and what a Job's status says."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from debugcapture.errors import BadInput
from debugcapture.fleet import manifests
from debugcapture.settings.fleet import InClusterSettings

RUN = "20260102T120000Z-web-1-1a2b"
ORDER = manifests.JobSpec(
    run_id=RUN,
    name="debug-capture-x",
    settings={"collectors": "stuck", "store": "s3://bucket"},
    credentials={"s3_secret_key": "hush"},
    catalog="",
    indexes=40,
    trigger={"started_by": "jane"},
    requests_per_s=6,
)
WANTED = InClusterSettings(mode="in-cluster", job_image="registry/debug-capture:1")
OWNER = {"metadata": {"uid": "uid-of-job"}}


def job_spec(**settings: Any) -> Any:
    job_settings = InClusterSettings(**{"job_image": "registry/debug-capture:1", **settings})
    return manifests.job(ORDER, job_settings, 2)["spec"]


def test_each_index_is_retried_separately_and_the_job_has_a_time_limit() -> None:
    spec = job_spec(job_time_limit_s=900)
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 40, 8)
    assert spec["backoffLimitPerIndex"] == 2
    assert (spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (900, 600)
    disrupted, wrong = spec["podFailurePolicy"]["rules"]
    assert disrupted["action"] == "Ignore"
    assert (wrong["action"], wrong["onExitCodes"]["values"]) == ("FailIndex", [2, 4])


def test_parallelism_is_at_most_the_number_of_shares() -> None:
    assert job_spec(parallelism=200)["parallelism"] == 40


def test_the_pod_has_the_least_privileges() -> None:
    spec = job_spec()["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["serviceAccountName"] == "debug-capture-job"
    assert all("sizeLimit" in volume["emptyDir"] for volume in spec["volumes"] if "emptyDir" in volume)


def test_credentials_are_in_the_secret_and_nowhere_else() -> None:
    secret = manifests.secret(ORDER, WANTED, OWNER)
    assert base64.b64decode(secret["data"]["s3_secret_key"]) == b"hush"
    others = [manifests.job(ORDER, WANTED, 1), *manifests.config_maps(ORDER, WANTED, OWNER, [{"0": "x"}])]
    assert "hush" not in json.dumps(others)
    assert base64.b64encode(b"hush").decode() not in json.dumps(others)
    assert "env" not in job_spec()["template"]["spec"]["containers"][0]


def test_the_objects_of_a_job_are_deleted_with_it() -> None:
    for config_map in (
        manifests.secret(ORDER, WANTED, OWNER),
        *manifests.config_maps(ORDER, WANTED, OWNER, [{"0": "x"}]),
    ):
        (owner,) = config_map["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("Job", "debug-capture-x", "uid-of-job")


@pytest.mark.parametrize(
    ("settings", "spec", "name"),
    [
        ({}, ORDER, "debug-capture-x"),
        ({"job_secret": "store-keys"}, ORDER, "store-keys"),
        ({}, manifests.JobSpec(RUN, "n", {}, {}, "", 1, {}, 5), ""),
    ],
    ids=["made", "named", "identity"],
)
def test_pods_get_the_created_secret_the_named_one_or_none(settings: Any, spec: manifests.JobSpec, name: str) -> None:
    job_settings = InClusterSettings(job_image="x:1", **settings)
    assert manifests.secret_name(spec, job_settings) == name
    volumes = manifests.job(spec, job_settings, 1)["spec"]["template"]["spec"]["volumes"]
    assert [volume["secret"]["secretName"] for volume in volumes if "secret" in volume] == [name] * bool(name)


def test_settings_and_shares_are_mounted_as_files() -> None:
    settings, *shares = manifests.config_maps(ORDER, WANTED, OWNER, [{"0": "a"}, {"1": "b"}])
    head = json.loads(settings["data"]["settings.json"])
    assert (head["run_id"], head["requests_per_s"], head["settings"]["collectors"]) == (RUN, 6, "stuck")
    assert [share["data"] for share in shares] == [{"0": "a"}, {"1": "b"}]
    named = [share["metadata"]["name"] for share in (settings, *shares)]
    volumes = job_spec()["template"]["spec"]["volumes"]
    (mounted,) = [volume["projected"]["sources"] for volume in volumes if "projected" in volume]
    assert [volume["configMap"]["name"] for volume in mounted] == named


def test_the_catalog_of_the_job_author_is_passed_on() -> None:
    from dataclasses import replace

    settings, *_ = manifests.config_maps(replace(ORDER, catalog="collectors: []"), WANTED, OWNER, [])
    assert settings["data"]["catalog.yaml"] == "collectors: []"


def test_custom_fields_override_the_defaults() -> None:
    custom = '{"nodeSelector": {"pool": "batch"}, "containers": [{"name": "capture", "env": [{"name": "A"}]}]}'
    spec = job_spec(job_pod_spec=custom)["template"]["spec"]
    assert spec["nodeSelector"] == {"pool": "batch"}
    (container,) = spec["containers"]
    assert (container["image"], container["env"]) == ("registry/debug-capture:1", [{"name": "A"}])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"job_image": ""}, "job_image is missing"),
        ({"job_pod_spec": "[1]"}, "it is not a mapping"),
        ({"job_pod_spec": "{"}, "neither JSON nor YAML"),
    ],
)
def test_settings_that_are_invalid_for_a_job_are_refused(settings: Any, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        manifests.check(InClusterSettings(**{"job_image": "x:1", **settings}))


def test_names_have_a_valid_length() -> None:
    long = "20260102T120000Z-" + "x" * 180 + "-1a2b"
    assert len(f"{manifests.job_name(long)}-99999-abcde") <= 63
    assert len(manifests.run_label(long)) <= 63
    assert manifests.run_label(long) == manifests.run_label(long) != manifests.run_label(RUN)
    assert manifests.job_name(long) != manifests.job_name(long)


@pytest.mark.parametrize(("text", "indexes"), [("", []), ("3", [3]), ("0,2-4,7", [0, 2, 3, 4, 7])])
def test_indexes_are_read_from_the_status(text: str, indexes: list[int]) -> None:
    assert manifests.indexes(text) == indexes


def condition(kind: str, **more: str) -> Any:
    return {"status": {"conditions": [{"type": kind, "status": "True", **more}]}}


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        ({"status": {}}, None),
        (condition("SuccessCriteriaMet"), None),
        (condition("Complete"), ""),
        (condition("Failed", reason="DeadlineExceeded", message="too late"), "DeadlineExceeded: too late"),
    ],
)
def test_end_of_a_job_is_reported(status: Any, failure: str | None) -> None:
    assert manifests.failure_of(status) == failure


def failed_pod(index: int, created: str, **status: Any) -> Any:
    annotations = {"batch.kubernetes.io/job-completion-index": str(index)}
    return {"metadata": {"annotations": annotations, "creationTimestamp": created}, "status": status}


def test_reason_of_a_failed_index_is_that_of_its_last_pod() -> None:
    terminated = {"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
    status = {"state": {"terminated": {"exitCode": 6, "reason": "Error", "message": "a line\nError: no store.\n"}}}
    pods = [
        failed_pod(0, "2026-01-02", containerStatuses=[status]),
        failed_pod(0, "2026-01-01", containerStatuses=[terminated]),
        failed_pod(1, "2026-01-01", reason="Evicted", message="The node was low on resource"),
        {"metadata": {}, "status": {"reason": "x"}},
    ]
    assert manifests.failure_reasons(pods) == {
        0: "Error, exit code 6: Error: no store.",
        1: "Evicted: The node was low on resource",
    }
