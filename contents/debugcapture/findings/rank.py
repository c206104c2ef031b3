"""Orders findings: what explains the failure comes first. The same finding about several pods becomes one."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from ..finding import Finding, Severity
from ..text import shortened

_ORDER: Final[dict[Severity, int]] = {"critical": 0, "warning": 1, "info": 2}
_MOST_EVIDENCE: Final = 8  # passages that a merged finding keeps
_MOST_TITLE: Final = 300  # characters; names in hostile evidence have no limit
_MOST_TEXT: Final = 800  # characters of title and detail together
# The first rule reads events, which do not say how the container ended. The others read the status of the container.
_RESTARTED: Final = "container-is-restarted-in-a-loop"
_ENDED: Final = frozenset({
    "container-killed-for-memory", "container-cannot-start", "container-keeps-failing", "container-ends-by-itself",
})  # fmt: skip

# A Deployment whose pods fail does not progress either. Such a finding follows those about the pod itself.
_CONSEQUENCES: Final = frozenset({"rollout-does-not-progress", "workload-has-too-few-pods"})


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Return ``findings`` without repetitions: by severity, then by directness, then in their given order."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in _without_known_restarts(list(findings)):
        groups.setdefault((finding.rule, finding.key or finding.title), []).append(finding)
    merged = [_merge(group) for group in groups.values()]
    return _sort(merged)


def with_finding(findings: Iterable[Finding], finding: Finding) -> list[Finding]:
    """Return the ranked ``findings`` with one more in its place."""
    return _sort([*findings, finding])


def _sort(findings: Sequence[Finding]) -> list[Finding]:
    explained = {pod for finding in findings if _is_cause(finding) for pod in finding.pods}
    return sorted(findings, key=lambda finding: _position(finding, explained))


def _is_cause(finding: Finding) -> bool:
    return finding.severity != "info" and finding.rule not in _CONSEQUENCES


def _position(finding: Finding, explained: AbstractSet[str]) -> tuple[int, int]:
    """Return the sort key of ``finding``. ``explained`` are the pods whose failure has a cause."""
    if finding.rule in _CONSEQUENCES and finding.pods and explained >= set(finding.pods):
        return _ORDER["warning"] if finding.severity != "info" else _ORDER["info"], 0
    return _ORDER[finding.severity], -finding.directness


def _without_known_restarts(findings: Sequence[Finding]) -> list[Finding]:
    """Return ``findings`` without restarts of which another finding says how the container ended."""
    ended = {_container_of(finding) for finding in findings if finding.rule in _ENDED}
    return [finding for finding in findings if finding.rule != _RESTARTED or _container_of(finding) not in ended]


def _container_of(finding: Finding) -> tuple[str, str]:
    """Return the pod and the container of a finding about a container. Its key ends with the name of the container."""
    return finding.pod, finding.key.rpartition("/")[2]


def _merge(group: Sequence[Finding]) -> Finding:
    """Return one finding for ``group``, which says the same about several pods or files."""
    first = group[0]
    pods = tuple(dict.fromkeys(finding.pod for finding in group if finding.pod))
    evidence = tuple(dict.fromkeys(lines for finding in group for lines in finding.evidence))[:_MOST_EVIDENCE]
    title = f"{len(pods)} pods: {first.title}" if len(pods) > 1 else first.title
    title = _bounded(title, _MOST_TITLE)
    detail = _bounded(first.detail, _MOST_TEXT - len(title))
    return replace(first, title=title, detail=detail, pods=pods, evidence=evidence)


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most else shortened(text, most)
