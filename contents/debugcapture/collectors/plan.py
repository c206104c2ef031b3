"""Decide how a collector reaches its evidence. Pure: the cluster is not asked here."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..kube.profiles import allowed_profiles
from ..model import Action, Collector, Process, ReadApi, RunInDebugContainer, RunInTarget, Skip, Target, Tool
from ..regex import text_pattern
from ..settings.debug_container import Profile
from .impact import Budget, no_room, too_heavy
from .processes import matching

_MACHINE_CODE = ("go", "native")


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a look into the target showed."""

    processes: tuple[Process, ...] | None  # None: nobody has looked, or could
    tools: Collection[tuple[str, ...]]  # the `present` commands that its image answered
    found: tuple[int, ...] | None = None  # by the collector's own `find`, where the image has no shell
    managed: bool = False  # whether one is of a runtime that has collectors of its own


@dataclass(frozen=True, slots=True)
class CapturePolicy:
    """What the job's author allows."""

    ceiling: Profile
    debug_image: bool
    no_heavy: str = ""  # why heavy collectors may not run now; "" when they may
    insist: bool = False
    spool_bytes: int | None = None  # what the spool has room for; None: it has no limit


def decide(target: Target, collector: Collector, result: ProbeResult, policy: CapturePolicy, budget: Budget) -> Action:
    """Return what to do for ``collector``."""
    if collector.reads_api:
        return ReadApi(collector, "read from the Kubernetes API")
    if not target.is_running:
        return Skip(collector, f"container {target.container} is not running: {target.state}")
    if collector.invasive == "heavy" and policy.no_heavy:
        return Skip(collector, policy.no_heavy)
    if result.processes is None and result.found is None:
        return _unseen(collector, policy)
    return _on_processes(target, collector, result, policy, budget)


def _on_processes(
    target: Target, collector: Collector, result: ProbeResult, policy: CapturePolicy, budget: Budget
) -> Action:
    if result.managed and collector.runtime in _MACHINE_CODE:
        why = f"collectors for the runtime of container {target.container} show more"
        return Skip(collector, why, foreign=True)
    processes = matching(collector, result.processes or ())
    pids = result.found if result.found is not None else tuple(one.pid for one in processes)
    if not pids:
        return Skip(collector, not_there(collector, target), foreign=collector.detect is not None)
    too_much = "" if policy.insist else too_heavy(collector, processes, budget)
    too_much = too_much or no_room(collector, processes, policy.spool_bytes)
    if too_much:
        return Skip(collector, too_much)
    tool = usable(collector, result)
    if tool:
        return RunInTarget(collector, tool, pids, f"by exec: the image has {tool.program}")
    return _from_debug(collector, pids, policy)


def usable(collector: Collector, result: ProbeResult) -> Tool | None:
    """Return the first tool of ``collector`` that the target's image has."""
    return next((one for one in collector.in_image if (one.present or one.run[:1]) in result.tools), None)


def _unseen(collector: Collector, policy: CapturePolicy) -> Action:
    """Return what to do where the image shows nothing: it has no shell."""
    if collector.from_debug and policy.debug_image:
        looks_for = collector.looks_for or "process"
        return RunInDebugContainer(
            collector, (), f"from a debug container, if the container runs a {looks_for}: the image has no shell"
        )
    return Skip(collector, "the image has no shell, and no debug image is set")


def _from_debug(collector: Collector, pids: Sequence[int], policy: CapturePolicy) -> Action:
    missing = " or ".join(dict.fromkeys(one.program for one in collector.in_image))
    lacks = f"the image has no {missing}" if missing else "the tool is in the debug image"
    if not collector.from_debug:
        return Skip(collector, f"{lacks}, and neither has the debug image")
    if not policy.debug_image:
        return Skip(collector, f"{lacks}, and no debug image is set")
    if not allowed_profiles(policy.ceiling, collector.needs):
        needs = " and ".join(collector.needs)
        return Skip(collector, f"it needs {needs}, which the security profile {policy.ceiling} does not grant")
    return RunInDebugContainer(collector, tuple(pids), f"from a debug container: {lacks}")


def not_there(collector: Collector, target: Target) -> str:
    """Return why nothing is collected from a target that runs: it has no process of the kind."""
    return f"there is no {collector.looks_for or 'process'} in container {target.container}"


def is_denied(tool: Tool, exit_code: int | None, errors: str) -> bool:
    """Tell whether ``tool``, which failed, was denied what it needs: by its own exit code, or a line of its own errors.

    Nothing else counts: the container writes all other text, and must not gain a privilege by it.
    """
    if tool.denied_exit_code and exit_code == tool.denied_exit_code:
        return True
    return (
        bool(tool.denied_pattern)
        and text_pattern(tool.denied_pattern, "denied_pattern", "m").search(errors) is not None
    )


def programs_of(collectors: Iterable[Collector]) -> tuple[str, ...]:
    """Return the programs that ``collectors`` run, each once. A tool that tests for its programs itself names none."""
    tools = [tool for one in collectors for tool in (*one.in_image, *one.from_debug)]
    return tuple(dict.fromkeys(words[0] for one in tools if (words := one.present or one.run)[0] != "sh"))
