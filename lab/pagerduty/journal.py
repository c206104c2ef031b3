"""The requests that the simulator got, for tests to look at. Credentials are not in it."""

from __future__ import annotations

import threading
from collections import deque

from lab.pagerduty.incidents import now
from lab.pagerduty.model import Json, Request

_LONGEST = 5000


class Journal:
    """The latest requests, oldest first."""

    def __init__(self) -> None:
        """Starts empty."""
        self._lock = threading.Lock()
        self._entries: deque[Json] = deque(maxlen=_LONGEST)

    def add(self, request: Request, status: int) -> None:
        """Writes down a request and the status of its answer."""
        entry = {
            "at": now(),
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "headers": {name: _shown(name, value) for name, value in request.headers.items()},
            "body": request.body.decode(errors="replace"),
            "status": status,
        }
        with self._lock:
            self._entries.append(entry)

    def entries(self) -> list[Json]:
        """A copy of all entries."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Forgets them."""
        with self._lock:
            self._entries.clear()


def _shown(name: str, value: str) -> str:
    if name != "authorization":
        return value
    scheme = value.partition("=")[0] if value.startswith("Token token=") else value.partition(" ")[0]
    return f"{scheme} [redacted]"
