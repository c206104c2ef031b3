"""How much of each resource a container uses, and its limits."""

from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import EvidenceLines
from ...picture import Meter, PodPictures, Unit
from ..parsers.disk_file import DiskState
from ..parsers.jvm_heap import JvmHeap
from ..parsers.metrics_file import ContainerUsage
from ..parsers.node_report import NodeReport
from ..parsers.process_file import Fact, ProcessState

_MOST_METERS: Final = 12
_PERCENT: Final = 100
_NOTICEABLE_PERCENT: Final = 1  # less waiting time is not shown
_DISK_PART: Final = 0.5  # file systems with less in use are not shown


def container_usage(usages: Sequence[ContainerUsage]) -> PodPictures:
    """Return CPU and memory of each container, as the metrics server measured them."""
    meters: list[Meter] = []
    for usage in usages:
        name = f"of container {usage.name} (metrics server)"
        meters.append(_meter(f"CPU {name}", usage.cpu, usage.cpu_limit, "cores", usage.line))
        meters.append(_meter(f"Memory {name}", usage.memory, usage.limit, "bytes", usage.line))
    return _pictures_with(meters)


def process_limits(state: ProcessState) -> PodPictures:
    """Return the use of memory, CPU, processes and open files, and the time that the container waited for them."""
    return _pictures_with([*_control_group(state), *_process(state), *_pressures(state)])


def _control_group(state: ProcessState) -> Iterator[Meter]:
    if memory := state.facts.get("memory used"):
        yield _meter("Memory of the container", memory.value, state.value("memory limit") or 0, "bytes", memory.line)
    if pids := state.facts.get("pids"):
        yield _meter("Processes and threads", pids.value, state.value("pids limit") or 0, "count", pids.line)
    periods, throttled = state.facts.get("cpu.stat nr_periods"), state.facts.get("cpu.stat nr_throttled")
    if periods and throttled and periods.value:
        share = throttled.value * _PERCENT / periods.value
        label = f"Periods in which the CPU limit{_cores(state)} stopped the container"
        yield _meter(label, share, _PERCENT, "percent", throttled.line)


def _cores(state: ProcessState) -> str:
    quota, period = state.value("cpu quota"), state.value("cpu period")
    return f" of {quota / period:g} cores" if quota and period else ""


def _process(state: ProcessState) -> Iterator[Meter]:
    limit: Fact | None = state.limits.get("Max open files")
    if state.descriptors and state.descriptor_line:
        label = f"Open files of {state.name or f'process {state.pid}'}"
        yield _meter(label, state.descriptors, limit.value if limit else 0, "count", state.descriptor_line)


def _pressures(state: ProcessState) -> Iterator[Meter]:
    names = {"memory": "memory", "cpu": "CPU", "io": "disks"}
    for pressure in state.pressures:
        if pressure.scope == "container" and pressure.some >= _NOTICEABLE_PERCENT:
            name = f"Time waiting for {names.get(pressure.resource, pressure.resource)} (last 60 s)"
            yield _meter(name, pressure.some, _PERCENT, "percent", pressure.line)


def heap_usage(heap: JvmHeap) -> PodPictures:
    """Return the Java heap in use and its maximum."""
    pools = [pool for pool in heap.pools if pool.name.lower() not in ("metaspace", "class space")]
    if not pools:
        return PodPictures("")
    line = pools[0].line
    used, committed = sum(pool.used for pool in pools), sum(pool.committed for pool in pools)
    limit = heap.max_heap or committed
    return _pictures_with([Meter("Java heap", used, limit, "bytes", heap.evidence.name, line.number)])


def node_usage(report: NodeReport) -> PodPictures:
    """Return the JavaScript heap and the memory of the process."""
    file = report.evidence.name
    meters = (
        [Meter("JavaScript heap", report.heap_used, report.heap_limit, "bytes", file, 1)] if report.heap_used else []
    )
    if report.rss:
        meters.append(Meter("Memory of the Node.js process", report.rss, report.memory_limit, "bytes", file, 1))
    return _pictures_with(meters)


def disk_usage(disk: DiskState) -> PodPictures:
    """Return the file systems that are at least half full, the fullest first.

    Several mount points of the same file system have the same size and free space.
    """
    systems = {(system.size, system.free): system for system in reversed(disk.systems) if system.size > 0}
    full = [system for system in systems.values() if system.size - system.free >= system.size * _DISK_PART]
    return _pictures_with(
        [
            _meter(f"Disk at {system.point}", system.size - system.free, system.size, "bytes", system.line)
            for system in sorted(full, key=lambda system: system.free / system.size)
        ]
    )


def _meter(name: str, used: float, limit: float, unit: Unit, lines: EvidenceLines) -> Meter:
    return Meter(name, used, limit, unit, lines.file, lines.first)


def _pictures_with(meters: Sequence[Meter]) -> PodPictures:
    return PodPictures("", meters=tuple(meters[:_MOST_METERS]))
