"""The objects of a capture in the cluster: an Indexed Job, the ConfigMaps of its pods' shares, a Secret. Pure.

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

MOUNTED: Final = "/etc/debug-capture"  # settings, credentials and shares of the indexes
SPOOL: Final = "/var/spool/debug-capture"
SETTINGS, CATALOG = "settings.json", "catalog.yaml"
CATALOG_FILE: Final = f"{MOUNTED}/order/{CATALOG}"
CONTAINER: Final = "capture"
RUN_LABEL: Final = "debug-capture/run"
INDEX_ANNOTATION: Final = "batch.kubernetes.io/job-completion-index"
RETRIES_OF_AN_INDEX: Final = 2
KEPT_S: Final = 600  # of a Job that has ended and whose step is gone
_USER = 65532
_MOVES_AFTER_S = 30  # from a node that does not answer
# What is wrong with the settings or the rights is wrong at each try. See errors.py.
_FINAL_CODES = [2, 4]


@dataclass(frozen=True, slots=True)
class Order:
    """What a Job is to do."""

    run_id: str
    name: str  # of the Job, its ConfigMaps and its Secret
    settings: Mapping[str, str]  # of `IndexStep`, without credentials
    credentials: Mapping[str, str]  # the same, kept in a Secret
    catalog: str  # content of a catalog of the job author's own, or ""
    indexes: int
    trigger: Mapping[str, str]
    requests_per_s: int  # to the API server, of each index


def job_name(run_id: str) -> str:
    """Return a new name for a Job of the run."""
    return f"debug-capture-{run_label(run_id)[:10]}-{secrets.token_hex(2)}"


def run_label(run_id: str) -> str:
    """Return what the Jobs of a run have as a label: a run's id may be too long for one."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:32]


def job(order: Order, wanted: InClusterSettings, shares: int) -> Json:
    """Return the Job; ``shares`` is how many ConfigMaps have the shares of its indexes."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(order, wanted),
        "spec": {
            "completionMode": "Indexed",
            "completions": order.indexes,
            "parallelism": min(wanted.parallelism, order.indexes),
            "backoffLimitPerIndex": RETRIES_OF_AN_INDEX,
            "podFailurePolicy": {
                "rules": [
                    # An eviction, or a node that is gone, is no failure of the index.
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    {
                        "action": "FailIndex",
                        "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": _FINAL_CODES},
                    },
                ]
            },
            "activeDeadlineSeconds": wanted.job_time_limit_s,
            "ttlSecondsAfterFinished": KEPT_S,
            "template": {
                "metadata": {"labels": _metadata(order, wanted)["labels"]},
                "spec": _merged(_pod_spec(order, wanted, shares), _custom(wanted)),
            },
        },
    }


def config_maps(
    order: Order, wanted: InClusterSettings, owner: Json, shares: Sequence[Mapping[str, str]]
) -> list[Json]:
    """Return the ConfigMaps of the Job ``owner``: its settings, and the shares of its indexes."""
    head = {
        "run_id": order.run_id,
        "job": order.name,
        "settings": dict(order.settings),
        "trigger": dict(order.trigger),
        "requests_per_s": order.requests_per_s,
    }
    settings = {SETTINGS: json.dumps(head), **({CATALOG: order.catalog} if order.catalog else {})}
    named = {f"{order.name}-settings": settings, **{_shares(order, number): one for number, one in enumerate(shares)}}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata(order, wanted, name, owner),
            "immutable": True,
            "data": dict(data),
        }
        for name, data in named.items()
    ]


def secret(order: Order, wanted: InClusterSettings, owner: Json) -> Json:
    """Return the Secret of the Job ``owner``, with which it goes."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(order, wanted, order.name, owner),
        "immutable": True,
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in order.credentials.items()},
    }


def secret_name(order: Order, wanted: InClusterSettings) -> str:
    """Return the Secret that the pods get: the one that the settings name, one of our own, or "" for none."""
    return wanted.job_secret or (order.name if order.credentials else "")


def _metadata(order: Order, wanted: InClusterSettings, name: str = "", owner: Json | None = None) -> Json:
    owners = [
        {"apiVersion": "batch/v1", "kind": "Job", "name": order.name, "uid": one["metadata"]["uid"]}
        for one in ([owner] if owner else [])
    ]
    return {
        "name": name or order.name,
        "namespace": wanted.job_namespace,
        "labels": {"app.kubernetes.io/name": "kubernetes-debug-capture", RUN_LABEL: run_label(order.run_id)},
        **({"ownerReferences": owners} if owners else {}),
    }


