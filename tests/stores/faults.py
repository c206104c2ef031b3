"""An HTTP proxy on loopback before a real S3 server: it counts the requests and provokes faults."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

_PIECE = 64 << 10
_OURS = {"connection", "content-length", "date", "expect", "server", "transfer-encoding"}


@dataclass(frozen=True)
class Request:
    """A request that reached the proxy."""

    method: str
    path: str
    query: dict[str, str]

    @property
    def part(self) -> int:
        """The number of the part that it sends, 0 when it sends none."""
        return int(self.query.get("partNumber", 0)) if self.method == "PUT" else 0

    @property
    def does(self) -> str:
        """create, part, complete, list, put, head or get."""
        if self.method == "POST":
            return "create" if "uploads" in self.query else "complete"
        if self.method == "PUT":
            return "part" if self.part else "put"
        return "list" if {"uploads", "uploadId"} & self.query.keys() else self.method.lower()


@dataclass(frozen=True)
class Fault:
    """The fault of a request."""

    refuse: tuple[int, str] | None = None  # status and code of a response that the proxy sends itself
    reset_after: int | None = None  # bytes of the body, then the connection breaks
    lose_answer: bool = False  # the server executes the request, but the client gets no response
    kill: int = 0  # the process to end, as kill -9 does
    silent_s: float = 0  # before the answer
    short: int = 0  # the server reports this many bytes fewer than it has
    bytes_per_s: int = 0
    garbled: bool = False  # a byte of the body changes on the way
    without_checksums: bool = False  # the server does not return them
    refuses_checksums: bool = False  # the server rejects requests that contain them


Choose = Callable[[Request], Fault | None]


@dataclass
class Faults:
    """The proxy; use it as a context."""

    host: str
    port: int
    choose: Choose = lambda _request: None  # the fault of a request
    received: list[Request] = field(default_factory=list)
    arrived: list[Request] = field(default_factory=list)  # the requests that the server answered with success

    def __enter__(self) -> Faults:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where the proxy listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def parts(self) -> list[int]:
        """The numbers of the parts that arrived, sorted."""
        return sorted(request.part for request in self.arrived if request.part)

    def did(self, method: str) -> int:
        """Return the number of requests of the kind ``what`` (see `Request.does`)."""
        return sum(request.does == method for request in self.arrived)


def first(count: int, fault: Fault, does: str) -> Choose:
    """``fault`` for the first ``count`` requests that do ``does``."""
    lock, failures_left = threading.Lock(), [count]

    def choose(request: Request) -> Fault | None:
        with lock:
            if request.does != does or not failures_left[0]:
                return None
            failures_left[0] -= 1
            return fault

    return choose


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, faults: Faults) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults = faults

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(
            sys.exc_info()[1], ConnectionError
        ):  # the client has closed the connection, as some tests require
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _pass(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
        request = Request(self.command, url.path, query)
        self.server.faults.received.append(request)
        fault = self.server.faults.choose(request) or Fault()
        checksums = ("x-amz-checksum-", "x-amz-sdk-checksum-")
        if fault.refuses_checksums and any(name.lower().startswith(checksums) for name in self.headers):
            self._drain()
            self._refuse(400, "InvalidArgument")
            return
        if fault.refuse:
            self._drain()
            self._refuse(*fault.refuse)
            return
        self._forward(request, fault)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass  # noqa: N815 - the base class's names

    def _forward(self, request: Request, fault: Fault) -> None:
        server = http.client.HTTPConnection(self.server.faults.host, self.server.faults.port)
        try:
            if not self._send_on(server, fault):
                return
            answer = server.getresponse()
            body = answer.read()
            if answer.status < 300:
                self.server.faults.arrived.append(request)
            if fault.lose_answer:
                self._break(fault)
                return
            time.sleep(fault.silent_s)
            self._answer(answer, body, fault)
        except OSError:
            self.close_connection = True  # the client has closed the connection
        finally:
            server.close()

    def _send_on(self, server: http.client.HTTPConnection, fault: Fault) -> bool:
        """Forward the request. Return False if the connection broke."""
        if fault.reset_after == 0:
            self._break(fault)
            return False
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("expect", "connection"):
                server.putheader(name, value)
        server.endheaders()
        passed, length = 0, int(self.headers.get("Content-Length") or 0)
        while passed < length:
            if fault.reset_after is not None and passed >= fault.reset_after:
                self._break(fault)
                return False
            piece = self.rfile.read(min(_PIECE, length - passed))
            if not piece:
                return False
            server.send(bytes([piece[0] ^ 1]) + piece[1:] if fault.garbled and not passed else piece)
            passed += len(piece)
            if fault.bytes_per_s:
                time.sleep(len(piece) / fault.bytes_per_s)
        return True

    def _answer(self, answer: http.client.HTTPResponse, body: bytes, fault: Fault) -> None:
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            hidden = fault.without_checksums and name.lower().startswith("x-amz-checksum")
            if name.lower() not in _OURS and not hidden:
                self.send_header(name, value)
        if fault.without_checksums:
            begin, end = b"<ChecksumSHA256>", b"</ChecksumSHA256>"
            while begin in body:
                body = body[: body.index(begin)] + body[body.index(end) + len(end) :]
        length = int(answer.getheader("Content-Length") or 0) if self.command == "HEAD" else len(body)
        self.send_header("Content-Length", str(length - fault.short))
        self.end_headers()
        self.wfile.write(body)

    def _drain(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _refuse(self, status: int, code: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>simulated {code}</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _break(self, fault: Fault) -> None:
        self.close_connection = True
        if fault.kill:
            os.kill(fault.kill, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self.connection.shutdown(2)

    def log_message(self, *_: object) -> None:
        pass
