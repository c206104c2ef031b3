"""An artifact that is being captured, and the run of a collector's tool that produces it."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timezone

from ..manifest import Origin
from ..model import SCRATCH, Collector, ContainerRef, Tool
from .transfer import Command, Runner


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(timezone.utc)


@dataclass(frozen=True, slots=True)
class PendingArtifact:
    """What is known of an artifact before its content arrives."""

    collector: Collector
    file: str
    """Name below the target's folder in the bundle."""
    origin: Origin
    method: str
    """How it is captured, as the report shows it."""
    title: str = ""
    """Replaces the collector's title; "" keeps it."""
    started: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, slots=True)
class ToolRun:
    """One run of a collector's tool on a process."""

    artifact: PendingArtifact
    tool: Tool
    ref: ContainerRef
    runner: Runner
    pid: int
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    """Makes the names of the tool's files unique to this run."""

    @property
    def writes_file(self) -> bool:
        """Return whether the output is in a file of the container when the tool ends."""
        return bool(self.tool.output) or (self.tool.detached and self.runner == "run-tool")

    @property
    def output(self) -> str:
        """Return the path of that file; "" if the tool writes to its standard output."""
        return self._expand(self.tool.output)

    def command(self) -> Command:
        """Return the command line with its limits."""
        collector = self.artifact.collector
        argv = tuple(self._expand(word) for word in self.tool.run)
        repeatable = collector.invasive == "safe" and not self.writes_file
        return Command(self.ref, argv, self.runner, collector.time_limit_s, repeatable)

    def _expand(self, word: str) -> str:
        if not self.tool.writes_in_target:
            word = word.replace(f"{SCRATCH}/debug-capture-", f"{self.ref.scratch}/debug-capture-")
        return word.replace("{pid}", str(self.pid)).replace("{id}", self.token)
