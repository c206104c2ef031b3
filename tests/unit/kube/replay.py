"""A WebSocket connection that replays the frames of an exec session."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import websocket
from websocket import ABNF

from debugcapture.backoff import Clock
from debugcapture.kube import exec_stream
from debugcapture.kube.auth import Connection
from debugcapture.kube.client import Api, Dial, open_websocket
from debugcapture.kube.exec_stream import Stdio
from debugcapture.kube.proxy import Proxy
from debugcapture.model import ExitStatus
from tests.unit.builders import PLACE

if TYPE_CHECKING:
    from websocket import WebSocket

Frame = tuple[int, bytes]
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without CAs it is made in no time
CLOSE: Frame = (ABNF.OPCODE_CLOSE, b"\x03\xe8")


def data(channel: int, payload: bytes) -> Frame:
    return ABNF.OPCODE_BINARY, bytes([channel]) + payload


def wire(frame: Frame) -> bytes:
    return bytes(ABNF(1, 0, 0, 0, frame[0], 0, frame[1]).format())


def fill(buffer: memoryview, content: bytes) -> int:
    buffer[: len(content)] = content
    return len(content)


class Replay:
    """A connection that replays frames; an exception among them is raised in its place."""

    def __init__(self, frames: Iterable[Frame | Exception]) -> None:
        self._frames = iter(frames)
        self.timeouts: list[float] = []
        self.pongs: list[bytes] = []
        self.pings = 0
        self.sent: list[bytes] = []
        self.is_shut = False

    def settimeout(self, seconds: float) -> None:
        self.timeouts.append(seconds)

    @property
    def sock(self) -> Replay:
        return self

    def recv_into(self, buffer: memoryview) -> int:
        """Return one frame at a time, as on the wire."""
        frame = next(self._frames)
        if isinstance(frame, Exception):
            raise frame
        return fill(buffer, wire(frame))

    def pong(self, payload: bytes) -> None:
        self.pongs.append(payload)

    def send_binary(self, payload: bytes) -> None:
        self.sent.append(payload)

    def ping(self) -> None:
        self.pings += 1

    def shutdown(self) -> None:
        self.is_shut = True


def api(
    dial: Dial = open_websocket,
    *,
    proxy: Proxy | None = None,
    server_name: str | None = None,
    clock: Clock = time,
) -> Api:
    connection = Connection("https://cluster.example:6443", TLS, lambda: "Bearer t0ken", server_name, proxy)
    return Api(connection, dial=dial, clock=clock)


def replays(*connections: Replay) -> Dial:
    """Return a function that opens these connections, one after another."""
    remaining = iter(connections)
    return lambda *_, **__: cast("WebSocket", next(remaining))


def discard(_piece: memoryview) -> None:
    pass


def collect(connection: Replay, clock: Clock = time) -> tuple[ExitStatus, bytes, bytes]:
    out, errors = bytearray(), bytearray()
    stdio = Stdio(out.extend, errors.extend)
    status = exec_stream.run(api(replays(connection), clock=clock), PLACE, ["true"], stdio, time_limit_s=60)
    return status, bytes(out), bytes(errors)


def bad_status(code: int, body: bytes | None) -> Dial:
    def create(*_: Any, **__: Any) -> WebSocket:
        raise websocket.WebSocketBadStatusException("Handshake status %d %s", code, "", {}, body)

    return create
