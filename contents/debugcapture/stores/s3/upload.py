"""One object's way to S3: what an earlier try has sent is found and kept, the rest is sent, the whole is compared.

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
from .errors import again, code_of
from .growing import BegunUpload
from .parts import Part, content_fields, difference, part_bytes, part_fields, read_parts, same

T = TypeVar("T")
AT_A_TIME = 4
# A policy that allows no more than writing hides what is there: then it is sent, and the server says if it may be.
_HIDDEN = {"400", "401", "403", "404", "NoSuchKey", "NoSuchBucket"}
_NOT_LISTED = {"AccessDenied", "MethodNotAllowed", "NotImplemented"}
_SEND_AGAIN = "The bundle stays in the spool. Upload it again."


class Upload:
    """The upload of one file."""

    def __init__(self, client: Any, place: Mapping[str, str], file: BinaryIO, sha256: str, progress: Progress) -> None:
        """Send ``file``, whose checksum is ``sha256`` in hex, to ``place``: Bucket, Key, maybe ExpectedBucketOwner."""
        self._client, self._place, self._file, self._sha256 = client, place, file, sha256
        self._progress = progress
        self._doing = f"cannot store s3://{place['Bucket']}/{place['Key']}"
        self.size = os.fstat(file.fileno()).st_size

    def run(self, fields: Mapping[str, Any], begun: BegunUpload | None = None) -> None:
        """Have the object in the bucket, created with ``fields``; ``begun`` is what was sent while the file grew.

        Raises NotStored, or what boto3 does.
        """
        if begun and begun.size == self.size:
            self._compare(self._send_parts(begun.upload_id, begun.sent, begun.parts))
            return
        there = self._there()
        if there and there["ContentLength"] == self.size and not self._different(there, self._read()):
            self._progress(self.size)
            return
        created_with = {**fields, "Metadata": {"sha256": self._sha256}}
        if self.size > part_bytes(self.size):
            upload_id, sent = self._begun() or (self._begin(created_with), {})
            parts = self._send_parts(upload_id, sent, self._read_once())
        else:
            parts = self._send_whole(created_with)
        self._compare(parts)

    def _compare(self, parts: list[Part]) -> None:
        """Compare the object with the ``parts`` that were sent. Raises NotStored."""
        problem = self._different(self._again(self._head), parts, parts_compared=True)
        if problem:
            raise NotStored(self._doing, problem, _SEND_AGAIN)

    def _again(self, attempt: Callable[[], T]) -> T:
        return again(attempt, lambda: self._progress(0))

    def _head(self) -> dict[str, Any]:
        found: dict[str, Any] = self._client.head_object(**self._place, ChecksumMode="ENABLED")
        return found

    def _there(self) -> dict[str, Any] | None:
        """Return the object as the server describes it, or None when there is none, or none that we may see."""
        try:
            return self._again(self._head)
        except ClientError as error:
            if code_of(error) in _HIDDEN:
                return None
            raise

    def _different(self, head: Mapping[str, Any], parts: list[Part], *, parts_compared: bool = False) -> str:
        digests = [part.sha256 for part in parts]
        return difference(head, self.size, self._sha256, digests, parts_compared=parts_compared)

    def _read(self) -> list[Part]:
        """Return the file's parts. Raises NotStored when it is not what was captured."""
        return list(self._read_once())

    def _read_once(self) -> Iterator[Part]:
        """Yield the file's parts as they are read. Raises NotStored at the end when it is not what was captured."""
        whole = hashlib.sha256()
        yield from read_parts(self._file, self.size, whole)
        self._require_captured(whole.hexdigest())

    def _require_captured(self, sha256: str) -> None:
        if sha256 != self._sha256:
            why = "the data read differs from the data captured"
            raise NotStored(self._doing, why, "Check the disk of the spool.")

    def _send_whole(self, created_with: Mapping[str, Any]) -> list[Part]:
        parts = self._read()
        only = parts[0] if parts else Part(1, 0, 0, hashlib.sha256().digest())
        self._require_same(
            only,
            self._again(
                lambda: self._client.put_object(**self._place, **created_with, **content_fields(self._file, only))
            ),
        )
        self._progress(self.size)
        return parts

    def _send_parts(
        self, upload_id: str, there: Mapping[int, Mapping[str, Any]], all_parts: Iterable[Part]
    ) -> list[Part]:
        """Send those of ``all_parts`` that are not ``there``, side by side, while more are read; return all."""
        parts, sending = list[Part](), set[Future[None]]()
        etags: dict[int, str] = {}

        def send(part: Part) -> None:
            answer = self._again(
                lambda: self._client.upload_part(**self._place, **part_fields(self._file, part), UploadId=upload_id)
            )
            self._require_same(part, answer)
            etags[part.number] = answer["ETag"]
            self._progress(part.length)

        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="upload") as pool:
            try:
                for part in all_parts:
                    parts.append(part)
                    kept = there.get(part.number)
                    if kept and same(self._file, part, kept):
                        etags[part.number] = kept["ETag"]
                        self._progress(part.length)
                    else:
                        sending = _some_left(sending, 2 * AT_A_TIME - 1) | {pool.submit(send, part)}
                _some_left(sending, 0)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        self._complete(upload_id, [_listed(part, etags[part.number]) for part in parts], parts)
        return parts

    def _begin(self, created_with: Mapping[str, Any]) -> str:
        begun = self._again(
            lambda: self._client.create_multipart_upload(**self._place, **created_with, ChecksumAlgorithm="SHA256")
        )
        return str(begun["UploadId"])

    def _begun(self) -> tuple[str, dict[int, Mapping[str, Any]]] | None:
        """Return the upload of this object that an earlier try did not finish, and its parts by number."""
        try:
            upload_id = self._unfinished()
            return (upload_id, self._parts_of(upload_id)) if upload_id else None
        except ClientError as error:
            if code_of(error) in _NOT_LISTED:  # then each try starts anew
                return None
            raise

    def _unfinished(self) -> str:
        about = {("Prefix" if name == "Key" else name): value for name, value in self._place.items()}
        found = self._again(lambda: self._client.list_multipart_uploads(**about))
        ours = [
            one
            for one in found.get("Uploads", ())
            if one["Key"] == self._place["Key"] and one.get("ChecksumAlgorithm", "SHA256") == "SHA256"
        ]
        return str(max(ours, key=lambda one: one["Initiated"])["UploadId"]) if ours else ""

    def _parts_of(self, upload_id: str) -> dict[int, Mapping[str, Any]]:
        pages = self._client.get_paginator("list_parts")
        listed = self._again(lambda: list(pages.paginate(**self._place, UploadId=upload_id).search("Parts[]")))
        return {part["PartNumber"]: part for part in listed if part}

    def _complete(self, upload_id: str, listed: list[dict[str, Any]], parts: list[Part]) -> None:
        complete = {"UploadId": upload_id, "MultipartUpload": {"Parts": listed}}
        try:
            self._again(lambda: self._client.complete_multipart_upload(**self._place, **complete))
        except ClientError:
            there = self._there()  # its answer may have been lost, and the second try found nothing to complete
            if there is None or self._different(there, parts, parts_compared=True):
                raise

    def _require_same(self, part: Part, answer: Mapping[str, Any]) -> None:
        if not same(self._file, part, answer):
            raise NotStored(self._doing, "the stored data differs from the data sent", _SEND_AGAIN)


def _listed(part: Part, etag: str) -> dict[str, Any]:
    return {"PartNumber": part.number, "ETag": etag, "ChecksumSHA256": part.checksum}


def _some_left(sending: set[Future[None]], most: int) -> set[Future[None]]:
    """Wait until ``most`` of ``sending`` are left, and return these; the first failure is raised."""
    while len(sending) > most:
        done, sending = wait(sending, return_when=FIRST_COMPLETED)
        for one in done:
            one.result()
    return sending
