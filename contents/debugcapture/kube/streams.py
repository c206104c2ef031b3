"""The open exec streams of an API client."""

from threading import Lock
from typing import Protocol

from ..errors import Aborted


class Streams:
    """The open streams. An abort breaks them, because the threads that read them could wait for hours."""

    def __init__(self) -> None:
        """There are no streams yet."""
        self._lock, self._open, self.broken = Lock(), set[Closable](), False

    def add(self, stream: "Closable") -> None:
        """Add an open stream. Raises Aborted after an abort."""
        with self._lock:
            if self.broken:
                raise Aborted("no new command is started", "the capture was aborted")
            self._open.add(stream)

    def remove(self, stream: "Closable") -> None:
        """Remove a closed stream."""
        with self._lock:
            self._open.discard(stream)

    def break_all(self) -> None:
        """Break all streams and reject new ones."""
        with self._lock:
            self.broken = True
            for stream in self._open:
                stream.close()


class Closable(Protocol):
    """A stream that can be closed."""

    def close(self) -> object:
        """Close it."""
