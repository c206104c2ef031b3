"""The exec protocol of Kubernetes (`v5.channel.k8s.io`, `v4.channel.k8s.io`), without a socket.

It runs over WebSocket; the first byte of a message is its channel. Sources: k8s.io/apimachinery
pkg/util/remotecommand/constants.go, k8s.io/client-go tools/remotecommand, RFC 6455 section 5.
"""

import json
from collections.abc import Iterator
from typing import Any

from ..model import ExitStatus
from ..text import without_queries
from .advice import advice

SUBPROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, STATUS = 0, 1, 2, 3
CLOSE, PING = -8, -9  # control frames: minus their opcode
BROKEN_STREAM, TIME_LIMIT, BAD_STATUS = "StreamBroken", "TimeLimit", "BadStatus"  # reasons that this side adds
_CONTINUATION, _CONTROL = 0, 8
_MAX_CONTROL_BYTES = 125
_LENGTH_BYTES = {126: 2, 127: 8}  # extra bytes with the length, if it does not fit into seven bits


class Frames:
    """Splits the bytes from a server into payloads as they arrive. A frame is never collected or copied.

    `websocket-client` does the handshake only: it reads each frame in many pieces and joins them, which takes more time
    than the rest of a transfer.
    """

    def __init__(self) -> None:
        """Start after the handshake."""
        self._head = b""
        """The beginning of a frame header that is not complete yet."""
        self._left = 0
        """Bytes of the current frame that have not arrived yet."""
        self._kind = self._channel = -1

    def feed(self, data: memoryview) -> Iterator[tuple[int, memoryview]]:
        """Yield (channel, piece of its bytes) for ``data``. The channel of a control frame is CLOSE or PING."""
        view = memoryview(self._head + bytes(data)) if self._head else data
        self._head = b""
        while view:
            if not self._left:
                size = self._begin(view)
                if not size:
                    self._head, self._left = bytes(view), 0
                    return
                view = view[size:]
            piece, view = view[: self._left], view[self._left :]
            self._left -= len(piece)
            if piece or self._kind < -1:
                yield self._kind, piece

    def _begin(self, view: memoryview) -> int:
        """Read a frame header, and the channel at the beginning of a message. Return its size, 0 if it is incomplete.

        A control frame is incomplete until all its bytes (at most 125) have arrived, because a pong repeats them.
        """
        size = 2 + _LENGTH_BYTES.get(view[1] & 127, 0) if len(view) > 1 else 0
        if not size or len(view) < size:
            return 0
        opcode, length = view[0] & 15, int.from_bytes(view[2:size], "big") if size > 2 else view[1] & 127
        if opcode >= _CONTROL and length > _MAX_CONTROL_BYTES:
            self._kind, self._left = CLOSE, 0  # invalid: what follows cannot be trusted
            return size
        if opcode >= _CONTROL:
            self._kind, self._left = -opcode, length
            return size if len(view) >= size + length else 0
        if opcode != _CONTINUATION:
            self._channel = -1
        if self._channel < 0 and length:
            if len(view) == size:
                return 0
            self._channel, size, length = view[size], size + 1, length - 1
        self._kind, self._left = self._channel, length
        return size


def exit_status(payload: bytes) -> ExitStatus:
    """Return how the command ended, from the `Status` object on channel 3.

    A failure without an exit code means that the command did not run. Its message contains the reason.
    """
    try:
        status = json.loads(payload)
    except ValueError:
        return ExitStatus(None, BAD_STATUS, "the server's exit status is not JSON")
    if not isinstance(status, dict):
        return ExitStatus(None, BAD_STATUS, "the server's exit status is not an object")
    if status.get("status") == "Success":
        return ExitStatus(0)
    message = without_queries(str(status.get("message", "")))
    remedy = advice(message)
    return ExitStatus(_exit_code(status), str(status.get("reason", "")), f"{message}. {remedy}" if remedy else message)


def broken_stream(detail: str = "") -> ExitStatus:
    """Return the status of a stream that ended without one: its end may be missing."""
    suffix = f" ({detail})" if detail else ""
    return ExitStatus(None, BROKEN_STREAM, f"the connection ended before the command{suffix}")


def out_of_time() -> ExitStatus:
    """Return the status of a command that reached its time limit."""
    return ExitStatus(None, TIME_LIMIT, "it was still running at its time limit")


def _exit_code(status: dict[str, Any]) -> int | None:
    """Return the exit code in the causes of a Status object; None if there is none."""
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    for cause in causes if isinstance(causes, list) else []:
        if isinstance(cause, dict) and cause.get("reason") == "ExitCode":
            code = str(cause.get("message"))
            return int(code) if code.isascii() and code.isdigit() else None
    return None
