"""The workloads that the names in an alert suggest. Pure.

The pod or ReplicaSet of an alert may be gone when the alert is read. Its name says which workload it came from.
"""

import re
from typing import Final

from ..pagerduty.alerts import Candidate

# The names that controllers give: NAME-TEMPLATEHASH-RANDOM, NAME-RANDOM and NAME-ORDINAL to pods, NAME-TEMPLATEHASH to
# ReplicaSets, NAME-MINUTES to the Jobs of a CronJob. Hashes have neither vowels nor the digits 0, 1 and 3.
_POD_OF_DEPLOYMENT: Final = re.compile(r"(.+)-[a-z0-9]{6,10}-[a-z0-9]{5}")
_POD_OF_DAEMONSET: Final = re.compile(r"(.+)-[a-z0-9]{5}")
_POD_OF_STATEFULSET: Final = re.compile(r"(.+)-\d+")
_REPLICA_SET: Final = re.compile(r"(.+)-[bcdfghjklmnpqrstvwxz2456789]{6,10}")
_JOB_OF_CRONJOB: Final = re.compile(r"(.+)-\d{8}")
_OWN_WORKLOADS: Final = ("", "replicaset", "replicationcontroller")


def possible_workloads(candidate: Candidate) -> list[str]:
    """Return the workloads (KIND/NAME, or NAME for any kind) that ``candidate`` may mean, the most likely first."""
    return _of_workload(candidate.kind, candidate.workload) if candidate.workload else _of_pod(candidate.pod)


def _of_workload(kind: str, name: str) -> list[str]:
    names = [f"{kind}/{name}" if kind else name]
    if kind in _OWN_WORKLOADS and (match := _REPLICA_SET.fullmatch(name)):
        names.append(match[1])
    if kind in ("", "job") and (match := _JOB_OF_CRONJOB.fullmatch(name)):
        names.append(f"cronjob/{match[1]}")
    if kind in ("horizontalpodautoscaler", "hpa"):  # usually named after its workload
        names.append(name)
    return names


def _of_pod(pod: str) -> list[str]:
    kinds = (
        ("deployment", _POD_OF_DEPLOYMENT),
        ("statefulset", _POD_OF_STATEFULSET),
        ("daemonset", _POD_OF_DAEMONSET),
        ("job", _POD_OF_DAEMONSET),
    )
    names = [f"{kind}/{match[1]}" for kind, pattern in kinds if (match := pattern.fullmatch(pod))]
    owner = _POD_OF_DAEMONSET.fullmatch(pod)
    if owner and (job := _JOB_OF_CRONJOB.fullmatch(owner[1])):
        names.append(f"cronjob/{job[1]}")
    # Workloads of other kinds, such as an Argo Rollout, give the same names.
    return list(dict.fromkeys([*names, *(name.rpartition("/")[2] for name in names[:1])]))
