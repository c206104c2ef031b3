"""Progress messages: a line when a stage starts, and one when it ends."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Prints the stages of ``lab up``; parts may report from several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def stage(self, part: str, text: str) -> Iterator[None]:
        """Report the start and the end of a stage."""
        self.note(part, f"{text} …")
        began = time.monotonic()
        try:
            yield
        except BaseException:
            self.note(part, f"{text} … failed after {time.monotonic() - began:.0f} s")
            raise
        self.note(part, f"{text} … {time.monotonic() - began:.0f} s")

    def note(self, part: str, text: str) -> None:
        """Report an event."""
        with self._lock:
            sys.stdout.write(f"  {part:<11} {text}\n")
            sys.stdout.flush()
