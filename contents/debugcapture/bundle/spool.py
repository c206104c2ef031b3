"""Limits how much is written to the spool: by its size, and by the free space of its disk."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import SpoolFull
from ..text import mib

MIN_BYTES: Final = 16 << 20  # the state and logs of a few pods; a capture does not start with less
RESERVE: Final = ".reserve"  # a file of a bundle; deleting it makes room for the manifest on a full disk
_RESERVE_BYTES = 1 << 20
_SPOOL_SETTINGS = "spool_limit_mib, lower spool_free_mib, or choose another spool."


@dataclass(frozen=True, slots=True)
class Use:
    """The use of a spool and the free space of its disk."""

    used_bytes: int
    free_bytes: int
    bundles: int
    """Bundles that are not uploaded yet."""


@dataclass(frozen=True, slots=True)
class Room:
    """The limits of one spool. They are checked for each use, because other captures write to it too."""

    spool: Path
    limit_bytes: int
    floor_bytes: int
    """Space of the disk that must stay free."""

    def left(self) -> int:
        """Return how many bytes may still be written, at least 0."""
        return left(use_of(self.spool), self)

    def require(self) -> None:
        """Raise SpoolFull, with the numbers, if there is not enough room for a capture."""
        use = use_of(self.spool)
        if left(use, self) < MIN_BYTES:
            raise SpoolFull(f"the spool {self.spool} is full", describe_use(use, self), _remedy(use))

    def why_full(self) -> str:
        """Return the reason that the spool is full, with the numbers."""
        return f"the spool is full: {describe_use(use_of(self.spool), self)}"


def left(use: Use, room: Room) -> int:
    """Return how many bytes may be written in addition to ``use``. Pure."""
    return max(0, min(room.limit_bytes - use.used_bytes, use.free_bytes - room.floor_bytes))


def describe_use(use: Use, room: Room) -> str:
    """Return the use and the limits as text. Pure."""
    waiting = f"{use.bundles} captures are not uploaded yet" if use.bundles != 1 else "1 capture is not uploaded yet"
    return (
        f"it contains {mib(use.used_bytes)} of at most {mib(room.limit_bytes)} (spool_limit_mib), and its "
        f"disk has {mib(use.free_bytes)} free, of which {mib(room.floor_bytes)} are reserved "
        f"(spool_free_mib); {waiting}"
    )


def use_of(spool: Path) -> Use:
    """Return the use of ``spool``, which need not exist yet."""
    existing = next(folder for folder in (spool, *spool.absolute().parents) if folder.exists())
    used = sum(_size(Path(folder, name)) for folder, _, names in os.walk(spool) for name in names)
    stored = {file.parent for file in spool.glob("*/stored.json")}
    waiting = sum(file.parent not in stored for file in spool.glob("*/manifest.json"))
    return Use(used, shutil.disk_usage(existing).free, waiting)


def reserve(folder: Path) -> None:
    """Reserve some space in ``folder`` until `release`. Raises OSError if there is none."""
    descriptor = os.open(folder / RESERVE, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _RESERVE_BYTES)
    finally:
        os.close(descriptor)


def release(folder: Path) -> bool:
    """Release the reserved space in ``folder``. Return whether there was any."""
    try:
        (folder / RESERVE).unlink()
    except FileNotFoundError:
        return False
    return True


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0  # it was uploaded in the meantime


def _remedy(use: Use) -> str:
    if use.bundles:
        return f"Upload the captures (job “Send captures that are waiting”), or raise {_SPOOL_SETTINGS}"
    return f"Raise {_SPOOL_SETTINGS}"
