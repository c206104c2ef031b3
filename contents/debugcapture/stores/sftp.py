"""A directory of an SFTP server.

Source: draft-ietf-secsh-filexfer-02 (the protocol that OpenSSH speaks), its extension posix-rename@openssh.com, and
paramiko's documentation.
"""

import base64
import contextlib
import hashlib
import io
import posixpath
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import SplitResult, quote, unquote, urlsplit

import paramiko
from paramiko.ssh_exception import AuthenticationException, PasswordRequiredException, SSHException

from ..errors import BadInput, NotStored
from ..model import Stored
from ..settings import StoreSettings
from .store import Progress, unseen

PIECE_BYTES = 32 << 10  # what every server takes in one write (draft, section 3)
_WAITS_S = (0.5, 1, 2, 4, 8)
_FOLDER_MODE, _FILE_MODE = 0o750, 0o640
_CONNECT_S = 10
_CLOSED = "Socket is closed"  # paramiko's channel.py, which gives this error no number either
_SILENCE_S = 60.0  # an answer that takes longer never comes


@dataclass(frozen=True, slots=True)
class Address:
    """A user at an SSH server."""

    user: str
    host: str
    port: int

    @property
    def name(self) -> str:
        """Return the host as known_hosts has it."""
        return self.host if self.port == paramiko.config.SSH_PORT else f"[{self.host}]:{self.port}"


class _Interrupted(Exception):  # noqa: N818 - see errors.py
    """The connection broke or was not made; another try may do it."""


class SftpStore:
    """Files below one directory; see `store.Store`."""

    def __init__(self, url: SplitResult, settings: StoreSettings) -> None:
        """Use the directory of ``url`` (sftp://USER@HOST:PORT/DIRECTORY). Raises BadInput for a key of no use."""
        self._address, self._settings = _address(url), settings
        self._root = unquote(url.path) or "/"
        self._key = _private_key(settings)
        self._known = _known_hosts(settings)

    def put(self, key: str, file: Path, sha256: str, progress: Progress = unseen) -> Stored:
        """Write beside, compare, rename: a reader sees the whole file or none.

        What an earlier try left is read back and kept as far as it is the file's beginning. The server tells the
        size only; the content is checked on its way by SSH, and here while it is read.
        """
        path = posixpath.join(self._root, key)
        url = f"sftp://{self._address.user}@{self._address.name}{quote(path)}"
        doing = f"cannot store {url}"
        _again(lambda: self._put(path, file, sha256, doing), doing)
        progress(file.stat().st_size)
        return Stored(key, url, url, None, file.stat().st_size, sha256)

    def _put(self, path: str, file: Path, sha256: str, doing: str) -> None:
        with self._session(doing) as sftp, _told(doing):
            if not _same(sftp, path, file):
                _make_folders(sftp, posixpath.dirname(path))
                _upload(sftp, path, file, sha256, doing)

    @contextmanager
    def _session(self, doing: str) -> Iterator[paramiko.SFTPClient]:
        with ExitStack() as opened, _told(doing):
            through = None
            if self._settings.sftp_jump:
                jump = _address(urlsplit(f"//{self._settings.sftp_jump}"))
                outer = opened.enter_context(closing(self._connect(jump, None, doing)))
                there = (self._address.host, self._address.port)
                through = outer.open_channel("direct-tcpip", there, ("127.0.0.1", 0), timeout=_SILENCE_S)
            transport = opened.enter_context(closing(self._connect(self._address, through, doing)))
            yield _open_sftp(transport)  # it is closed with the transport; by itself it would fail on a broken one

    def _connect(self, address: Address, through: paramiko.Channel | None, doing: str) -> paramiko.Transport:
        # paramiko would leave the sockets open that it tries in vain
        way = through or socket.create_connection((address.host, address.port), timeout=_CONNECT_S)
        transport = paramiko.Transport(way)
        try:
            transport.banner_timeout = transport.auth_timeout = _SILENCE_S
            self._prefer_known_kind(transport, address)
            # A fifth less work than the default: such a cipher authenticates too. Measured on 512 MiB.
            options = transport.get_security_options()
            options.ciphers = sorted(options.ciphers, key=lambda cipher: "gcm" not in cipher)
            transport.start_client(timeout=_SILENCE_S)
            self._check_host_key(address, transport.get_remote_server_key(), doing)
            self._log_in(transport, address, doing)
        except BaseException:
            transport.close()
            raise
        return transport

    def _prefer_known_kind(self, transport: paramiko.Transport, address: Address) -> None:
        """Ask for a host key of the kind that is known: a server has several, and any other would be unknown."""
        known = self._known.lookup(address.name)
        if known:
            options = transport.get_security_options()
            kinds = {
                kind for one in known for kind in (("rsa-sha2-512", "rsa-sha2-256") if one == "ssh-rsa" else (one,))
            }
            options.key_types = sorted(options.key_types, key=lambda kind: kind not in kinds)

    def _check_host_key(self, address: Address, key: paramiko.PKey, doing: str) -> None:
        known: Mapping[str, paramiko.PKey] = self._known.lookup(address.name) or {}
        if known.get(key.get_name()) == key:
            return
        shown = f"{key.get_name()} {fingerprint(key)}"
        if known:
            why = f"the host key of {address.name} has changed: it now shows {shown}"
            raise NotStored(doing, why, "Find out why before you change sftp_known_hosts: nothing was sent.")
        why = f"the host key of {address.name} is not known: {shown}"
        raise NotStored(doing, why, "Compare it with the server's own, then add it to sftp_known_hosts.")

    def _log_in(self, transport: paramiko.Transport, address: Address, doing: str) -> None:
        try:
            if self._key:
                transport.auth_publickey(address.user, self._key)
            elif self._settings.sftp_password:
                transport.auth_password(address.user, self._settings.sftp_password)
            else:
                _try_agent(transport, address.user)
        except AuthenticationException as error:
            why = f"{address.name} refuses the user {address.user}: {error}"
            raise NotStored(doing, why, "Check user, key and password of the SFTP store.") from error


