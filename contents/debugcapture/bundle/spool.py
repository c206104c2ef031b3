"""How much may still be written to the spool. It has a size limit, and leaves the disk some free space."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import SpoolFull

LEAST_BYTES: Final = 16 << 20  # states and logs of a few pods; with less there is no use in beginning
RESERVE: Final = ".reserve"  # a file of a bundle that gives its space to the manifest when the disk is full
_RESERVE_BYTES = 1 << 20
_SPOOL_SETTINGS = "spool_limit, lower spool_free, or choose another spool."


@dataclass(frozen=True, slots=True)
class Use:
    """What a spool holds, and what its disk has."""

    used_bytes: int
    free_bytes: int
    bundles: int  # that wait for a store


@dataclass(frozen=True, slots=True)
class Room:
    """The limits of one spool, asked anew each time: other captures write there too."""

    spool: Path
    limit_bytes: int
    floor_bytes: int  # what stays free on the disk

    def left(self) -> int:
        """Return how many bytes may still be written, 0 at least."""
        return left(use_of(self.spool), self)

    def require(self) -> None:
        """Raise SpoolFull, with the numbers, when it is no use to begin."""
        use = use_of(self.spool)
        if left(use, self) < LEAST_BYTES:
            raise SpoolFull(f"the spool {self.spool} is full", told(use, self), _remedy(use))

    def why_full(self) -> str:
        """Return in words that there is no room, with the numbers."""
        return f"the spool is full: {told(use_of(self.spool), self)}"


def left(use: Use, room: Room) -> int:
    """Return how many bytes may be written where ``use`` is there already. Pure."""
    return max(0, min(room.limit_bytes - use.used_bytes, use.free_bytes - room.floor_bytes))


def told(use: Use, room: Room) -> str:
    """Return the numbers in words. Pure."""
    waiting = f"{use.bundles} captures are not uploaded yet" if use.bundles != 1 else "1 capture is not uploaded yet"
    return (
        f"it contains {_mib(use.used_bytes)} of at most {_mib(room.limit_bytes)} (spool_limit), and its "
        f"disk has {_mib(use.free_bytes)} free, of which {_mib(room.floor_bytes)} are reserved "
        f"(spool_free); {waiting}"
    )


def use_of(spool: Path) -> Use:
    """Return what is in ``spool``, which need not exist yet."""
    there = next(one for one in (spool, *spool.absolute().parents) if one.exists())
    used = sum(_size(Path(folder, name)) for folder, _, names in os.walk(spool) for name in names)
    stored = {file.parent for file in spool.glob("*/stored.json")}
    waiting = sum(file.parent not in stored for file in spool.glob("*/manifest.json"))
    return Use(used, shutil.disk_usage(there).free, waiting)


def reserve(folder: Path) -> None:
    """Take some space in ``folder`` that `release` gives back. Raises OSError when there is none."""
    descriptor = os.open(folder / RESERVE, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _RESERVE_BYTES)
    finally:
        os.close(descriptor)


def release(folder: Path) -> bool:
    """Give the space in ``folder`` back, and tell whether there was any."""
    try:
        (folder / RESERVE).unlink()
    except FileNotFoundError:
        return False
    return True


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0  # it was sent meanwhile


def _mib(count: int) -> str:
    return f"{count / (1 << 20):,.0f} MiB"


def _remedy(use: Use) -> str:
    if use.bundles:
        return f"Upload the captures (job “Send captures that are waiting”), or raise {_SPOOL_SETTINGS}"
    return f"Raise {_SPOOL_SETTINGS}"
