"""The name of the workload that a pod belongs to, from the pod alone. Pure.

Between a workload and its pods there may be an object that exists for one release or one run, such as a ReplicaSet. Its
name ends with a hash, a number or a time, which would split the captures of a workload.
Sources: Kubernetes documentation, "Deployments", "CronJobs", "Create static Pods"; Argo Rollouts, "Architecture";
OpenShift, "DeploymentConfig".
"""

import re
from datetime import datetime, timedelta, timezone
from typing import Final

from ..kube.objects import OwnerReference, annotations_of, labels_of
from ..kube.values import parse_time
from ..model import Json

_NAMED_AS_IS: Final = frozenset({"DaemonSet", "StatefulSet"})
_HASH_LABEL = "hash"  # pod-template-hash, rollouts-pod-template-hash, …
_CONFIG_OF_CONTROLLER: Final = ("deploymentconfig", "openshift.io/deployment-config.name")
_SCHEDULED_JOB = re.compile(r"(.+)-(\d{8})")
_LATEST_START = timedelta(days=7)  # a Job that is suspended or retries creates pods long after its time


def name_of_workload(pod: Json, owner: OwnerReference) -> str:
    """Return the name of the workload behind ``owner``, the controller of ``pod``."""
    kind, name = owner.get("kind", ""), str(owner.get("name", ""))
    if kind in _NAMED_AS_IS:
        return name
    if kind == "Job":
        return _without_time(name, pod)
    if kind == "ReplicationController":
        return _name_of_config(name, pod)
    if kind == "Node":  # a static pod: the kubelet appends the name of its node to that in the manifest
        return str(pod["metadata"]["name"]).removesuffix(f"-{name}")
    hashes = [value for key, value in labels_of(pod).items() if key.endswith(_HASH_LABEL)]
    return next((name.removesuffix(f"-{value}") for value in hashes if value and name.endswith(f"-{value}")), name)


def _without_time(job: str, pod: Json) -> str:
    """Return the name of the CronJob that created ``job``. It ends with the scheduled time in minutes since 1970."""
    match = _SCHEDULED_JOB.fullmatch(job)
    if match is None:
        return job
    created = parse_time(pod["metadata"].get("creationTimestamp")) or datetime.now(timezone.utc)
    scheduled = datetime.fromtimestamp(int(match[2]) * 60, timezone.utc)
    is_time = timedelta(minutes=-1) <= created - scheduled <= _LATEST_START
    return match[1] if is_time else job


def _name_of_config(controller: str, pod: Json) -> str:
    """Return the name of the DeploymentConfig that created the ReplicationController CONFIG-NUMBER."""
    names = [source.get(key, "") for key in _CONFIG_OF_CONTROLLER for source in (labels_of(pod), annotations_of(pod))]
    return next((name for name in names if name and re.fullmatch(rf"{re.escape(name)}-\d+", controller)), controller)
