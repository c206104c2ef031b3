"""Findings that follow from several files of a pod together. The files are those that a capture writes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from ..finding import Finding
from .evidence import Evidence
from .parsers import kube_objects, release_diff
from .parsers.kube_model import Pod, Workload
from .parsers.release_diff import Release
from .rules.across_rollout import pod_fails_since_rollout
from .subject import rule_id

RULES: Final = (pod_fails_since_rollout,)
_COLLECTORS: Final = ("pod-snapshot", "workload")


@dataclass(slots=True)
class _PodFiles:
    """What the files of one pod say."""

    pods: list[Pod] = field(default_factory=list)
    replica_sets: list[Workload] = field(default_factory=list)
    release: Release | None = None


def explain_across_files(
    evidence: Iterable[Evidence], failed: Callable[[Evidence, Exception], None]
) -> Iterator[Finding]:
    """Yield the findings about the files of each pod together.

    ``failed`` is called with a file that breaks a parser, and the error.
    """
    pods: dict[str, _PodFiles] = {}
    for file in evidence:
        if file.collector not in _COLLECTORS:
            continue
        try:
            _read(file, pods.setdefault(file.pod, _PodFiles()))
        except Exception as error:  # noqa: BLE001 - the content is hostile, and the other files still have to be read
            failed(file, error)
    for name, files in pods.items():
        for finding in _explained(files):
            yield replace(finding, rule=rule_id(pod_fails_since_rollout), pod=name or finding.pod)


def _explained(files: _PodFiles) -> Iterator[Finding]:
    sets = {replica_set.name: replica_set for replica_set in files.replica_sets}
    for pod in files.pods:
        if replica_set := sets.get(pod.owner.removeprefix("ReplicaSet/")):
            yield from pod_fails_since_rollout(pod, replica_set, _release_of(replica_set, files))


def _release_of(replica_set: Workload, files: _PodFiles) -> Release | None:
    return files.release if files.release is not None and files.release.new_set == replica_set.name else None


def _read(file: Evidence, files: _PodFiles) -> None:
    if release_diff.recognize(file):
        files.release = release_diff.parse(file)
    elif kube_objects.recognize(file):
        cluster = kube_objects.parse(file)
        files.pods.extend(cluster.pods)
        files.replica_sets.extend(workload for workload in cluster.workloads if workload.kind == "ReplicaSet")
