"""Compares the pods of a bundle."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from ...finding import Difference
from ...manifest import Manifest
from ...model import Target
from ..evidence import Evidence, evidence_of
from ..isolation import TIME_LIMITS, Isolation, TimeLimits, Unreadable
from ..rank import with_finding
from .differences import difference_finding, differences_of
from .facts import PodFacts, facts_of

_MOST_PODS: Final = 10  # of each side; reading more costs time and adds little


def with_differences(manifest: Manifest, folder: Path, failed: Unreadable) -> Manifest:
    """Return the ``manifest`` of the bundle in ``folder`` with the differences of its pods and a finding about them."""
    differences = compare_bundle(folder, manifest, failed)
    finding = difference_finding(differences)
    if finding is None:
        return manifest
    return replace(manifest, differences=differences, findings=tuple(with_finding(manifest.findings, finding)))


def compare_bundle(
    folder: Path, manifest: Manifest, failed: Unreadable, limits: TimeLimits = TIME_LIMITS
) -> tuple[Difference, ...]:
    """Return what the unhealthy pods of the bundle in ``folder`` have and its healthy ones do not have.

    A pod is unhealthy if it was when it was selected. Pods of another workload are not compared. Empty if the bundle
    does not have both kinds of pods. ``failed`` is called with a file that breaks a parser, or needs more time than
    ``limits`` allow, and the error.
    """
    same = [target for target in manifest.targets if target.workload == manifest.target.workload]
    unhealthy = [target for target in same if target.unhealthy][:_MOST_PODS]
    healthy = [target for target in same if not target.unhealthy and target.is_running][:_MOST_PODS]
    if not unhealthy or not healthy:
        return ()
    masked = any(not artifact.sensitive for artifact in manifest.artifacts)
    sensitive = {artifact.file for artifact in manifest.artifacts if artifact.sensitive and masked}
    files: dict[str, list[Evidence]] = {}
    for file in evidence_of(folder, manifest):
        if file.name not in sensitive:
            files.setdefault(file.pod, []).append(file)

    isolation = Isolation(failed, limits)

    def facts(target: Target) -> PodFacts:
        return facts_of(target.pod, files.get(target.pod, ()), isolation, masked=masked)

    return differences_of([facts(target) for target in unhealthy], [facts(target) for target in healthy])
