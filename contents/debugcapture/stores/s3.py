"""Amazon S3 and every server that speaks its protocol.

Source: boto3 documentation, "S3Transfer", "Presigned URLs"; Amazon S3 User Guide, "Checking object integrity".
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..errors import NotStored
from ..model import Stored
from ..settings import StoreSettings
from .content import content_type

PART_BYTES = 16 << 20
_TRANSFER = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4)
_REMEDIES = {
    "NoSuchBucket": "Create the bucket, or correct the store URL.",
    "InvalidAccessKeyId": "Check the S3 access key.",
    "SignatureDoesNotMatch": "Check the S3 secret key.",
    "AccessDenied": "Allow s3:PutObject and s3:GetObject on the store's prefix.",
}


class S3Store:
    """Objects below a prefix of one bucket; see `store.Store`."""

    def __init__(self, bucket: str, prefix: str, settings: StoreSettings) -> None:
        """Use ``bucket``; keys begin with ``prefix``. Blank keys in ``settings`` leave the choice to the AWS SDK."""
        self._bucket, self._prefix, self._link_valid_s = bucket, prefix, settings.link_valid_s
        # Compatible servers seldom have a DNS name for each bucket.
        style: Literal["path", "auto"] = "path" if settings.s3_endpoint else "auto"
        retries: Any = {"mode": "standard", "total_max_attempts": 5}
        with _reported(f"cannot use the store s3://{bucket}"):
            self._client = boto3.client(
                "s3",
                endpoint_url=settings.s3_endpoint or None,
                region_name=settings.s3_region or ("us-east-1" if settings.s3_endpoint else None),
                aws_access_key_id=settings.s3_access_key or None,
                aws_secret_access_key=settings.s3_secret_key or None,
                config=Config(
                    signature_version="s3v4",
                    retries=retries,
                    connect_timeout=10,
                    read_timeout=60,
                    s3={"addressing_style": style},
                ),
            )

    def put(self, key: str, file: Path, sha256: str) -> Stored:
        """Upload in parts where the file is large; each part's SHA-256 is checked by the server on arrival."""
        full = f"{self._prefix}/{key}".lstrip("/")
        url = f"s3://{self._bucket}/{full}"
        extra = {"ChecksumAlgorithm": "SHA256", "ContentType": content_type(file), "Metadata": {"sha256": sha256}}
        with _reported(f"cannot store {url}"):
            self._client.upload_file(str(file), self._bucket, full, ExtraArgs=extra, Config=_TRANSFER)
            there = self._client.head_object(Bucket=self._bucket, Key=full, ChecksumMode="ENABLED")
            link = self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": full}, ExpiresIn=self._link_valid_s
            )
        size = file.stat().st_size
        problem = difference(there, size, sha256)
        if problem:
            raise NotStored(f"cannot store {url}", problem, "The bundle stays in the spool; send it again.")
        expires = datetime.now(timezone.utc) + timedelta(seconds=self._link_valid_s)
        return Stored(key, url, link, expires, size, sha256)


def difference(head: Mapping[str, Any], size: int, sha256: str) -> str:
    """Return how the stored object, as the server describes it, differs from the file; "" when it does not.

    The checksum of an object uploaded in parts is one over those of its parts (it ends in "-N"), which the server
    has checked one by one; the whole object's own can be compared.
    """
    if head["ContentLength"] != size:
        return f"the store has {head['ContentLength']} bytes of {size}"
    checksum = head.get("ChecksumSHA256", "")
    if checksum and "-" not in checksum and base64.b64decode(checksum).hex() != sha256:
        return "the store's SHA-256 differs from that of the file"
    return ""


@contextmanager
def _reported(doing: str) -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError, Boto3Error, OSError) as error:
        raise _not_stored(doing, error) from error


def _not_stored(doing: str, error: Exception) -> NotStored:
    """Return the error with the server's own code; an upload's is wrapped in one of boto3's."""
    cause = error.__context__ if isinstance(error, Boto3Error) else error
    if not isinstance(cause, ClientError):
        return NotStored(doing, str(error), "Check the store's URL, endpoint and keys, and the network.")
    told = cause.response["Error"]
    code = told.get("Code", "")
    return NotStored(doing, f"{code}: {told.get('Message', '')}", _REMEDIES.get(code, "Check the store settings."))
