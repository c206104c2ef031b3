"""Rules about what the last release of a workload changed."""

from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..evidence import Line
from ..parsers.release_diff import Release

_MOST_LINES: Final = 6
_MOST_CHARACTERS: Final = 100


def last_release_changed_the_pods(release: Release) -> Iterator[Finding]:
    """What the last release changed in the pod template: images, variables, limits, probes.

    A failure that began with a release often has its cause in one of these lines. Source:
    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#checking-rollout-history-of-a-deployment
    """
    if not release.removed and not release.added:
        return
    images = [line for line in (*release.removed, *release.added) if "image:" in line.text]
    first = _words(images[-1]) if images else _words((*release.added, *release.removed)[0])
    changes = (*release.removed[:_MOST_LINES], *release.added[:_MOST_LINES])
    yield Finding(
        severity="info",
        title=f"The last release (revision {release.old} to {release.new}) changed the pods: {first}",
        detail=f"ReplicaSet {release.new_set}: {changes_of(release)}.",
        evidence=tuple(
            release.evidence.quote(line.number, line.number, line.text) for line in sorted(changes)[:_MOST_LINES]
        ),
        directness=52,
        key=f"last release {release.new_set.rpartition('-')[0]}",
    )


def changes_of(release: Release) -> str:
    """Return what the release removed and added, as a part of a sentence; "" if it changed nothing."""
    parts = (("removed", release.removed), ("added", release.added))
    return "; ".join(f"{verb} {_quote(lines)}" for verb, lines in parts if lines)


def _words(line: Line) -> str:
    text = " ".join(line.text[1:].split()).removeprefix("- ")
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…"


def _quote(lines: tuple[Line, ...]) -> str:
    more = f" and {len(lines) - _MOST_LINES} more lines" if len(lines) > _MOST_LINES else ""
    return ", ".join(f'"{_words(line)}"' for line in lines[:_MOST_LINES])[:300] + more


RULES = (last_release_changed_the_pods,)
