"""Runs a command in a container and passes its output to sinks, byte by byte.

`kubernetes.stream` is 150 times slower, keeps the whole output in memory and loses bytes.
Source: Kubernetes API reference, "connect GET requests to exec of Pod".
"""

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode, urlsplit

from ..backoff import Clock, retried
from ..errors import CommandFailed, NeverEnds, Unreachable
from ..model import ContainerRef, ExitStatus, StartFailure
from .auth import Connection
from .errors import error_from_status, unreachable_error
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
from .outage import Outages
from .proxy import Proxy
from .resources import pod_path
from .retry import retry_after
from .start_failures import HEAD_BYTES, with_start_failure
from .streams import Streams

if TYPE_CHECKING:
    from websocket import WebSocket

Sink = Callable[[memoryview], object]
CONNECT_S = 10
_READ_BYTES, _SEND_BYTES = 64 << 10, 32 << 10
_MAX_STATUS_BYTES = 1 << 20
_RESTART_WAITS_S = (0.5, 1, 2, 4, 8, 8)
SHORT_S, _SHORT_LIMIT_BYTES = 30, 4 << 20
_NO_HOST = "debug-capture.invalid"  # RFC 2606: it never exists
_PING_S = 20  # some load balancers close idle connections after a minute


@dataclass(frozen=True, slots=True)
class Stdio:
    """The standard streams of a command."""

    stdout: Sink
    """Receives each piece of output: a view of the receive buffer, which is valid until the sink returns."""
    stderr: Sink
    stdin: bytes = b""
    """Sent immediately, then the stream stays open. It is for secrets, which must not be in argv, and marks its end."""
    holds_stdin: bool = False
    """Whether the command has a standard input that ends with the connection, so that it can notice that and stop."""
    reply: Callable[[], bytes] | None = None
    """Called after each piece of standard output. The bytes that it returns are sent to standard input."""


class Client(Protocol):
    """What a session needs of the client of the API server: `Api`."""

    connection: Connection
    streams: Streams
    outages: Outages
    has_answered: bool
    clock: Clock
    dial: "Callable[..., WebSocket]"

    def headers(self) -> dict[str, str]:
        """Return the headers that authenticate a request."""

    def wait_for_turn(self, *, urgent: bool = False) -> None:
        """Wait until the rate limit allows a request."""

    def should_retry_status(self, status: int, asked_at: float) -> bool:
        """Return whether to retry after an HTTP ``status``."""


class Runner(Protocol):
    """Runs commands in containers: `Api`, or a fake cluster of a test."""

    def run(
        self, ref: ContainerRef, argv: Sequence[str], stdio: Stdio, *, time_limit_s: float, closing: bool = False
    ) -> ExitStatus:
        """Run ``argv`` in ``ref``, and return how the command ended; see `run`."""


def run(
    api: Client, ref: ContainerRef, argv: Sequence[str], stdio: Stdio, *, time_limit_s: float, closing: bool = False
) -> ExitStatus:
    """Run ``argv`` in ``ref``, pass each piece of output to its sink, and return how the command ended.

    Errors of a sink are raised. If the stream breaks, or reaches ``time_limit_s``, the status says so, and the output
    that has arrived can be kept. Raises NotAllowed, TargetNotFound or Unreachable if the command could not be started.
    After an abort, only commands with ``closing`` run.
    """
    connection = _open(api, ref, argv, stdin=bool(stdio.stdin) or stdio.holds_stdin)
    breakable = _Breakable(connection)
    output, errors = _HeadSink(stdio.stdout, 1), _HeadSink(stdio.stderr, HEAD_BYTES)

    def receive(piece: memoryview) -> None:
        output(piece)
        if stdio.reply:
            _send(connection, stdio.reply())

    try:
        _send(connection, stdio.stdin)
        if not closing:
            api.streams.add(breakable)
        status = _pump(connection, {STDOUT: receive, STDERR: errors}, api.clock, time_limit_s)
    finally:
        api.streams.remove(breakable)
        connection.shutdown()
    if status.reason == BROKEN_STREAM:
        api.outages.record_failure()
    return with_start_failure(status, argv[0], bytes(errors.head), has_output=bool(output.head))


