"""A directory as a store: a disk or a network mount."""

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import SplitResult, unquote

from ..errors import NotStored
from ..files import replacing, sha256_of
from ..manifest import Stored
from .base import OpenFile, Progress, ignore_progress

_PIECE_BYTES = 256 << 10
_REMEDIES = {
    errno.ENOSPC: "Free space on that disk.",
    errno.EDQUOT: "Free space there, or raise the quota.",
    errno.EACCES: "Allow Rundeck's user to write there.",
    errno.EROFS: "Allow Rundeck's user to write there.",
}


class FileStore:
    """Files below one folder; see `Store`."""

    def __init__(self, url: SplitResult) -> None:
        """Keep files below the directory of ``url`` (file:///DIRECTORY)."""
        self._root = Path(unquote(url.path))

    def put(self, key: str, file: Path, sha256: str, progress: Progress = ignore_progress) -> Stored:
        """Copy to a temporary file, sync, compare and rename, so that a reader never sees a part of the file.

        The root is never created. If it is missing, a share is not mounted, and the evidence would land on the wrong
        disk.
        """
        target = self._root / key
        action = f"cannot store {target}"
        if not self._root.is_dir():
            remedy = "Mount the share, or create the directory."
            raise NotStored(action, f"the directory {self._root} does not exist", remedy)
        try:
            if not _is_stored(target, file, sha256):
                _make_folders(target.parent, self._root)
                _copy(file, target, sha256, action)
                progress(file.stat().st_size)
            size = target.stat().st_size
        except OSError as error:
            if error.filename == str(file):
                raise NotStored(
                    action, f"cannot read {file}: {error.strerror}", "Check the disk of the spool."
                ) from error
            remedy = _REMEDIES.get(error.errno or 0, "Check the directory.")
            raise NotStored(action, error.strerror or str(error), remedy) from error
        return self.locate(key, size, sha256)

    def read(self, key: str) -> bytes | None:
        """Return the content of ``key``; see `ReadableStore`."""
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NotStored(f"cannot read {self._root / key}", error.strerror or str(error)) from error

    def open(self, key: str) -> OpenFile | None:
        """Return the file ``key``, open for reading; see `OpensFiles`."""
        path = self._root / key
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NotStored(f"cannot read {path}", error.strerror or str(error)) from error
        return OpenFile(os.fstat(file.fileno()).st_size, _pieces(file, path), file.close)

    def locate(self, key: str, size: int, sha256: str) -> Stored:
        """Return the location of ``key``; see `ReadableStore`."""
        address = (self._root / key).as_uri()
        return Stored(key, address, address, None, size, sha256)


def _pieces(file: BinaryIO, path: Path) -> Iterator[bytes]:
    try:
        while piece := file.read(_PIECE_BYTES):
            yield piece
    except OSError as error:
        raise NotStored(f"cannot read {path}", error.strerror or str(error)) from error


def _is_stored(target: Path, file: Path, sha256: str) -> bool:
    """Return whether an earlier attempt has stored the file."""
    return target.is_file() and target.stat().st_size == file.stat().st_size and sha256_of(target) == sha256


def _make_folders(folder: Path, root: Path) -> None:
    """Create and sync the missing folders between ``root`` and ``folder``. Two uploads may do so at the same time."""
    if folder == root or folder.is_dir():
        return
    _make_folders(folder.parent, root)
    folder.mkdir(exist_ok=True)
    _sync(folder.parent)


def _copy(file: Path, target: Path, sha256: str, action: str) -> None:
    part = target.with_name(f".{target.name}.part")
    with file.open("rb") as reader, replacing(target, part, sync=False) as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())
        # Drop the pages from the cache, so that the comparison reads the disk.
        os.posix_fadvise(writer.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        _check_content(part, sha256, action)
    _sync(target.parent)


def _check_content(part: Path, sha256: str, action: str) -> None:
    if sha256_of(part) != sha256:
        raise NotStored(action, "the data written differs from the data captured", "Check both disks.")


def _sync(folder: Path) -> None:
    """Sync the names in ``folder``: a synced file may still lose its name in a crash."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
