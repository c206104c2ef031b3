"""The parts of the lab: they start, stop and report their state."""

from pathlib import Path
from typing import Protocol

from lab.progress import Progress


class LabError(Exception):
    """One line for the user, with the command that fixes the problem."""


class Part(Protocol):
    """A service of the lab."""

    name: str
    needs: tuple[str, ...]

    def up(self, progress: Progress) -> None:
        """Start it, or restart killed daemons. Does nothing if it is up."""

    def down(self) -> None:
        """Stop exactly what ``up`` started."""

    def status(self) -> str:
        """``up``, ``down`` or ``broken: why``."""

    def logs(self) -> list[Path]:
        """The log files, the most informative first."""

    def reset(self) -> None:
        """Delete the data. Called after ``down``."""
