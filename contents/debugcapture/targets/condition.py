"""The condition of a capture: `memory > 90%`, `restarts > 3`, `not-ready > 120s`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from ..errors import NotAllowed, NotMeasurable, OptionalApiDown, TargetNotFound
from ..kube.client import Api
from ..kube.exec_stream import run_short
from ..kube.objects import limits_of
from ..kube.resources import path_of
from ..kube.values import parse_quantity
from ..model import Json, Target
from ..text import number_in
from .health import unready_duration
from .pods import container_status, find_container
from .selection import SelectedPod

# The container's own cgroup: version 2, then version 1.
_MEMORY_FILES = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")

_UNITS = {"memory": "%", "restarts": "", "not-ready": "s"}
_VERDICTS = {True: "which meets", False: "nothing to do: it does not meet"}


@dataclass(frozen=True, slots=True)
class Condition:
    """A measure that must exceed a number."""

    measure: Literal["memory", "restarts", "not-ready"]
    above: int

    def __str__(self) -> str:
        return f"{self.measure} > {self.above}{_UNITS[self.measure]}"


def parse_condition(text: str) -> Condition | None:
    """Return the condition in ``text``, whose form the settings have checked; None if there is none."""
    match = re.fullmatch(r"(memory|restarts|not-ready)\s*>\s*(\d+)[%s]?", text)
    return Condition(match.group(1), int(match.group(2))) if match else None  # type: ignore[arg-type]  # one of the three


def measure(api: Api, pod: Json, target: Target, condition: Condition, now: datetime) -> int:
    """Return what ``condition`` measures, for ``target``: a percentage, a count, or seconds.

    Raises NotMeasurable if the cluster does not provide the value.
    """
    if condition.measure == "restarts":
        return int(container_status(pod, target.container).get("restartCount", 0))
    if condition.measure == "not-ready":
        duration = unready_duration(pod, now)
        return int(duration.total_seconds()) if duration else 0
    limit = limits_of(find_container(pod, target.container)).get("memory")
    if not limit:
        reason = f"container {target.container} has no memory limit"
        remedy = "Set a memory limit, or remove the condition."
        raise NotMeasurable(f"cannot determine the memory usage of {target}", reason, remedy)
    return int(_memory_bytes(api, target) * 100 / parse_quantity(str(limit)))


def _memory_bytes(api: Api, target: Target) -> int:
    """Return the memory that the container uses: from the metrics API, or if that does not respond, its cgroup."""
    path = path_of("PodMetrics", target.namespace, target.pod)
    try:
        metrics = api.get_optional(path, f"cannot read the metrics of {target}")
    except (TargetNotFound, NotAllowed, OptionalApiDown):
        return _cgroup_bytes(api, target)
    for container in metrics.get("containers") or []:
        if container["name"] == target.container:
            return parse_quantity(str(container["usage"]["memory"]))
    return _cgroup_bytes(api, target)


def _cgroup_bytes(api: Api, target: Target) -> int:
    reason = "its control group shows no memory usage"
    for file in _MEMORY_FILES:
        status, output, errors = run_short(api, target.ref, ("cat", file))
        used = number_in(output)
        if status.code == 0 and used is not None:
            return used
        if status.not_found:
            reason = "the image has no cat"
        elif status.code is None:
            reason = status.message or errors
    raise NotMeasurable(
        f"cannot determine the memory usage of {target}",
        f"the cluster has no metrics API, and {reason}",
        "Install metrics-server, or use another condition.",
    )


def filter_matching(api: Api, selected: Sequence[SelectedPod], text: str) -> tuple[list[SelectedPod], list[str]]:
    """Return those of ``selected`` that meet the condition ``text``, and a line about each pod."""
    condition = parse_condition(text)
    if condition is None:
        return list(selected), []
    matching, lines, now = [], [], datetime.now(timezone.utc)
    for selection in selected:
        value = measure(api, selection.pod, selection.target, condition, now)
        is_met = value > condition.above
        measured = f"{condition.measure} is {value}{_UNITS[condition.measure]}"
        lines.append(f"{selection.target}: {measured}, {_VERDICTS[is_met]} {condition}")
        if is_met:
            matching.append(selection)
    return matching, lines
