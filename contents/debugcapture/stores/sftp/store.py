"""A directory of an SFTP server.

Source: draft-ietf-secsh-filexfer-02 (the protocol that OpenSSH speaks), its extension posix-rename@openssh.com, and
paramiko's documentation.
"""

import hashlib
import posixpath
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import SplitResult, quote, unquote, urlsplit

import paramiko
from paramiko.ssh_exception import SSHException

from ...backoff import on, retried
from ...errors import NotStored
from ...manifest import Stored
from ...settings.sftp import SftpSettings
from ..base import OpenFile, Progress, ignore_progress
from .ssh import SILENCE_S, open_connection, read_address, read_login
from .sync import background_sync
from .writes import Chunk, PipelinedWrites

if TYPE_CHECKING:
    from hashlib import _Hash

# Every server sends this much in one response (draft, section 3).
_CHUNK_BYTES = 32 << 10
# The number of chunks that are requested together, when a file is read in pieces.
_CHUNKS_PER_PIECE = 16
# The number of writes that are read from the file in advance.
_READ_AHEAD = 4
_WAITS_S = (0.5, 1, 2, 4, 8)
# The message of an OSError without errno in the channel.py of paramiko.
_CLOSED = "Socket is closed"


class _Interrupted(Exception):  # noqa: N818 - see errors.py
    """The connection broke or failed. A retry may succeed."""


@dataclass(frozen=True, slots=True)
class Modes:
    """The permissions of new files and folders. None: the default of the server."""

    file: int | None
    folder: int | None


