"""The context in which a step runs, and where its spool is."""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import BadInput
from ..model import Report
from ..settings.spool import SpoolSettings

_ROOT = 0
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


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


def spool_path(settings: SpoolSettings, context: RunContext) -> Path:
    """Return the directory that the settings name, or else the default of ``context``."""
    return Path(settings.spool) if settings.spool else context.spool


def spool_of(settings: SpoolSettings, context: RunContext) -> Path:
    """Return `spool_path`. Raises BadInput if another user could write there; see `require_private`."""
    spool = spool_path(settings, context)
    require_private(spool)
    return spool


def require_private(spool: Path) -> None:
    """Raise BadInput if another user than this one could write to ``spool``, if it exists.

    The content of the spool is sent with the keys of the step: bundles to the store, notes to PagerDuty. A directory of
    root that only root and this user's group can write to is accepted: the kubelet creates volumes this way (fsGroup).
    """
    try:
        status = spool.stat()
    except OSError:
        return  # it is created later, readable by this user only; if it cannot be read, its first use reports that
    action = f"cannot use the spool {spool}"
    remedy = "Choose a directory that only this user can write to, for example a directory inside of it."
    if status.st_uid not in (os.geteuid(), _ROOT):
        raise BadInput(action, f"it belongs to another user (uid {status.st_uid})", remedy)
    is_volume = status.st_uid != os.geteuid() and status.st_gid in (os.getegid(), *os.getgroups())
    if status.st_mode & (stat.S_IWOTH if is_volume else _WRITABLE_BY_OTHERS):
        reason = f"other users can write to it (mode {stat.S_IMODE(status.st_mode):o})"
        raise BadInput(action, reason, f"Run chmod go-w {spool}, or choose a directory inside of it.")
