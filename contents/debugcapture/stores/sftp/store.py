"""A directory of an SFTP server.

Source: draft-ietf-secsh-filexfer-02 (the protocol that OpenSSH speaks), its extension posix-rename@openssh.com, and
paramiko's documentation.
"""

import hashlib
import posixpath
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import SplitResult, quote, unquote, urlsplit

import paramiko
from paramiko.ssh_exception import SSHException

from ...backoff import on, retried
from ...errors import NotStored
from ...model import Stored
from ...settings.sftp import SftpSettings
from ..base import Progress, unseen
from .ssh import SILENCE_S, connected, read_address, read_login
from .sync import synced_behind
from .writes import Piece, Writes

if TYPE_CHECKING:
    from hashlib import _Hash

_PIECE_BYTES = 32 << 10  # what every server sends in one answer (draft, section 3)
_READ_AHEAD = 4  # writes
_WAITS_S = (0.5, 1, 2, 4, 8)
_CLOSED = "Socket is closed"  # paramiko's channel.py, which gives this error no number either


class _Interrupted(Exception):  # noqa: N818 - see errors.py
    """The connection broke or was not made; another try may do it."""


@dataclass(frozen=True, slots=True)
class Modes:
    """Permissions of what is made; None leaves them to the server."""

    file: int | None
    folder: int | None