def fingerprint(key: paramiko.PKey) -> str:
    """Return what `ssh-keygen -l` shows of ``key``."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def _address(url: SplitResult) -> Address:
    try:
        port = url.port or paramiko.config.SSH_PORT
    except ValueError as error:
        raise BadInput(f"no SSH server at {url.netloc!r}", str(error), "Give USER@HOST:PORT.") from error
    return Address(unquote(url.username or ""), url.hostname or "", port)


def _private_key(settings: StoreSettings) -> paramiko.PKey | None:
    if not settings.sftp_private_key:
        return None
    text, passphrase = settings.sftp_private_key.rstrip() + "\n", settings.sftp_passphrase or None
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text), passphrase)
        except PasswordRequiredException as error:
            raise BadInput("cannot read sftp_private_key", "it is encrypted", "Set sftp_passphrase.") from error
        except (SSHException, ValueError, IndexError):
            continue
    what = "cannot read sftp_private_key"
    raise BadInput(what, "it is no Ed25519, ECDSA or RSA key, or the passphrase is wrong", "Store the whole file.")


def _known_hosts(settings: StoreSettings) -> paramiko.HostKeys:
    known = paramiko.HostKeys()
    if not settings.sftp_known_hosts:
        with contextlib.suppress(FileNotFoundError):  # then no host is known, and that is what the user is told
            known.load(str(Path("~/.ssh/known_hosts").expanduser()))
        return known
    for line in settings.sftp_known_hosts.splitlines():
        entry = paramiko.hostkeys.HostKeyEntry.from_line(line) if line.strip() and line[0] != "#" else None
        if entry and entry.key:
            for name in entry.hostnames or ():
                known.add(name, entry.key.get_name(), entry.key)
    return known


def _try_agent(transport: paramiko.Transport, user: str) -> None:
    with closing(paramiko.Agent()) as agent:
        for key in agent.get_keys():
            with contextlib.suppress(AuthenticationException):
                transport.auth_publickey(user, key)
                return
    raise AuthenticationException("no password, no private key, and no key of an SSH agent that it takes")


def _open_sftp(transport: paramiko.Transport) -> paramiko.SFTPClient:
    sftp = paramiko.SFTPClient.from_transport(transport)
    if sftp is None:
        raise SSHException("the server offers no SFTP")
    channel = sftp.get_channel()
    if channel:
        channel.settimeout(_SILENCE_S)
    return sftp


def _same(sftp: paramiko.SFTPClient, path: str, file: Path) -> bool:
    """Tell whether ``path`` has the content of ``file`` already; it was put there by an earlier try."""
    if _size(sftp, path) != file.stat().st_size:
        return False
    with sftp.open(path, "rb") as there, file.open("rb") as here:
        return _common(there, here, file.stat().st_size) == file.stat().st_size


def _size(sftp: paramiko.SFTPClient, path: str) -> int:
    """Return the size of ``path``, -1 when there is no such file."""
    try:
        return sftp.stat(path).st_size or 0
    except FileNotFoundError:
        return -1


def _make_folders(sftp: paramiko.SFTPClient, folder: str) -> None:
    if _size(sftp, folder) >= 0:
        return
    _make_folders(sftp, posixpath.dirname(folder))
    try:
        sftp.mkdir(folder, _FOLDER_MODE)
    except OSError:
        if _size(sftp, folder) < 0:  # else another upload was faster
            raise


def _upload(sftp: paramiko.SFTPClient, path: str, file: Path, sha256: str, doing: str) -> None:
    folder, name = posixpath.split(path)
    part, size = posixpath.join(folder, f".{name}.part"), file.stat().st_size
    begun = _size(sftp, part) >= 0
    with file.open("rb") as here, sftp.open(part, "r+b" if begun else "wb") as there:
        if not begun:
            there.chmod(_FILE_MODE)
        kept = _common(there, here, size) if begun else 0
        there.truncate(kept)
        if _send(here, there, kept, size) != sha256:
            raise NotStored(doing, "what was read differs from what was captured", "Look at the spool's disk.")
    there_now = _size(sftp, part)
    if there_now != size:
        sftp.remove(part)
        raise NotStored(doing, f"the store has {there_now} bytes of {size}", "Look at the server's disk.")
    sftp.posix_rename(part, path)


def _common(there: paramiko.SFTPFile, here: BinaryIO, size: int) -> int:
    """Return how many bytes both begin with, in whole pieces unless all are the same."""
    there.prefetch(min(there.stat().st_size or 0, size))
    same = 0
    while piece := here.read(PIECE_BYTES):
        if there.read(len(piece)) != piece:
            break
        same += len(piece)
    return same


def _send(here: BinaryIO, there: paramiko.SFTPFile, start: int, size: int) -> str:
    """Send ``here`` from ``start``, and return the checksum of the whole of it.

    Writes are not waited for one by one. The last one is, and paramiko looks at all answers before its own.
    """
    checksum, read = hashlib.sha256(), 0
    here.seek(0)
    there.seek(start)
    there.set_pipelined(True)
    while piece := here.read(PIECE_BYTES):
        checksum.update(piece)
        read += len(piece)
        if read > start:
            there.set_pipelined(read < size)
            there.write(piece)
    there.set_pipelined(False)
    return checksum.hexdigest()


def _again(attempt: Callable[[], None], doing: str) -> None:
    """Make ``attempt`` until it is not interrupted, with growing waits. Raises NotStored."""
    for wait_s in (*_WAITS_S, None):
        try:
            attempt()
        except _Interrupted as error:
            if wait_s is None:
                do = "Check host, port and network; sending it again goes on where it stopped."
                raise NotStored(doing, str(error), do) from error
            time.sleep(wait_s)
        else:
            return


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """Tell what another try may mend from what the server refuses."""
    try:
        yield
    except (PermissionError, FileNotFoundError) as error:
        raise NotStored(doing, error.strerror or str(error), "Allow the user to write to the directory.") from error
    except (SSHException, EOFError, ConnectionError, TimeoutError) as error:
        raise _Interrupted(str(error) or "the connection broke") from error
    except OSError as error:
        if (
            error.errno is None and str(error) != _CLOSED
        ):  # the server's own "Failure", which has no number: mostly a full disk
            raise NotStored(doing, f"the server says {error}", "Look at its disk: is it full?") from error
        raise _Interrupted(error.strerror or str(error)) from error
