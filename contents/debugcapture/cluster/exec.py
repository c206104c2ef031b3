"""Run a command in a container and take what it writes, byte by byte as it is.

`websocket-client` is read frame by frame: `kubernetes.stream` is 150 times slower, keeps everything in memory and
loses bytes. Source: Kubernetes API reference, "connect GET requests to exec of Pod".
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..model import ContainerRef, ExitStatus
from .api import Api, pod_path, refused, unreachable, websocket_url
from .frames import STATUS, STDERR, STDOUT, SUBPROTOCOLS, broken_stream, exit_status, out_of_time

if TYPE_CHECKING:
    from websocket import WebSocket

Sink = Callable[[memoryview], object]
CONNECT_S = 10
_RECORD_BYTES = 16 << 10  # the largest TLS record


def run(
    api: Api, place: ContainerRef, argv: Sequence[str], *, stdout: Sink, stderr: Sink, time_limit_s: float
) -> ExitStatus:
    """Run ``argv`` in ``place`` and hand each piece of output to its sink; return how it ended.

    A stream that breaks, or runs into the time limit (in seconds, for all of it), is told in the status, so that
    what has arrived can be kept. What a sink raises goes through. Raises NotAllowed, TargetNotFound, Unreachable
    when the command could not be started.
    """
    connection = _open(api, place, argv)
    try:
        return _pump(connection, {STDOUT: stdout, STDERR: stderr}, time_limit_s)
    finally:
        connection.shutdown()


def _pump(connection: "WebSocket", sinks: dict[int, Sink], time_limit_s: float) -> ExitStatus:
    from websocket import ABNF, WebSocketException, WebSocketTimeoutException

    deadline = time.monotonic() + time_limit_s
    status: ExitStatus | None = None
    while (remaining := deadline - time.monotonic()) > 0:
        connection.settimeout(remaining)
        try:
            opcode, message = connection.recv_data()
        except WebSocketTimeoutException:
            break
        except (WebSocketException, OSError) as error:
            return status or broken_stream(str(error))
        if opcode == ABNF.OPCODE_CLOSE:
            return status or broken_stream()
        status = _deliver(message, sinks) or status
    return status or out_of_time(time_limit_s)


def _deliver(message: bytes, sinks: dict[int, Sink]) -> ExitStatus | None:
    """Hand a message's payload to the sink of its channel; return the exit status when it is one."""
    channel, payload = message[:1], memoryview(message)[1:]
    if channel == bytes([STATUS]):
        return exit_status(bytes(payload))
    if payload and channel[0] in sinks:
        sinks[channel[0]](payload)
    return None


def _open(api: Api, place: ContainerRef, argv: Sequence[str]) -> "WebSocket":
    import websocket

    query = [("container", place.container), ("stdout", "true"), ("stderr", "true")]
    query += [("command", word) for word in argv]
    doing = f"cannot run a command in {place}"
    try:
        return websocket.create_connection(
            class_=_reading_ahead(),
            url=websocket_url(api.connection.server, f"{pod_path(place.namespace, place.pod)}/exec", query),
            timeout=CONNECT_S,
            header=api.headers(),
            subprotocols=list(SUBPROTOCOLS),
            sslopt={"context": api.connection.tls, "server_hostname": api.connection.server_name},
            skip_utf8_validation=True,
            suppress_origin=True,
            **_proxy(api.connection.proxy),
        )
    except websocket.WebSocketBadStatusException as error:
        raise refused(doing, error.status_code, error.resp_body or b"") from error
    except (websocket.WebSocketException, OSError) as error:
        raise unreachable(doing, error) from error


def _reading_ahead() -> "type[WebSocket]":
    """Return a WebSocket that reads a TLS record at a time.

    The library reads a frame in three pieces or more, each a call through TLS; this halves the time of a transfer.
    """
    from websocket import WebSocket

    class ReadingAhead(WebSocket):  # type: ignore[misc]  # the library is not typed for us
        _ahead = b""

        def _recv(self, bufsize: int) -> bytes:
            if not self._ahead:
                self._ahead = super()._recv(_RECORD_BYTES)
            piece, self._ahead = self._ahead[:bufsize], self._ahead[bufsize:]
            return piece

    return ReadingAhead


def _proxy(url: str | None) -> dict[str, object]:
    if not url:
        return {}
    parts = urlsplit(url)
    return {"http_proxy_host": parts.hostname, "http_proxy_port": parts.port, "proxy_type": parts.scheme}
