"""Estimates how a collector affects its target: how long the process stops, and how much disk space it needs. Pure.

Sources: Kubernetes documentation, "Configure Liveness, Readiness and Startup Probes", "Local ephemeral storage".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..kube.objects import limits_of
from ..kube.values import parse_quantity
from ..model import Collector, Json, Process, Tool
from ..text import mib
from .processes import MemoryUse

# A cautious estimate: heap and core dumps on a disk of a cloud machine were faster. A dump is at most the memory.
_DUMP_BYTES_PER_S = 100 << 20
_SAFETY = 1.2
# The program of a single-file application in a dump, and the libraries that it maps.
_MAPPED_FILES_BYTES = 80 << 20
_DEFAULT_PERIOD_S, _DEFAULT_FAILURES, _DEFAULT_TIMEOUT_S = 10, 3, 1


@dataclass(frozen=True, slots=True)
class Space:
    """Space in which a target can write."""

    bytes: int
    place: str
    """In words, for a message: "disk …", "volume …"."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a target tolerates. None: there is no limit, or it is unknown."""

    probe_s: float | None = None
    """Seconds until the liveness probe restarts a container that does not respond."""
    disk: Space | None = None
    """Space at /tmp of the target."""
    pod_disk: Space | None = None
    """What all containers may write before the pod is evicted, debug containers included."""
    memory_limit_bytes: int | None = None
    memory_left_bytes: int | None = None
    """Memory below the limit. A container that uses more is killed."""
    tmp_in_memory: bool = False
    """Whether /tmp is in memory, so that a file in it counts as memory of the container."""

    def memory_left(self) -> str:
        """Return a part of a sentence: how much memory is left, and below which limit."""
        left, limit = (mib(size or 0) for size in (self.memory_left_bytes, self.memory_limit_bytes))
        return f"only {left} of memory are left below the limit of {limit}"


def too_soon(dumped: Sequence[datetime], now: datetime, cool_down_s: int, per_day: int) -> str:
    """Return why a workload that was ``dumped`` at these times must not be dumped now; "" if it may."""
    last = max(dumped, default=None)
    if last and now - last < timedelta(seconds=cool_down_s):
        ago_s = int((now - last).total_seconds())
        return f"heavy collectors ran on its workload {ago_s} s ago; the cooldown is {cool_down_s} s"
    today = [time for time in dumped if now - time < timedelta(days=1)]
    if len(today) >= per_day:
        return f"heavy collectors ran on its workload {len(today)} times in the last 24 hours; the limit is {per_day}"
    return ""


def probe_budget_s(container: Json) -> float | None:
    """Return for how many seconds ``container`` (of a pod's spec) may stop before its liveness probe restarts it."""
    probe = container.get("livenessProbe")
    if not probe:
        return None
    failures = probe.get("failureThreshold") or _DEFAULT_FAILURES
    period_s = probe.get("periodSeconds") or _DEFAULT_PERIOD_S
    return float((failures - 1) * period_s + (probe.get("timeoutSeconds") or _DEFAULT_TIMEOUT_S))


def memory_budget(container: Json, memory: MemoryUse | None) -> Budget:
    """Return the budget of memory of ``container``, which uses ``memory``."""
    spec_limit = limits_of(container).get("memory")
    limits = [parse_quantity(str(spec_limit)) if spec_limit else None, memory.limit_bytes if memory else None]
    limit = min((limit for limit in limits if limit is not None), default=None)
    left = max(0, limit - memory.used_bytes) if limit is not None and memory else None
    return Budget(memory_limit_bytes=limit, memory_left_bytes=left)


def pod_disk_space(container: Json) -> Space | None:
    """Return the ephemeral-storage limit of ``container``; None if there is none."""
    limit = limits_of(container).get("ephemeral-storage")
    return Space(parse_quantity(str(limit)), "disk that the container may use") if limit else None


def tmp_space(pod: Json, container: Json) -> Space | None:
    """Return the size limit of the emptyDir at /tmp of ``container``; None if there is none.

    `df` does not show it: the kubelet measures the files, and evicts the pod.
    """
    size_limit = _tmp_volume(pod, container).get("sizeLimit")
    return Space(parse_quantity(str(size_limit)), "volume at /tmp (sizeLimit)") if size_limit else None


