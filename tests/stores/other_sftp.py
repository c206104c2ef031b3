"""paramiko's SFTP server, for comparison with OpenSSH. A test chooses what it lacks."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
from paramiko.common import AUTH_SUCCESSFUL, OPEN_SUCCEEDED
from paramiko.sftp import SFTP_FAILURE, SFTP_NO_SUCH_FILE, SFTP_OK, SFTP_OP_UNSUPPORTED


@dataclass(frozen=True)
class Lacks:
    """What the server cannot do. Commercial servers lack some of it: AWS Transfer sets no modes, for example."""

    end_of_write: int = 0  # bytes of each write that it loses without an error
    modes: bool = False  # SETSTAT
    posix_rename: bool = False
    reading_and_writing: bool = False  # one file at the same time
    answer: int = SFTP_OP_UNSUPPORTED  # to what it lacks


class _Login(paramiko.ServerInterface):
    def get_allowed_auths(self, _username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, _username: str, _key: paramiko.PKey) -> int:
        return AUTH_SUCCESSFUL

    def check_channel_request(self, _kind: str, _number: int) -> int:
        return OPEN_SUCCEEDED


class _Handle(paramiko.SFTPHandle):
    def __init__(self, path: str, flags: int, lacks: Lacks) -> None:
        super().__init__(flags)
        self._file, self._lacks = os.open(path, flags, 0o600), lacks

    def write(self, offset: int, data: Any) -> int:
        os.pwrite(self._file, data[: len(data) - self._lacks.end_of_write], offset)
        return SFTP_OK

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._file, length, offset)

    def stat(self) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self._file))

    def chattr(self, attr: paramiko.SFTPAttributes) -> int:
        if self._lacks.modes:
            return self._lacks.answer
        if attr.st_size is not None:
            os.ftruncate(self._file, attr.st_size)
        return SFTP_OK

    def close(self) -> None:
        os.close(self._file)


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, server: paramiko.ServerInterface, *more: object, lacks: Lacks) -> None:
        super().__init__(server, *more)
        self._lacks = lacks

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return paramiko.SFTPAttributes.from_stat(Path(path).stat())
        except FileNotFoundError:
            return SFTP_NO_SUCH_FILE

    def open(self, path: str, flags: int, _attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:
        if self._lacks.reading_and_writing and flags & os.O_RDWR:
            return self._lacks.answer
        return _Handle(path, flags, self._lacks)

    def mkdir(self, path: str, _attr: paramiko.SFTPAttributes) -> int:
        Path(path).mkdir()
        return SFTP_OK

    def chattr(self, _path: str, _attr: paramiko.SFTPAttributes) -> int:
        return self._lacks.answer if self._lacks.modes else SFTP_OK

    def remove(self, path: str) -> int:
        Path(path).unlink()
        return SFTP_OK

    def rename(self, oldpath: str, newpath: str) -> int:
        if Path(newpath).exists():
            return SFTP_FAILURE  # draft, section 6.5
        Path(oldpath).rename(newpath)
        return SFTP_OK

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        if self._lacks.posix_rename:
            return self._lacks.answer
        Path(oldpath).replace(newpath)
        return SFTP_OK


@contextmanager
def other_server(root: Path, lacks: Lacks) -> Iterator[tuple[int, str]]:
    """Yield port and known_hosts of a server that ``lacks`` something."""
    root.mkdir(exist_ok=True)
    key, listener = paramiko.ECDSAKey.generate(), socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    thread = threading.Thread(target=_serve, args=(listener, key, lacks), daemon=True)
    thread.start()
    try:
        yield port, f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def _serve(listener: socket.socket, key: paramiko.PKey, lacks: Lacks) -> None:
    transports: list[paramiko.Transport] = []
    with suppress(OSError):
        while True:
            transport = paramiko.Transport(listener.accept()[0])
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, lacks=lacks)
            transport.start_server(server=_Login())
            transports.append(transport)
    for transport in transports:
        transport.close()
