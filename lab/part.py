"""What the lab consists of: parts that come up, go down and tell how they are."""

from pathlib import Path
from typing import Protocol

from lab.progress import Progress


class LabError(Exception):
    """One line for the user, with the command that mends it."""


class Part(Protocol):
    """A service of the lab."""

    name: str
    needs: tuple[str, ...]

    def up(self, progress: Progress) -> None:
        """Start it, or repair whatever of it was killed; harmless when it is up."""

    def down(self) -> None:
        """Stop exactly what ``up`` started."""

    def status(self) -> str:
        """``up``, ``down`` or ``broken: why``."""

    def logs(self) -> list[Path]:
        """The log files, the most telling first."""

    def reset(self) -> None:
        """Forget the data; called after ``down``."""
