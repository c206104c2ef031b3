"""Writes what the API server returns to a file of the bundle. A long log keeps its newest lines."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ..bundle.artifact import ArtifactFile, SizeLimitReachedError
from ..errors import CaptureError, LogRemoved, NotAllowed, OptionalApiDown
from ..kube.values import parse_time
from ..manifest import ReasonCode
from ..text import duration
from .snapshot import LOG_LINES, Log, SnapshotFile
from .transfer import TransferResult

_TIME: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[.\d]*Z ")  # the API server puts it in front of each line
_LATE: Final = timedelta(minutes=1)


class SnapshotCopy:
    """The copy of one file of a snapshot."""

    def __init__(self, snapshot: SnapshotFile, file: ArtifactFile) -> None:
        self._snapshot, self._file = snapshot, file
        self._lines = 0
        """Line breaks that were written to the file."""
        self._begins: datetime | None = None
        self.extent = ""
        """Which part of a log the file contains, in words; "" if it is complete or not a log."""

    def write(self) -> TransferResult:
        """Write the file and return the result."""
        file, snapshot = self._file, self._snapshot
        try:
            result = self._copy()
        except NotAllowed as error:
            outcome = "truncated" if file.received else snapshot.if_refused
            return TransferResult(outcome, str(error), code="denied")
        except LogRemoved as error:
            code: ReasonCode = "not-there" if snapshot.if_removed == "skipped" else "other"
            return TransferResult(snapshot.if_removed, str(error), code=code)
        except OptionalApiDown as error:
            return TransferResult("skipped", str(error), code="other")
        except CaptureError as error:
            return TransferResult("truncated" if file.received else "failed", str(error), code="other")
        if not file.received and result.outcome == "complete":
            return TransferResult("skipped", "it is empty", code="empty")
        self.extent = self._extent(snapshot.log) if snapshot.log else ""
        return result

    def _copy(self) -> TransferResult:
        """Write the file. The API server sends the oldest lines first, so a log that is too long is read again."""
        try:
            self._write(self._snapshot.read())
        except SizeLimitReachedError as limit:
            newest = self._write_newest(self._snapshot.log) if self._snapshot.log else False
            remark = f": these are its newest {self._lines:,} lines" if newest else ""
            return TransferResult("truncated", f"{limit}{remark}", code="size-limit")
        return TransferResult("complete")

    def _write_newest(self, log: Log) -> bool:
        """Write as many of the newest lines of ``log`` as fit, and return whether that was possible.

        Newer lines may be longer than those that filled the file, so this may take several attempts.
        """
        lines = self._lines
        while lines:
            self._file.restart()
            try:
                self._write(log.read_newest(lines))
            except SizeLimitReachedError:
                lines = min(lines - 1, self._lines * 9 // 10)
            else:
                return True
        return False

    def _write(self, pieces: Iterator[bytes]) -> None:
        self._lines, self._begins = 0, None
        for piece in pieces:
            if not self._file.received and (match := _TIME.match(piece)):
                self._begins = parse_time(f"{match[1].decode()}Z")
            self._lines += piece.count(b"\n")
            self._file.write(piece)

    def _extent(self, log: Log) -> str:
        """Return where the log begins, if it may have been longer. The kubelet serves its newest file only."""
        if self._lines >= LOG_LINES:
            return f"the newest {LOG_LINES:,} lines"
        if not (self._begins and log.started) or self._begins - log.started < _LATE:
            return ""
        late = duration(self._begins - log.started)
        return (
            f"it begins at {self._begins:%Y-%m-%dT%H:%M:%SZ}, {late} after the start of the container: "
            "the kubelet may have rotated older lines"
        )
