"""What a person at a terminal sees: lines without control characters, and below them how far the capture is."""

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
    """Return ``text`` without what could move the cursor or hide a name: it may come from the cluster."""
    return "".join(character for character in text if character.isprintable() or character in "\n\t")


class Screen:
    """Prints lines, and on a terminal a status line below them; use it as a context."""

    def __init__(self, messages: TextIO) -> None:
        """Print lines to ``messages``; the status line is on standard error, where that is a terminal."""
        self._messages = messages
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._lock, self._done = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def report(self, text: str) -> None:
        """Print ``text``, above the status line."""
        with self._lock:
            self._status("")
            emit(printable(text), self._messages)

    def follow(self, bundle: Path) -> None:
        """Show how far the capture into ``bundle`` is, from now on."""
        if self._live and self._thread is None:
            self._thread = threading.Thread(target=self._refresh, args=(Bundle(bundle),), name="status", daemon=True)
            self._thread.start()

    def __enter__(self) -> "Screen":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._thread:
            self._thread.join()

    def _refresh(self, bundle: Bundle) -> None:
        while not self._done.wait(_EVERY_S):
            with suppress(CaptureError, OSError):  # it was just removed, and the capture's own error tells more
                line = printable(progress_line(progress_of(bundle), datetime.now(timezone.utc)))
                with self._lock:
                    self._status(line[: shutil.get_terminal_size().columns - 1])
        with self._lock:
            self._status("")

    def _status(self, line: str) -> None:
        if self._thread:
            sys.stderr.write(_CLEAR + line)
            sys.stderr.flush()
