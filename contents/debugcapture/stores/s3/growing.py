"""The upload of a file that is still being written: each part is uploaded as soon as it is in the spool.

The checksum of a part covers the bytes that were written. The server compares it with the bytes that it receives, which
are read from the spool. Source: Amazon S3 API Reference, "CreateMultipartUpload", "UploadPart", "AbortMultipartUpload".
"""

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from ..base import Progress
from .errors import retry, upload_id_of
from .parts import MAX_PARTS, Checksum, Part, multipart_fields, part_bytes, part_fields

# The capture needs the same processors.
CONCURRENCY = 2


class _Closed(Exception):  # noqa: N818 - see errors.py
    """The upload is no longer needed."""


@dataclass(frozen=True, slots=True)
class PartialUpload:
    """A multipart upload whose file is complete.

    ``parts`` are all parts of the file. ``sent`` has the responses of UploadPart for those in the store, by number.
    """

    upload_id: str
    parts: tuple[Part, ...]
    sent: Mapping[int, Mapping[str, Any]]

    @property
    def size(self) -> int:
        """Return the size of the file in bytes."""
        return sum(part.length for part in self.parts)


class GrowingUpload:
    """The upload of one growing file; see `GrowingUpload`.

    One thread writes the file and calls `wrote` and `restarted`. A multipart upload is created only when the file is
    larger than one part, because a smaller file takes one request.
    """

    def __init__(
        self,
        client: Any,
        location: Mapping[str, str],
        fields: Mapping[str, Any],
        file: Path,
        progress: Progress,
        checksum: Checksum = "sha256",
    ) -> None:
        """Upload ``file`` to ``location`` (Bucket, Key, maybe ExpectedBucketOwner), created with ``fields``.

        The server verifies ``checksum`` when it receives a part.
        """
        self._client, self._location, self._fields, self._path = client, location, fields, file
        self._progress, self._part_bytes, self._checksum = progress, part_bytes(0), checksum
        self._lock = Lock()
        self._reset()

    def _reset(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._file: BinaryIO | None = None
        self._upload_id = ""
        self._parts = list[Part]()
        self._sent: dict[int, Mapping[str, Any]] = {}
        self._uploads = list[Future[None]]()
        self._closed, self._failed = Event(), Event()
        self._digest, self._length = hashlib.sha256(), 0

    def wrote(self, chunk: memoryview) -> None:
        """Take the bytes that were just written, in order."""
        while chunk:
            if self._length == self._part_bytes:  # more bytes follow, so the file needs another part
                self._send_later(self._cut())
            free = self._part_bytes - self._length
            self._digest.update(chunk[:free])
            self._length += len(chunk[:free])
            chunk = chunk[free:]

    def restarted(self) -> None:
        """Abort the upload: the file is written again from its start."""
        upload_id = self._stop()
        if upload_id:
            with suppress(ClientError, BotoCoreError):  # the bucket's lifecycle rule removes what is left
                self._client.abort_multipart_upload(**self._location, UploadId=upload_id)
        self._reset()

    def finish(self) -> PartialUpload | None:
        """Wait for running uploads and return the parts in the store, or None if no upload was created."""
        wait(self._uploads)
        for upload in self._uploads:
            upload.result()
        upload_id = self._stop()
        last = [self._cut()] if self._length else []
        return PartialUpload(upload_id, (*self._parts, *last), self._sent) if upload_id else None

    def close(self) -> None:
        """Stop. The parts in the store stay there: a later upload of the file finds them."""
        self._stop()

    def _stop(self) -> str:
        """Wait until no thread works for this upload. Return its ID, or "" if it was not created."""
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
        if part.number >= MAX_PARTS or self._failed.is_set() or self._closed.is_set():
            return
        if self._pool is None or self._file is None:
            self._file = self._path.open("rb")
            self._pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="growing")
        self._uploads.append(self._pool.submit(self._send, self._file, part))

    def _send(self, file: BinaryIO, part: Part) -> None:
        """Send ``part``. A failure is not reported, because the upload of the complete file repeats the part."""
        if self._failed.is_set():
            return
        try:
            upload = {**self._location, "UploadId": self._upload_id_or_create()}
            content = partial(part_fields, file, part, self._checksum)
            response = retry(lambda: self._client.upload_part(**upload, **content()), self._check_closed)
        except (ClientError, BotoCoreError, OSError, _Closed):
            self._failed.set()
            return
        self._sent[part.number] = response
        self._progress(part.length)

    def _upload_id_or_create(self) -> str:
        with self._lock:
            if not self._upload_id:
                fields = {**self._location, **self._fields, **multipart_fields(self._checksum)}
                response = retry(lambda: self._client.create_multipart_upload(**fields), self._check_closed)
                self._upload_id = upload_id_of(response)
            return self._upload_id

    def _check_closed(self) -> None:
        """Raise _Closed if the upload is no longer needed, so that its requests are not retried."""
        if self._closed.is_set():
            raise _Closed
        self._progress(0)
