"""Run a command in a container and take what it writes, byte by byte as it is.

`kubernetes.stream` is 150 times slower, keeps everything in memory and loses bytes.
Source: Kubernetes API reference, "connect GET requests to exec of Pod".
"""

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from ..backoff import retried
from ..errors import CommandFailed, NeverEnds
from ..model import ContainerRef, ExitStatus
from .client import Api
from .errors import refused, unreachable
from .frames import (
    BROKEN_STREAM,
    CLOSE,
    PING,
    STATUS,
    STDERR,
    STDIN,
    STDOUT,
    SUBPROTOCOLS,
    TIME_LIMIT,
    Frames,
    broken_stream,
    exit_status,
    out_of_time,
)
from .resources import pod_path
from .retry import retry_after

if TYPE_CHECKING:
    from websocket import WebSocket

Sink = Callable[[memoryview], object]
CONNECT_S = 10
_READ_BYTES, _SEND_BYTES = 64 << 10, 32 << 10
_STATUS_BYTES = 1 << 20  # more than any API server says
_RESTART_WAITS_S = (0.5, 1, 2, 4, 8, 8)
SHORT_S, _SHORT_LIMIT = 30, 4 << 20
_PING_S = 20  # load balancers close what is idle, some after a minute


def run(  # noqa: PLR0913 - where, what, and its two outputs
    api: Api,
    place: ContainerRef,
    argv: Sequence[str],
    *,
    stdout: Sink,
    stderr: Sink,
    time_limit_s: float,
    closing: bool = False,
    stdin: bytes = b"",
    holds_stdin: bool = False,
) -> ExitStatus:
    """Run ``argv`` in ``place`` and hand each piece of output to its sink; return how it ended.

    A piece is a view of the receive buffer, good until its sink returns; what a sink raises goes through. A stream
    that breaks, or runs into the time limit (in seconds, for all of it), is told in the status, so that what has
    arrived can be kept. Raises NotAllowed, TargetNotFound, Unreachable when the command could not be started.
    After an abort only what is ``closing`` is run. ``stdin`` is sent at once and not closed: it is for secrets, which
    have no place in ``argv``, and has to tell its own end. With ``holds_stdin`` the command has a standard input that
    stays open until this connection ends, however it does: the command sees its end, and can end itself.
    """
    connection = _open(api, place, argv, stdin=bool(stdin) or holds_stdin)
    breakable = _Breakable(connection)
    try:
        _send(connection, stdin)
        if not closing:
            api.streams.add(breakable)
        status = _pump(connection, {STDOUT: stdout, STDERR: stderr}, time_limit_s)
    finally:
        api.streams.remove(breakable)
        connection.shutdown()
    if status.reason == BROKEN_STREAM:
        api.outages.notice()
    return status


def run_short(api: Api, place: ContainerRef, argv: Sequence[str]) -> tuple[ExitStatus, str, str]:
    """Run a command of little output; return its status, standard output and standard error, cut at 4 MiB each.

    Raises CommandFailed when the connection breaks or the command does not end.
    """
    output, errors = bytearray(), bytearray()
    status = run(
        api,
        place,
        argv,
        stdout=lambda piece: output.extend(piece[: _SHORT_LIMIT - len(output)]),
        stderr=lambda piece: errors.extend(piece[: _SHORT_LIMIT - len(errors)]),
        time_limit_s=SHORT_S,
    )
    if status.reason in (BROKEN_STREAM, TIME_LIMIT):
        kind = NeverEnds if status.reason == TIME_LIMIT else CommandFailed
        raise kind(f"{argv[0]} in {place} failed", status.message, "Capture again.")
    return status, output.decode(errors="replace"), errors.decode(errors="replace")


class _Breakable:
    """A connection that another thread may break: to close a socket does not wake its reader, to shut it down does."""

    def __init__(self, connection: "WebSocket") -> None:
        self._connection = connection

    def close(self) -> None:
        with suppress(OSError):  # it has ended by itself
            self._connection.sock.shutdown(socket.SHUT_RDWR)


def _pump(connection: "WebSocket", sinks: dict[int, Sink], time_limit_s: float) -> ExitStatus:
    deadline = time.monotonic() + time_limit_s
    frames, buffer, status = Frames(), memoryview(bytearray(_READ_BYTES)), bytearray()
    takers: dict[int, Sink] = {
        **sinks,
        STATUS: lambda piece: status.extend(piece[: _STATUS_BYTES - len(status)]),
        PING: lambda ping: _answer(connection, ping),
    }
    otherwise, ended = broken_stream(), False
    while not ended:
        size, broken = _receive(connection, buffer, deadline)
        otherwise = broken or otherwise
        ended = not size
        for channel, piece in frames.feed(buffer[:size]):
            ended = ended or channel == CLOSE
            if channel in takers:
                takers[channel](piece)
    return exit_status(bytes(status)) if status else otherwise


