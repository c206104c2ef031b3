"""The objects of a fleet capture: an Indexed Job, ConfigMaps with the shares of the workers, and a Secret. Pure.

Sources: Kubernetes documentation, "Jobs" (Indexed completion mode, backoff limit per index, pod failure policy, TTL),
"Pod Security Standards" (restricted), "Garbage Collection" (owners).
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..errors import BadInput
from ..model import Json
from ..settings.fleet import InClusterSettings
from ..settings.mapping import read_mapping

MOUNTED: Final = "/etc/debug-capture"
SPOOL: Final = "/var/spool/debug-capture"
SETTINGS, CATALOG = "settings.json", "catalog.yaml"
CATALOG_FILE: Final = f"{MOUNTED}/order/{CATALOG}"
CONTAINER: Final = "capture"
RUN_LABEL: Final = "debug-capture/run"
INDEX_ANNOTATION: Final = "batch.kubernetes.io/job-completion-index"
RETRIES_PER_WORKER: Final = 2
# The cluster deletes an ended Job after this time if its step has not.
TTL_S: Final = 600
_USER = 65532
# The time after which a worker leaves an unreachable node.
_EVICT_AFTER_S = 30
# A retry does not help if a setting is wrong or access is denied. See runtime/exit_codes.py.
_FINAL_CODES = [2, 4]


@dataclass(frozen=True, slots=True)
class JobSpec:
    """The content of a Job.

    ``name`` is that of the Job, its ConfigMaps and its Secret. ``settings`` are those of `IndexStep`, without secrets.
    ``catalog`` is the content of the user's own catalog, or "". ``requests_per_s`` is the rate limit of each worker.
    """

    run_id: str
    name: str
    settings: Mapping[str, str]
    credentials: Mapping[str, str]
    catalog: str
    indexes: int
    trigger: Mapping[str, str]
    requests_per_s: int


def job_name(run_id: str) -> str:
    """Return a new name for a Job of the run."""
    return f"debug-capture-{run_label(run_id)[:10]}-{secrets.token_hex(2)}"


def run_label(run_id: str) -> str:
    """Return the label value of the Jobs of a run. It is a hash, because the run ID may be too long for a label."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:32]


def job(spec: JobSpec, settings: InClusterSettings, shares: int) -> Json:
    """Return the Job. ``shares`` is the number of ConfigMaps with the shares of its workers."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(spec, settings),
        "spec": {
            "completionMode": "Indexed",
            "completions": spec.indexes,
            "parallelism": min(settings.parallelism, spec.indexes),
            "backoffLimitPerIndex": RETRIES_PER_WORKER,
            "podFailurePolicy": {
                "rules": [
                    # An eviction or a lost node does not count as a failure of the worker.
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    {
                        "action": "FailIndex",
                        "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": _FINAL_CODES},
                    },
                ]
            },
            "activeDeadlineSeconds": settings.job_time_limit_s,
            "ttlSecondsAfterFinished": TTL_S,
            "template": {
                "metadata": {"labels": _metadata(spec, settings)["labels"]},
                "spec": _merge(_pod_spec(spec, settings, shares), _custom_pod_spec(settings)),
            },
        },
    }


def config_maps(
    spec: JobSpec, settings: InClusterSettings, owner: Json, shares: Sequence[Mapping[str, str]]
) -> list[Json]:
    """Return the ConfigMaps of the Job ``owner``: its settings, and the shares of its workers."""
    head = {
        "run_id": spec.run_id,
        "job": spec.name,
        "settings": dict(spec.settings),
        "trigger": dict(spec.trigger),
        "requests_per_s": spec.requests_per_s,
    }
    settings_data = {SETTINGS: json.dumps(head), **({CATALOG: spec.catalog} if spec.catalog else {})}
    data_by_name = {
        f"{spec.name}-settings": settings_data,
        **{_share_map_name(spec, number): item for number, item in enumerate(shares)},
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata(spec, settings, name, owner),
            "immutable": True,
            "data": dict(data),
        }
        for name, data in data_by_name.items()
    ]


def secret(spec: JobSpec, settings: InClusterSettings, owner: Json) -> Json:
    """Return the Secret of the Job ``owner``. The cluster deletes it with the Job."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(spec, settings, spec.name, owner),
        "immutable": True,
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in spec.credentials.items()},
    }


def secret_name(spec: JobSpec, settings: InClusterSettings) -> str:
    """Return the name of the Secret of the workers: from the settings, or of the Job itself, or ""."""
    return settings.job_secret or (spec.name if spec.credentials else "")


def _metadata(spec: JobSpec, settings: InClusterSettings, name: str = "", owner: Json | None = None) -> Json:
    owners = [
        {"apiVersion": "batch/v1", "kind": "Job", "name": spec.name, "uid": item["metadata"]["uid"]}
        for item in ([owner] if owner else [])
    ]
    return {
        "name": name or spec.name,
        "namespace": settings.job_namespace,
        "labels": {"app.kubernetes.io/name": "kubernetes-debug-capture", RUN_LABEL: run_label(spec.run_id)},
        **({"ownerReferences": owners} if owners else {}),
    }


