"""The context in which a step runs, and where its spool is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..model import Report
from ..settings.spool import SpoolSettings


def unfollowed(_bundle: Path) -> None:
    """Do not follow the bundle."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """Where a step writes, and what the manifest says about the run."""

    report: Report
    """Writes a line of progress to the log of the step."""
    stdout: BinaryIO
    stderr: BinaryIO
    spool: Path
    """The default; settings can name another directory."""
    run_id: str
    """Identifies this attempt."""
    trigger: Mapping[str, str]
    """"started_by", "job", "execution" (its URL): who or what started the run. Part of the manifest."""
    follow: Callable[[Path], None] = unfollowed
    """Called with the directory of the bundle when a capture or an upload starts."""


def spool_of(settings: SpoolSettings, context: RunContext) -> Path:
    """Return the directory that the settings name, or else the default of ``context``."""
    return Path(settings.spool) if settings.spool else context.spool
