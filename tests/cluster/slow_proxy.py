"""A TCP proxy in front of the API server that is slow, cuts long streams, or stops sending in one."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import yaml


class SlowProxy:
    """Set ``bytes_per_s``, ``cut_after`` (bytes, once for each of the first two long streams) or ``stall_after``."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._goal = (parts.hostname or "", parts.port or 443)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.bytes_per_s = 0
        self.cut_after = 0
        self.cuts = 0
        self.stall_after = 0  # bytes of the first long stream, which then sends nothing and stays open
        self._open: list[socket.socket] = []

    def __enter__(self) -> SlowProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for connection in (self._listener, *self._open):
            with contextlib.suppress(OSError):  # it has ended already
                connection.shutdown(socket.SHUT_RDWR)  # close() alone does not wake a waiting thread
            connection.close()

    def kubeconfig(self, of: Path) -> str:
        """The kubeconfig ``of`` with this proxy as its server. The name in the certificate is that of the server."""
        kubeconfig: dict[str, Any] = yaml.safe_load(of.read_text())
        cluster = kubeconfig["clusters"][0]["cluster"]
        cluster |= {"server": f"https://127.0.0.1:{self.port}"}
        for key in ("certificate-authority",):
            if key in cluster:
                data = (of.parent / cluster.pop(key)).read_bytes()
                cluster["certificate-authority-data"] = base64.b64encode(data).decode()
        user = kubeconfig["users"][0]["user"]
        for key in ("client-certificate", "client-key"):
            if key in user:
                user[f"{key}-data"] = base64.b64encode((of.parent / user.pop(key)).read_bytes()).decode()
        return yaml.safe_dump(kubeconfig)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._goal)
                self._open += [near, far]
                threading.Thread(target=self._copy, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._copy, args=(far, near, True), daemon=True).start()

    def _copy(self, source: socket.socket, goal: socket.socket, down: bool) -> None:
        passed, silent = 0, False
        with contextlib.suppress(OSError):  # one side has gone
            while piece := source.recv(65536):
                if not silent:
                    goal.sendall(piece)
                passed += len(piece)
                if down and self.bytes_per_s:
                    time.sleep(len(piece) / self.bytes_per_s)
                if down and self.stall_after and passed > self.stall_after:
                    silent, self.stall_after = True, 0
                if down and self.cut_after and passed > self.cut_after and self.cuts < 2:
                    self.cuts += 1
                    break
        if silent:
            return  # the client gets no notice that the stream ended
        for connection in (source, goal):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
