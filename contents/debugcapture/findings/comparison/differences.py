"""What the unhealthy pods of a capture have and the healthy pods do not. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ...finding import Difference, Finding
from ...text import mib, shortened
from .facts import Key, PodFacts

RULE: Final = "unhealthy-pods-differ"
_NOTHING: Final = "none"
_MUCH_MORE: Final = 1.5
_MUCH_MEMORY_BYTES: Final = 64 << 20
_MORE_THREADS: Final = 20
_MIN_WAITING: Final = 2
_MOST_PLACES: Final = 2
_MOST_ERRORS: Final = 3
_MOST_SHOWN: Final = 160
_MOST_DETAIL: Final = 600


def differences_of(unhealthy: Sequence[PodFacts], healthy: Sequence[PodFacts]) -> tuple[Difference, ...]:
    """Return what each of ``unhealthy`` has and none of ``healthy`` has, the most significant first.

    The same difference of several pods is one. Empty if one of the sides is empty. A fact that one side lacks is not
    compared: no file contains it.
    """
    if not unhealthy or not healthy:
        return ()
    rows: dict[tuple[str, str, str], list[str]] = {}
    for pod in unhealthy:
        for entry in _entries(pod, healthy):
            rows.setdefault(entry, []).append(pod.pod)
    names = tuple(pod.pod for pod in healthy)
    return tuple(
        Difference(subject, value, other, tuple(pods), names) for (subject, value, other), pods in rows.items()
    )


def difference_finding(differences: Sequence[Difference]) -> Finding | None:
    """Return the finding that summarizes ``differences``; None if there are none."""
    if not differences:
        return None
    subjects = list(dict.fromkeys(difference.subject for difference in differences))
    pods = tuple(dict.fromkeys(pod for difference in differences for pod in difference.pods))
    healthy = ", ".join(differences[0].healthy_pods[:2])
    parts = [f"{each.subject}: {each.unhealthy}, healthy: {each.healthy}" for each in differences]
    more = f" and {len(subjects) - 3} more" if len(subjects) > 3 else ""  # noqa: PLR2004 - a title is one line
    subject = "The unhealthy pod differs" if len(pods) == 1 else f"{len(pods)} unhealthy pods differ"
    return Finding(
        "info",
        f"{subject} from the healthy {healthy}: {', '.join(subjects[:3])}{more}",
        shortened("; ".join(parts), _MOST_DETAIL),
        "Look at these differences first: what a healthy pod has too is not the cause.",
        directness=56,
        key=f"differences {' '.join(sorted(subjects))}",
        pod=pods[0],
        pods=pods,
        rule=RULE,
    )


def _entries(pod: PodFacts, healthy: Sequence[PodFacts]) -> Iterator[tuple[str, str, str]]:
    """Yield what differs, how it is in ``pod``, and how it is in ``healthy``."""
    yield from _values(pod.images, [other.images for other in healthy], "image of {}")
    variables = [other.variables for other in healthy]
    yield from _values(pod.variables, variables, "variable {1} of {0}", absence_counts=True)
    yield from _values(pod.limits, [other.limits for other in healthy], "{1} limit of {0}", absence_counts=True)
    yield from _errors(pod, healthy)
    yield from _threads(pod, healthy)
    yield from _memory(pod, healthy)
    nodes = {other.node for other in healthy if other.node}
    if pod.node and nodes and pod.node not in nodes:
        yield "node", pod.node, ", ".join(sorted(nodes))


def _values(
    own: Mapping[Key, str], others: Sequence[Mapping[Key, str]], subject: str, *, absence_counts: bool = False
) -> Iterator[tuple[str, str, str]]:
    """Yield the values that no other pod has. A name that one side lacks differs if ``absence_counts``."""
    comparable = [other for other in others if other]
    if not own or not comparable:
        return
    names = list(dict.fromkeys([*own, *(name for other in comparable for name in other)]))
    for name in names:
        value = own.get(name, _NOTHING)
        healthy = [other.get(name, _NOTHING) for other in comparable]
        if value in healthy or (not absence_counts and _NOTHING in (value, *healthy)):
            continue
        yield (
            subject.format(*name),
            shortened(value, _MOST_SHOWN),
            shortened(", ".join(dict.fromkeys(healthy)), _MOST_SHOWN),
        )


def _errors(pod: PodFacts, healthy: Sequence[PodFacts]) -> Iterator[tuple[str, str, str]]:
    others = [other for other in healthy if other.has_log]
    if not pod.has_log or not others:
        return
    comparable = {message for other in others for message in other.errors}
    new = [(message, count) for message, count in pod.errors.most_common() if message not in comparable]
    for message, count in new[:_MOST_ERRORS]:
        yield "errors in the log", f"{count} × {message}", _NOTHING


def _threads(pod: PodFacts, healthy: Sequence[PodFacts]) -> Iterator[tuple[str, str, str]]:
    """Yield places where several threads wait, but none of a healthy pod; and a number that is much larger."""
    others = [other for other in healthy if other.threads]
    if not pod.threads or not others:
        return
    places = {place for other in others for place in other.waiting}
    new = [(place, count) for place, count in pod.waiting.most_common() if place not in places]
    for place, count in [entry for entry in new if entry[1] >= _MIN_WAITING][:_MOST_PLACES]:
        yield "threads", f"{count} of {pod.threads} {place}", "none there"
    most = max(other.threads for other in others)
    if pod.threads >= most * _MUCH_MORE and pod.threads - most >= _MORE_THREADS:
        yield "number of threads", str(pod.threads), str(most)


def _memory(pod: PodFacts, healthy: Sequence[PodFacts]) -> Iterator[tuple[str, str, str]]:
    for name, used in pod.memory.items():
        others = [other.memory[name] for other in healthy if name in other.memory]
        if others and used >= max(others) * _MUCH_MORE and used - max(others) >= _MUCH_MEMORY_BYTES:
            yield f"memory of {name}", mib(used), mib(max(others))