class _Reached:
    """How far an upload has come; what is sent again after a break is told once."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._told = progress, 0

    def offset(self, offset: int) -> None:
        if offset > self._told:
            self._told, more = offset, offset - self._told
            self._progress(more)


@dataclass(frozen=True, slots=True)
class _Source:
    """What is to be stored, and who is told how much of it is."""

    file: Path
    sha256: str
    reached: _Reached


class SftpStore:
    """Files below one directory; see `store.Store`."""

    def __init__(self, url: SplitResult, settings: SftpSettings) -> None:
        """Use the directory of ``url`` (sftp://USER@HOST:PORT/DIRECTORY). Raises BadInput for a key of no use."""
        self._address, self._login = read_address(url), read_login(settings)
        self._jump = read_address(urlsplit(f"//{settings.sftp_jump}")) if settings.sftp_jump else None
        self._root = unquote(url.path) or "/"
        self._modes = Modes(_mode(settings.sftp_file_mode), _mode(settings.sftp_folder_mode))

    def put(self, key: str, file: Path, sha256: str, progress: Progress = unseen) -> Stored:
        """Write beside, compare, rename: a reader sees the whole file or none.

        What an earlier try left is read back and kept as far as it is the file's beginning. The server tells the
        size only; the content is checked on its way by SSH, and here while it is read.
        """
        path, url = self._place(key)
        doing = f"cannot store {url}"
        reached = _Reached(progress)
        _again(lambda: self._put(path, file, sha256, reached, doing), doing)
        return self.locate(key, file.stat().st_size, sha256)

    def read(self, key: str) -> bytes | None:
        """Return the whole content of ``key``; see `store.ReadableStore`."""
        path, url = self._place(key)
        doing, found = f"cannot read {url}", list[bytes]()

        def attempt() -> None:
            with _told(doing), connected(self._login, self._address, self._jump, doing) as transport:
                sftp = _open_sftp(transport)
                if _size(sftp, path) >= 0:
                    with sftp.open(path, "rb") as there:
                        found.append(there.read())

        _again(attempt, doing)
        return found[-1] if found else None

    def locate(self, key: str, size: int, sha256: str) -> Stored:
        """Return where ``key`` is; see `store.ReadableStore`."""
        url = self._place(key)[1]
        return Stored(key, url, url, None, size, sha256)

    def _place(self, key: str) -> tuple[str, str]:
        path = posixpath.join(self._root, key)
        return path, f"sftp://{self._address.user}@{self._address.name}{quote(path)}"

    def _put(self, path: str, file: Path, sha256: str, reached: _Reached, doing: str) -> None:
        with _told(doing), connected(self._login, self._address, self._jump, doing) as transport:
            sftp = _open_sftp(transport)  # it is closed with the transport; by itself it would fail on a broken one
            if not _same(sftp, path, file, sha256):
                _make_folders(sftp, posixpath.dirname(path), self._modes.folder)
                _upload(sftp, path, _Source(file, sha256, reached), self._modes.file, doing)


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


def _same(sftp: paramiko.SFTPClient, path: str, file: Path, sha256: str) -> bool:
    """Tell whether ``path`` has the content of ``file`` already; it was put there by an earlier try."""
    if _size(sftp, path) != file.stat().st_size:
        return False
    with sftp.open(path, "rb") as there, file.open("rb") as here:
        same, checksum = _common(there, here, file.stat().st_size)
    return same == file.stat().st_size and checksum.hexdigest() == sha256


def _size(sftp: paramiko.SFTPClient, path: str) -> int:
    """Return the size of ``path``, -1 when there is no such file."""
    try:
        return sftp.stat(path).st_size or 0
    except FileNotFoundError:
        return -1


def _make_folders(sftp: paramiko.SFTPClient, folder: str, mode: int | None) -> None:
    if _size(sftp, folder) >= 0:
        return
    _make_folders(sftp, posixpath.dirname(folder), mode)
    try:
        sftp.mkdir(folder)
    except OSError:
        if _size(sftp, folder) < 0:  # else another upload was faster
            raise
    else:
        if mode is not None:
            sftp.chmod(folder, mode)  # what is given to mkdir, the server's umask cuts


def _upload(sftp: paramiko.SFTPClient, path: str, source: _Source, mode: int | None, doing: str) -> None:
    folder, name = posixpath.split(path)
    part, size = posixpath.join(folder, f".{name}.part"), source.file.stat().st_size
    left = _size(sftp, part)
    with source.file.open("rb") as here, sftp.open(part, "wb" if left < 0 else "r+b") as there:
        if mode is not None:
            there.chmod(mode)
        kept, checksum = _common(there, here, size) if left > 0 else (0, hashlib.sha256())
        if left > kept:
            there.truncate(kept)
        writes = Writes(_channel(sftp), cast(bytes, there.handle))
        with synced_behind(_channel(sftp).get_transport(), part, size) as synced:
            _send(here, writes, kept, checksum, _told_both(source.reached.offset, synced))
        writes.finish()
        if checksum.hexdigest() != source.sha256:
            raise NotStored(doing, "the data read differs from the data captured", "Check the disk of the spool.")
    there_now = _size(sftp, part)
    if there_now != size:
        sftp.remove(part)
        raise NotStored(doing, f"the store has {there_now} of {size} bytes", "Check the disk of the server.")
    sftp.posix_rename(part, path)


def _common(there: paramiko.SFTPFile, here: BinaryIO, size: int) -> "tuple[int, _Hash]":
    """Return how many bytes both begin with, in whole pieces unless all are the same, and their checksum so far."""
    there.prefetch(min(there.stat().st_size or 0, size))
    same, checksum = 0, hashlib.sha256()
    while piece := here.read(_PIECE_BYTES):
        if there.read(len(piece)) != piece:
            break
        checksum.update(piece)
        same += len(piece)
    return same, checksum


def _told_both(one: Callable[[int], None], other: Callable[[int], None]) -> Callable[[int], None]:
    def told(offset: int) -> None:
        one(offset)
        other(offset)

    return told


def _send(here: BinaryIO, writes: Writes, start: int, checksum: "_Hash", reached: Callable[[int], None]) -> None:
    """Send ``here`` from ``start``, and add to ``checksum`` what is sent; the next bytes are read meanwhile."""
    here.seek(start)
    now, ahead = ([writes.piece() for _ in range(_READ_AHEAD)] for _ in range(2))
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(_fill, now, here, checksum)
        while lengths := reading.result():
            reading = reader.submit(_fill, ahead, here, checksum)
            for piece, length in zip(now, lengths, strict=False):
                writes.send(piece, start, length)
                start += length
            reached(start)
            now, ahead = ahead, now


def _fill(pieces: list[Piece], here: BinaryIO, checksum: "_Hash") -> list[int]:
    """Fill ``pieces`` from ``here``, and return how many bytes are in each; none at its end."""
    lengths: list[int] = []
    for piece in pieces:
        length = here.readinto(piece.room)  # type: ignore[attr-defined]
        if not length:
            break
        checksum.update(piece.room[:length])
        lengths.append(length)
    return lengths


def _again(attempt: Callable[[], None], doing: str) -> None:
    """Make ``attempt`` until it is not interrupted, with growing waits. Raises NotStored."""
    try:
        retried(attempt, _WAITS_S, on(_Interrupted))
    except _Interrupted as error:
        do = "Check the host, port and network. The next upload resumes where this one stopped."
        raise NotStored(doing, str(error), do) from error


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """Tell what another try may mend from what the server refuses."""
    try:
        yield
    except (PermissionError, FileNotFoundError) as error:
        if error.filename:  # the server's errors have none
            why = f"cannot read {error.filename}: {error.strerror}"
            raise NotStored(doing, why, "Check the disk of the spool.") from error
        raise NotStored(doing, error.strerror or str(error), "Allow the user to write to the directory.") from error
    except (SSHException, paramiko.SFTPError, EOFError, ConnectionError, TimeoutError) as error:
        raise _Interrupted(str(error) or "the connection broke") from error
    except OSError as error:
        # the server's own "Failure", which has no number: mostly a full disk
        if error.errno is None and str(error) != _CLOSED:
            raise NotStored(
                doing, f"the server reports {error}", "Check whether the disk of the server is full."
            ) from error
        raise _Interrupted(error.strerror or str(error)) from error
