"""s3.py: nothing counts as stored before the server's own word fits the file."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.response import StreamingBody  # noqa: F401  # imported here, the first upload does not count it
from botocore.stub import ANY, Stubber

from debugcapture.errors import NotStored
from debugcapture.settings import StoreSettings
from debugcapture.stores.content import content_type
from debugcapture.stores.s3 import PART_BYTES, S3Store, _not_stored, difference
from tests.unit.builders import written

CONTENT = b"Full thread dump\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SETTINGS = StoreSettings(
    s3_endpoint="http://127.0.0.1:9", s3_access_key="AK", s3_secret_key="hunter2", link_valid_s=3600
)


def checksum(content: bytes = CONTENT) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ({"ContentLength": 17, "ChecksumSHA256": checksum()}, ""),
        ({"ContentLength": 17}, ""),
        ({"ContentLength": 17, "ChecksumSHA256": ""}, ""),
        ({"ContentLength": 17, "ChecksumSHA256": checksum(b"other") + "-2"}, ""),
        ({"ContentLength": 16, "ChecksumSHA256": checksum()}, "the store has 16 bytes of 17"),
        ({"ContentLength": 0}, "the store has 0 bytes of 17"),
        ({"ContentLength": 17, "ChecksumSHA256": checksum(b"other")}, "the store's SHA-256 differs"),
    ],
    ids=["same", "no checksum", "blank checksum", "of parts", "short", "empty", "other content"],
)
def test_stored_object_is_compared_with_the_file(head: dict[str, Any], told: str) -> None:
    problem = difference(head, len(CONTENT), SHA256)
    assert problem.startswith(told)
    assert bool(problem) is bool(told)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("pod.yaml", "text/plain; charset=utf-8"),
        ("manifest.json", "text/plain; charset=utf-8"),
        ("logs/app.previous.log", "text/plain; charset=utf-8"),
        ("threads.txt", "text/plain; charset=utf-8"),
        ("recording.unknown", "application/octet-stream"),
        ("noname", "application/octet-stream"),
    ],
)
def test_browser_shows_text_instead_of_saving_it(name: str, kind: str) -> None:
    assert content_type(Path(name)) == kind


def refused(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "PutObject")


def wrapped(cause: Exception) -> Exception:
    """The error of an upload, as boto3 raises it."""
    failure: Exception = S3UploadFailedError(f"Failed to upload: {cause}")
    failure.__context__ = cause
    return failure


@pytest.mark.parametrize("wrap", [lambda error: error, wrapped], ids=["direct", "upload"])
@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("NoSuchBucket", "Create the bucket"),
        ("InvalidAccessKeyId", "Check the S3 access key"),
        ("SignatureDoesNotMatch", "Check the S3 secret key"),
        ("AccessDenied", "Allow s3:PutObject"),
        ("SlowDown", "Check the store settings"),
    ],
)
def test_refusal_is_told_with_the_servers_code_and_advice(code: str, advice: str, wrap: Any) -> None:
    line = str(_not_stored("cannot store s3://b/k", wrap(refused(code))))
    assert line.startswith(f"cannot store s3://b/k: {code}: no. {advice}")


@pytest.mark.parametrize(
    "error",
    [EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), NoCredentialsError(), OSError("disk")],
    ids=["no answer", "no keys", "disk"],
)
def test_other_failure_is_told_in_the_sdks_words(error: Exception) -> None:
    line = str(_not_stored("cannot store s3://b/k", error))
    assert str(error) in line
    assert "Check the store's URL, endpoint and keys" in line


@pytest.fixture(scope="module")
def store() -> S3Store:
    return S3Store("bucket", "captures/shop", SETTINGS)


def stub(store: S3Store, head: dict[str, Any]) -> Stubber:
    stubber = Stubber(store._client)
    place = {"Bucket": "bucket", "Key": "captures/shop/ns/dump.txt"}
    extra = {"ChecksumAlgorithm": "SHA256", "ContentType": "text/plain; charset=utf-8", "Metadata": {"sha256": SHA256}}
    stubber.add_response("put_object", {}, {**place, **extra, "Body": ANY})
    stubber.add_response("head_object", head, {**place, "ChecksumMode": "ENABLED"})
    return stubber


def test_stored_file_has_a_link_that_expires(store: S3Store, tmp_path: Path) -> None:
    before = datetime.now(timezone.utc)
    with stub(store, {"ContentLength": len(CONTENT), "ChecksumSHA256": checksum()}) as stubber:
        stored = store.put("ns/dump.txt", written(tmp_path, "dump.txt", CONTENT), SHA256)
        stubber.assert_no_pending_responses()
    assert (stored.key, stored.url) == ("ns/dump.txt", "s3://bucket/captures/shop/ns/dump.txt")
    assert stored.link.startswith("http://127.0.0.1:9/bucket/captures/shop/ns/dump.txt?")
    assert "X-Amz-Expires=3600" in stored.link
    assert "hunter2" not in stored.link
    assert stored.expires
    assert stored.expires >= before + timedelta(hours=1)
    assert (stored.bytes, stored.sha256) == (len(CONTENT), SHA256)


def test_object_that_arrived_short_is_not_stored(store: S3Store, tmp_path: Path) -> None:
    with (
        stub(store, {"ContentLength": 3}),
        pytest.raises(NotStored, match=r"s3://bucket/captures/shop/ns/dump\.txt: the store has 3 bytes of 17"),
    ):
        store.put("ns/dump.txt", written(tmp_path, "dump.txt", CONTENT), SHA256)


def test_refused_upload_is_not_stored(store: S3Store, tmp_path: Path) -> None:
    stubber = Stubber(store._client)
    stubber.add_client_error("put_object", "AccessDenied", "Access Denied", 403)
    with stubber, pytest.raises(NotStored, match="AccessDenied: Access Denied. Allow"):
        store.put("ns/dump.txt", written(tmp_path, "dump.txt", CONTENT), SHA256)


def test_file_that_is_gone_is_not_stored(store: S3Store, tmp_path: Path) -> None:
    with pytest.raises(NotStored, match="cannot store s3://bucket/captures/shop/ns/dump"):
        store.put("ns/dump.txt", tmp_path / "gone.txt", SHA256)


def test_key_at_the_top_of_a_bucket_has_no_slash(tmp_path: Path) -> None:
    top = S3Store("bucket", "", SETTINGS)
    stubber = Stubber(top._client)
    stubber.add_client_error("put_object", "AccessDenied", "no", expected_params=None)
    with stubber, pytest.raises(NotStored, match=r"cannot store s3://bucket/ns/dump\.txt:"):
        top.put("ns/dump.txt", written(tmp_path, "dump.txt", CONTENT), SHA256)


def test_parts_are_small_enough_for_a_small_machine() -> None:
    assert 5 << 20 <= PART_BYTES <= 64 << 20  # S3 takes parts of 5 MiB and more; four are in memory at a time
