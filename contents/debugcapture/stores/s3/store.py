"""The store for Amazon S3 and compatible servers.

Source: boto3 documentation, "Presigned URLs".
"""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl

from botocore.exceptions import ClientError

from ...errors import BadInput
from ...manifest import Stored
from ...settings.s3 import S3Settings
from ..base import Progress, Retention, ignore_progress
from ..content_type import presentation_of
from ..presigned import Original
from .client import object_fields, s3_client, s3_session
from .errors import code_of, raise_not_stored, retry
from .growing import GrowingUpload
from .lifecycle import days_until_deletion
from .presigned import NewObject, S3DirectUpload
from .upload import Upload

_NOT_FOUND_CODES = ("NoSuchKey", "404")
_NO_LIFECYCLE_CODE = "NoSuchLifecycleConfiguration"
# The identity may not read the rules, or the server has none.
_UNKNOWN_LIFECYCLE_CODES = ("AccessDenied", "NotImplemented", "MethodNotAllowed", "403", "501")


class S3Store:
    """Objects below a prefix of one bucket; see `Store`."""

    # S3 checks a part by its SHA-256.
    wants_md5 = False

    def __init__(self, url: SplitResult, settings: S3Settings, link_valid_s: int) -> None:
        """Open the store at ``url`` (s3://BUCKET/PREFIX). Raises BadInput for settings that contradict each other."""
        self._bucket, self._prefix, self._settings = url.netloc, url.path.strip("/"), settings
        self._growing: dict[str, GrowingUpload] = {}  # by object name
        self._link_valid_s = link_valid_s
        with raise_not_stored(f"cannot use the store s3://{self._bucket}"):
            self._session = s3_session(settings)
            self._client = s3_client(self._session, settings, self._bucket)

    def put(self, key: str, file: Path, sha256: str, progress: Progress = ignore_progress) -> Stored:
        """Upload ``file``, in parts if it is large. Parts that an earlier attempt sent are not sent again.

        The server checks the checksum of each part on arrival and returns its own, which is compared. At the end, the
        size and checksum of the object are compared.
        """
        name = f"{self._prefix}/{key}".lstrip("/")
        url = f"s3://{self._bucket}/{name}"
        with raise_not_stored(f"cannot store {url}"), file.open("rb") as reader:
            growing = self._growing.pop(name, None)
            upload = Upload(self._client, self._location(name), reader, sha256, progress, self._settings.s3_checksum)
            upload.run(self._fields(key), growing.finish() if growing else None)
            return self.locate(key, upload.size, sha256)

    def follow(self, key: str, file: Path, progress: Progress = ignore_progress) -> GrowingUpload:
        """Start the upload of a growing file; see `FollowsFiles`."""
        name = f"{self._prefix}/{key}".lstrip("/")
        location, checksum = self._location(name), self._settings.s3_checksum
        growing = GrowingUpload(self._client, location, self._fields(key), file, progress, checksum)
        self._growing[name] = growing
        return growing

    def read(self, key: str) -> bytes | None:
        """Return the content of ``key``; see `ReadableStore`."""
        name = f"{self._prefix}/{key}".lstrip("/")
        with raise_not_stored(f"cannot read s3://{self._bucket}/{name}"):
            try:
                return retry(lambda: bytes(self._client.get_object(**self._location(name))["Body"].read()))
            except ClientError as error:
                if code_of(error) in _NOT_FOUND_CODES:
                    return None
                raise

    def locate(self, key: str, size: int, sha256: str) -> Stored:
        """Return the location of ``key``; see `ReadableStore`."""
        name = f"{self._prefix}/{key}".lstrip("/")
        link, expires = self._sign_link(name)
        return Stored(key, f"s3://{self._bucket}/{name}", link, expires, size, sha256)

    def direct(self, key: str, original: Original, valid_s: int) -> S3DirectUpload:
        """Start an upload that a pod performs; see `TakesDirectly`."""
        if self._settings.s3_checksum != "sha256":
            action = "cannot upload directly from the pod"
            raise BadInput(
                action, "signed requests need SHA-256", "Set direct_upload_mib to 0, or s3_checksum to sha256."
            )
        name = f"{self._prefix}/{key}".lstrip("/")
        stored = self.locate(key, original.size, original.sha256)
        return S3DirectUpload(
            self._client, NewObject(self._location(name), self._fields(key)), original, stored, valid_s
        )

    def retention(self) -> Retention | None:
        """Return how long the bucket keeps objects; see `KnowsRetention`. It needs s3:GetLifecycleConfiguration."""
        with raise_not_stored(f"cannot read the lifecycle rules of s3://{self._bucket}"):
            try:
                answer = retry(lambda: self._client.get_bucket_lifecycle_configuration(Bucket=self._bucket))
            except ClientError as error:
                if code_of(error) == _NO_LIFECYCLE_CODE:
                    return Retention(None)
                if code_of(error) in _UNKNOWN_LIFECYCLE_CODES:
                    return None
                raise
        tags = dict(parse_qsl(object_fields(self._settings).get("Tagging", "")))
        prefix = f"{self._prefix}/" if self._prefix else ""
        return Retention(days_until_deletion(answer["Rules"], prefix, tags, datetime.now(timezone.utc)))

    def _fields(self, key: str) -> dict[str, Any]:
        presentation = presentation_of(key)
        disposition = {"ContentDisposition": presentation.disposition} if presentation.disposition else {}
        return {"ContentType": presentation.content_type, **disposition, **object_fields(self._settings)}

    def _location(self, name: str) -> dict[str, str]:
        location = {"Bucket": self._bucket, "Key": name}
        owner = self._settings.s3_bucket_owner
        return {**location, "ExpectedBucketOwner": owner} if owner else location

    def _sign_link(self, name: str) -> tuple[str, datetime]:
        """Return a signed link and the time when it expires. It expires with the credentials at the latest."""
        now, valid_s = datetime.now(timezone.utc), self._link_valid_s
        params = {"Bucket": self._bucket, "Key": name}
        presentation = presentation_of(name)
        if presentation.disposition:
            # The object may be older than this rule, or its headers may have been changed in the bucket.
            params["ResponseContentType"] = presentation.content_type
            params["ResponseContentDisposition"] = presentation.disposition
        link = self._client.generate_presigned_url("get_object", Params=params, ExpiresIn=valid_s)
        expires = now + timedelta(seconds=valid_s)
        # boto3 has no public attribute for this.
        credentials_expire = getattr(self._session.get_credentials(), "_expiry_time", None)
        return link, min(expires, credentials_expire) if credentials_expire else expires
