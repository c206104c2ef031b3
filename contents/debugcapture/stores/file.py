"""A directory as a store: a disk or a network mount."""

import errno
import os
import shutil
from pathlib import Path
from urllib.parse import SplitResult, unquote

from ..errors import NotStored
from ..files import replacing, sha256_of
from ..model import Stored
from .base import Progress, unseen

_REMEDIES = {
    errno.ENOSPC: "Free space on that disk.",
    errno.EDQUOT: "Free space there, or raise the quota.",
    errno.EACCES: "Allow Rundeck's user to write there.",
    errno.EROFS: "Allow Rundeck's user to write there.",
}


class FileStore:
    """Files below one folder; see `store.Store`."""

    def __init__(self, url: SplitResult) -> None:
        """Keep files below the directory of ``url`` (file:///DIRECTORY)."""
        self._root = Path(unquote(url.path))

    def put(self, key: str, file: Path, sha256: str, progress: Progress = unseen) -> Stored:
        """Copy beside, sync, compare, rename: a reader sees the whole file or none.

        The root itself is never made: where it is missing, a mount is, and the evidence would lie below it.
        """
        goal = self._root / key
        doing = f"cannot store {goal}"
        if not self._root.is_dir():
            do = "Mount the share, or create the directory."
            raise NotStored(doing, f"the directory {self._root} does not exist", do)
        try:
            if not _same(goal, file, sha256):
                _make_folders(goal.parent, self._root)
                _copy(file, goal, sha256, doing)
                progress(file.stat().st_size)
            size = goal.stat().st_size
        except OSError as error:
            if error.filename == str(file):
                raise NotStored(
                    doing, f"cannot read {file}: {error.strerror}", "Check the disk of the spool."
                ) from error
            remedy = _REMEDIES.get(error.errno or 0, "Check the directory.")
            raise NotStored(doing, error.strerror or str(error), remedy) from error
        return self.locate(key, size, sha256)

    def read(self, key: str) -> bytes | None:
        """Return the whole content of ``key``; see `store.ReadableStore`."""
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NotStored(f"cannot read {self._root / key}", error.strerror or str(error)) from error

    def locate(self, key: str, size: int, sha256: str) -> Stored:
        """Return where ``key`` is; see `store.ReadableStore`."""
        address = (self._root / key).as_uri()
        return Stored(key, address, address, None, size, sha256)


def _same(goal: Path, file: Path, sha256: str) -> bool:
    """Tell whether an earlier try has brought the file already."""
    return goal.is_file() and goal.stat().st_size == file.stat().st_size and sha256_of(goal) == sha256


def _make_folders(folder: Path, root: Path) -> None:
    """Make what is missing between ``root`` and ``folder``, for good; two uploads may do it at once."""
    if folder == root or folder.is_dir():
        return
    _make_folders(folder.parent, root)
    folder.mkdir(exist_ok=True)
    _sync(folder.parent)


def _copy(file: Path, goal: Path, sha256: str, doing: str) -> None:
    part = goal.with_name(f".{goal.name}.part")
    with file.open("rb") as reader, replacing(goal, part, sync=False) as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())
        os.posix_fadvise(writer.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # what is compared comes from the disk
        _compare(part, sha256, doing)
    _sync(goal.parent)


def _compare(part: Path, sha256: str, doing: str) -> None:
    if sha256_of(part) != sha256:
        raise NotStored(doing, "the data written differs from the data captured", "Check both disks.")


def _sync(folder: Path) -> None:
    """Have the names in ``folder`` on the disk: a file that is synced may still be without its name after a crash."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
