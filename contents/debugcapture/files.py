"""Files that outlive a crash, locks that do not, and the checksum that follows a file from the pod to the store."""

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
    """Return the checksum of ``file`` in hex; the file is never held whole."""
    checksum = hashlib.sha256()
    with file.open("rb") as reader:
        while piece := reader.read(1 << 20):
            checksum.update(piece)
    return checksum.hexdigest()


@contextmanager
def replacing(file: Path, part: Path | None = None, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Yield a new file that takes the place of ``file`` when the block ends well, and is removed when it does not.

    A reader sees the old content or the new one; with ``sync`` after a crash, too. Until then the new file is ``part``:
    NAME.part unless given, which the next writer overwrites. Writers that may run at the same time use `own_part`.
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
        with suppress(OSError):  # a part is of no use to anybody, least of all on a full disk
            part.unlink()
        raise


def replace_text(file: Path, text: str, part: Path | None = None, *, sync: bool = True) -> None:
    """Make ``text`` the content of ``file``; see `replacing`."""
    with replacing(file, part, sync=sync) as out:
        out.write(text.encode())


def own_part(file: Path) -> Path:
    """Return a part of ``file`` that no other process or thread uses."""
    return file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}.part")


@contextmanager
def locked(path: Path, *, shared: bool = False, within_s: float | None = None) -> Iterator[bool]:
    """Lock ``path``, a file or folder, and yield whether that succeeded. A ``shared`` lock excludes only unshared ones.

    The lock ends with the process, however that ends. Another's lock is waited for, for ``within_s`` if that is given.
    """
    kind, deadline = fcntl.LOCK_SH if shared else fcntl.LOCK_EX, time.monotonic() + (within_s or 0)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if within_s is None:
            fcntl.flock(descriptor, kind)
            yield True
        else:
            while not (ours := _lock(descriptor, kind)) and time.monotonic() < deadline:
                time.sleep(_POLL_S)
            yield ours
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Tell whether a live process has an unshared lock on ``path``. False when it does not exist."""
    try:
        with locked(path, shared=True, within_s=0) as free:
            return not free
    except FileNotFoundError:
        return False


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
