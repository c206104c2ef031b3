"""A small HTTP server for services that only read.

A `Service` answers a `Request` with a `Reply`. `wsgi_application` is its WSGI interface, and `serve` runs it in
waitress, which limits threads, connections, and the size and duration of a request. It uses plain HTTP; a proxy can add
TLS.
"""

import hmac
import ipaddress
import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Protocol

from ..errors import BadInput
from ..model import Report
from ..text import one_line

_PIECE_BYTES: Final = 64 << 10
_MAX_REQUEST_BYTES: Final = 8 << 10
# A reply waits until the client has received all but this much of it. It stays in memory.
_MAX_WAITING_BYTES: Final = 512 << 10
StartResponse = Callable[[str, list[tuple[str, str]]], object]


@dataclass(frozen=True, slots=True)
class Request:
    """A request. The names of ``headers`` are in lower case."""

    method: str
    path: str
    query: str = ""
    authorization: str = ""
    address: str = ""
    """IP address of the client, or of the proxy in front of this server."""
    headers: Mapping[str, str] = field(default_factory=dict)


class Pieces(Protocol):
    """The content of a file in pieces. The server closes it, also if the client has not read all of it."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces in their order."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """A response. The default content type is JSON."""

    status: HTTPStatus
    body: str | bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Pieces | None = None
    """Content that replaces ``body``. The headers then contain its length."""


class Service(Protocol):
    """Answers requests."""

    @property
    def report(self) -> Report:
        """Return the function that writes a line to the log."""
        ...

    def answer(self, request: Request) -> Reply:
        """Return the answer to ``request``."""
        ...


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """How much one server does at the same time."""

    threads: int = 8
    connections: int = 64
    idle_s: int = 10
    """A connection without traffic is closed after this time."""


def json_problem(status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a reply with an error as JSON."""
    return Reply(status, json.dumps({"error": message}), headers or {})


def has_bearer_token(authorization: str, token: str) -> bool:
    """Return whether the header ``authorization`` contains ``token``. The comparison takes the same time for all."""
    scheme, _, value = authorization.partition(" ")
    is_equal = hmac.compare_digest(value.strip().encode(), token.encode())
    return is_equal and scheme.lower() == "bearer"


def wsgi_application(service: Service) -> Callable[[Mapping[str, Any], StartResponse], Iterable[bytes]]:
    """Return ``service`` as a WSGI application (PEP 3333)."""

    def run(environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = _request(environ)
        try:
            reply = service.answer(request)
        except Exception as error:  # noqa: BLE001 - a defect must not stop the service or reveal internal data
            service.report(f"{type(error).__name__}: {one_line(error)}. Please report this bug.")
            reply = json_problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error; see the log")
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **reply.headers,
        }
        start_response(f"{reply.status.value} {reply.status.phrase}", list(headers.items()))
        if reply.pieces is not None:
            return reply.pieces
        return () if request.method == "HEAD" else _pieces_of(body)

    return run


def _request(environ: Mapping[str, Any]) -> Request:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    return Request(
        environ["REQUEST_METHOD"],
        environ.get("PATH_INFO", ""),
        environ.get("QUERY_STRING", ""),
        headers.get("authorization", ""),
        environ.get("REMOTE_ADDR", ""),
        headers,
    )


def _pieces_of(body: bytes) -> Iterator[bytes]:
    """Yield ``body`` in pieces, so that only a few of them wait in the buffers of the server."""
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]


def serve(service: Service, listen: str, limits: ServerLimits = ServerLimits()) -> None:  # noqa: B008 - immutable
    """Listen on the address ``listen`` until SIGTERM. Raises BadInput if the address is in use."""
    import waitress

    host, port = _address(listen)
    family = socket.AF_INET6 if host.version == 6 else socket.AF_INET
    try:
        listening = socket.create_server((str(host), port), family=family, backlog=limits.connections)
    except OSError as error:
        raise BadInput(f"cannot listen on {listen}", error.strerror or str(error), "Choose another port.") from error
    server = waitress.create_server(
        wsgi_application(service),
        sockets=[listening],
        threads=limits.threads,
        connection_limit=limits.connections,
        channel_timeout=limits.idle_s,
        cleanup_interval=limits.idle_s,
        max_request_header_size=_MAX_REQUEST_BYTES,
        max_request_body_size=_MAX_REQUEST_BYTES,
        outbuf_high_watermark=_MAX_WAITING_BYTES,
        # Nothing is written to a temporary file: the file system may be read-only.
        outbuf_overflow=4 * _MAX_WAITING_BYTES,
        ident="",
    )
    if not host.is_loopback:
        service.report(
            "The server uses plain HTTP and is reachable from other machines: put a proxy or a service mesh "
            "with TLS in front of it."
        )
    service.report(f"listening on {_url(host, listening.getsockname()[1])}")
    server.run()  # returns at SystemExit, after the running requests
    service.report("stopped")


def _address(listen: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    host, _, port = listen.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise BadInput(f"cannot listen on {listen}", "it is not an IP address", "For example 127.0.0.1:8790.") from None
    if int(port) > 65535:
        raise BadInput(f"cannot listen on {listen}", "the port is not valid", "For example 127.0.0.1:8790.")
    return address, int(port)


def _url(host: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
    return f"http://[{host}]:{port}" if host.version == 6 else f"http://{host}:{port}"
