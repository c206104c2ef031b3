"""Estimates how a collector affects its target: how long the process stops, and how much disk space it needs. Pure.

Sources: Kubernetes documentation, "Configure Liveness, Readiness and Startup Probes", "Local ephemeral storage".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..kube.objects import limits_of
from ..kube.values import parse_quantity
from ..model import Collector, Json, Process

# A cautious estimate: heap and core dumps on a disk of a cloud machine were faster. A dump is at most the memory.
_DUMP_BYTES_PER_S = 100 << 20
_SAFETY = 1.2
_DEFAULT_PERIOD_S, _DEFAULT_FAILURES, _DEFAULT_TIMEOUT_S = 10, 3, 1


@dataclass(frozen=True, slots=True)
class Budget:
    """What a target tolerates. None: there is no limit, or it is unknown."""

    probe_s: float | None = None
    """Seconds until the liveness probe restarts a container that does not respond."""
    disk_bytes: int | None = None
    """Bytes that can be written before the pod is evicted."""


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


def disk_limit_bytes(container: Json) -> int | None:
    """Return the ephemeral-storage limit of ``container``."""
    limit = limits_of(container).get("ephemeral-storage")
    return parse_quantity(str(limit)) if limit else None


def too_heavy(collector: Collector, processes: Sequence[Process], budget: Budget) -> str:
    """Return why ``collector`` should not run on ``processes``, with the numbers; "" if it may."""
    if collector.invasive != "heavy":
        return ""
    memory = max((process.rss_bytes for process in processes), default=0)
    pause_s = memory / _DUMP_BYTES_PER_S * _SAFETY
    size = f"{memory / (1 << 20):,.0f} MiB of memory"
    if budget.probe_s is not None and pause_s > budget.probe_s:
        return (
            f"too heavy: {size} would stop the process for about {pause_s:.0f} s, but the liveness probe "
            f"restarts the container after {budget.probe_s:.0f} s (to dump anyway, set force)"
        )
    in_target = any(tool.output for tool in (*collector.in_image, *collector.from_debug))
    if in_target and budget.disk_bytes is not None and memory > budget.disk_bytes:
        return (
            f"too heavy: a dump of {size} does not fit into the {budget.disk_bytes / (1 << 20):,.0f} MiB of "
            "disk that the container may use, and the pod would be evicted (to dump anyway, set force)"
        )
    return ""


def no_room(collector: Collector, processes: Sequence[Process], spool_bytes: int | None) -> str:
    """Return why a dump by ``collector`` may not fit into the spool, with the numbers; "" if it fits or is no dump."""
    memory = max((process.rss_bytes for process in processes), default=0)
    if collector.invasive != "heavy" or spool_bytes is None or memory <= spool_bytes:
        return ""
    return (
        f"skipped: a dump of {memory / (1 << 20):,.0f} MiB of memory may not fit into the spool, which "
        f"has {spool_bytes / (1 << 20):,.0f} MiB left (spool_limit_mib, spool_free_mib)"
    )
