"""Amazon S3 and every server that speaks its protocol: s3_upload sends, s3_client knows the settings.

Source: boto3 documentation, "Presigned URLs".
"""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

from botocore.exceptions import ClientError

from ...model import Stored
from ...settings.s3 import S3Settings
from ..base import Progress, unseen
from ..content_type import content_type
from ..presigned import Original
from .client import s3_client, s3_session, stored_with
from .errors import again, code_of, reported
from .growing import GrowingUpload
from .presigned import S3DirectUpload
from .upload import Upload

_NOT_THERE = ("NoSuchKey", "404")


class S3Store:
    """Objects below a prefix of one bucket; see `store.Store`."""

    wants_md5 = False  # it checks a part by its SHA-256

    def __init__(self, url: SplitResult, settings: S3Settings, link_valid_s: int) -> None:
        """Use the place of ``url`` (s3://BUCKET/PREFIX). Raises BadInput for settings that do not fit together."""
        self._bucket, self._prefix, self._settings = url.netloc, url.path.strip("/"), settings
        self._growing: dict[str, GrowingUpload] = {}  # by object name
        self._link_valid_s = link_valid_s
        with reported(f"cannot use the store s3://{self._bucket}"):
            self._session = s3_session(settings)
            self._client = s3_client(self._session, settings, self._bucket)

    def put(self, key: str, file: Path, sha256: str, progress: Progress = unseen) -> Stored:
        """Send ``file``, in parts where it is large; parts that an earlier try has sent are not sent again.

        The server checks the SHA-256 of each part on arrival and answers with its own, which is compared; at the end
        size and checksum of the whole object are.
        """
        name = f"{self._prefix}/{key}".lstrip("/")
        url = f"s3://{self._bucket}/{name}"
        with reported(f"cannot store {url}"), file.open("rb") as opened:
            growing = self._growing.pop(name, None)
            upload = Upload(self._client, self._place(name), opened, sha256, progress)
            upload.run(self._created_with(key), growing.finish() if growing else None)
            return self.locate(key, upload.size, sha256)

    def follow(self, key: str, file: Path, progress: Progress = unseen) -> GrowingUpload:
        """Begin the upload of a growing file; see `store.FollowsFiles`."""
        name = f"{self._prefix}/{key}".lstrip("/")
        growing = GrowingUpload(self._client, self._place(name), self._created_with(key), file, progress)
        self._growing[name] = growing
        return growing

    def read(self, key: str) -> bytes | None:
        """Return the whole content of ``key``; see `store.ReadableStore`."""
        name = f"{self._prefix}/{key}".lstrip("/")
        with reported(f"cannot read s3://{self._bucket}/{name}"):
            try:
                return again(lambda: bytes(self._client.get_object(**self._place(name))["Body"].read()))
            except ClientError as error:
                if code_of(error) in _NOT_THERE:
                    return None
                raise

    def locate(self, key: str, size: int, sha256: str) -> Stored:
        """Return where ``key`` is; see `store.ReadableStore`."""
        name = f"{self._prefix}/{key}".lstrip("/")
        link, expires = self._link(name)
        return Stored(key, f"s3://{self._bucket}/{name}", link, expires, size, sha256)

    def direct(self, key: str, original: Original, valid_s: int) -> S3DirectUpload:
        """Begin an upload that a pod carries out; see `direct.TakesDirectly`."""
        name = f"{self._prefix}/{key}".lstrip("/")
        stored = self.locate(key, original.size, original.sha256)
        return S3DirectUpload(self._client, self._place(name), original, stored, self._created_with(key), valid_s)

    def _created_with(self, key: str) -> dict[str, Any]:
        return {"ContentType": content_type(key), **stored_with(self._settings)}

    def _place(self, name: str) -> dict[str, str]:
        place = {"Bucket": self._bucket, "Key": name}
        owner = self._settings.s3_bucket_owner
        return {**place, "ExpectedBucketOwner": owner} if owner else place

    def _link(self, name: str) -> tuple[str, datetime]:
        """Return a signed link, and when it ends: at the latest with the temporary credentials that signed it."""
        now, valid_s = datetime.now(timezone.utc), self._link_valid_s
        link = self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": name}, ExpiresIn=valid_s
        )
        expires = now + timedelta(seconds=valid_s)
        until = getattr(self._session.get_credentials(), "_expiry_time", None)  # nothing public tells it
        return link, min(expires, until) if until else expires
