"""The open exec streams of an API client."""

from threading import Lock
from typing import Protocol

from ..errors import Aborted


class Streams:
    """The open exec streams, so that an abort can break them: each is read in a thread that would wait for hours."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock, self._open, self.broken = Lock(), set[Closable](), False

    def add(self, stream: "Closable") -> None:
        """Take in ``stream``. Raises Aborted after an abort."""
        with self._lock:
            if self.broken:
                raise Aborted("no new command is started", "the capture was aborted")
            self._open.add(stream)

    def remove(self, stream: "Closable") -> None:
        """Let go of ``stream``."""
        with self._lock:
            self._open.discard(stream)

    def break_all(self) -> None:
        """Break what is open, and let nothing new begin but what closes."""
        with self._lock:
            self.broken = True
            for stream in self._open:
                stream.close()


class Closable(Protocol):
    """What can be closed."""

    def close(self) -> object:
        """Close it."""
