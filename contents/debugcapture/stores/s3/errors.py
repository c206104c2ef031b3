"""The errors of S3: which of them a retry can solve, and what the user can do about the others.

Source: Amazon S3 API Reference, "Error responses"; botocore's exceptions.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    SSLError,
)
from botocore.exceptions import ConnectionError as NoConnection

from ...backoff import retried
from ...errors import NotStored
from .. import clock

T = TypeVar("T")
# The SDK's own retries share a budget over all parts, which is soon used up while a server is down.
WAITS_S: tuple[float, ...] = (0.5, 1, 2, 4, 8, 16)
_TEMPORARY_STATUS = {429, 500, 502, 503, 504}
_TEMPORARY = {"BadDigest", "IncompleteBody", "InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown"}
_RESUMES = "The next upload resumes where this one stopped."
_KEYS = "Check s3_access_key and s3_secret_key."
_REGION = "Set s3_region to the region of the bucket."
_EXPIRED = "Get a new session token, or use a role or profile, which renew it automatically."
_CHECKSUM = (
    "If the server does not support SHA-256 headers, set s3_checksum to md5. Otherwise check s3_tags and s3_lock."
)
_REMEDIES = {
    "NoSuchBucket": "Create the bucket, or correct the store URL.",
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "ExpiredToken": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "AccessDenied": "Allow s3:PutObject and s3:GetObject on the prefix of the store, and check s3_bucket_owner.",
    "RequestTimeTooSkewed": "Correct the clock of this machine.",
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "PermanentRedirect": _REGION,
    "InvalidStorageClass": "Correct s3_storage_class.",
    "InvalidArgument": _CHECKSUM,
    "NotImplemented": _CHECKSUM,
    "InvalidTag": "Correct s3_tags.",
    "KMS.NotFoundException": "Correct s3_kms_key.",
    "KMS.DisabledException": "Enable the KMS key, or set another one in s3_kms_key.",
    "SlowDown": _RESUMES,
    "ServiceUnavailable": _RESUMES,
    "InternalError": _RESUMES,
    "RequestTimeout": _RESUMES,
}


def code_of(error: ClientError) -> str:
    """Return the error code of the server. A response without a body has only its status, such as "404"."""
    return str(error.response.get("Error", {}).get("Code", ""))


def retry(attempt: Callable[[], T], on_retry: Callable[[], None] = lambda: None) -> T:
    """Return the result of ``attempt``, which is repeated with growing waits after temporary errors.

    ``on_retry`` is called before each wait. If it raises, there are no more attempts.
    """

    def wait(error: Exception, wait_s: float) -> float | None:
        if not _is_temporary(error):
            return None
        on_retry()
        return wait_s

    return retried(attempt, WAITS_S, wait)


def _is_temporary(error: Exception) -> bool:
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return code_of(error) in _TEMPORARY or status in _TEMPORARY_STATUS
    if isinstance(error, SSLError):
        return "CERTIFICATE_VERIFY_FAILED" not in str(error)
    return isinstance(error, (NoConnection, HTTPClientError))


@contextmanager
def raise_not_stored(action: str) -> Iterator[None]:
    """Turn the exceptions of boto3 and of the disk into NotStored."""
    try:
        yield
    except (ClientError, BotoCoreError, OSError) as error:
        raise not_stored(action, error) from error


def not_stored(action: str, error: Exception) -> NotStored:
    """Return ``error`` as NotStored, with the error code of the server and a remedy."""
    if isinstance(error, ClientError):
        return _from_response(action, error)
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return NotStored(action, str(error), "Set s3_access_key and s3_secret_key, or s3_profile, or use a role.")
    if isinstance(error, NoRegionError):
        return NotStored(action, str(error), "Set s3_region.")
    if isinstance(error, SSLError):
        return NotStored(
            action, str(error), "Add the server's certificate authority to this machine, or set AWS_CA_BUNDLE."
        )
    if isinstance(error, (NoConnection, HTTPClientError)):
        return NotStored(action, str(error), f"Check s3_endpoint and the network. {_RESUMES}")
    if isinstance(error, OSError):
        return NotStored(action, str(error), "Check the disk of the spool.")
    return NotStored(action, str(error), "Check the store settings.")


def _from_response(action: str, error: ClientError) -> NotStored:
    code, message = code_of(error), error.response.get("Error", {}).get("Message", "")
    if error.operation_name == "AssumeRole":
        remedy = "Check s3_role and s3_external_id, and that the trust policy of the role allows this identity."
        return NotStored(action, f"cannot assume the role: {code}: {message}", remedy)
    if code == "RequestTimeTooSkewed":
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        message = f"{message.rstrip('.')}{clock.describe_skew(clock.skew_s(headers.get('date')))}"
    return NotStored(action, f"{code}: {message}", _REMEDIES.get(code, "Check the store settings."))
