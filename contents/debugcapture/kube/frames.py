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
BROKEN_STREAM, TIME_LIMIT = "StreamBroken", "TimeLimit"  # reasons of a status that are ours, not the server's
_CONTINUATION, _CONTROL = 0, 8
_LONGEST_CONTROL = 125
_MORE_LENGTH = {126: 2, 127: 8}  # bytes that say the length when seven bits do not


class Frames:
    """Cut what a server sends into payloads, as it arrives: a frame is never gathered, so nothing is copied or kept.

    `websocket-client` does the handshake, but takes each frame in many pieces and joins them, which costs more time
    than all the rest of a transfer.
    """

    def __init__(self) -> None:
        """Begin behind the handshake."""
        self._head = b""  # of a frame, when it is cut
        self._left = 0  # bytes of the present frame that are still to come
        self._kind = self._channel = -1

    def feed(self, data: memoryview) -> Iterator[tuple[int, memoryview]]:
        """Yield (channel, a piece of its bytes) for ``data``; a control frame's channel is CLOSE or PING."""
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
        """Take a frame's header, with the channel where it begins a message; return its size, 0 when it is cut.

        A control frame is taken whole: it has 125 bytes at most, and its answer repeats them.
        """
        size = 2 + _MORE_LENGTH.get(view[1] & 127, 0) if len(view) > 1 else 0
        if not size or len(view) < size:
            return 0
        opcode, length = view[0] & 15, int.from_bytes(view[2:size], "big") if size > 2 else view[1] & 127
        if opcode >= _CONTROL and length > _LONGEST_CONTROL:
            self._kind, self._left = CLOSE, 0  # nothing that follows can be trusted
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
    """Return how the command ended, from the `Status` object of channel 3.

    A failure without an exit code means that the command never ran; its message says why.
    """
    try:
        status = json.loads(payload)
    except ValueError:
        return ExitStatus(None, "BadStatus", "the server's exit status is not JSON")
    if not isinstance(status, dict):
        return ExitStatus(None, "BadStatus", "the server's exit status is not an object")
    if status.get("status") == "Success":
        return ExitStatus(0)
    message = without_queries(str(status.get("message", "")))
    do = advice(message)
    return ExitStatus(_exit_code(status), str(status.get("reason", "")), f"{message}. {do}" if do else message)


def broken_stream(detail: str = "") -> ExitStatus:
    """Return the status of a stream that ended without one: what arrived may be short."""
    why = f" ({detail})" if detail else ""
    return ExitStatus(None, BROKEN_STREAM, f"the connection ended before the command{why}")


def out_of_time() -> ExitStatus:
    """Return the status of a command that is given up."""
    return ExitStatus(None, TIME_LIMIT, "it was still running at its time limit")


def _exit_code(status: dict[str, Any]) -> int | None:
    """Return the exit code among the causes; what has another form than documented has none."""
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    for cause in causes if isinstance(causes, list) else []:
        if isinstance(cause, dict) and cause.get("reason") == "ExitCode":
            code = str(cause.get("message"))
            return int(code) if code.isascii() and code.isdigit() else None
    return None
