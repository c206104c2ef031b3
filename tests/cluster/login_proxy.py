"""An HTTP proxy (CONNECT) that requires a login, as in many companies. It counts the tunnels that it opens."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

USER, PASSWORD = "ops", "p@ss:word"


class LoginProxy:
    """Listens on loopback while the context lasts."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.tunnels = 0
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self._header = f"proxy-authorization: basic {login.lower()}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self, near: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += near.recv(4096)
        request, *headers = head.decode().split("\r\n")
        if self._header not in (header.lower() for header in headers):
            near.sendall(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            near.close()
            return
        host, _, port = request.split()[1].rpartition(":")
        with near, socket.create_connection((host, int(port))) as far:
            self.tunnels += 1
            near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):  # one side has ended
        while piece := source.recv(1 << 16):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def login_proxy() -> Iterator[LoginProxy]:
    """Yield a proxy that listens."""
    proxy = LoginProxy()
    try:
        yield proxy
    finally:
        proxy.close()
