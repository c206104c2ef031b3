"""Puts what the files of a bundle contribute to its pictures together, by pod."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from ...picture import Moment, Pictures, PodPictures, Ranking, Stacks

_MOST_PODS: Final = 60
_MOST_MOMENTS: Final = 80
_ALL_MOMENTS: Final = 1_500  # of all pods together: each has a link on the page
_MOST_BARS: Final = 8_000  # of all flame graphs together
_SAME_S: Final = 2  # events and status differ by a second
_MOST_STACKS: Final = 6  # of a pod


def merged(parts: Iterable[PodPictures]) -> Pictures:
    """Return the pictures of all ``parts``. Each part names its pod."""
    pods: dict[str, PodPictures] = {}
    hidden: set[str] = set()
    for part in parts:
        if part.pod not in pods and len(pods) >= _MOST_PODS:
            hidden.add(part.pod)
            continue
        before = pods.get(part.pod, PodPictures(part.pod))
        pods[part.pod] = replace(
            before,
            moments=before.moments + part.moments,
            meters=before.meters + part.meters,
            rankings=before.rankings + tuple(ranking for ranking in part.rankings if _is_new(ranking, before)),
            stacks=(before.stacks + part.stacks)[:_MOST_STACKS],
        )
    drawings = sum(len(pod.stacks) for pod in pods.values())
    most_moments = min(_MOST_MOMENTS, _ALL_MOMENTS // max(1, len(pods)))
    most_bars = _MOST_BARS // max(1, drawings)
    shown = [
        replace(
            pod,
            moments=_without_repetitions(pod.moments)[-most_moments:],
            stacks=tuple(_with_widest_bars(stacks, most_bars) for stacks in pod.stacks),
        )
        for pod in pods.values()
        if pod != PodPictures(pod.pod)
    ]
    return Pictures(tuple(shown), len(hidden))


def _is_new(ranking: Ranking, pictures: PodPictures) -> bool:
    """Return whether no other file has the same rows: while a container waits, its log is that of its last run."""
    return not any(other.kind == ranking.kind and other.rows == ranking.rows for other in pictures.rankings)


def _with_widest_bars(stacks: Stacks, most: int) -> Stacks:
    """Return ``stacks`` with at most ``most`` bars of the flame graph."""
    if len(stacks.bars) <= most:
        return stacks
    widest = sorted(stacks.bars, key=lambda bar: (-bar.width, bar.depth))[:most]
    bars = tuple(sorted(widest, key=lambda bar: (bar.depth, bar.start)))
    return replace(stacks, bars=bars, hidden_bars=stacks.hidden_bars + len(stacks.bars) - most)


def _without_repetitions(moments: Iterable[Moment]) -> tuple[Moment, ...]:
    """Return ``moments``, the oldest first. Several files describe the same pod."""
    last: dict[str, Moment] = {}
    different: list[Moment] = []
    for moment in sorted(moments, key=lambda moment: moment.when):
        before = last.get(moment.text)
        if before is None or (moment.when - before.when).total_seconds() > _SAME_S:
            different.append(moment)
            last[moment.text] = moment
    return tuple(different)
