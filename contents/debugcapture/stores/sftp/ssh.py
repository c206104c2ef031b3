"""A way into an SSH server: only one whose host key is known, by key, password or agent, through another host or not.

Source: paramiko's documentation; RFC 4252 (authentication); sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
"""

import base64
import contextlib
import hashlib
import io
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote

import paramiko
from paramiko.ssh_exception import AuthenticationException, PasswordRequiredException, SSHException

from ...errors import BadInput, NotStored
from ...settings.sftp import SftpSettings

SILENCE_S = 60.0  # an answer that takes longer never comes
_CONNECT_S = 10


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


@dataclass(frozen=True, slots=True)
class Login:
    """What a user has to show, and the hosts that it is shown to. Without key and password, the agent's keys."""

    key: paramiko.PKey | None
    password: str
    known: paramiko.HostKeys


def read_address(url: SplitResult) -> Address:
    """Return the server of ``url``. Raises BadInput for a port that is none."""
    try:
        port = url.port or paramiko.config.SSH_PORT
    except ValueError as error:
        raise BadInput(f"invalid SSH server {url.netloc!r}", str(error), "Use USER@HOST:PORT.") from error
    return Address(unquote(url.username or ""), url.hostname or "", port)


def read_login(settings: SftpSettings) -> Login:
    """Return the login that ``settings`` tell. Raises BadInput for a key that cannot be read."""
    return Login(_private_key(settings), settings.sftp_password, _known_hosts(settings))


@contextmanager
def connected(login: Login, address: Address, jump: Address | None, doing: str) -> Iterator[paramiko.Transport]:
    """Open a connection to ``address``, through ``jump`` where that is given.

    Raises NotStored, which says what failed at ``doing``, for a host key that is not the known one and for a user who
    is refused; SSHException, EOFError and OSError when the connection fails.
    """
    with ExitStack() as opened:
        through = None
        if jump:
            outer = opened.enter_context(closing(_connect(login, jump, None, doing)))
            through = _tunnel(outer, jump, address, doing)
        yield opened.enter_context(closing(_connect(login, address, through, doing)))


def fingerprint(key: paramiko.PKey) -> str:
    """Return what `ssh-keygen -l` shows of ``key``."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def _tunnel(outer: paramiko.Transport, jump: Address, address: Address, doing: str) -> paramiko.Channel:
    there = (address.host, address.port)
    try:
        return outer.open_channel("direct-tcpip", there, ("127.0.0.1", 0), timeout=SILENCE_S)
    except paramiko.ChannelException as error:
        why = f"the jump host {jump.name} does not connect to {address.host}:{address.port}: {error.text}"
        raise NotStored(
            doing,
            why,
            (
                "Check that the jump host can reach the server and allows forwarding (PermitOpen, "
                "AllowTcpForwarding in its sshd_config)."
            ),
        ) from error


def _connect(login: Login, address: Address, through: paramiko.Channel | None, doing: str) -> paramiko.Transport:
    # paramiko would leave the sockets open that it tries in vain
    way = through or socket.create_connection((address.host, address.port), timeout=_CONNECT_S)
    transport = paramiko.Transport(way)
    try:
        transport.banner_timeout = transport.auth_timeout = SILENCE_S
        _prefer_known_kind(transport, login.known.lookup(address.name))
        # A fifth less work than the default: such a cipher authenticates too. Measured on 512 MiB.
        options = transport.get_security_options()
        options.ciphers = sorted(options.ciphers, key=lambda cipher: "gcm" not in cipher)
        transport.start_client(timeout=SILENCE_S)
        _check_host_key(address, login.known.lookup(address.name) or {}, transport.get_remote_server_key(), doing)
        _log_in(transport, login, address, doing)
    except BaseException:
        transport.close()
        raise
    return transport


def _prefer_known_kind(transport: paramiko.Transport, known: Mapping[str, paramiko.PKey] | None) -> None:
    """Ask for a host key of the kind that is known: a server has several, and any other would be unknown."""
    if known:
        options = transport.get_security_options()
        kinds = {kind for one in known for kind in (("rsa-sha2-512", "rsa-sha2-256") if one == "ssh-rsa" else (one,))}
        options.key_types = sorted(options.key_types, key=lambda kind: kind not in kinds)


def _check_host_key(address: Address, known: Mapping[str, paramiko.PKey], key: paramiko.PKey, doing: str) -> None:
    if known.get(key.get_name()) == key:
        return
    shown = f"{key.get_name()} {fingerprint(key)}"
    if known:
        why = f"the host key of {address.name} has changed to {shown}"
        raise NotStored(doing, why, "Find out why before you change sftp_known_hosts. Nothing was sent.")
    why = f"the host key of {address.name} is unknown: {shown}"
    raise NotStored(doing, why, "Compare it with the server's own key, then add it to sftp_known_hosts.")


def _log_in(transport: paramiko.Transport, login: Login, address: Address, doing: str) -> None:
    try:
        _authenticate(transport, login, address.user)
    except AuthenticationException as error:
        why = f"{address.name} rejects the user {address.user}: {error}"
        raise NotStored(doing, why, "Check the user, key and password of the SFTP store.") from error


def _authenticate(transport: paramiko.Transport, login: Login, user: str) -> None:
    """Show the key, and the password where there is none or the server wants both; the agent's keys without either."""
    if login.key:
        transport.auth_publickey(user, login.key)
    if login.password and not transport.is_authenticated():
        transport.auth_password(user, login.password)
    if not (login.key or login.password):
        _try_agent(transport, user)
    if not transport.is_authenticated():
        raise AuthenticationException("it requires another authentication method")