def _share_map_name(spec: JobSpec, number: int) -> str:
    return f"{spec.name}-pods-{number}"


def _pod_spec(spec: JobSpec, settings: InClusterSettings, shares: int) -> Json:
    sources: list[Json] = [{"configMap": {"name": f"{spec.name}-settings"}}]
    sources += [{"configMap": {"name": _share_map_name(spec, number)}} for number in range(shares)]
    volumes: list[Json] = [
        {"name": "order", "projected": {"sources": sources}},
        {"name": "spool", "emptyDir": {"sizeLimit": f"{settings.job_spool_mib}Mi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
    ]
    mounts: list[Json] = [
        {"name": "order", "mountPath": f"{MOUNTED}/order", "readOnly": True},
        {"name": "spool", "mountPath": SPOOL},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - inside the container
    ]
    credentials = secret_name(spec, settings)
    if credentials:
        volumes.append({"name": "credentials", "secret": {"secretName": credentials, "defaultMode": 0o440}})
        mounts.append({"name": "credentials", "mountPath": f"{MOUNTED}/credentials", "readOnly": True})
    return {
        "serviceAccountName": settings.job_service_account,
        "restartPolicy": "Never",
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [
            {"key": f"node.kubernetes.io/{state}", "operator": "Exists", "effect": "NoExecute",
             "tolerationSeconds": _EVICT_AFTER_S}
            for state in ("not-ready", "unreachable")
        ],
        "containers": [_container(settings, mounts)],
        "volumes": volumes,
    }  # fmt: skip


def _container(settings: InClusterSettings, mounts: list[Json]) -> Json:
    return {
        "name": CONTAINER,
        "image": settings.job_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "debugcapture.fleet.worker"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "volumeMounts": mounts,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _custom_pod_spec(settings: InClusterSettings) -> Json:
    """Return the part of the pod spec in the settings. Raises BadInput."""
    return read_mapping("job_pod_spec", settings.job_pod_spec, '{"nodeSelector": {"pool": "batch"}}')


def _merge(generated: Any, custom: Any) -> Any:
    """Merge ``custom`` into ``generated`` as kubectl does: mappings by key, and lists by the names of their items."""
    if isinstance(generated, dict) and isinstance(custom, dict):
        return generated | {key: _merge(generated.get(key), value) for key, value in custom.items()}
    if (
        isinstance(generated, list)
        and isinstance(custom, list)
        and all("name" in item for item in (*generated, *custom))
    ):
        by_name = {item["name"]: item for item in generated}
        return list((by_name | {item["name"]: _merge(by_name.get(item["name"]), item) for item in custom}).values())
    return custom


def check(settings: InClusterSettings) -> None:
    """Raise BadInput if the settings are not sufficient for a Job."""
    if not settings.job_image:
        action = "cannot capture in the cluster"
        raise BadInput(action, "job_image is missing", "Build deploy/image, push it, and set job_image.")
    _custom_pod_spec(settings)


def count_indexes(job: Json) -> tuple[int, int]:
    """Return the number of workers of ``job`` that succeeded, and the number that failed finally."""
    status = job["status"]
    return len(indexes(status.get("completedIndexes", ""))), len(indexes(status.get("failedIndexes", "")))


def indexes(text: str) -> list[int]:
    """Return the indexes in ``text``, which has the format of the status of a Job: "1,3-5,7"."""
    numbers: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def failure_of(job: Json) -> str | None:
    """Return None while ``job`` is running, "" if it succeeded, or why it failed."""
    for condition in job["status"].get("conditions") or []:
        if condition["status"] == "True" and condition["type"] == "Complete":
            return ""
        if condition["status"] == "True" and condition["type"] == "Failed":
            return f"{condition.get('reason', 'failed')}: {condition.get('message', '')}"
    return None


def failure_reasons(pods: Sequence[Json]) -> dict[int, str]:
    """Return, by index, why its last failed pod failed, according to the kubelet."""
    by_time = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
    return {
        int(pod["metadata"]["annotations"][INDEX_ANNOTATION]): reason
        for pod in by_time
        if INDEX_ANNOTATION in (pod["metadata"].get("annotations") or {}) and (reason := _failure_reason(pod))
    }


def _failure_reason(pod: Json) -> str:
    status = pod["status"]
    for container in status.get("containerStatuses") or []:
        terminated = container["state"].get("terminated") or {}
        if terminated.get("exitCode"):
            last = (terminated.get("message") or "").strip().splitlines()[-1:]
            return ": ".join([f"{terminated.get('reason')}, exit code {terminated['exitCode']}", *last])
    return f"{status.get('reason', '')}: {status.get('message', '')}".strip(": ") if status.get("reason") else ""
