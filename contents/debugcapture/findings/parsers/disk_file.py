"""Parses what the collector of disk usage writes: file systems, deleted files that are open, large folders."""

import re
from dataclasses import dataclass
from typing import Final

from ...finding import EvidenceLines
from ..evidence import Evidence, Line
from .sections import has_sections, section_lines

_FILE_SYSTEM = re.compile(
    r"(.*): ([^:]{1,40}), blocks of (\d{1,15}) bytes: (\d{1,18}), free for users: (\d{1,18}); "
    r"inodes: (\d{1,18}), free: (\d{1,18})"
)
_DELETED = re.compile(r"(\d{1,18}) /proc/(\d{1,9}|self)/fd/(\d{1,9}) (.*) \(deleted\)")
_FOLDER = re.compile(r"(\d{1,18})\s+(/.*)")
_ROOT = re.compile(r"^/proc/\d{1,9}/root(?=/)")
_MOST_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class FileSystem:
    """A mounted file system. Sizes are in bytes."""

    point: str
    type: str
    size: int
    free: int
    inodes: int
    free_inodes: int
    line: EvidenceLines


@dataclass(frozen=True, slots=True)
class DeletedFile:
    """A file without a name that a process keeps open, so that its blocks are not freed."""

    path: str
    bytes: int
    pid: int
    line: EvidenceLines


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with its size in bytes, subfolders included."""

    path: str
    bytes: int
    line: EvidenceLines


@dataclass(frozen=True, slots=True)
class DiskState:
    """The disks of a container."""

    systems: tuple[FileSystem, ...] = ()
    deleted: tuple[DeletedFile, ...] = ()
    folders: tuple[Folder, ...] = ()
    read_only: frozenset[str] = frozenset()
    """Mount points that cannot be written."""


def recognize(evidence: Evidence) -> bool:
    """Return whether the file has the sections of the collector."""
    return has_sections(evidence, "file systems") and "blocks of " in evidence.head


def parse(evidence: Evidence) -> DiskState:
    """Return the state of the disks."""
    systems: list[FileSystem] = []
    deleted: list[DeletedFile] = []
    folders: list[Folder] = []
    read_only: set[str] = set()
    for title, line in section_lines(evidence):
        if len(systems) + len(deleted) + len(folders) > _MOST_ROWS:
            break
        if title == "file systems":
            systems.extend(_file_system(evidence, line))
        elif title.endswith("/mounts"):
            read_only.update(_read_only_point(line.text))
        elif title.startswith("deleted but open"):
            deleted.extend(_deleted_file(evidence, line))
        elif title.startswith("largest folders"):
            folders.extend(_folder(evidence, line))
    return DiskState(tuple(systems), tuple(deleted), tuple(folders), frozenset(read_only))


def _file_system(evidence: Evidence, line: Line) -> list[FileSystem]:
    match = _FILE_SYSTEM.fullmatch(line.text.strip())
    if not match:
        return []
    block = int(match[3])
    return [
        FileSystem(
            point=_in_container(match[1]),
            type=match[2],
            size=int(match[4]) * block,
            free=int(match[5]) * block,
            inodes=int(match[6]),
            free_inodes=int(match[7]),
            line=evidence.quote(line.number, line.number, line.text.strip()),
        )
    ]


def _deleted_file(evidence: Evidence, line: Line) -> list[DeletedFile]:
    match = _DELETED.fullmatch(line.text.strip())
    if not match or match[2] == "self":
        return []
    quote = evidence.quote(line.number, line.number, line.text.strip())
    return [DeletedFile(_in_container(match[4]), int(match[1]), int(match[2]), quote)]


def _folder(evidence: Evidence, line: Line) -> list[Folder]:
    match = _FOLDER.fullmatch(line.text.strip())
    if not match:
        return []
    quote = evidence.quote(line.number, line.number, line.text.strip())
    return [Folder(_in_container(match[2]), int(match[1]) * 1024, quote)]


def _read_only_point(text: str) -> list[str]:
    fields = text.split(" ")
    return [fields[1]] if len(fields) > 3 and "ro" in fields[3].split(",") else []


def _in_container(path: str) -> str:
    """Return ``path`` as the container sees it: a debug container reads below /proc/PID/root."""
    inner = _ROOT.sub("", path)
    return inner.rstrip("/") or "/"