def discard(_piece: memoryview) -> None:
    """Ignore output. A sink."""


class _HeadSink:
    """Passes everything on to a sink, and keeps the first ``size`` bytes."""

    def __init__(self, sink: Sink, size: int) -> None:
        self._sink, self._size, self.head = sink, size, bytearray()

    def __call__(self, piece: memoryview) -> None:
        if len(self.head) < self._size:
            self.head.extend(piece[: self._size - len(self.head)])
        self._sink(piece)


def run_short(runner: Runner, ref: ContainerRef, argv: Sequence[str]) -> tuple[ExitStatus, str, str]:
    """Run a command of little output; return its status, standard output and standard error, cut at 4 MiB each.

    Raises CommandFailed when the connection breaks or the command does not end, Unreachable if the API server cannot
    reach the node.
    """
    output, errors = bytearray(), bytearray()
    status = runner.run(
        ref,
        argv,
        Stdio(
            lambda piece: output.extend(piece[: _SHORT_LIMIT_BYTES - len(output)]),
            lambda piece: errors.extend(piece[: _SHORT_LIMIT_BYTES - len(errors)]),
        ),
        time_limit_s=SHORT_S,
    )
    if status.reason in (BROKEN_STREAM, TIME_LIMIT):
        kind = NeverEnds if status.reason == TIME_LIMIT else CommandFailed
        raise kind(f"{argv[0]} in {ref} failed", status.message, "Capture again.")
    if status.failure is StartFailure.NODE_UNREACHABLE:
        raise Unreachable(f"cannot run {argv[0]} in {ref}", status.message, "Check the node of the pod.")
    return status, output.decode(errors="replace"), errors.decode(errors="replace")


class _Breakable:
    """A connection that another thread can break. Closing a socket does not wake its reader; shutting it down does."""

    def __init__(self, connection: "WebSocket") -> None:
        self._connection = connection

    def close(self) -> None:
        with suppress(OSError):  # it has already ended
            self._connection.sock.shutdown(socket.SHUT_RDWR)


def _pump(connection: "WebSocket", sinks: dict[int, Sink], clock: Clock, time_limit_s: float) -> ExitStatus:
    deadline = clock.monotonic() + time_limit_s
    frames, buffer, status = Frames(), memoryview(bytearray(_READ_BYTES)), bytearray()
    channel_sinks: dict[int, Sink] = {
        **sinks,
        STATUS: lambda piece: status.extend(piece[: _MAX_STATUS_BYTES - len(status)]),
        PING: lambda ping: _send_pong(connection, ping),
    }
    failure, has_ended = broken_stream(), False
    while not has_ended:
        size, receive_failure = _receive(connection, buffer, clock, deadline)
        failure = receive_failure or failure
        has_ended = not size
        for channel, piece in frames.feed(buffer[:size]):
            has_ended = has_ended or channel == CLOSE
            if channel in channel_sinks:
                channel_sinks[channel](piece)
    return exit_status(bytes(status)) if status else failure


def _send(connection: "WebSocket", stdin: bytes) -> None:
    """Send ``stdin`` in pieces. If that fails, the connection is broken, and the next read reports it."""
    from websocket import WebSocketException

    with suppress(WebSocketException, OSError):
        for start in range(0, len(stdin), _SEND_BYTES):
            connection.send_binary(bytes([STDIN]) + stdin[start : start + _SEND_BYTES])


def _receive(
    connection: "WebSocket", buffer: memoryview, clock: Clock, deadline: float
) -> tuple[int, ExitStatus | None]:
    """Fill ``buffer`` and return the number of bytes; 0 at the end of the stream, with the reason if it failed.

    While nothing arrives, pings keep load balancers from closing the idle connection.
    """
    while (remaining_s := deadline - clock.monotonic()) > 0:
        connection.settimeout(min(remaining_s, _PING_S))
        try:
            return connection.sock.recv_into(buffer), None
        except OSError as error:
            is_own_timeout = isinstance(error, TimeoutError) and error.errno is None  # a timeout of TCP has an errno
            if not is_own_timeout:
                return 0, broken_stream(str(error))
        _ping(connection)
    return 0, out_of_time()