def is_tmp_in_memory(pod: Json, container: Json) -> bool:
    """Return whether /tmp of ``container`` is an emptyDir in memory."""
    return bool(_tmp_volume(pod, container).get("medium") == "Memory")


def _tmp_volume(pod: Json, container: Json) -> Json:
    """Return the emptyDir that ``container`` mounts at /tmp; empty if there is none."""
    mounts = container.get("volumeMounts") or []
    names = [mount["name"] for mount in mounts if mount["mountPath"].rstrip("/") == "/tmp"]  # noqa: S108 - the target's
    volumes = pod["spec"].get("volumes") or []
    return next((volume.get("emptyDir") or {} for volume in volumes if volume["name"] in names), {})


def too_heavy(collector: Collector, processes: Sequence[Process], budget: Budget, *, writes_in_target: bool) -> str:
    """Return why ``collector`` should not run on ``processes``, with the numbers; "" if it may.

    ``writes_in_target``: its output is first written to /tmp of the target.
    """
    if collector.invasive != "heavy":
        return ""
    size = max((_dump_bytes(process) for process in processes), default=0)
    writes_file = writes_in_target or any(tool.output for tool in collector.from_debug)
    obstacles = [
        _stops_too_long(size, budget),
        _does_not_fit(size, budget.pod_disk) if writes_file else "",
        _does_not_fit(size, budget.disk) if writes_in_target else "",
        _needs_memory(collector, size, budget, in_tmp=writes_in_target and budget.tmp_in_memory),
    ]
    reason = next(filter(None, obstacles), "")
    return f"too heavy: {reason} (to dump anyway, set force)" if reason else ""


def _dump_bytes(process: Process) -> int:
    """Return the size that a dump of ``process`` may reach.

    createdump of .NET writes all private memory, resident or not: 276 MB for a service that used 172 MB. For a
    single-file application it adds the mapped files.
    """
    return max(process.rss_bytes, process.private_bytes + _MAPPED_FILES_BYTES if process.private_bytes else 0)


def lacks_memory(tool: Tool, budget: Budget) -> str:
    """Return why ``tool`` should not run in the target, with the numbers; "" if it may."""
    need_bytes = tool.memory_mib << 20
    if not need_bytes or budget.memory_left_bytes is None or need_bytes <= budget.memory_left_bytes:
        return ""
    return f"{budget.memory_left()}, and {tool.program} needs about {mib(need_bytes)}"


def _stops_too_long(size: int, budget: Budget) -> str:
    pause_s = size / _DUMP_BYTES_PER_S * _SAFETY
    if budget.probe_s is None or pause_s <= budget.probe_s:
        return ""
    return (
        f"{mib(size)} of memory would stop the process for about {pause_s:.0f} s, but the liveness probe "
        f"restarts the container after {budget.probe_s:.0f} s"
    )


def _does_not_fit(size: int, space: Space | None) -> str:
    if space is None or size <= space.bytes:
        return ""
    return (
        f"a dump of {mib(size)} of memory does not fit into the {mib(space.bytes)} of {space.place}, "
        "and the pod would be evicted"
    )


def _needs_memory(collector: Collector, size: int, budget: Budget, *, in_tmp: bool) -> str:
    """Return why the container would be killed for its memory; "" if it would not."""
    if budget.memory_left_bytes is None or size <= budget.memory_left_bytes:
        return ""
    if collector.copies_heap:
        need = f"the process may need {mib(size)} of additional memory"
    elif in_tmp:
        need = f"a dump of {mib(size)} in /tmp, which is in memory, counts as memory of the container"
    else:
        return ""
    return f"{need}, but {budget.memory_left()}, and the container would be killed"


def no_room(collector: Collector, processes: Sequence[Process], spool_bytes: int | None) -> str:
    """Return why a dump by ``collector`` may not fit into the spool, with the sizes; "" if it fits or is not a dump."""
    memory = max((process.rss_bytes for process in processes), default=0)
    if collector.invasive != "heavy" or spool_bytes is None or memory <= spool_bytes:
        return ""
    return (
        f"skipped: a dump of {memory / (1 << 20):,.0f} MiB of memory may not fit into the spool, which "
        f"has {spool_bytes / (1 << 20):,.0f} MiB left (spool_limit_mib, spool_free_mib)"
    )
