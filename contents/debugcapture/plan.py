"""Decide how a collector reaches its evidence. Pure: the cluster is not asked here."""

from .model import Action, Collector, FoundTool, ReadApi, RunInDebugContainer, RunInTarget, Skip, Target, Tool, User
from .settings import Profile


def decide(target: Target, collector: Collector, found: FoundTool | None) -> Action:
    """Return what to do for ``collector``; ``found`` is the tool that answered in the target's own image."""
    if collector.reads_api:
        return ReadApi(collector, "read from the Kubernetes API")
    if not is_running(target):
        return Skip(collector, f"container {target.container} does not run: {target.state}")
    if found and found.pid is None:
        return Skip(collector, not_there(collector, target))
    if found and found.pid is not None:
        why = f"by exec: the image has {found.tool.run[0]}"
        return RunInTarget(collector, command_line(found.tool, found.pid), why)
    if collector.from_debug:
        why = f"from a debug container: the image has no {_tool_names(collector)}"
        return RunInDebugContainer(collector, collector.from_debug, why)
    return Skip(collector, f"the image has no {_tool_names(collector)}, and no debug image has it")


def is_running(target: Target) -> bool:
    """Tell whether commands can run in the target."""
    return target.state.phase == "running"


def not_there(collector: Collector, target: Target) -> str:
    """Return why nothing is collected from a target that runs: it has no process of the kind."""
    return f"there is no {collector.looks_for} in container {target.container}"


def command_line(tool: Tool, pid: int) -> tuple[str, ...]:
    """Return the tool's argv for the process ``pid``."""
    return tuple(word.replace("{pid}", str(pid)) for word in tool.run)


def debug_profile(profile: Profile, user: User) -> Profile:
    """Return the lowest profile that reaches a process of ``user``.

    Root without capabilities cannot look into a root process that has the default ones; a namespace that enforces
    `restricted` has no root process.
    """
    return "baseline" if profile == "restricted" and user.uid == 0 else profile


def _tool_names(collector: Collector) -> str:
    return " or ".join(dict.fromkeys(tool.run[0] for tool in collector.in_image)) or "tool for it"
