"""S3 without a server: how a file is cut and compared, what errors say, and what settings become."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
    SSLError,
)

from debugcapture.errors import BadInput, NotStored
from debugcapture.settings.declare import read
from debugcapture.settings.s3 import S3Settings
from debugcapture.settings.store import StoreSettings
from debugcapture.stores.content_type import content_type
from debugcapture.stores.s3 import errors as s3_errors
from debugcapture.stores.s3 import parts as s3_parts
from debugcapture.stores.s3.client import stored_with
from debugcapture.stores.s3.errors import again, not_stored
from debugcapture.stores.s3.parts import MOST_PARTS, Part, Slice, composite, difference, part_bytes, read_parts, same
from debugcapture.stores.s3.store import S3Store
from tests.unit.builders import written

CONTENT = b"Full thread dump\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
DIGESTS = [hashlib.sha256(piece).digest() for piece in (b"one", b"two")]
META = {"Metadata": {"sha256": SHA256}}
SETTINGS = S3Settings(s3_endpoint="http://127.0.0.1:9", s3_access_key="AK", s3_secret_key="hunter2")


def opened(place: str, settings: S3Settings) -> S3Store:
    return S3Store(urlsplit(f"s3://{place}"), settings, 3600)


def checksum(content: bytes = CONTENT) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


# --- parts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        (0, 0),
        (1, 1),
        (16 << 20, 1),
        ((16 << 20) + 1, 2),
        (1 << 30, 64),
        (160_000 << 20, 10_000),
        ((160_000 << 20) + 1, 9412),
        (5 << 40, 9987),
    ],
)
def test_a_file_of_any_size_has_parts_that_s3_takes(size: int, parts: int) -> None:
    length = part_bytes(size)
    assert length % (1 << 20) == 0
    assert 5 << 20 <= length <= 5 << 30
    assert -(-size // length) == parts <= MOST_PARTS


def test_parts_are_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_parts, "PART_BYTES", 1 << 20)
    content = os.urandom((2 << 20) + 5)
    whole = hashlib.sha256()
    with written(tmp_path, "heap.bin", content).open("rb") as file:
        parts = list(read_parts(file, len(content), whole))
        pieces = [Slice(file, part.offset, part.length).read() for part in parts]
    assert b"".join(pieces) == content
    assert [part.number for part in parts] == [1, 2, 3]
    assert [part.sha256 for part in parts] == [hashlib.sha256(piece).digest() for piece in pieces]
    assert whole.digest() == hashlib.sha256(content).digest()


def test_a_slice_is_read_again_from_its_start(tmp_path: Path) -> None:
    with written(tmp_path, "x", b"0123456789").open("rb") as file:
        one = Slice(file, 2, 5)
        assert (one.read(3), one.read(), one.read(1)) == (b"234", b"56", b"")
        assert (one.seek(0, os.SEEK_END), one.seek(0), one.read(2), one.tell()) == (5, 0, b"23", 2)


ETAG = hashlib.md5(b"345").hexdigest()


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"Size": 3, "ChecksumSHA256": checksum(b"345")}, True),
        ({"ChecksumSHA256": checksum(b"345"), "ETag": '"of an encrypted part"'}, True),
        ({"Size": 2, "ChecksumSHA256": checksum(b"345")}, False),
        ({"Size": 3, "ChecksumSHA256": checksum(b"543"), "ETag": f'"{ETAG}"'}, False),
        ({"Size": 3, "ETag": f'"{ETAG}"'}, True),
        ({"Size": 3, "ETag": '"other"'}, False),
        ({}, False),
    ],
    ids=["same", "encrypted", "short", "other content", "MD5 only", "other MD5", "says nothing"],
)
def test_a_part_is_kept_when_the_servers_word_fits(tmp_path: Path, there: dict[str, Any], expected: bool) -> None:
    with written(tmp_path, "x", b"0123456789").open("rb") as file:
        assert same(file, Part(1, 3, 3, hashlib.sha256(b"345").digest()), there) is expected


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ({"ContentLength": 17, "ChecksumSHA256": checksum()}, ""),
        ({"ContentLength": 17, "ChecksumSHA256": checksum(), **META}, ""),
        ({"ContentLength": 17, "ChecksumSHA256": f"{composite(DIGESTS)}-2"}, ""),
        ({"ContentLength": 17, **META}, ""),
        ({"ContentLength": 16, "ChecksumSHA256": checksum()}, "the store has 16 bytes of 17"),
        ({"ContentLength": 0, **META}, "the store has 0 bytes of 17"),
        ({"ContentLength": 17, "ChecksumSHA256": checksum(b"other"), **META}, "the store's SHA-256 differs"),
        ({"ContentLength": 17, "ChecksumSHA256": f"{composite(DIGESTS[:1])}-1"}, "the store's SHA-256 differs"),
        ({"ContentLength": 17, "ChecksumSHA256": checksum(), "Metadata": {"sha256": "00"}}, "the store has another"),
        ({"ContentLength": 17, "Metadata": {}}, "the store has another file"),
        ({"ContentLength": 17}, "the store has another file"),
    ],
)
def test_stored_object_is_compared_with_the_file(head: dict[str, Any], told: str) -> None:
    problem = difference(head, len(CONTENT), SHA256, DIGESTS)
    assert problem.startswith(told)
    assert bool(problem) is bool(told)


def test_checksum_of_parts_is_the_one_that_amazon_documents() -> None:
    joined = hashlib.sha256(DIGESTS[0] + DIGESTS[1]).digest()
    assert composite(DIGESTS) == base64.b64encode(joined).decode()


# --- what errors say -----------------------------------------------------------------------------------------------


def refused(code: str, status: int = 403, operation: str = "PutObject", **headers: str) -> ClientError:
    meta = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": meta}, operation)


URL = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (refused("NoSuchBucket", 404), "NoSuchBucket: no. Create the bucket, or correct the store URL."),
        (refused("InvalidAccessKeyId"), "InvalidAccessKeyId: no. Check s3_access_key and s3_secret_key."),
        (refused("SignatureDoesNotMatch"), "SignatureDoesNotMatch: no. Check s3_access_key and s3_secret_key."),
        (refused("ExpiredToken", 400), "ExpiredToken: no. Get a new session token"),
        (refused("AccessDenied"), "AccessDenied: no. Allow s3:PutObject and s3:GetObject on the store's prefix"),
        (refused("PermanentRedirect", 301), "PermanentRedirect: no. Set s3_region to the bucket's region."),
        (refused("SlowDown", 503), "SlowDown: no. Sending it again goes on where it stopped."),
        (refused("Unheard", 400), "Unheard: no. Check the store settings."),
        (refused("AccessDenied", operation="AssumeRole"), "cannot assume the role: AccessDenied: no. Check s3_role"),
        (EndpointConnectionError(endpoint_url=URL), f'"{URL}". Check s3_endpoint and the network.'),
        (ConnectionClosedError(endpoint_url=URL), f'"{URL}". Check s3_endpoint and the network.'),
        (SSLError(endpoint_url=URL, error="CERTIFICATE_VERIFY_FAILED"), "trust the server's certificate authority"),
        (NoCredentialsError(), "Set s3_access_key and s3_secret_key, or s3_profile, or use a role."),
        (NoRegionError(), "Set s3_region."),
        (OSError(5, "Input/output error"), "Look at the spool's disk."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_failure_is_one_line_with_a_remedy(error: Exception, told: str) -> None:
    line = str(not_stored("cannot store s3://b/k", error))
    assert line.startswith("cannot store s3://b/k: ")
    assert told in line
    assert "\n" not in line


@pytest.mark.parametrize(("ahead_s", "word"), [(3600, "ahead"), (-3600, "behind")])
def test_skewed_clock_is_told_with_its_direction(ahead_s: int, word: str) -> None:
    server = datetime.now(timezone.utc) - timedelta(seconds=ahead_s)
    error = refused("RequestTimeTooSkewed", date=f"{server:%a, %d %b %Y %H:%M:%S} GMT")
    line = str(not_stored("cannot store s3://b/k", error))
    assert f" s {word}. Set this machine's clock." in line


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


@pytest.mark.parametrize(
    "error",
    [
        refused("InternalError", 500),
        refused("SlowDown", 503),
        refused("RequestTimeout", 400),
        refused("BadDigest", 400),
        ConnectionClosedError(endpoint_url=URL),
        EndpointConnectionError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        SSLError(endpoint_url=URL, error="EOF occurred in violation of protocol"),
    ],
    ids=str,
)
def test_temporary_failure_is_tried_again_with_growing_waits(error: Exception, waits: list[float]) -> None:
    failures = [error, error, error]

    def attempt() -> str:
        if failures:
            raise failures.pop()
        return "stored"

    assert again(attempt) == "stored"
    assert waits == [0.5, 1, 2]


@pytest.mark.parametrize(
    "error",
    [
        refused("AccessDenied"),
        refused("NoSuchBucket", 404),
        NoCredentialsError(),
        SSLError(endpoint_url=URL, error="CERTIFICATE_VERIFY_FAILED"),
    ],
    ids=str,
)
def test_lasting_failure_is_not_tried_again(error: Exception, waits: list[float]) -> None:
    def attempt() -> None:
        raise error

    with pytest.raises(type(error)):
        again(attempt)
    assert waits == []


def test_each_failed_try_is_told_and_can_be_the_last(waits: list[float]) -> None:
    told: list[str] = []

    def failed() -> None:
        told.append("failed")
        if len(told) == 3:
            raise KeyError("enough")

    def attempt() -> None:
        raise refused("SlowDown", 503)

    with pytest.raises(KeyError, match="enough"):
        again(attempt, failed)
    assert waits == [0.5, 1]


def test_tries_end(waits: list[float]) -> None:
    tries: list[int] = []

    def attempt() -> None:
        tries.append(1)
        raise refused("SlowDown", 503)

    with pytest.raises(ClientError, match="SlowDown"):
        again(attempt)
    assert len(tries) == len(s3_errors.WAITS_S) + 1
    assert waits == list(s3_errors.WAITS_S) == sorted(waits)


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        (S3Settings(), {}),
        (S3Settings(s3_encryption="AES256"), {"ServerSideEncryption": "AES256"}),
        (
            S3Settings(s3_encryption="aws:kms", s3_kms_key="alias/debug"),
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/debug"},
        ),
        (S3Settings(s3_storage_class="STANDARD_IA"), {"StorageClass": "STANDARD_IA"}),
        (S3Settings(s3_tags="team=pay & go, case=a=b"), {"Tagging": "team=pay+%26+go&case=a%3Db"}),
    ],
)
def test_objects_are_stored_as_the_settings_say(settings: S3Settings, fields: dict[str, str]) -> None:
    assert stored_with(settings) == fields


def test_lock_ends_after_its_days() -> None:
    fields = stored_with(S3Settings(s3_lock="COMPLIANCE", s3_lock_days=7))
    left = fields["ObjectLockRetainUntilDate"] - datetime.now(timezone.utc)
    assert fields["ObjectLockMode"] == "COMPLIANCE"
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"s3_access_key": ""}, "s3_access_key and s3_secret_key are one pair"),
        ({"s3_secret_key": ""}, "s3_access_key and s3_secret_key are one pair"),
        ({"s3_access_key": "", "s3_secret_key": "", "s3_session_token": "t"}, "s3_session_token is of no use alone"),
        ({"s3_external_id": "x"}, "s3_external_id is of no use alone"),
        ({"s3_kms_key": "k"}, "s3_kms_key is of no use alone"),
        ({"s3_profile": "no-such-profile"}, "no-such-profile.*Correct s3_profile"),
    ],
)
def test_settings_that_do_not_fit_together_are_bad_input(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        opened("bucket", replace(SETTINGS, **changed))


@dataclass(frozen=True, kw_only=True)
class Step:
    store: StoreSettings


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("s3_region", "eu-central-1", "eu central"),
        ("s3_role", "arn:aws:iam::123456789012:role/team/captures", "captures"),
        ("s3_role", "arn:aws-us-gov:iam::123456789012:role/c", "arn:aws:iam::123456789012:user/c"),
        ("s3_external_id", "rundeck-42", "a b"),
        ("s3_kms_key", "arn:aws:kms:eu-central-1:123456789012:key/1234-ab", "a key"),
        ("s3_storage_class", "STANDARD_IA", "standard"),
        ("s3_tags", "team=payments, cost center=a+b=c, empty=", "team"),
        ("s3_tags", "a=1,b=2", ",".join(f"k{number}=v" for number in range(11))),
        ("s3_bucket_owner", "123456789012", "12345"),
        ("s3_encryption", "aws:kms", "kms"),
        ("s3_lock", "GOVERNANCE", "governance"),
        ("s3_lock_days", "30", "0"),
        ("s3_style", "virtual", "dns"),
    ],
)
def test_settings_are_checked_before_anything_is_sent(name: str, right: str, wrong: str) -> None:
    assert str(getattr(read(Step, {name: right}).store.of(S3Settings), name)) == right
    with pytest.raises(BadInput, match=name):
        read(Step, {name: wrong})


def test_role_without_credentials_to_assume_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    role = S3Settings(s3_region="eu-central-1", s3_role="arn:aws:iam::123456789012:role/captures")
    with pytest.raises(NotStored, match="Set s3_access_key and s3_secret_key, or s3_profile, or use a role"):
        opened("bucket", role)


@pytest.mark.parametrize(
    ("bucket", "changed", "begin"),
    [
        ("bucket", {}, "http://127.0.0.1:9/bucket/captures/a.txt?"),
        (
            "bucket",
            {"s3_style": "virtual", "s3_endpoint": "http://s3.example"},
            "http://bucket.s3.example/captures/a.txt?",
        ),
        (
            "bucket",
            {"s3_endpoint": "", "s3_region": "eu-central-1"},
            "https://bucket.s3.eu-central-1.amazonaws.com/captures/",
        ),
        (
            "a.bucket",
            {"s3_endpoint": "", "s3_region": "eu-central-1"},
            "https://s3.eu-central-1.amazonaws.com/a.bucket/captures/",
        ),
        (
            "bucket",
            {"s3_endpoint": "", "s3_region": "eu-central-1", "s3_style": "path"},
            "https://s3.eu-central-1.amazonaws.com/bucket/captures/",
        ),
    ],
    ids=["endpoint", "endpoint with host names", "AWS", "AWS, dots", "AWS with paths"],
)
def test_bucket_is_in_the_path_or_in_the_host_name(bucket: str, changed: dict[str, Any], begin: str) -> None:
    store = opened(f"{bucket}/captures", replace(SETTINGS, **changed))
    link, expires = store._link("captures/a.txt")
    assert link.startswith(begin)
    assert "X-Amz-Expires=3600" in link
    assert "hunter2" not in link
    assert expires - datetime.now(timezone.utc) <= timedelta(hours=1)


def test_file_that_is_gone_is_not_stored(tmp_path: Path) -> None:
    with pytest.raises(NotStored, match="cannot store s3://bucket/ns/dump.txt: .*No such file"):
        opened("bucket", SETTINGS).put("ns/dump.txt", tmp_path / "gone.txt", SHA256)


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
    assert content_type(name) == kind
