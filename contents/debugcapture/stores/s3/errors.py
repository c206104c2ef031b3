"""What S3 answers when it does not do as it is told: what another try may mend, and what a user has to.

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
# Not the SDK's own repeats: those of all parts share a budget, and it is soon spent when a server is down for a while.
WAITS_S: tuple[float, ...] = (0.5, 1, 2, 4, 8, 16)
_TEMPORARY_STATUS = {429, 500, 502, 503, 504}
_TEMPORARY = {"BadDigest", "IncompleteBody", "InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown"}
_AGAIN = "The next upload resumes where this one stopped."
_KEYS = "Check s3_access_key and s3_secret_key."
_REGION = "Set s3_region to the region of the bucket."
_EXPIRED = "Get a new session token, or use a role or profile, which renew it automatically."
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
    "InvalidTag": "Correct s3_tags.",
    "KMS.NotFoundException": "Correct s3_kms_key.",
    "KMS.DisabledException": "Enable the KMS key, or set another one in s3_kms_key.",
    "SlowDown": _AGAIN,
    "ServiceUnavailable": _AGAIN,
    "InternalError": _AGAIN,
    "RequestTimeout": _AGAIN,
}


def code_of(error: ClientError) -> str:
    """Return the server's own word for ``error``; an answer without a body has its status only ("404")."""
    return str(error.response.get("Error", {}).get("Code", ""))


def again(attempt: Callable[[], T], failed: Callable[[], None] = lambda: None) -> T:
    """Return what ``attempt`` returns, tried with growing waits as long as another try may help.

    ``failed`` is called before each wait; an exception of its own ends the tries.
    """

    def wait(error: Exception, wait_s: float) -> float | None:
        if not _temporary(error):
            return None
        failed()
        return wait_s

    return retried(attempt, WAITS_S, wait)


def _temporary(error: Exception) -> bool:
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return code_of(error) in _TEMPORARY or status in _TEMPORARY_STATUS
    if isinstance(error, SSLError):
        return "CERTIFICATE_VERIFY_FAILED" not in str(error)
    return isinstance(error, (NoConnection, HTTPClientError))


@contextmanager
def reported(doing: str) -> Iterator[None]:
    """Turn what boto3 and the disk say into NotStored."""
    try:
        yield
    except (ClientError, BotoCoreError, OSError) as error:
        raise not_stored(doing, error) from error


def not_stored(doing: str, error: Exception) -> NotStored:
    """Return ``error`` in one line, with the server's own code and what to do about it."""
    if isinstance(error, ClientError):
        return _refused(doing, error)
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return NotStored(doing, str(error), "Set s3_access_key and s3_secret_key, or s3_profile, or use a role.")
    if isinstance(error, NoRegionError):
        return NotStored(doing, str(error), "Set s3_region.")
    if isinstance(error, SSLError):
        return NotStored(
            doing, str(error), "Add the server's certificate authority to this machine, or set AWS_CA_BUNDLE."
        )
    if isinstance(error, (NoConnection, HTTPClientError)):
        return NotStored(doing, str(error), f"Check s3_endpoint and the network. {_AGAIN}")
    if isinstance(error, OSError):
        return NotStored(doing, str(error), "Check the disk of the spool.")
    return NotStored(doing, str(error), "Check the store settings.")


def _refused(doing: str, error: ClientError) -> NotStored:
    code, message = code_of(error), error.response.get("Error", {}).get("Message", "")
    if error.operation_name == "AssumeRole":
        do = "Check s3_role and s3_external_id, and that the trust policy of the role allows this identity."
        return NotStored(doing, f"cannot assume the role: {code}: {message}", do)
    if code == "RequestTimeTooSkewed":
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        message = f"{message.rstrip('.')}{clock.told(clock.ahead_s(headers.get('date')))}"
    return NotStored(doing, f"{code}: {message}", _REMEDIES.get(code, "Check the store settings."))