def _send(connection: "WebSocket", stdin: bytes) -> None:
    """Send ``stdin`` in pieces. Where that fails the connection is dead, which the first read finds and tells."""
    from websocket import WebSocketException

    with suppress(WebSocketException, OSError):
        for start in range(0, len(stdin), _SEND_BYTES):
            connection.send_binary(bytes([STDIN]) + stdin[start : start + _SEND_BYTES])


def _receive(connection: "WebSocket", buffer: memoryview, deadline: float) -> tuple[int, ExitStatus | None]:
    """Fill ``buffer`` and return how far; 0 at the end of the stream, with the reason when there is one.

    While nothing comes, pings keep what lies between from closing a connection that looks idle.
    """
    while (remaining_s := deadline - time.monotonic()) > 0:
        connection.settimeout(min(remaining_s, _PING_S))
        try:
            return connection.sock.recv_into(buffer), None
        except OSError as error:
            ours = isinstance(error, TimeoutError) and error.errno is None  # the network's own have a number
            if not ours:
                return 0, broken_stream(str(error))
        _ping(connection)
    return 0, out_of_time()


def _ping(connection: "WebSocket") -> None:
    """Ping. Where that fails the connection is dead, which the next read finds and tells."""
    from websocket import WebSocketException

    with suppress(WebSocketException, OSError):
        connection.ping()


def _answer(connection: "WebSocket", ping: memoryview) -> None:
    """Answer a ping. Where that fails the connection is dead, which the next read finds and tells."""
    from websocket import WebSocketException

    with suppress(WebSocketException, OSError):
        connection.pong(bytes(ping))


def _open(api: Api, place: ContainerRef, argv: Sequence[str], *, stdin: bool) -> "WebSocket":
    """Start the command; an API server that has answered before and now refuses connections is being restarted."""
    import websocket

    doing = f"cannot run a command in {place}"

    def wait(error: Exception, wait_s: float) -> float | None:
        if isinstance(error, websocket.WebSocketBadStatusException):
            return retry_after(error.status_code, error.resp_headers or {})  # the server knows better
        if not isinstance(error, ConnectionRefusedError):
            return None
        api.outages.notice()
        return wait_s

    waits_s = _RESTART_WAITS_S if api.has_answered and not api.streams.broken else ()
    try:
        return retried(lambda: _connect_to_ready(api, place, argv, stdin=stdin), waits_s, wait)
    except websocket.WebSocketBadStatusException as error:
        raise refused(doing, error.status_code, error.resp_body or b"") from error
    except (websocket.WebSocketException, OSError) as error:
        raise unreachable(doing, error) from error


def _connect_to_ready(api: Api, place: ContainerRef, argv: Sequence[str], *, stdin: bool) -> "WebSocket":
    """Connect; what an API server refuses that has just started is asked again once it is ready."""
    import websocket

    while True:
        asked_at = api.outages.now()
        try:
            return _connect(api, place, argv, stdin=stdin)
        except websocket.WebSocketBadStatusException as error:
            if not api.excuses(error.status_code, asked_at):
                raise


def _connect(api: Api, place: ContainerRef, argv: Sequence[str], *, stdin: bool) -> "WebSocket":
    import websocket

    api.admit(urgent=True)
    query = [("container", place.container), ("stdout", "true"), ("stderr", "true")]
    query += [("stdin", "true")] if stdin else []
    query += [("command", word) for word in argv]
    return websocket.create_connection(
        websocket_url(api.connection.server, f"{pod_path(place.namespace, place.pod)}/exec", query),
        timeout=CONNECT_S,
        header=api.headers(),
        subprotocols=list(SUBPROTOCOLS),
        sslopt={"context": api.connection.tls, "server_hostname": api.connection.server_name},
        skip_utf8_validation=True,
        suppress_origin=True,
        **_proxy(api.connection.proxy),
    )


def _proxy(url: str | None) -> dict[str, object]:
    if not url:
        return {"http_no_proxy": ["*"]}  # the settings have decided, not the library
    parts = urlsplit(url)
    return {"http_proxy_host": parts.hostname, "http_proxy_port": parts.port, "proxy_type": parts.scheme}


def websocket_url(server: str, path: str, query: list[tuple[str, str]]) -> str:
    """Return the wss:// URL of ``path`` on ``server``."""
    parts = urlsplit(server)
    return f"wss://{parts.netloc}{parts.path}{path}?{urlencode(query)}"
