"""Ports are fixed, so that every part and every test knows them. This module detects other programs on them."""

import socket

from lab.part import LabError


def ensure_free(port: int, purpose: str) -> None:
    """Raises LabError if something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LabError(
                f"port {port}, needed for {purpose}, is taken; find by whom with: ss -ltnp 'sport = :{port}'"
            ) from error


def answers(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
