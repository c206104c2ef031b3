"""A server in front of Azurite that forwards requests, and provokes faults that Azurite does not have."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from lab.stores import azure_endpoint

_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "date", "server"}


@dataclass(frozen=True)
class Request:
    """What came in."""

    method: str
    path: str
    headers: dict[str, str]
    number: int  # how many of its kind (method and comp=…) came before it

    @property
    def block(self) -> bool:
        """Return whether it uploads a block."""
        return self.method == "PUT" and "comp=block&" in f"{self.path}&"


@dataclass(frozen=True)
class Answer:
    """The response that the front sends instead of Azurite's."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def refusal(status: int, code: str) -> Answer:
    """Return an error as the service words it."""
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{code}.</Message></Error>'
    return Answer(status, body.encode(), {"Content-Type": "application/xml", "x-ms-error-code": code})


RESET = Answer(0)
"""The connection is reset in the middle of the request's body."""

Plan = Callable[[Request], Answer | None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    plan: Plan
    query = ""  # added to each URL that is forwarded

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.count_by_kind: dict[str, int] = {}
        self.lock = threading.Lock()

    def handle_error(self, *_: object) -> None:
        """Ignore it: some tests close the connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_PUT(self) -> None:
        self._carry()

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT  # noqa: N815 - the base class wants these names

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _carry(self) -> None:
        query = urlsplit(self.path).query
        kind = f"{self.command} {next((part for part in query.split('&') if part.startswith('comp=')), '')}"
        with self.server.lock:
            number = self.server.count_by_kind.get(kind, 0)
            self.server.count_by_kind[kind] = number + 1
        length = int(self.headers.get("Content-Length") or 0)
        answer = self.server.plan(Request(self.command, self.path, dict(self.headers), number))
        if answer is RESET:
            self.rfile.read(length // 2)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        body = self.rfile.read(length)
        self._answer(answer or self._azurite(body))

    def _azurite(self, body: bytes) -> Answer:
        where = urlsplit(azure_endpoint().url)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=30)
        path, headers = self.path, dict(self.headers)
        if self.server.query:
            path += ("&" if "?" in path else "?") + self.server.query
            headers.pop("Authorization", None)
        connection.request(self.command, path, body, headers)
        answer = connection.getresponse()
        forwarded = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
        if self.command == "HEAD":
            forwarded["Content-Length"] = answer.getheader("Content-Length") or "0"
        carried = Answer(answer.status, answer.read(), forwarded)
        connection.close()
        return carried

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        headers = {"Content-Length": str(len(answer.body)), **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)


@contextmanager
def front(plan: Plan, *, certificate: Path | None = None, query: str = "") -> Iterator[str]:
    """Yield the URL of the account behind the front; ``plan`` returns the response to send instead of Azurite's.

    With ``certificate`` (a PEM file with its key) it speaks TLS. With ``query``, a SAS token, forwarded requests have
    that instead of the front's authorization.
    """
    server = _Server()
    server.plan, server.query = plan, query
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        scheme = "https" if certificate else "http"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}/{azure_endpoint().account}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
