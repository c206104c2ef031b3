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
    """A fault, and what has to come of it."""

    stage: str  # where on the way of the data it happens
    fault: str  # what breaks
    provoke: Callable[[World], None]  # prepares the world for it; what happens meanwhile it arms with `World.at`
    exit_code: int
    why: str  # what the user's line says is wrong
    do: str = ""  # what it says to do
    status: Status = "complete"  # of the bundle
    waits: bool = False  # in the spool, when the step has ended: the next run has to store it
    names: str = "{pod}"  # what the line is about

    @property
    def id(self) -> str:
        """Return the row's name in pytest."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.stage} {self.fault}".lower()).strip("-")

    @property
    def ended(self) -> str:
        """Return the exit code as the page shows it."""
        return "killed" if self.exit_code == KILLED else str(self.exit_code)
