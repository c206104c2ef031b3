"""Output for a terminal: lines without control characters, and a status line with the progress below them."""

import os
import shutil
import sys
import threading
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Final, TextIO

from ..bundle.bundle import Bundle
from ..errors import CaptureError
from ..runtime.process import emit
from .watch import progress_line, progress_of

_EVERY_S: Final = 0.5
_CLEAR: Final = "\r\x1b[K"


def printable(text: str) -> str:
    """Return ``text`` without control characters: text from the cluster could move the cursor or hide a name."""
    return "".join(character for character in text if character.isprintable() or character in "\n\t")


class Screen:
    """Prints lines, and on a terminal a status line below them. A context manager."""

    def __init__(self, messages: TextIO) -> None:
        """Print lines to ``messages``, and the status line to standard error if that is a terminal."""
        self._messages = messages
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def report(self, text: str) -> None:
        """Print ``text``, above the status line."""
        with self._lock:
            self._status("")
            emit(printable(text), self._messages)

    def follow(self, bundle: Path) -> None:
        """Show the progress of the capture into ``bundle`` until the context ends."""
        if self._live and self._thread is None:
            self._thread = threading.Thread(target=self._refresh, args=(Bundle(bundle),), name="status", daemon=True)
            self._thread.start()

    def __enter__(self) -> "Screen":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def _refresh(self, bundle: Bundle) -> None:
        while not self._stopped.wait(_EVERY_S):
            # If the bundle was removed, the capture reports the error.
            with suppress(CaptureError, OSError):
                line = printable(progress_line(progress_of(bundle), datetime.now(timezone.utc)))
                with self._lock:
                    self._status(line[: shutil.get_terminal_size().columns - 1])
        with self._lock:
            self._status("")

    def _status(self, line: str) -> None:
        if self._thread:
            sys.stderr.write(_CLEAR + line)
            sys.stderr.flush()
