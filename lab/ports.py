"""Checks of ports. The ports of the lab are fixed, so that parts and tests know them."""

import socket

from lab.part import LabError


def ensure_free(port: int, purpose: str) -> None:
    """Raise LabError if another program listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LabError(
                f"port {port}, needed for {purpose}, is taken; find by whom with: ss -ltnp 'sport = :{port}'"
            ) from error


def is_listening(port: int) -> bool:
    """Return whether a program accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
