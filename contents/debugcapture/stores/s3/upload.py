"""The upload of one object: find what an earlier attempt sent, send the rest, and verify the object.

Source: Amazon S3 API Reference, "CreateMultipartUpload", "ListParts", "CompleteMultipartUpload"; Amazon S3 User Guide,
"Checking object integrity".
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, BinaryIO, TypeVar

from botocore.exceptions import ClientError

from ...errors import NotStored
from ..base import Progress
from .errors import code_of, retry, upload_id_of
from .growing import PartialUpload
from .parts import (
    Checksum,
    Part,
    completed_part,
    content_fields,
    difference,
    is_same_part,
    multipart_fields,
    part_bytes,
    part_fields,
    read_parts,
)

T = TypeVar("T")
CONCURRENCY = 4
# With a policy that only allows writing, existing objects are not visible. Then the file is uploaded again.
_NOT_VISIBLE_CODES = {"400", "401", "403", "404", "NoSuchKey", "NoSuchBucket"}
_NOT_LISTABLE_CODES = {"AccessDenied", "MethodNotAllowed", "NotImplemented"}
_UPLOAD_AGAIN = "The bundle stays in the spool. Upload it again."


class Upload:
    """The upload of one file."""

    def __init__(
        self,
        client: Any,
        location: Mapping[str, str],
        file: BinaryIO,
        sha256: str,
        progress: Progress,
        checksum: Checksum = "sha256",
    ) -> None:
        """Upload ``file`` to ``location`` (Bucket, Key, maybe ExpectedBucketOwner). ``sha256`` is in hex.

        The server verifies ``checksum`` when it receives a part.
        """
        self._client, self._location, self._file, self._sha256 = client, location, file, sha256
        self._progress, self._checksum = progress, checksum
        self._action = f"cannot store s3://{location['Bucket']}/{location['Key']}"
        self.size = os.fstat(file.fileno()).st_size

    def run(self, fields: Mapping[str, Any], partial: PartialUpload | None = None) -> None:
        """Ensure that the bucket has the object. New objects get ``fields``.

        ``partial`` is the upload of the file while it was growing. Raises NotStored, or the exceptions of boto3.
        """
        if partial and partial.size == self.size:
            self._compare(self._send_parts(partial.upload_id, partial.sent, partial.parts))
            return
        existing = self._find_object()
        if existing and existing["ContentLength"] == self.size and not self._find_difference(existing, self._read()):
            self._progress(self.size)
            return
        fields_with_checksum = {**fields, "Metadata": {"sha256": self._sha256}}
        if self.size > part_bytes(self.size):
            upload_id, sent = self._find_unfinished() or (self._create_multipart(fields_with_checksum), {})
            parts = self._send_parts(upload_id, sent, self._read_once())
        else:
            parts = self._send_whole(fields_with_checksum)
        self._compare(parts)

    def _compare(self, parts: list[Part]) -> None:
        """Compare the stored object with the ``parts`` that were sent. Raises NotStored."""
        problem = self._find_difference(self._retry(self._head), parts, parts_compared=True)
        if problem:
            raise NotStored(self._action, problem, _UPLOAD_AGAIN)

    def _retry(self, attempt: Callable[[], T]) -> T:
        return retry(attempt, lambda: self._progress(0))

    def _head(self) -> dict[str, Any]:
        mode = {"ChecksumMode": "ENABLED"} if self._checksum == "sha256" else {}
        response: dict[str, Any] = self._client.head_object(**self._location, **mode)
        return response

    def _find_object(self) -> dict[str, Any] | None:
        """Return the response of HeadObject, or None if there is no object or it is not visible."""
        try:
            return self._retry(self._head)
        except ClientError as error:
            if code_of(error) in _NOT_VISIBLE_CODES:
                return None
            raise

    def _find_difference(self, head: Mapping[str, Any], parts: list[Part], *, parts_compared: bool = False) -> str:
        digests = [part.sha256 for part in parts]
        return difference(head, self.size, self._sha256, digests, parts_compared=parts_compared)

    def _read(self) -> list[Part]:
        """Return the parts of the file. Raises NotStored if the file differs from the captured data."""
        return list(self._read_once())

    def _read_once(self) -> Iterator[Part]:
        """Yield the parts of the file. Raises NotStored at the end if the file differs from the captured data."""
        digest = hashlib.sha256()
        yield from read_parts(self._file, self.size, digest)
        self._require_captured(digest.hexdigest())

    def _require_captured(self, sha256: str) -> None:
        if sha256 != self._sha256:
            reason = "the data read differs from the data captured"
            raise NotStored(self._action, reason, "Check the disk of the spool.")

    def _send_whole(self, fields_with_checksum: Mapping[str, Any]) -> list[Part]:
        parts = self._read()
        part = parts[0] if parts else Part(1, 0, 0, hashlib.sha256().digest())
        self._require_same(
            part,
            self._retry(
                lambda: self._client.put_object(
                    **self._location, **fields_with_checksum, **content_fields(self._file, part, self._checksum)
                )
            ),
        )
        self._progress(self.size)
        return parts

    def _send_parts(
        self, upload_id: str, confirmed: Mapping[int, Mapping[str, Any]], all_parts: Iterable[Part]
    ) -> list[Part]:
        """Send those of ``all_parts`` that are not ``confirmed``, in parallel, while reading. Return all parts."""
        parts, uploads = list[Part](), set[Future[None]]()
        etags: dict[int, str] = {}

        def send(part: Part) -> None:
            response = self._retry(
                lambda: self._client.upload_part(
                    **self._location, **part_fields(self._file, part, self._checksum), UploadId=upload_id
                )
            )
            self._require_same(part, response)
            etags[part.number] = response["ETag"]
            self._progress(part.length)

        with ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="upload") as pool:
            try:
                for part in all_parts:
                    parts.append(part)
                    remote = confirmed.get(part.number)
                    if remote and is_same_part(self._file, part, remote):
                        etags[part.number] = remote["ETag"]
                        self._progress(part.length)
                    else:
                        uploads = _wait_for_slots(uploads, 2 * CONCURRENCY - 1) | {pool.submit(send, part)}
                _wait_for_slots(uploads, 0)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        self._complete(upload_id, [completed_part(part, etags[part.number], self._checksum) for part in parts], parts)
        return parts

    def _create_multipart(self, fields_with_checksum: Mapping[str, Any]) -> str:
        response = self._retry(
            lambda: self._client.create_multipart_upload(
                **self._location, **fields_with_checksum, **multipart_fields(self._checksum)
            )
        )
        return upload_id_of(response)

    def _find_unfinished(self) -> tuple[str, dict[int, Mapping[str, Any]]] | None:
        """Return the ID of an unfinished upload of this object, and its parts by number."""
        try:
            upload_id = self._unfinished_id()
            return (upload_id, self._parts_of(upload_id)) if upload_id else None
        except ClientError as error:
            if code_of(error) in _NOT_LISTABLE_CODES:  # then each attempt starts from the beginning
                return None
            raise

    def _unfinished_id(self) -> str:
        query = {("Prefix" if name == "Key" else name): value for name, value in self._location.items()}
        response = self._retry(lambda: self._client.list_multipart_uploads(**query))
        uploads = [
            upload
            for upload in response.get("Uploads", ())
            if upload["Key"] == self._location["Key"] and upload.get("ChecksumAlgorithm", "SHA256") == "SHA256"
        ]
        return str(max(uploads, key=lambda upload: upload["Initiated"])["UploadId"]) if uploads else ""

    def _parts_of(self, upload_id: str) -> dict[int, Mapping[str, Any]]:
        pages = self._client.get_paginator("list_parts")
        parts = self._retry(lambda: list(pages.paginate(**self._location, UploadId=upload_id).search("Parts[]")))
        return {part["PartNumber"]: part for part in parts if part}

    def _complete(self, upload_id: str, uploaded: list[dict[str, Any]], parts: list[Part]) -> None:
        complete = {"UploadId": upload_id, "MultipartUpload": {"Parts": uploaded}}
        try:
            self._retry(lambda: self._client.complete_multipart_upload(**self._location, **complete))
        except ClientError:
            # The response may have been lost. Then the retry found no upload to complete, but the object exists.
            existing = self._find_object()
            if existing is None or self._find_difference(existing, parts, parts_compared=True):
                raise

    def _require_same(self, part: Part, response: Mapping[str, Any]) -> None:
        if not is_same_part(self._file, part, response):
            raise NotStored(self._action, "the stored data differs from the data sent", _UPLOAD_AGAIN)


def _wait_for_slots(uploads: set[Future[None]], max_running: int) -> set[Future[None]]:
    """Wait until at most ``max_running`` of ``uploads`` are left and return these. Raises the first failure."""
    while len(uploads) > max_running:
        ended, uploads = wait(uploads, return_when=FIRST_COMPLETED)
        for upload in ended:
            upload.result()
    return uploads
