"""An upload to S3 that a pod carries out.

Source: Amazon S3 User Guide, "Uploading objects with presigned URLs", "Checking object integrity".
"""

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...errors import NotStored
from ...model import Stored
from ..presigned import Original, SignedRequest, offsets
from .errors import again, reported
from .parts import difference


class S3DirectUpload:
    """See `direct.DirectUpload`."""

    def __init__(  # noqa: PLR0913 - what, where, and with what
        self,
        client: Any,
        place: Mapping[str, str],
        original: Original,
        stored: Stored,
        fields: Mapping[str, Any],
        valid_s: int,
    ) -> None:
        """Begin; ``stored`` is what it will be, ``fields`` with what the object is created."""
        self._client, self._place, self._original, self._stored = client, place, original, stored
        metadata = {"Metadata": {"sha256": original.sha256}, "ChecksumAlgorithm": "SHA256"}
        with reported(self._doing):
            begun = again(lambda: client.create_multipart_upload(**place, **fields, **metadata))
        self._upload = {**place, "UploadId": begun["UploadId"]}
        self.requests = [self._signed(index, begin, valid_s) for index, begin in enumerate(offsets(original))]

    @property
    def _doing(self) -> str:
        return f"cannot store {self._stored.url}"

    def _signed(self, index: int, begin: int, valid_s: int) -> SignedRequest:
        piece = self._original.pieces[index]
        asked = {**self._upload, "PartNumber": index + 1, "ChecksumSHA256": piece.sha256}
        url = self._client.generate_presigned_url("upload_part", Params=asked, ExpiresIn=valid_s)
        headers = {"x-amz-checksum-sha256": piece.sha256}
        owner = self._place.get("ExpectedBucketOwner")
        if owner:
            headers["x-amz-expected-bucket-owner"] = owner
        return SignedRequest(url, headers, begin, piece.length)

    def complete(self, tags: Sequence[str]) -> Stored:
        """Make the object of its parts, and compare size and checksum with the pod's."""
        pieces = self._original.pieces
        parts = [
            {"PartNumber": number, "ETag": tag, "ChecksumSHA256": piece.sha256}
            for number, (tag, piece) in enumerate(zip(tags, pieces, strict=True), start=1)
        ]
        with reported(self._doing):
            again(lambda: self._client.complete_multipart_upload(**self._upload, MultipartUpload={"Parts": parts}))
            head = again(lambda: self._client.head_object(**self._place, ChecksumMode="ENABLED"))
        digests = [base64.b64decode(piece.sha256) for piece in pieces]
        problem = difference(head, self._original.size, self._original.sha256, digests)
        if problem:
            raise NotStored(self._doing, problem, "The dump is streamed instead.")
        return self._stored

    def abandon(self) -> None:
        """Have the server forget the parts."""
        with suppress(ClientError, BotoCoreError):  # see DirectUpload
            self._client.abort_multipart_upload(**self._upload)