def _shares(order: Order, number: int) -> str:
    return f"{order.name}-pods-{number}"


def _pod_spec(order: Order, wanted: InClusterSettings, shares: int) -> Json:
    sources: list[Json] = [{"configMap": {"name": f"{order.name}-settings"}}]
    sources += [{"configMap": {"name": _shares(order, number)}} for number in range(shares)]
    volumes: list[Json] = [
        {"name": "order", "projected": {"sources": sources}},
        {"name": "spool", "emptyDir": {"sizeLimit": f"{wanted.job_spool_mib}Mi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
    ]
    mounts: list[Json] = [
        {"name": "order", "mountPath": f"{MOUNTED}/order", "readOnly": True},
        {"name": "spool", "mountPath": SPOOL},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - of the container alone
    ]
    credentials = secret_name(order, wanted)
    if credentials:
        volumes.append({"name": "credentials", "secret": {"secretName": credentials, "defaultMode": 0o440}})
        mounts.append({"name": "credentials", "mountPath": f"{MOUNTED}/credentials", "readOnly": True})
    return {
        "serviceAccountName": wanted.job_service_account,
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
             "tolerationSeconds": _MOVES_AFTER_S}
            for state in ("not-ready", "unreachable")
        ],
        "containers": [_container(wanted, mounts)],
        "volumes": volumes,
    }  # fmt: skip


def _container(wanted: InClusterSettings, mounts: list[Json]) -> Json:
    return {
        "name": CONTAINER,
        "image": wanted.job_image,
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


def _custom(wanted: InClusterSettings) -> Json:
    """Return the part of a pod spec that the settings give. Raises BadInput."""
    return read_mapping("job_pod", wanted.job_pod, '{"nodeSelector": {"pool": "batch"}}')


def _merged(ours: Any, custom: Any) -> Any:
    """Return ``custom`` over ``ours``: mappings by their keys, lists by their items' names, as kubectl does."""
    if isinstance(ours, dict) and isinstance(custom, dict):
        return ours | {key: _merged(ours.get(key), value) for key, value in custom.items()}
    if isinstance(ours, list) and isinstance(custom, list) and all("name" in one for one in (*ours, *custom)):
        by_name = {one["name"]: one for one in ours}
        return list((by_name | {one["name"]: _merged(by_name.get(one["name"]), one) for one in custom}).values())
    return custom


def check(wanted: InClusterSettings) -> None:
    """Raise BadInput when the settings make no Job."""
    if not wanted.job_image:
        what = "cannot capture in the cluster"
        raise BadInput(what, "job_image is missing", "Build deploy/image, push it, and set job_image.")
    _custom(wanted)


def progress(job: Json) -> tuple[int, int]:
    """Return how many indexes of ``job`` have ended well, and how many have failed for good."""
    status = job["status"]
    return len(indexes(status.get("completedIndexes", ""))), len(indexes(status.get("failedIndexes", "")))


def indexes(text: str) -> list[int]:
    """Return the indexes in ``text``, as a Job's status tells them: "1,3-5,7"."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def ended(job: Json) -> str | None:
    """Return how ``job`` ended, "" for well, or None while it runs."""
    for one in job["status"].get("conditions") or []:
        if one["status"] == "True" and one["type"] == "Complete":
            return ""
        if one["status"] == "True" and one["type"] == "Failed":
            return f"{one.get('reason', 'failed')}: {one.get('message', '')}"
    return None


def why_failed(pods: Sequence[Json]) -> dict[int, str]:
    """Return, by index, why its last pod that failed did, as the kubelet tells it."""
    by_time = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
    return {
        int(pod["metadata"]["annotations"][INDEX_ANNOTATION]): reason
        for pod in by_time
        if INDEX_ANNOTATION in (pod["metadata"].get("annotations") or {}) and (reason := _why(pod))
    }


def _why(pod: Json) -> str:
    status = pod["status"]
    for one in status.get("containerStatuses") or []:
        ended_so = one["state"].get("terminated") or {}
        if ended_so.get("exitCode"):
            last = (ended_so.get("message") or "").strip().splitlines()[-1:]
            return ": ".join([f"{ended_so.get('reason')}, exit code {ended_so['exitCode']}", *last])
    return f"{status.get('reason', '')}: {status.get('message', '')}".strip(": ") if status.get("reason") else ""