def _ping(connection: "WebSocket") -> None:
    """Send a ping. If that fails, the connection is broken, and the next read reports it."""
    from websocket import WebSocketException

    with suppress(WebSocketException, OSError):
        connection.ping()


def _send_pong(connection: "WebSocket", ping: memoryview) -> None:
    """Reply to a ping. If that fails, the connection is broken, and the next read reports it."""
    from websocket import WebSocketException

    with suppress(WebSocketException, OSError):
        connection.pong(bytes(ping))


def _open(api: Client, ref: ContainerRef, argv: Sequence[str], *, stdin: bool) -> "WebSocket":
    """Start the command. Wait for an API server that has responded before and now refuses connections: it restarts."""
    import websocket

    action = f"cannot run a command in {ref}"

    def wait(error: Exception, wait_s: float) -> float | None:
        if isinstance(error, websocket.WebSocketBadStatusException):
            return retry_after(error.status_code, error.resp_headers or {})  # the server sets the time
        if not isinstance(error, ConnectionRefusedError):
            return None
        api.outages.record_failure()
        return wait_s

    waits_s = _RESTART_WAITS_S if api.has_answered and not api.streams.broken else ()
    try:
        return retried(lambda: _connect_to_ready(api, ref, argv, stdin=stdin), waits_s, wait, api.clock.sleep)
    except websocket.WebSocketBadStatusException as error:
        raise error_from_status(action, error.status_code, error.resp_body or b"") from error
    except (websocket.WebSocketException, OSError) as error:
        raise unreachable_error(action, error) from error


def _connect_to_ready(api: Client, ref: ContainerRef, argv: Sequence[str], *, stdin: bool) -> "WebSocket":
    """Connect. If an API server that has just started rejects the request, repeat it once the server is ready."""
    import websocket

    while True:
        asked_at = api.outages.now()
        try:
            return _connect(api, ref, argv, stdin=stdin)
        except websocket.WebSocketBadStatusException as error:
            if not api.should_retry_status(error.status_code, asked_at):
                raise


def _connect(api: Client, ref: ContainerRef, argv: Sequence[str], *, stdin: bool) -> "WebSocket":
    api.wait_for_turn(urgent=True)
    query = [("container", ref.container), ("stdout", "true"), ("stderr", "true")]
    query += [("stdin", "true")] if stdin else []
    query += [("command", word) for word in argv]
    return api.dial(
        websocket_url(api.connection.server, f"{pod_path(ref.namespace, ref.pod)}/exec", query),
        timeout=CONNECT_S,
        header=api.headers(),
        subprotocols=list(SUBPROTOCOLS),
        sslopt={"context": api.connection.tls, "server_hostname": api.connection.server_name},
        skip_utf8_validation=True,
        suppress_origin=True,
        # A redirect would carry the token to another server, also without TLS.
        redirect_limit=0,
        **_proxy(api.connection.proxy),
    )


def _proxy(proxy: Proxy | None) -> dict[str, object]:
    if not proxy:
        return {"http_no_proxy": ["*"]}  # the library must not apply its own proxy settings
    login = (proxy.user, proxy.password) if proxy.user else None
    return {
        "http_proxy_host": proxy.host,
        "http_proxy_port": proxy.port,
        "http_proxy_auth": login,
        "http_no_proxy": [_NO_HOST],  # with none, the library would apply the environment's
    }


def websocket_url(server: str, path: str, query: list[tuple[str, str]]) -> str:
    """Return the wss:// URL of ``path`` on ``server``."""
    parts = urlsplit(server)
    return f"wss://{parts.netloc}{parts.path}{path}?{urlencode(query)}"
