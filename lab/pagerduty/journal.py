"""The requests that the simulator received, for tests. It contains no credentials."""

from __future__ import annotations

import threading
from collections import deque

from flask import Request

from lab.pagerduty.incidents import now
from lab.pagerduty.model import Json

_LONGEST = 5000


class Journal:
    """The latest requests, oldest first."""

    def __init__(self) -> None:
        """Create an empty journal."""
        self._lock = threading.Lock()
        self._entries: deque[Json] = deque(maxlen=_LONGEST)

    def add(self, request: Json) -> None:
        """Add a request in the format of `entry`."""
        with self._lock:
            self._entries.append(request)

    def entries(self) -> list[Json]:
        """Return a copy of all entries."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Delete all entries."""
        with self._lock:
            self._entries.clear()


def entry(request: Request) -> Json:
    """Return the entry of a request, without credentials and with header names in lower case."""
    return {
        "at": now(),
        "method": request.method,
        "path": request.path,
        "query": request.args.to_dict(),
        "headers": {name.lower(): _show(name.lower(), value) for name, value in request.headers},
        "body": request.get_data(as_text=True),
    }


def _show(name: str, value: str) -> str:
    if name != "authorization":
        return value
    scheme = value.partition("=")[0] if value.startswith("Token token=") else value.partition(" ")[0]
    return f"{scheme} [redacted]"