def _try_agent(transport: paramiko.Transport, user: str) -> None:
    with closing(paramiko.Agent()) as agent:
        keys = agent.get_keys()
        for number, key in enumerate(keys):
            if not transport.is_active():
                tried = f"it disconnects after {number} of the {len(keys)} keys of the SSH agent"
                raise AuthenticationException(tried)
            with contextlib.suppress(AuthenticationException):
                transport.auth_publickey(user, key)
                return
    raise AuthenticationException("there is no password, no private key, and no accepted key in an SSH agent")


def _private_key(settings: SftpSettings) -> paramiko.PKey | None:
    if not settings.sftp_private_key:
        return None
    text, passphrase = settings.sftp_private_key.rstrip() + "\n", settings.sftp_passphrase or None
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text), passphrase)
        except PasswordRequiredException as error:
            raise BadInput("cannot read sftp_private_key", "it is encrypted", "Set sftp_passphrase.") from error
        except (SSHException, ValueError, IndexError, struct.error):
            continue
    what = "cannot read sftp_private_key"
    raise BadInput(
        what, "it is not an Ed25519, ECDSA or RSA key, or the passphrase is wrong", "Store the complete file."
    )


def _known_hosts(settings: SftpSettings) -> paramiko.HostKeys:
    text, source = settings.sftp_known_hosts, "sftp_known_hosts"
    if not text:
        file = Path("~/.ssh/known_hosts").expanduser()
        source = str(file)
        with contextlib.suppress(FileNotFoundError):  # then no host is known, and that is what the user is told
            text = file.read_text(encoding="utf-8", errors="replace")
    known = paramiko.HostKeys()
    for number, line in enumerate(text.splitlines(), start=1):
        entry = _host_key(line, f"{source}, line {number}") if line.strip() and line.lstrip()[0] != "#" else None
        if entry and entry.key:
            for name in entry.hostnames or ():
                known.add(name, entry.key.get_name(), entry.key)
    return known


def _host_key(line: str, place: str) -> paramiko.hostkeys.HostKeyEntry | None:
    try:
        return paramiko.hostkeys.HostKeyEntry.from_line(line)
    except (paramiko.hostkeys.InvalidHostKey, SSHException, ValueError, IndexError, struct.error) as error:
        raise BadInput(f"cannot read {place}", "its key is truncated or damaged", "Copy the complete line.") from error