class _ProgressTracker:
    """Reports the progress of an upload. Bytes that are sent again after an interruption count once."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._reported = progress, 0

    def offset(self, offset: int) -> None:
        if offset > self._reported:
            self._reported, new_bytes = offset, offset - self._reported
            self._progress(new_bytes)


@dataclass(frozen=True, slots=True)
class _Source:
    """The file to store, and the tracker of its progress."""

    file: Path
    sha256: str
    tracker: _ProgressTracker


class SftpStore:
    """Files below one directory; see `Store`."""

    def __init__(self, url: SplitResult, settings: SftpSettings) -> None:
        """Open the directory at ``url`` (sftp://USER@HOST:PORT/DIRECTORY). Raises BadInput for an invalid key."""
        self._address, self._login = read_address(url), read_login(settings)
        self._jump = read_address(urlsplit(f"//{settings.sftp_jump}")) if settings.sftp_jump else None
        self._root = unquote(url.path) or "/"
        self._modes = Modes(_mode(settings.sftp_file_mode), _mode(settings.sftp_folder_mode))

    def put(self, key: str, file: Path, sha256: str, progress: Progress = ignore_progress) -> Stored:
        """Write a temporary file, compare and rename, so that a reader never sees a part of the file.

        If an earlier attempt left a temporary file, its matching beginning is kept. The server reports only the size.
        SSH protects the content on its way, and the checksum is computed while the file is read.
        """
        path, url = self._locate(key)
        action = f"cannot store {url}"
        tracker = _ProgressTracker(progress)
        _retry(lambda: self._put(path, file, sha256, tracker, action), action)
        return self.locate(key, file.stat().st_size, sha256)

    def read(self, key: str) -> bytes | None:
        """Return the content of ``key``; see `ReadableStore`."""
        path, url = self._locate(key)
        action, contents = f"cannot read {url}", list[bytes]()

        def attempt() -> None:
            with (
                _raise_store_errors(action),
                open_connection(self._login, self._address, self._jump, action) as transport,
            ):
                sftp = _open_sftp(transport)
                if _size(sftp, path) >= 0:
                    with sftp.open(path, "rb") as remote:
                        contents.append(remote.read())

        _retry(attempt, action)
        return contents[-1] if contents else None

    def open(self, key: str) -> OpenFile | None:
        """Return the file ``key``, open for reading; see `OpensFiles`. It has its own connection."""
        path, url = self._locate(key)
        action, opened = f"cannot read {url}", list[OpenFile]()

        def attempt() -> None:
            with ExitStack() as stack:
                stack.enter_context(_raise_store_errors(action))
                sftp = _open_sftp(stack.enter_context(open_connection(self._login, self._address, self._jump, action)))
                size = _size(sftp, path)
                if size >= 0:
                    pieces = _pieces(sftp.open(path, "rb"), size, action)
                    opened.append(OpenFile(size, pieces, stack.pop_all().close))

        _retry(attempt, action)
        return opened[-1] if opened else None

    def locate(self, key: str, size: int, sha256: str) -> Stored:
        """Return the location of ``key``; see `ReadableStore`."""
        url = self._locate(key)[1]
        return Stored(key, url, url, None, size, sha256)

    def _locate(self, key: str) -> tuple[str, str]:
        path = posixpath.join(self._root, key)
        return path, f"sftp://{self._address.user}@{self._address.name}{quote(path)}"

    def _put(self, path: str, file: Path, sha256: str, tracker: _ProgressTracker, action: str) -> None:
        with _raise_store_errors(action), open_connection(self._login, self._address, self._jump, action) as transport:
            sftp = _open_sftp(transport)  # closed with the transport, because close() fails on a broken one
            if not _is_stored(sftp, path, file, sha256):
                _make_folders(sftp, posixpath.dirname(path), self._modes.folder, action)
                _upload(sftp, path, _Source(file, sha256, tracker), self._modes.file, action)


def _mode(octal: str) -> int | None:
    return None if octal == "server" else int(octal, 8)


def _open_sftp(transport: paramiko.Transport) -> paramiko.SFTPClient:
    sftp = paramiko.SFTPClient.from_transport(transport)
    if sftp is None:
        raise SSHException("the server does not support SFTP")
    _channel(sftp).settimeout(SILENCE_S)
    return sftp


def _channel(sftp: paramiko.SFTPClient) -> paramiko.Channel:
    channel = sftp.get_channel()
    if channel is None:
        raise SSHException("the server does not support SFTP")
    return channel


def _is_stored(sftp: paramiko.SFTPClient, path: str, file: Path, sha256: str) -> bool:
    """Return whether ``path`` has the content of ``file`` from an earlier attempt."""
    if _size(sftp, path) != file.stat().st_size:
        return False
    with sftp.open(path, "rb") as remote, file.open("rb") as local:
        common_bytes, checksum = _common_prefix(remote, local, file.stat().st_size)
    return common_bytes == file.stat().st_size and checksum.hexdigest() == sha256


def _size(sftp: paramiko.SFTPClient, path: str) -> int:
    """Return the size of ``path``, or -1 if it does not exist."""
    try:
        return sftp.stat(path).st_size or 0
    except FileNotFoundError:
        return -1


def _pieces(remote: paramiko.SFTPFile, size: int, action: str) -> Iterator[bytes]:
    """Yield the content of ``remote``. Few chunks are requested in advance, because the reader may be slow."""
    offsets = range(0, size, _CHUNK_BYTES)
    try:
        for index in range(0, len(offsets), _CHUNKS_PER_PIECE):
            chunks = offsets[index : index + _CHUNKS_PER_PIECE]
            yield b"".join(remote.readv([(start, min(_CHUNK_BYTES, size - start)) for start in chunks]))
    except (OSError, EOFError, SSHException) as error:
        raise NotStored(action, str(error) or "the connection broke", "Open the link again.") from error


def _make_folders(sftp: paramiko.SFTPClient, folder: str, mode: int | None, action: str) -> None:
    if _size(sftp, folder) >= 0:
        return
    _make_folders(sftp, posixpath.dirname(folder), mode, action)
    try:
        sftp.mkdir(folder)
    except OSError:
        if _size(sftp, folder) < 0:  # otherwise another upload created it
            raise
    else:
        if mode is not None:
            # The umask of the server restricts the mode of mkdir.
            with _raise_if_modes_are_refused(action):
                sftp.chmod(folder, mode)


def _upload(sftp: paramiko.SFTPClient, path: str, source: _Source, mode: int | None, action: str) -> None:
    folder, name = posixpath.split(path)
    part, size = posixpath.join(folder, f".{name}.part"), source.file.stat().st_size
    with ExitStack() as stack:
        local = stack.enter_context(source.file.open("rb"))
        remote, common_bytes, checksum = _open_part(sftp, part, local, size)
        stack.enter_context(remote)
        if mode is not None:
            with _raise_if_modes_are_refused(action):
                remote.chmod(mode)
        writes = PipelinedWrites(_channel(sftp), cast(bytes, remote.handle))
        with background_sync(_channel(sftp).get_transport(), part, size) as sync_progress:
            _send(local, writes, common_bytes, checksum, _call_both(source.tracker.offset, sync_progress))
        writes.finish()
        if checksum.hexdigest() != source.sha256:
            raise NotStored(action, "the data read differs from the data captured", "Check the disk of the spool.")
    stored_bytes = _size(sftp, part)
    if stored_bytes != size:
        sftp.remove(part)
        raise NotStored(action, f"the store has {stored_bytes} of {size} bytes", "Check the disk of the server.")
    _replace(sftp, part, path)


def _open_part(
    sftp: paramiko.SFTPClient, part: str, local: BinaryIO, size: int
) -> "tuple[paramiko.SFTPFile, int, _Hash]":
    """Return ``part``, open for writing, the length of its beginning that is right, and the checksum of that.

    Some servers cannot open a file for reading and writing, or cannot truncate it. Then the file starts again.
    """
    left = _size(sftp, part)
    if left >= 0:
        try:
            return _reopen_part(sftp, part, local, size)
        except OSError as error:
            if not _is_refused(error):
                raise
            sftp.remove(part)
    return sftp.open(part, "wb"), 0, hashlib.sha256()


def _reopen_part(
    sftp: paramiko.SFTPClient, part: str, local: BinaryIO, size: int
) -> "tuple[paramiko.SFTPFile, int, _Hash]":
    remote = sftp.open(part, "r+b")
    try:
        common_bytes, checksum = _common_prefix(remote, local, size)
        if (remote.stat().st_size or 0) > common_bytes:
            remote.truncate(common_bytes)
    except BaseException:
        remote.close()
        raise
    return remote, common_bytes, checksum


def _replace(sftp: paramiko.SFTPClient, part: str, path: str) -> None:
    """Rename ``part`` to ``path``. Without OpenSSH's extension, a file that is there has to be removed first."""
    try:
        sftp.posix_rename(part, path)
    except OSError as error:
        if not _is_refused(error):
            raise
        if _size(sftp, path) >= 0:
            sftp.remove(path)
        sftp.rename(part, path)


@contextmanager
def _raise_if_modes_are_refused(action: str) -> Iterator[None]:
    """Raise NotStored if the server refuses to set a mode. Evidence must not become readable for others silently."""
    try:
        yield
    except OSError as error:
        if not _is_refused(error):
            raise
        reason = f"the server does not set the modes of files ({error})"
        raise NotStored(action, reason, "Set sftp_file_mode and sftp_folder_mode to server.") from error


def _is_refused(error: OSError) -> bool:
    """Return whether the server refused a request: it does not support it, or does not allow it.

    paramiko raises an error without a number if the server has no code for the reason.
    """
    return isinstance(error, PermissionError) or (error.errno is None and str(error) != _CLOSED)


def _common_prefix(remote: paramiko.SFTPFile, local: BinaryIO, size: int) -> "tuple[int, _Hash]":
    """Return the length of the common beginning of both files, in complete chunks, and its checksum."""
    remote.prefetch(min(remote.stat().st_size or 0, size))
    common_bytes, checksum = 0, hashlib.sha256()
    while chunk := local.read(_CHUNK_BYTES):
        if remote.read(len(chunk)) != chunk:
            break
        checksum.update(chunk)
        common_bytes += len(chunk)
    return common_bytes, checksum


def _call_both(first: Callable[[int], None], second: Callable[[int], None]) -> Callable[[int], None]:
    def call(offset: int) -> None:
        first(offset)
        second(offset)

    return call


def _send(
    local: BinaryIO, writes: PipelinedWrites, start: int, checksum: "_Hash", on_offset: Callable[[int], None]
) -> None:
    """Send ``local`` from ``start`` and update ``checksum``. A thread reads the next chunks at the same time."""
    local.seek(start)
    current, following = ([writes.new_chunk() for _ in range(_READ_AHEAD)] for _ in range(2))
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(_fill, current, local, checksum)
        while lengths := reading.result():
            reading = reader.submit(_fill, following, local, checksum)
            for chunk, length in zip(current, lengths, strict=False):
                writes.send(chunk, start, length)
                start += length
            on_offset(start)
            current, following = following, current


def _fill(chunks: list[Chunk], local: BinaryIO, checksum: "_Hash") -> list[int]:
    """Fill ``chunks`` from ``local`` and return their lengths. The list is empty at the end of the file."""
    lengths: list[int] = []
    for chunk in chunks:
        length = local.readinto(chunk.data)  # type: ignore[attr-defined]
        if not length:
            break
        checksum.update(chunk.data[:length])
        lengths.append(length)
    return lengths


def _retry(attempt: Callable[[], None], action: str) -> None:
    """Repeat ``attempt`` with growing waits while it is interrupted. Raises NotStored."""
    try:
        retried(attempt, _WAITS_S, on(_Interrupted))
    except _Interrupted as error:
        remedy = "Check the host, port and network. The next upload resumes where this one stopped."
        raise NotStored(action, str(error), remedy) from error


@contextmanager
def _raise_store_errors(action: str) -> Iterator[None]:
    """Raise _Interrupted for errors that a retry can solve, and NotStored for others."""
    try:
        yield
    except (PermissionError, FileNotFoundError) as error:
        if error.filename:  # an error of the spool, because those of the server have no file name
            reason = f"cannot read {error.filename}: {error.strerror}"
            raise NotStored(action, reason, "Check the disk of the spool.") from error
        raise NotStored(action, error.strerror or str(error), "Allow the user to write to the directory.") from error
    except (SSHException, paramiko.SFTPError, EOFError, ConnectionError, TimeoutError) as error:
        raise _Interrupted(str(error) or "the connection broke") from error
    except OSError as error:
        # The server reports "Failure" without a code, usually because its disk is full.
        if _is_refused(error):
            raise NotStored(
                action, f"the server reports {error}", "Check whether the disk of the server is full."
            ) from error
        raise _Interrupted(error.strerror or str(error)) from error
