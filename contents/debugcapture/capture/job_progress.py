"""Reports the progress of a tool that runs without a connection."""

import hashlib
from typing import Final

from ..model import Report
from ..text import number_in

EMPTY_SHA256: Final = hashlib.sha256().hexdigest()
_MAX_LINE: Final = 80


class JobProgress:
    """A sink for the progress lines of `run-tool wait`: how far the file has grown."""

    received, received_sha256 = 0, EMPTY_SHA256  # the lines are not saved

    def __init__(self, file: str, report: Report) -> None:
        self._file, self._report, self._rest = file, report, ""

    def write(self, piece: memoryview) -> None:
        """Report the complete lines of ``piece``."""
        *lines, rest = (self._rest + bytes(piece).decode(errors="replace")).split("\n")
        self._rest = rest[-_MAX_LINE:]
        for line in lines:
            word, _, rest = line.partition(" ")
            number = number_in(rest)
            if word == "bytes" and number is not None:
                self._report(f"{self._file}: {number:,} bytes so far")

    def restart(self) -> None:
        """Do nothing: the lines are not saved."""
