"""Sync a file in a second session while the first session still writes it.

With one sync at the end, the upload would wait for the disk there. A sync between the writes would stop them, because
a server processes the requests of a session one after the other.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import cast

import paramiko
from paramiko.ssh_exception import SSHException

from .ssh import SILENCE_S
from .writes import PipelinedWrites

STEP_BYTES = 32 << 20
_ERRORS = (SSHException, paramiko.SFTPError, OSError, EOFError)


@contextmanager
def background_sync(transport: paramiko.Transport, path: str, size: int) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with the offset of the writes to ``path``, which will have ``size`` bytes.

    This only saves time. If the server allows no second session or has no sync, nothing happens. The sync at the end
    of the writes reports failures.
    """
    file = _open_again(transport, path) if size > STEP_BYTES else None
    if file is None:
        yield lambda _offset: None
        return
    synced, syncing = 0, Future[None]()
    syncing.set_result(None)

    with ThreadPoolExecutor(1, thread_name_prefix="sync") as pool:

        def on_offset(offset: int) -> None:
            nonlocal synced, syncing
            if offset - synced >= STEP_BYTES and syncing.done():
                synced, syncing = offset, pool.submit(_sync, file)

        yield on_offset


def _open_again(transport: paramiko.Transport, path: str) -> paramiko.SFTPFile | None:
    with suppress(*_ERRORS):
        sftp = paramiko.SFTPClient.from_transport(transport)
        if sftp:
            _channel(sftp).settimeout(SILENCE_S)
            return sftp.open(path, "r+b")
    return None


def _sync(file: paramiko.SFTPFile) -> None:
    with suppress(*_ERRORS):
        PipelinedWrites(_channel(file.sftp), cast(bytes, file.handle)).finish()


def _channel(sftp: paramiko.SFTPClient) -> paramiko.Channel:
    return cast(paramiko.Channel, sftp.get_channel())
