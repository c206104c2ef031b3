"""How a collector runs on a target: the decisions of collectors/plan.py."""

from dataclasses import dataclass

from .model import Collector, Tool


@dataclass(frozen=True, slots=True)
class ReadApi:
    """Read from the Kubernetes API; nothing runs in the pod."""

    collector: Collector
    reason: str


@dataclass(frozen=True, slots=True)
class RunInTarget:
    """Run a tool that the target's image has, by exec."""

    collector: Collector
    tool: Tool
    pids: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class RunInDebugContainer:
    """Run a tool of the debug image on the target's processes."""

    collector: Collector
    pids: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Skip:
    """Do not collect: the collector does not apply, is not allowed, or would harm the target."""

    collector: Collector
    reason: str
    foreign: bool = False
    """The collector is for another runtime than the target's."""


Action = ReadApi | RunInTarget | RunInDebugContainer | Skip
