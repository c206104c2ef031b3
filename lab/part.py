"""The interface of the parts of the lab."""

from pathlib import Path
from typing import Protocol

from lab.progress import Progress


class LabError(Exception):
    """A problem in the lab. The message is one line, with the command that fixes the problem."""


class Part(Protocol):
    """A service of the lab."""

    name: str
    needs: tuple[str, ...]

    def up(self, progress: Progress) -> None:
        """Start the part, or restart daemons that were killed. Does nothing if the part is up."""

    def down(self) -> None:
        """Stop everything that ``up`` started, and nothing else."""

    def status(self) -> str:
        """Return ``up``, ``down``, or ``broken:`` with the reason."""

    def logs(self) -> list[Path]:
        """Return the log files, the most informative first."""

    def reset(self) -> None:
        """Delete the data. Called after ``down``."""
