"""A slow network to a server, for benchmarks that would otherwise be limited by processors."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_PIECE_BYTES = 64 << 10


class _Direction:
    """One direction of the link. All its connections together transfer at most ``bytes_per_s``."""

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s, self._lock = bytes_per_s, threading.Lock()
        self._free_at = 0.0

    def wait(self, size: int) -> None:
        """Wait until ``size`` bytes have passed."""
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic()) + size / self._bytes_per_s
            free_at = self._free_at
        time.sleep(max(0.0, free_at - time.monotonic()))


@contextmanager
def slow_link(server: str, bytes_per_s: float) -> Iterator[str]:
    """Yield the URL of a relay to the URL ``server`` that transfers ``bytes_per_s`` in each direction."""
    parts = urlsplit(server)
    address = (parts.hostname or "", parts.port or 443)
    up, down = _Direction(bytes_per_s), _Direction(bytes_per_s)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, address, up, down), daemon=True).start()
        try:
            yield f"{parts.scheme}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # close() does not wake the thread that accepts


def _accept(listener: socket.socket, address: tuple[str, int], up: _Direction, down: _Direction) -> None:
    with suppress(OSError):  # the listener is closed
        while True:
            near, _ = listener.accept()
            far = socket.create_connection(address)
            threading.Thread(target=_relay, args=(near, far, up), daemon=True).start()
            threading.Thread(target=_relay, args=(far, near, down), daemon=True).start()


def _relay(source: socket.socket, target: socket.socket, direction: _Direction) -> None:
    with suppress(OSError):  # one side has closed its connection
        while piece := source.recv(_PIECE_BYTES):
            direction.wait(len(piece))
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
