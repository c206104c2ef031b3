"""An upload to S3 that a pod performs.

Source: Amazon S3 User Guide, "Uploading objects with presigned URLs", "Checking object integrity".
"""

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...errors import NotStored
from ...manifest import Stored
from ..presigned import Original, SignedRequest, offsets
from .errors import raise_not_stored, retry, upload_id_of
from .parts import difference


@dataclass(frozen=True, slots=True)
class NewObject:
    """An object to create: its location (Bucket, Key, maybe ExpectedBucketOwner), and the fields of the request."""

    location: Mapping[str, str]
    fields: Mapping[str, Any]


class S3DirectUpload:
    """See `DirectUpload`."""

    def __init__(self, client: Any, new: NewObject, original: Original, stored: Stored, valid_s: int) -> None:
        """Create the upload of ``original``. ``stored`` is its future result."""
        self._client, self._location, self._original, self._stored = client, new.location, original, stored
        metadata = {"Metadata": {"sha256": original.sha256}, "ChecksumAlgorithm": "SHA256"}
        with raise_not_stored(self._action):
            response = retry(lambda: client.create_multipart_upload(**new.location, **new.fields, **metadata))
            self._upload = {**new.location, "UploadId": upload_id_of(response)}
        self.requests = [self._sign(index, begin, valid_s) for index, begin in enumerate(offsets(original))]

    @property
    def _action(self) -> str:
        return f"cannot store {self._stored.url}"

    def _sign(self, index: int, begin: int, valid_s: int) -> SignedRequest:
        piece = self._original.pieces[index]
        params = {**self._upload, "PartNumber": index + 1, "ChecksumSHA256": piece.sha256}
        url = self._client.generate_presigned_url("upload_part", Params=params, ExpiresIn=valid_s)
        headers = {"x-amz-checksum-sha256": piece.sha256}
        owner = self._location.get("ExpectedBucketOwner")
        if owner:
            headers["x-amz-expected-bucket-owner"] = owner
        return SignedRequest(url, headers, begin, piece.length)

    def complete(self, tags: Sequence[str]) -> Stored:
        """Create the object from its parts, and compare its size and checksum with those from the pod."""
        pieces = self._original.pieces
        parts = [
            {"PartNumber": number, "ETag": tag, "ChecksumSHA256": piece.sha256}
            for number, (tag, piece) in enumerate(zip(tags, pieces, strict=True), start=1)
        ]
        with raise_not_stored(self._action):
            retry(lambda: self._client.complete_multipart_upload(**self._upload, MultipartUpload={"Parts": parts}))
            head = retry(lambda: self._client.head_object(**self._location, ChecksumMode="ENABLED"))
        digests = [base64.b64decode(piece.sha256) for piece in pieces]
        problem = difference(head, self._original.size, self._original.sha256, digests)
        if problem:
            raise NotStored(self._action, problem, "The dump is streamed instead.")
        return self._stored

    def abandon(self) -> None:
        """Delete the parts from the store."""
        with suppress(ClientError, BotoCoreError):  # see DirectUpload
            self._client.abort_multipart_upload(**self._upload)
