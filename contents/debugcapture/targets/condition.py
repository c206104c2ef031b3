"""The condition of a capture: `memory > 90%`, `restarts > 3`, `not-ready > 120s`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from ..errors import NotAllowed, NotMeasurable, TargetNotFound
from ..kube.client import Api
from ..kube.exec_stream import run_short
from ..kube.resources import path_of
from ..kube.values import quantity
from ..model import Json, Target
from ..text import number_in
from .health import unready_for
from .pods import container_status, find_container
from .selection import Selected

# cgroup v2, then v1; a container sees its own.
_CURRENT = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")

_UNITS = {"memory": "%", "restarts": "", "not-ready": "s"}
_SAYS = {True: "which meets", False: "nothing to do: it does not meet"}


@dataclass(frozen=True, slots=True)
class Condition:
    """A measure that must be above a number."""

    measure: Literal["memory", "restarts", "not-ready"]
    above: int

    def __str__(self) -> str:
        return f"{self.measure} > {self.above}{_UNITS[self.measure]}"


def parse(text: str) -> Condition | None:
    """Return the condition in ``text``, whose form the settings have checked; None for none."""
    match = re.fullmatch(r"(memory|restarts|not-ready)\s*>\s*(\d+)[%s]?", text)
    return Condition(match.group(1), int(match.group(2))) if match else None  # type: ignore[arg-type]  # one of the three


def measured(api: Api, pod: Json, target: Target, condition: Condition, now: datetime) -> int:
    """Return the measure of ``condition`` for ``target``. Raises NotMeasurable when it cannot be told."""
    if condition.measure == "restarts":
        return int(container_status(pod, target.container).get("restartCount", 0))
    if condition.measure == "not-ready":
        unready = unready_for(pod, now)
        return int(unready.total_seconds()) if unready else 0
    limit = ((find_container(pod, target.container).get("resources") or {}).get("limits") or {}).get("memory")
    if not limit:
        why = f"container {target.container} has no memory limit"
        raise NotMeasurable(
            f"cannot determine the memory usage of {target}", why, "Set a memory limit, or remove the condition."
        )
    return int(_memory_bytes(api, target) * 100 / quantity(str(limit)))


def _memory_bytes(api: Api, target: Target) -> int:
    """Return what the container uses, by the metrics API, else by its own cgroup."""
    path = path_of("PodMetrics", target.namespace, target.pod)
    try:
        usage = api.get(path, f"cannot read the metrics of {target}")
    except (TargetNotFound, NotAllowed):
        return _cgroup_bytes(api, target)
    found = next((one for one in usage.get("containers") or [] if one["name"] == target.container), None)
    return quantity(str(found["usage"]["memory"])) if found else _cgroup_bytes(api, target)


def _cgroup_bytes(api: Api, target: Target) -> int:
    for file in _CURRENT:
        status, output, _ = run_short(api, target.ref, ("cat", file))
        used = number_in(output)
        if status.code == 0 and used is not None:
            return used
    raise NotMeasurable(
        f"cannot determine the memory usage of {target}",
        "the cluster has no metrics API, and the image has no cat",
        "Install metrics-server, or use another condition.",
    )


def fulfilled(api: Api, selected: Sequence[Selected], text: str) -> tuple[list[Selected], list[str]]:
    """Return those of ``selected`` that the condition ``text`` holds for, and a line about each."""
    condition = parse(text)
    if condition is None:
        return list(selected), []
    met, lines, now = [], [], datetime.now(timezone.utc)
    for one in selected:
        value = measured(api, one.pod, one.target, condition, now)
        holds = value > condition.above
        lines.append(
            f"{one.target}: {condition.measure} is {value}{_UNITS[condition.measure]}, {_SAYS[holds]} {condition}"
        )
        met += [one] if holds else []
    return met, lines
