"""Rules about a process and its container: memory, CPU, pressure, file descriptors, process IDs."""

from collections.abc import Iterator
from typing import Final

from ...finding import EvidenceLines, Finding
from ...text import size
from ..parsers.process_file import Pressure, ProcessState

_NEAR_LIMIT: Final = 0.9
_MANY_DESCRIPTORS: Final = 0.8
_MOST_DESCRIPTORS: Final = 0.95
_THROTTLED: Final = 0.25  # of the periods
_FEWEST_PERIODS: Final = 100
_MANY_ZOMBIES: Final = 20
_HIGH_PRESSURE: Final = {"memory": (20.0, 5.0), "io": (40.0, 20.0), "cpu": (50.0, 101.0)}  # percent: some, full


def memory_is_near_its_limit(state: ProcessState) -> Iterator[Finding]:
    """The container uses at least 90 % of its memory limit, without file cache that the kernel can free.

    At the limit, the kernel kills a process of the container. Source:
    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
    """
    used, limit = state.value("memory used"), state.value("memory limit")
    if not used or not limit:
        return
    cache = state.value("memory.stat inactive_file") or state.value("memory.stat total_inactive_file") or 0
    working = max(0, used - cache)
    if working < limit * _NEAR_LIMIT:
        return
    largest = max(state.processes, key=lambda process: process.rss_bytes, default=None)
    yield Finding(
        severity="warning",
        title=f"The container uses {working * 100 // limit} % of its memory limit: {size(working)} of {size(limit)}",
        detail=f"Used {size(used)}, of which {size(cache)} are file cache that can be freed."
        + (f" Largest process: {largest.name} (PID {largest.pid}), {size(largest.rss_bytes)}." if largest else ""),
        advice="Find out what uses the memory, or raise the limit. At the limit, the kernel kills a process.",
        evidence=(state.facts["memory used"].line, state.facts["memory limit"].line),
        directness=70,
        key="memory",
    )


def processes_were_killed_for_memory(state: ProcessState) -> Iterator[Finding]:
    """The kernel has killed processes of the container because of its memory limit since the container started.

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files (memory.events)
    """
    for name in ("memory.events oom_kill", "memory.oom_control oom_kill"):
        kills = state.value(name)
        if kills:
            limit = state.value("memory limit")
            count = f"{kills} processes" if kills > 1 else "1 process"
            yield Finding(
                severity="critical",
                title=f"The kernel killed {count} of the container for memory (oom_kill)",
                detail=f"Memory limit {size(limit)}." if limit else "The container has no memory limit.",
                advice="Find out which process was killed and what used the memory, or raise the limit.",
                evidence=(state.facts[name].line,),
                directness=80,
                key="oom kill",
            )


def cpu_is_throttled(state: ProcessState) -> Iterator[Finding]:
    """The CPU limit stopped the container in at least a quarter of the periods in which it ran.

    Its threads wait for the next period, also while the node has free CPU. Source:
    https://docs.kernel.org/scheduler/sched-bwc.html
    """
    periods, throttled = state.value("cpu.stat nr_periods"), state.value("cpu.stat nr_throttled")
    if not periods or not throttled or periods < _FEWEST_PERIODS:
        return
    share = throttled / periods
    quota, period = state.value("cpu quota"), state.value("cpu period")
    limit = f" CPU limit {quota / period:.2f} cores." if quota and period else ""
    yield Finding(
        severity="warning" if share >= _THROTTLED else "info",
        title=f"The CPU limit stopped the container in {share:.0%} of its periods",
        detail=f"nr_throttled {throttled} of nr_periods {periods}.{limit}",
        advice="Raise or remove the CPU limit, or use less CPU." if share >= _THROTTLED else "",
        evidence=(state.facts["cpu.stat nr_throttled"].line,),
        directness=60,
        key="cpu throttling",
    )


def tasks_wait_for_resources(state: ProcessState) -> Iterator[Finding]:
    """Tasks of the container, or of the node, waited for memory, disk or CPU for a large part of the last minute.

    Source: https://docs.kernel.org/accounting/psi.html
    """
    for pressure in state.pressures:
        if not _is_high(pressure):
            continue
        waits = f"at least one task waited in {pressure.some:.0f} %, all in {pressure.full:.0f} % of the last minute"
        yield Finding(
            severity="info" if pressure.scope == "node" else "warning",
            title=f"Tasks of the {pressure.scope} wait for {_RESOURCES.get(pressure.resource, pressure.resource)}",
            detail=f"Pressure (PSI) avg60: {waits}.",
            evidence=(pressure.line,),
            directness=50,
            key=f"pressure {pressure.scope} {pressure.resource}",
        )


