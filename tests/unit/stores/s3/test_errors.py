"""errors.py: the messages of errors, and which errors are retried."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

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
from botocore.parsers import ResponseParserError

from debugcapture.errors import NotStored
from debugcapture.stores.s3 import errors as s3_errors
from debugcapture.stores.s3.errors import not_stored, raise_not_stored, retry, upload_id_of


def refused(code: str, status: int = 403, operation: str = "PutObject", **headers: str) -> ClientError:
    meta = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": meta}, operation)


URL = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (refused("NoSuchBucket", 404), "NoSuchBucket: no. Create the bucket, or correct the store URL."),
        (refused("InvalidAccessKeyId"), "InvalidAccessKeyId: no. Check s3_access_key and s3_secret_key."),
        (refused("SignatureDoesNotMatch"), "SignatureDoesNotMatch: no. Check s3_access_key and s3_secret_key."),
        (refused("ExpiredToken", 400), "ExpiredToken: no. Get a new session token"),
        (refused("AccessDenied"), "AccessDenied: no. Allow s3:PutObject and s3:GetObject on the prefix of the store"),
        (refused("PermanentRedirect", 301), "PermanentRedirect: no. Set s3_region to the region of the bucket."),
        (refused("SlowDown", 503), "SlowDown: no. The next upload resumes where this one stopped."),
        (refused("SecondLevelDomainForbidden"), "SecondLevelDomainForbidden: no. Set s3_style to virtual."),
        (refused("VirtualHostDomainRequired", 400), "Set s3_style to virtual."),
        (refused("PathStyleDomainForbidden"), "Set s3_style to virtual."),
        (refused("XMinioStorageFull", 507), "Free space in the store, or raise its quota."),
        (refused("XMinioAdminBucketQuotaExceeded", 400), "Free space in the store, or raise its quota."),
        (refused("QuotaExceeded"), "Free space in the store, or raise its quota."),
        (refused("UserSuspended"), "it has suspended the account"),
        (refused("InArrearOrInsufficientBalance"), "it has suspended the account"),
        (refused("XAmzContentSHA256Mismatch", 400), "set s3_checksum to md5"),
        (refused("MalformedXML", 400), "set s3_checksum to md5"),
        (refused("InvalidSecurity"), "Check s3_access_key and s3_secret_key."),
        (refused("401", 401), "Check s3_access_key and s3_secret_key."),
        (refused("403"), "403: no. Allow s3:PutObject"),
        (refused("404", 404), "404: no. Create the bucket"),
        (refused("301", 301), "Set s3_region to the region of the bucket."),
        (refused("413", 413), "Raise the limit for the size of a request in the proxy"),
        (refused("502", 502), "502: no. The next upload resumes"),
        (refused("522", 522), "522: no. The next upload resumes"),
        (ResponseParserError("<html>hunter2"), "the response is not from S3. Check s3_endpoint: another service"),
        (refused("Unheard", 400), "Unheard: no. Check the store settings."),
        (refused("AccessDenied", operation="AssumeRole"), "cannot assume the role: AccessDenied: no. Check s3_role"),
        (EndpointConnectionError(endpoint_url=URL), f'"{URL}". Check s3_endpoint and the network.'),
        (ConnectionClosedError(endpoint_url=URL), f'"{URL}". Check s3_endpoint and the network.'),
        (SSLError(endpoint_url=URL, error="CERTIFICATE_VERIFY_FAILED"), "Add the server's certificate authority"),
        (NoCredentialsError(), "Set s3_access_key and s3_secret_key, or s3_profile, or use a role."),
        (NoRegionError(), "Set s3_region."),
        (OSError(5, "Input/output error"), "Check the disk of the spool."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_failure_is_one_line_with_a_remedy(error: Exception, message: str) -> None:
    line = str(not_stored("cannot store s3://b/k", error))
    assert line.startswith("cannot store s3://b/k: ")
    assert message in line
    assert "\n" not in line


@pytest.mark.parametrize(("ahead_s", "word"), [(3600, "ahead"), (-3600, "behind")])
def test_skewed_clock_is_reported_with_its_direction(ahead_s: int, word: str) -> None:
    server = datetime.now(timezone.utc) - timedelta(seconds=ahead_s)
    error = refused("RequestTimeTooSkewed", date=f"{server:%a, %d %b %Y %H:%M:%S} GMT")
    line = str(not_stored("cannot store s3://b/k", error))
    assert f" s {word}. Correct the clock of this machine." in line


@pytest.mark.parametrize("response", [{}, {"UploadId": ""}], ids=str)
def test_a_response_without_an_upload_id_is_from_another_service(response: dict[str, str]) -> None:
    with pytest.raises(NotStored, match="the response is not from S3"), raise_not_stored("cannot store s3://b/k"):
        upload_id_of(response)
    assert upload_id_of({"UploadId": "7"}) == "7"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


@pytest.mark.parametrize(
    "error",
    [
        refused("InternalError", 500),
        refused("SlowDown", 503),
        refused("SlowDownWrite", 503),
        refused("OperationAborted", 409),
        refused("522", 522),
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

    assert retry(attempt) == "stored"
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
        retry(attempt)
    assert waits == []


def test_each_failed_attempt_is_reported_and_can_be_the_last(waits: list[float]) -> None:
    messages: list[str] = []

    def failed() -> None:
        messages.append("failed")
        if len(messages) == 3:
            raise KeyError("enough")

    def attempt() -> None:
        raise refused("SlowDown", 503)

    with pytest.raises(KeyError, match="enough"):
        retry(attempt, failed)
    assert waits == [0.5, 1]


def test_retries_have_a_limit(waits: list[float]) -> None:
    tries: list[int] = []

    def attempt() -> None:
        tries.append(1)
        raise refused("SlowDown", 503)

    with pytest.raises(ClientError, match="SlowDown"):
        retry(attempt)
    assert len(tries) == len(s3_errors.WAITS_S) + 1
    assert waits == list(s3_errors.WAITS_S) == sorted(waits)
