"""The server's disk keeps up while a file is sent: a second session has it synced behind the writes.

With one sync at the end, the end waits for all of the disk's work; a sync among the writes stops them meanwhile, since
the server of a session does one thing at a time.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import cast

import paramiko
from paramiko.ssh_exception import SSHException

from .ssh import SILENCE_S
from .writes import Writes

STEP_BYTES = 32 << 20
_TROUBLE = (SSHException, paramiko.SFTPError, OSError, EOFError)


@contextmanager
def synced_behind(transport: paramiko.Transport, path: str, size: int) -> Iterator[Callable[[int], None]]:
    """Yield what is told how far the writes to ``path``, ``size`` bytes in the end, have come.

    This only saves time: a server that allows no second session, or has no sync, does without, and what fails here is
    told by the sync at the end of the writes themselves.
    """
    file = _opened_again(transport, path) if size > STEP_BYTES else None
    if file is None:
        yield lambda _offset: None
        return
    asked, syncing = 0, Future[None]()
    syncing.set_result(None)

    with ThreadPoolExecutor(1, thread_name_prefix="sync") as pool:

        def reached(offset: int) -> None:
            nonlocal asked, syncing
            if offset - asked >= STEP_BYTES and syncing.done():
                asked, syncing = offset, pool.submit(_sync, file)

        yield reached


def _opened_again(transport: paramiko.Transport, path: str) -> paramiko.SFTPFile | None:
    with suppress(*_TROUBLE):
        sftp = paramiko.SFTPClient.from_transport(transport)
        if sftp:
            _channel(sftp).settimeout(SILENCE_S)
            return sftp.open(path, "r+b")
    return None


def _sync(file: paramiko.SFTPFile) -> None:
    with suppress(*_TROUBLE):
        Writes(_channel(file.sftp), cast(bytes, file.handle)).finish()


def _channel(sftp: paramiko.SFTPClient) -> paramiko.Channel:
    return cast(paramiko.Channel, sftp.get_channel())
