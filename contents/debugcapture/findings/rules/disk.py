"""Rules about disks: full file systems, used up inodes, deleted files that still take space."""

from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ...text import size
from ..parsers.disk_file import DiskState, FileSystem

_FULL: Final = 0.01  # share that is free
_NEARLY_FULL: Final = 0.05
_MUCH_DELETED: Final = 512 << 20  # bytes
_ALWAYS_FULL: Final = frozenset({"squashfs", "iso9660", "isofs", "erofs", "cramfs", "romfs"})


def file_system_is_full(state: DiskState) -> Iterator[Finding]:
    """A file system of the container has less than 5 % free space or free inodes. Writes fail with ENOSPC at 0.

    Inodes run out when there are very many small files. Source: https://man7.org/linux/man-pages/man3/errno.3.html
    """
    for system in _distinct(state):
        for name, capacity, free in (
            ("space", system.size, system.free),
            ("inodes", system.inodes, system.free_inodes),
        ):
            if not capacity or free > capacity * _NEARLY_FULL:
                continue
            left = f"{size(free)} of {size(capacity)}" if name == "space" else f"{free} of {capacity} inodes"
            yield Finding(
                severity="critical" if free <= capacity * _FULL else "warning",
                title=f"The file system at {system.point} is {_share(capacity, free)} full: {left} are free",
                detail=f"Type {system.type}. {_largest(state, system)}".strip(),
                advice="Remove files, or enlarge the volume."
                if name == "space"
                else "Look for folders with very many small files.",
                evidence=(system.line,),
                directness=75,
                key=f"full {system.point} {name}",
            )


def deleted_files_take_space(state: DiskState) -> Iterator[Finding]:
    """Processes keep deleted files open: their space is free only when the process closes them, and no tool lists them.

    Source: https://man7.org/linux/man-pages/man2/unlink.2.html
    """
    files = {(file.path, file.bytes): file for file in state.deleted}
    total = sum(count for _, count in files)
    if not total:
        return
    largest = sorted(files.values(), key=lambda file: -file.bytes)[:4]
    named = ", ".join(f"{file.path} ({size(file.bytes)}, PID {file.pid})" for file in largest)
    yield Finding(
        severity="warning" if total >= _MUCH_DELETED else "info",
        title=f"{len(files)} deleted {'files are' if len(files) > 1 else 'file is'} still open and "
        f"{'take' if len(files) > 1 else 'takes'} {size(total)}",
        detail=f"{named}.",
        advice="Restart the process, or let it reopen its files, for example after log rotation."
        if total >= _MUCH_DELETED
        else "",
        evidence=tuple(file.line for file in largest),
        directness=55,
        key="deleted files",
    )


def _distinct(state: DiskState) -> Iterator[FileSystem]:
    """Yield file systems that can be written, one for each disk: a disk may be mounted at many points."""
    devices = set()
    for system in state.systems:
        facts = (system.size, system.free, system.inodes, system.free_inodes)
        if system.type in _ALWAYS_FULL or system.point in state.read_only or facts in devices:
            continue
        devices.add(facts)
        yield system


def _share(size: int, free: int) -> str:
    return f"{(size - free) * 100 // size} %"


def _largest(state: DiskState, system: FileSystem) -> str:
    prefix = system.point.rstrip("/") + "/"
    inside = [folder for folder in state.folders if folder.path.startswith(prefix) and folder.path != system.point]
    named = ", ".join(f"{folder.path} {size(folder.bytes)}" for folder in inside[:3])
    return f"Largest folders: {named}." if named else ""


RULES = (file_system_is_full, deleted_files_take_space)
