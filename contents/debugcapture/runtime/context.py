"""Who runs a step, and where its spool is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..settings.spool import SpoolSettings


def unfollowed(_bundle: Path) -> None:
    """Show nothing of a bundle that grows."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who runs a step: how to talk to them, and what the evidence says about them."""

    say: Callable[[str], None]  # one line of progress
    stdout: BinaryIO
    stderr: BinaryIO
    spool: Path  # unless the settings name one
    run_id: str  # identifies this try
    trigger: Mapping[str, str]  # "started_by", "execution" (its URL), …; goes into the manifest
    follow: Callable[[Path], None] = unfollowed  # called with the bundle of a capture or an upload


def spool_of(settings: SpoolSettings, caller: Caller) -> Path:
    """Return the spool that the settings name, or else the caller's."""
    return Path(settings.spool) if settings.spool else caller.spool
