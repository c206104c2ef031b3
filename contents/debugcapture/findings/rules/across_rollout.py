"""A rule that connects a failing pod with the release that created it, from the files of a capture."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ...finding import EvidenceLines, Finding
from ..parsers.kube_model import Container, Pod, Workload, moment
from ..parsers.release_diff import Release
from . import kube_words as words
from .kube_images import PULL_REASONS
from .release import changes_of

_FIRST_REVISION: Final = "1"
_CREATED_BY_S: Final = 1800  # a rollout creates its pods within this time, one after the other
_SECONDS_PER_RUN: Final = 900  # the kubelet waits at most 300 s before it starts a container again
_MIN_RESTARTS: Final = 2
_MOST_LINES: Final = 3
_NEVER_STARTED: Final = frozenset(
    {*PULL_REASONS, "CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)


def pod_fails_since_rollout(pod: Pod, replica_set: Workload, release: Release | None) -> Iterator[Finding]:
    """The rollout of a release created the pod, and its container has failed repeatedly since then.

    A container that ran well for a while, or a pod that was created long after the rollout, is left out: something else
    changed. The first release of a workload changed nothing. Source:
    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-back-a-deployment
    """
    created, started = moment(replica_set.created), moment(pod.started)
    if replica_set.revision in ("", _FIRST_REVISION) or created is None or started is None:
        return
    if not 0 <= (started - created).total_seconds() <= _CREATED_BY_S:
        return
    failing = ((container, _failure_since(container, started)) for container in pod.containers)
    container, failure = next(((container, failure) for container, failure in failing if failure), (None, ""))
    if container is None:
        return
    changes = f" The release {changes_of(release)}." if release is not None and changes_of(release) else ""
    deployment = replica_set.name.rpartition("-")[0] or replica_set.name
    yield Finding(
        "warning",
        f"{pod.workload}: the pod has failed since the rollout of revision {replica_set.revision} at "
        f"{replica_set.created} created it",
        f"The pod started at {pod.started}. Since then, {container.label} {failure}.{changes}",
        f"Compare the release with the one before, or go back: kubectl rollout undo deployment/{deployment}.",
        (
            *words.passages(container.lines),
            *words.passages(replica_set.lines),
            *_change_lines(release),
        ),
        directness=62,
        key=f"fails since rollout {pod.workload}",
        pod=pod.name,
    )


def _failure_since(container: Container, started: datetime) -> str:
    """Return how ``container`` has failed since its pod started; "" if it has not, or ran well in between."""
    restarts = container.restarts or 0
    if container.kind == "debug container" or container.ready:
        return ""
    if container.state.reason in _NEVER_STARTED and not restarts:
        return f"has not started ({container.state.reason})"
    ended = moment(container.ended.finished)
    if restarts < _MIN_RESTARTS or not container.ended.has_failed or ended is None:
        return ""
    if (ended - started).total_seconds() > _SECONDS_PER_RUN * restarts:
        return ""
    return f"has restarted {restarts} times, the last time after {words.exit_words(container.ended)}"


def _change_lines(release: Release | None) -> list[EvidenceLines]:
    """Return the first lines that the release changed, as evidence."""
    if release is None:
        return []
    lines = sorted((*release.removed, *release.added))[:_MOST_LINES]
    return [release.evidence.quote(line.number, line.number, line.text) for line in lines]
