"""One row of the table of faults, as data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.faults.world import World

Status = Literal["none", "complete", "partial", "failed"]
KILLED = -9


@dataclass(frozen=True)
class Row:
    """A fault, and the required result."""

    stage: str  # the stage of the data flow
    fault: str  # what breaks
    provoke: Callable[[World], None]  # prepares the world; `World.at` schedules what happens during the step
    exit_code: int
    cause: str  # in the reported line
    remedy: str = ""  # in the reported line
    status: Status = "complete"  # of the bundle
    waits: bool = False  # the bundle waits in the spool when the step has ended: the next run must upload it
    names: str = "{pod}"  # the subject of the line

    @property
    def id(self) -> str:
        """Return the row's name in pytest."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.stage} {self.fault}".lower()).strip("-")

    @property
    def ended(self) -> str:
        """Return the exit code as the page shows it."""
        return "killed" if self.exit_code == KILLED else str(self.exit_code)
