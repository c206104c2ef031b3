"""One artifact in the making, and the run of a collector's tool that makes it."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timezone

from ..model import Collector, ContainerRef, Origin, Tool
from .transfer import Command, Runner


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(timezone.utc)


@dataclass(frozen=True, slots=True)
class Taking:
    """One artifact in the making."""

    collector: Collector
    file: str  # its name below the target's folder of the bundle
    origin: Origin
    how: str  # what the report says about the way
    title: str = ""  # unless it is the collector's
    started: datetime = field(default_factory=now)


@dataclass(frozen=True, slots=True)
class ToolRun:
    """One run of a collector's tool on a process."""

    taking: Taking
    tool: Tool
    place: ContainerRef
    runner: Runner
    pid: int
    token: str = field(default_factory=lambda: secrets.token_hex(4))  # makes the names of its files its own

    @property
    def in_file(self) -> bool:
        """Tell whether what it has taken is in a file of the container when it has ended."""
        return bool(self.tool.output) or (self.tool.detached and self.runner == "run-tool")

    @property
    def output(self) -> str:
        """Return the path of that file, "" where the tool writes to its standard output."""
        return self._filled(self.tool.output)

    def command(self) -> Command:
        """Return the command line, with its limits."""
        collector = self.taking.collector
        argv = tuple(self._filled(word) for word in self.tool.run)
        repeatable = collector.invasive == "safe" and not self.in_file
        return Command(self.place, argv, self.runner, collector.time_limit_s, repeatable)

    def _filled(self, word: str) -> str:
        return word.replace("{pid}", str(self.pid)).replace("{id}", self.token)
