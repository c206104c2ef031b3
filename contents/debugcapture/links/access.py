"""Who may read evidence, and the log of what was served."""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Literal

from ..errors import BadInput
from ..serving.http import Request, has_bearer_token
from ..settings.evidence import EvidenceServerSettings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sent a request: a user of the proxy, or a program with the token."""

    user: str
    """"" if it has the token."""
    by: Literal["proxy", "token"]


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a request is not answered."""

    status: HTTPStatus
    reason: str


@dataclass(frozen=True, slots=True)
class Access:
    """The rules: a bearer token, or a header from a trusted proxy. A blank token or header is not accepted."""

    token: str
    user_header: str
    """In lower case."""
    proxies: tuple[Network, ...]

    def check(self, request: Request) -> Visitor | Denial:
        """Return who sent ``request``, or why it is not answered."""
        if self.token and has_bearer_token(request.authorization, self.token):
            return Visitor("", "token")
        user = request.headers.get(self.user_header, "").strip() if self.user_header else ""
        if not user:
            return Denial(HTTPStatus.UNAUTHORIZED, "Log in first: open the link through the proxy, or send the token.")
        if not self._is_proxy(request.address):
            return Denial(HTTPStatus.FORBIDDEN, "Only the proxy of this server may name the user.")
        return Visitor(user, "proxy")

    def _is_proxy(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:  # a Unix socket has no address
            return False
        # A socket that accepts both protocols shows IPv4 addresses as ::ffff:192.0.2.1.
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self.proxies)


def access_of(settings: EvidenceServerSettings) -> Access:
    """Return the rules in ``settings``. Raises BadInput if no user could log in, or if a network is invalid."""
    if not (settings.evidence_token or settings.user_header):
        remedy = "Set evidence_token, or user_header if a proxy authenticates the users."
        raise BadInput("cannot start the evidence server", "no user could log in", remedy)
    try:
        networks = tuple(ipaddress.ip_network(text.strip()) for text in settings.trusted_proxies.split(","))
    except ValueError as error:
        raise BadInput("cannot use trusted_proxies", str(error), "For example 127.0.0.1 or 10.0.0.0/24.") from error
    return Access(settings.evidence_token, settings.user_header.lower(), networks)


class AccessLog:
    """Writes one line of JSON per request."""

    def __init__(self, file: Path | None, stdout: BinaryIO) -> None:
        """Append to ``file``, or to ``stdout`` if there is no file."""
        self._file, self._stdout, self._lock = file, stdout, Lock()

    def write(self, entry: Mapping[str, object]) -> None:
        """Write ``entry`` with the time. The file is opened for each line, because a log rotation may move it.

        Raises OSError.
        """
        time = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        line = json.dumps({"time": time, **entry}).encode() + b"\n"
        with self._lock:
            if self._file is None:
                self._stdout.write(line)
                self._stdout.flush()
                return
            with self._file.open("ab", buffering=0) as file:
                file.write(line)
