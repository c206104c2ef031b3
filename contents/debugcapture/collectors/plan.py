"""Decides how each collector captures its evidence. Pure: nothing is requested from the cluster."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from ..actions import Action, ReadApi, RunInDebugContainer, RunInTarget, Skip
from ..kube.profiles import allowed_profiles
from ..model import Collector, Process, Target, Tool
from ..regex import text_pattern
from ..settings.debug_container import Profile
from .impact import Budget, lacks_memory, no_room, too_heavy
from .processes import matching

_MACHINE_CODE = ("go", "native")


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What is known about the processes and tools of a target."""

    processes: tuple[Process, ...] | None
    """None if they are unknown."""
    tools: Collection[tuple[str, ...]]
    """The `present` commands that succeeded in its image."""
    found_pids: tuple[int, ...] | None = None
    """PIDs from the collector's `find` command, if the image has no shell."""
    managed: bool = False
    """Whether a process is of a runtime that has its own collectors."""
    unseen: str = "the image has no shell"
    """Why the processes are unknown."""


@dataclass(frozen=True, slots=True)
class CapturePolicy:
    """What the job allows."""

    ceiling: Profile
    debug_image: bool
    no_heavy: str = ""
    """Why heavy collectors must not run now; "" if they may."""
    force: bool = False
    spool_bytes: int | None = None
    """Free space in the spool; None if it has no limit."""


def decide(target: Target, collector: Collector, result: ProbeResult, policy: CapturePolicy, budget: Budget) -> Action:
    """Return how to capture ``collector``, or why to skip it."""
    if collector.reads_api:
        return ReadApi(collector, "read from the Kubernetes API")
    if not target.is_running:
        return Skip(collector, f"container {target.container} is not running: {target.state}")
    if collector.invasive == "heavy" and policy.no_heavy:
        return Skip(collector, policy.no_heavy)
    if result.processes is None and result.found_pids is None:
        return _unseen(collector, result.unseen, policy)
    return _plan_for_processes(target, collector, result, policy, budget)


def _plan_for_processes(
    target: Target, collector: Collector, result: ProbeResult, policy: CapturePolicy, budget: Budget
) -> Action:
    if result.managed and collector.runtime in _MACHINE_CODE:
        reason = f"collectors for the runtime of container {target.container} show more"
        return Skip(collector, reason, foreign=True)
    processes = matching(collector, result.processes or ())
    pids = result.found_pids if result.found_pids is not None else tuple(process.pid for process in processes)
    if not pids:
        return Skip(collector, not_there(collector, target), foreign=collector.detect is not None)
    tool = find_tool(collector, result)
    lack = lacks_memory(tool, budget) if tool and not policy.force else ""
    if lack and not (collector.from_debug and policy.debug_image):
        return Skip(collector, f"{lack}, so that the container could be killed (to run it anyway, set force)")
    if lack:
        tool = None
    obstacle = _weigh(collector, processes, tool, policy, budget)
    if isinstance(obstacle, Collector):
        method = "from a debug container, which receives the dump: the target has no room for it"
        return RunInDebugContainer(obstacle, pids, method)
    if obstacle:
        return Skip(collector, obstacle)
    if tool:
        return RunInTarget(collector, tool, pids, f"by exec: the image has {tool.program}")
    return _from_debug(collector, pids, policy, lack)


def _weigh(
    collector: Collector, processes: Sequence[Process], tool: Tool | None, policy: CapturePolicy, budget: Budget
) -> str | Collector:
    """Return why ``collector`` is too heavy; "" if it is not. ``tool`` is that of the image, None if it has none.

    If only the target has no room for the output, return the collector with the tools that write nothing there.
    """
    full = no_room(collector, processes, policy.spool_bytes)
    if full or policy.force:
        return full
    writes_in_target = bool(tool.output) if tool else any(debug.writes_in_target for debug in collector.from_debug)
    too_much = too_heavy(collector, processes, budget, writes_in_target=writes_in_target)
    outside = _outside(collector) if policy.debug_image and too_much else None
    if outside and not too_heavy(outside, processes, budget, writes_in_target=False):
        return outside
    return too_much


def _outside(collector: Collector) -> Collector | None:
    """Return ``collector`` with its tools that write nothing in the target only; None if it has none."""
    tools = tuple(tool for tool in collector.from_debug if not tool.writes_in_target)
    return replace(collector, from_debug=tools) if tools else None


def find_tool(collector: Collector, result: ProbeResult) -> Tool | None:
    """Return the first tool of ``collector`` that the target's image has."""
    return next((tool for tool in collector.in_image if (tool.present or tool.run[:1]) in result.tools), None)


def _unseen(collector: Collector, reason: str, policy: CapturePolicy) -> Action:
    """Return how to capture from a container whose processes are unknown for ``reason``."""
    if collector.from_debug and policy.debug_image:
        looks_for = collector.looks_for or "process"
        return RunInDebugContainer(
            collector, (), f"from a debug container, if the container runs a {looks_for}: {reason}"
        )
    return Skip(collector, f"{reason}, and no debug image is set")


def _from_debug(collector: Collector, pids: Sequence[int], policy: CapturePolicy, reason: str) -> Action:
    """Return how to capture from a debug container, for ``reason``; "" if the image lacks the tool."""
    missing = " or ".join(dict.fromkeys(tool.program for tool in collector.in_image))
    lacks = reason or (f"the image has no {missing}" if missing else "the tool is in the debug image")
    if not collector.from_debug:
        return Skip(collector, f"{lacks}, and neither has the debug image")
    if not policy.debug_image:
        return Skip(collector, f"{lacks}, and no debug image is set")
    if not allowed_profiles(policy.ceiling, collector.needs):
        needs = " and ".join(collector.needs)
        return Skip(collector, f"it needs {needs}, which the security profile {policy.ceiling} does not grant")
    return RunInDebugContainer(collector, tuple(pids), f"from a debug container: {lacks}")


def not_there(collector: Collector, target: Target) -> str:
    """Return the reason for skipping ``collector``: the target has no process of its kind."""
    return f"there is no {collector.looks_for or 'process'} in container {target.container}"


def in_order(collectors: Iterable[Collector]) -> list[Collector]:
    """Return ``collectors`` in the order of their artifacts: what the API has, then by their impact on the process."""
    impact = ("safe", "pauses", "heavy")
    return sorted(collectors, key=lambda collector: 0 if collector.reads_api else 1 + impact.index(collector.invasive))


def is_denied(tool: Tool, exit_code: int | None, errors: str) -> bool:
    """Return whether ``tool`` failed because it lacked privileges, by its exit code or a line of its standard error.

    No other text counts: a container could write it to gain privileges.
    """
    if tool.denied_exit_code and exit_code == tool.denied_exit_code:
        return True
    return (
        bool(tool.denied_pattern)
        and text_pattern(tool.denied_pattern, "denied_pattern", "m").search(errors) is not None
    )


def is_refused(tool: Tool, errors: str) -> bool:
    """Return whether the process did not accept ``tool``, by a line of its standard error."""
    pattern = tool.refused_pattern
    return bool(pattern) and text_pattern(pattern, "refused_pattern", "m").search(errors) is not None


def programs_of(collectors: Iterable[Collector]) -> tuple[str, ...]:
    """Return the programs that ``collectors`` run, each once. Scripts are omitted: they test for their programs."""
    tools = [tool for collector in collectors for tool in (*collector.in_image, *collector.from_debug)]
    programs = [(tool.present or tool.run)[0] for tool in tools]
    return tuple(dict.fromkeys(program for program in programs if program != "sh"))
