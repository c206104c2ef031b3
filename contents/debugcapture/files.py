"""Atomic writes that survive a crash, file locks that end with the process, and checksums of files."""

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_POLL_S = 0.2


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of ``file`` in hex. The file is read in pieces."""
    checksum = hashlib.sha256()
    with file.open("rb") as reader:
        while piece := reader.read(1 << 20):
            checksum.update(piece)
    return checksum.hexdigest()


@contextmanager
def replacing(file: Path, part: Path | None = None, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Yield a new file that replaces ``file`` if the block succeeds, and is removed otherwise.

    A reader sees the old content or the new content; with ``sync`` also after a crash. Until then, the name of the new
    file is ``part`` (default: NAME.part), which the next writer overwrites. Concurrent writers must use `own_part`.
    """
    part = part or file.with_name(f"{file.name}.part")
    try:
        with open(part, "wb", opener=_private) as out:
            yield out
            out.flush()
            if sync:
                os.fsync(out.fileno())
        part.replace(file)
    except BaseException:
        with suppress(OSError):  # a partial file is useless, especially on a full disk
            part.unlink()
        raise


def replace_text(file: Path, text: str, part: Path | None = None, *, sync: bool = True) -> None:
    """Make ``text`` the content of ``file``; see `replacing`."""
    with replacing(file, part, sync=sync) as out:
        out.write(text.encode())


def own_part(file: Path) -> Path:
    """Return the name of a partial file for ``file`` that no other process or thread uses."""
    return file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}.part")


@contextmanager
def locked(path: Path, *, shared: bool = False, within_s: float | None = None) -> Iterator[bool]:
    """Lock a file or directory and yield whether that succeeded. A ``shared`` lock excludes exclusive locks only.

    The lock ends with the process, even if it is killed. If another process has the lock, wait for it: forever, or for
    ``within_s`` seconds.
    """
    kind, deadline = fcntl.LOCK_SH if shared else fcntl.LOCK_EX, time.monotonic() + (within_s or 0)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if within_s is None:
            fcntl.flock(descriptor, kind)
            yield True
        else:
            while not (is_locked_here := _try_lock(descriptor, kind)) and time.monotonic() < deadline:
                time.sleep(_POLL_S)
            yield is_locked_here
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Return whether a live process has an exclusive lock on ``path``; False if ``path`` does not exist."""
    try:
        with locked(path, shared=True, within_s=0) as is_free:
            return not is_free
    except FileNotFoundError:
        return False


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
