"""Findings that follow from several files of a pod together. The files are those that a capture writes."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from ..finding import Finding
from .evidence import Evidence
from .isolation import Isolation
from .parsers.kube_model import Cluster, Workload
from .parsers.release_diff import Release
from .rules.across_rollout import pod_fails_since_rollout
from .subject import rule_id

RULES: Final = (pod_fails_since_rollout,)


class AcrossFiles:
    """The models that such findings need, by the capture and the pod."""

    def __init__(self) -> None:
        """There are no models yet."""
        self._clusters: dict[tuple[str, str], tuple[Evidence, Cluster]] = {}
        self._releases: dict[tuple[str, str], Release] = {}

    def add(self, evidence: Evidence, model: object) -> None:
        """Keep the ``model`` of ``evidence`` if a rule needs it, and if its pod is known."""
        if not evidence.pod:
            return
        key = (evidence.folder, evidence.pod)
        if isinstance(model, Cluster):
            self._clusters[key] = evidence, model
        elif isinstance(model, Release):
            self._releases[key] = model

    def findings(self, isolation: Isolation) -> Iterator[Finding]:
        """Yield the findings about all pods."""
        for key, (evidence, cluster) in self._clusters.items():
            for finding in isolation.run(evidence, partial(_explain, cluster, self._releases.get(key)), ()):
                yield replace(finding, rule=rule_id(pod_fails_since_rollout), pod=evidence.pod)


def _explain(cluster: Cluster, release: Release | None) -> tuple[Finding, ...]:
    return tuple(_findings(cluster, release))


def _findings(cluster: Cluster, release: Release | None) -> Iterator[Finding]:
    sets = {workload.name: workload for workload in cluster.workloads if workload.kind == "ReplicaSet"}
    for pod in cluster.pods:
        if replica_set := sets.get(pod.owner.removeprefix("ReplicaSet/")):
            yield from pod_fails_since_rollout(pod, replica_set, _release_of(replica_set, release))


def _release_of(replica_set: Workload, release: Release | None) -> Release | None:
    return release if release is not None and release.new_set == replica_set.name else None
