"""The upload of a file that is still being written: each part goes to S3 as soon as the spool has it.

The parts' checksums are computed from what is written, not read back: the server compares them with what it gets from
the spool. Source: Amazon S3 API Reference, "CreateMultipartUpload", "UploadPart", "AbortMultipartUpload".
"""

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from ..base import Progress
from .errors import again
from .parts import MOST_PARTS, Part, part_bytes, part_fields

PARTS_AT_A_TIME = 2  # the capture has the same processors


class _Closed(Exception):  # noqa: N818 - see errors.py
    """The upload is not wanted any more."""


@dataclass(frozen=True, slots=True)
class BegunUpload:
    """A multipart upload whose file is complete; some parts, or all, may be in the store."""

    upload_id: str
    parts: tuple[Part, ...]  # all parts of the file
    sent: Mapping[int, Mapping[str, Any]]  # by number: the parts in the store, as UploadPart answers

    @property
    def size(self) -> int:
        """Return the size of the file in bytes."""
        return sum(part.length for part in self.parts)


class GrowingUpload:
    """The upload of one growing file; see `store.GrowingUpload`.

    One thread writes the file and calls `wrote` and `restarted`. Nothing is created in the store before the file is
    larger than one part: a smaller file is one request.
    """

    def __init__(
        self, client: Any, place: Mapping[str, str], fields: Mapping[str, Any], file: Path, progress: Progress
    ) -> None:
        """Upload ``file`` to ``place`` (Bucket, Key, maybe ExpectedBucketOwner), created with ``fields``."""
        self._client, self._place, self._fields, self._path = client, place, fields, file
        self._progress, self._part_bytes = progress, part_bytes(0)
        self._lock = Lock()
        self._begin()

    def _begin(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._file: BinaryIO | None = None
        self._upload_id = ""
        self._parts = list[Part]()
        self._sent: dict[int, Mapping[str, Any]] = {}
        self._sending = list[Future[None]]()
        self._closed, self._failed = Event(), Event()
        self._digest, self._length = hashlib.sha256(), 0

    def wrote(self, piece: memoryview) -> None:
        """Take what was just written to the file, in order."""
        while piece:
            if self._length == self._part_bytes:  # more follows, so that the file needs parts
                self._send_later(self._cut())
            room = self._part_bytes - self._length
            self._digest.update(piece[:room])
            self._length += len(piece[:room])
            piece = piece[room:]

    def restarted(self) -> None:
        """Abort the upload: the file is written again from its start."""
        upload_id = self._end()
        if upload_id:
            with suppress(ClientError, BotoCoreError):  # the bucket's lifecycle rule removes what is left
                self._client.abort_multipart_upload(**self._place, UploadId=upload_id)
        self._begin()

    def finish(self) -> BegunUpload | None:
        """Wait for the parts on their way, and return what the store has; None when nothing was begun."""
        wait(self._sending)
        for one in self._sending:
            one.result()
        upload_id = self._end()
        last = [self._cut()] if self._length else []
        return BegunUpload(upload_id, (*self._parts, *last), self._sent) if upload_id else None

    def close(self) -> None:
        """Stop. The parts in the store stay there: a later upload of the file finds them."""
        self._end()

    def _end(self) -> str:
        """Wait until no thread works for this upload any more, and return its ID, or "" when none was begun."""
        self._closed.set()
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        if self._file:
            self._file.close()
        self._pool = self._file = None
        return self._upload_id

    def _cut(self) -> Part:
        number = len(self._parts) + 1
        part = Part(number, (number - 1) * self._part_bytes, self._length, self._digest.digest())
        self._digest, self._length = hashlib.sha256(), 0
        return part

    def _send_later(self, part: Part) -> None:
        self._parts.append(part)
        if part.number >= MOST_PARTS or self._failed.is_set() or self._closed.is_set():
            return
        if self._pool is None or self._file is None:
            self._file = self._path.open("rb")
            self._pool = ThreadPoolExecutor(PARTS_AT_A_TIME, thread_name_prefix="growing")
        self._sending.append(self._pool.submit(self._send, self._file, part))

    def _send(self, file: BinaryIO, part: Part) -> None:
        """Send ``part``. A failure is no end: the upload of the complete file meets it too, and reports it."""
        if self._failed.is_set():
            return
        try:
            upload = {**self._place, "UploadId": self._created()}
            answer = again(lambda: self._client.upload_part(**upload, **part_fields(file, part)), self._go_on)
        except (ClientError, BotoCoreError, OSError, _Closed):
            self._failed.set()
            return
        self._sent[part.number] = answer
        self._progress(part.length)

    def _created(self) -> str:
        with self._lock:
            if not self._upload_id:
                asked = {**self._place, **self._fields, "ChecksumAlgorithm": "SHA256"}
                begun = again(lambda: self._client.create_multipart_upload(**asked), self._go_on)
                self._upload_id = str(begun["UploadId"])
            return self._upload_id

    def _go_on(self) -> None:
        """Raise instead of trying a request again that nobody needs any more."""
        if self._closed.is_set():
            raise _Closed
        self._progress(0)