_RESOURCES: Final = {"cpu": "CPU", "memory": "memory", "io": "disk"}


def _is_high(pressure: Pressure) -> bool:
    some, full = _HIGH_PRESSURE.get(pressure.resource, (101.0, 101.0))
    return pressure.some >= some or pressure.full >= full


def file_descriptors_run_out(state: ProcessState) -> Iterator[Finding]:
    """The process has opened at least 80 % of the files that its limit allows. At the limit, opening fails (EMFILE).

    Source: https://man7.org/linux/man-pages/man2/getrlimit.2.html
    """
    limit = state.limits.get("Max open files")
    opened = state.descriptors
    if not limit or not opened or opened < limit.value * _MANY_DESCRIPTORS:
        return
    yield Finding(
        severity="critical" if opened >= limit.value * _MOST_DESCRIPTORS else "warning",
        title=f"{_name_of(state)} has {opened} open files of {limit.value} allowed",
        detail=f"{state.sockets} of them are sockets. Limit: Max open files {limit.value}.",
        advice="Look for files or connections that are not closed, or raise the limit.",
        evidence=_lines(limit.line, state.descriptor_line),
        directness=72,
        key="file descriptors",
    )


def process_ids_run_out(state: ProcessState) -> Iterator[Finding]:
    """The container has at least 90 % of the processes and threads that its limit allows. At the limit, fork fails.

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html#pid-interface-files
    """
    count, limit = state.value("pids"), state.value("pids limit")
    if not count or not limit or count < limit * _NEAR_LIMIT:
        return
    most = max(state.processes, key=lambda process: process.threads, default=None)
    yield Finding(
        severity="critical" if count >= limit else "warning",
        title=f"The container has {count} processes and threads of {limit} allowed (pids.max)",
        detail=f"Most threads: {most.name} (PID {most.pid}), {most.threads}." if most else "",
        advice="Look for threads or child processes that do not end, or raise the limit.",
        evidence=(state.facts["pids"].line, state.facts["pids limit"].line),
        directness=72,
        key="process ids",
    )


def zombies_accumulate(state: ProcessState) -> Iterator[Finding]:
    """Processes have ended and their parent does not wait for them. Each keeps a process ID.

    Source: https://man7.org/linux/man-pages/man2/wait.2.html
    """
    zombies = [process for process in state.processes if process.state == "Z"]
    if not zombies:
        return
    names = ", ".join(dict.fromkeys(process.name for process in zombies[:50]))
    parents = {process.parent for process in zombies}
    owner = next((process for process in state.processes if parents == {process.pid}), None)
    yield Finding(
        severity="warning" if len(zombies) >= _MANY_ZOMBIES else "info",
        title=f"{len(zombies)} processes have ended, and their parent does not wait for them (zombies)"
        if len(zombies) > 1
        else f"Process {zombies[0].name} has ended, and its parent does not wait for it (zombie)",
        detail=f"Names: {names[:200]}." + (f" Parent: {owner.name} (PID {owner.pid})." if owner else ""),
        advice="The parent must wait for its children; a small init such as tini does that."
        if len(zombies) >= _MANY_ZOMBIES
        else "",
        evidence=tuple(process.line for process in zombies[:4]),
        directness=40,
        key="zombies",
    )


def processes_wait_for_the_disk(state: ProcessState) -> Iterator[Finding]:
    """Processes are in state D: they wait in the kernel, mostly for a disk or a network file system.

    No signal ends them. One snapshot does not show how long they wait, so this is information. Source:
    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    waiting = [process for process in state.processes if process.state == "D"]
    if waiting:
        names = ", ".join(f"{process.name} (PID {process.pid})" for process in waiting[:5])
        yield Finding(
            severity="info",
            title=f"{len(waiting)} {'processes wait' if len(waiting) > 1 else 'process waits'} in the kernel (state D)",
            detail=f"{names}.",
            evidence=tuple(process.line for process in waiting[:4]),
            directness=45,
            key="state D",
        )


def _name_of(state: ProcessState) -> str:
    return f"Process {state.name or 'of the container'} (PID {state.pid})"


def _lines(*lines: EvidenceLines | None) -> tuple[EvidenceLines, ...]:
    return tuple(line for line in lines if line)


RULES = (
    processes_were_killed_for_memory,
    memory_is_near_its_limit,
    file_descriptors_run_out,
    process_ids_run_out,
    cpu_is_throttled,
    tasks_wait_for_resources,
    zombies_accumulate,
    processes_wait_for_the_disk,
)
