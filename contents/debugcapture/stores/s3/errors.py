"""The errors of S3: which of them a retry can solve, and what the user can do about the others.

Source: Amazon S3 API Reference, "Error responses"; botocore's exceptions.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

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
from botocore.parsers import ResponseParserError

from ...backoff import retried
from ...errors import NotStored
from .. import clock

T = TypeVar("T")
# The SDK's own retries share a budget over all parts, which is soon used up while a server is down.
WAITS_S: tuple[float, ...] = (0.5, 1, 2, 4, 8, 16)
# 520 to 524 are those of Cloudflare, which R2 returns too.
_TEMPORARY_STATUS = {408, 429, 500, 502, 503, 504, *range(520, 525)}
_TEMPORARY = {
    "BadDigest", "IncompleteBody", "InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable",
    "SlowDown",
}  # fmt: skip
_RESUMES = "The next upload resumes where this one stopped."
_KEYS = "Check s3_access_key and s3_secret_key."
_REGION = "Set s3_region to the region of the bucket."
_EXPIRED = "Get a new session token, or use a role or profile, which renew it automatically."
_CHECKSUM = (
    "If the server does not support SHA-256 headers, set s3_checksum to md5. Otherwise check s3_tags and s3_lock."
)
_BUCKET = "Create the bucket, or correct the store URL."
_ACCESS = "Allow s3:PutObject and s3:GetObject on the prefix of the store, and check s3_bucket_owner."
_STYLE = "Set s3_style to virtual."
_FULL = f"Free space in the store, or raise its quota. {_RESUMES}"
_ACCOUNT = "Ask the provider of the store: it has suspended the account."
_REQUEST_SIZE = "Raise the limit for the size of a request in the proxy in front of the store."
_NOT_S3 = "Check s3_endpoint: another service answers there, such as the console of the store or a login page."
# The codes of Amazon, and of Alibaba OSS, Backblaze B2, Ceph, Cloudflare R2, Dell ECS, Google, Huawei OBS, MinIO and
# Tencent COS. A number is the status of an answer without a code.
_REMEDIES = {
    "NoSuchBucket": _BUCKET,
    "InvalidBucketName": "Correct the store URL.",
    "404": _BUCKET,
    "InvalidAccessKeyId": _KEYS,
    "InvalidSecurity": _KEYS,
    "Unauthorized": _KEYS,
    "401": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "ExpiredToken": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "AccessDenied": _ACCESS,
    "UnauthorizedAccess": _ACCESS,
    "403": _ACCESS,
    "AccountProblem": _ACCOUNT,
    "AllAccessDisabled": _ACCOUNT,
    "InArrearOrInsufficientBalance": _ACCOUNT,
    "UserSuspended": _ACCOUNT,
    "RequestTimeTooSkewed": "Correct the clock of this machine.",
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "IncorrectEndpoint": _REGION,
    "PermanentRedirect": _REGION,
    "301": _REGION,
    "InvalidPathAccess": _STYLE,
    "PathStyleDomainForbidden": _STYLE,
    "SecondLevelDomainForbidden": _STYLE,
    "VirtualHostDomainRequired": _STYLE,
    "InsufficientCapacity": _FULL,
    "InsufficientStorageSpace": _FULL,
    "QuotaExceeded": _FULL,
    "StorageQuotaExceeded": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "507": _FULL,
    "EntityTooLarge": _REQUEST_SIZE,
    "413": _REQUEST_SIZE,
    "405": _NOT_S3,
    "InvalidStorageClass": "Correct s3_storage_class.",
    "InvalidArgument": _CHECKSUM,
    "InvalidRequest": _CHECKSUM,
    "MalformedXML": _CHECKSUM,
    "NotImplemented": _CHECKSUM,
    "XAmzContentSHA256Mismatch": _CHECKSUM,
    "XNotImplemented": _CHECKSUM,
    "InvalidTag": "Correct s3_tags.",
    "KMS.NotFoundException": "Correct s3_kms_key.",
    "KMS.DisabledException": "Enable the KMS key, or set another one in s3_kms_key.",
    "SlowDown": _RESUMES,
    "ServiceUnavailable": _RESUMES,
    "InternalError": _RESUMES,
    "RequestTimeout": _RESUMES,
    "OperationAborted": _RESUMES,
    "SlowDownRead": _RESUMES,
    "SlowDownWrite": _RESUMES,
    "XMinioServerNotInitialized": _RESUMES,
    **{str(status): _RESUMES for status in _TEMPORARY_STATUS},
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
    except (ClientError, BotoCoreError, ResponseParserError, OSError) as error:
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
    if isinstance(error, ResponseParserError):  # its message quotes the answer
        return NotStored(action, "the response is not from S3", _NOT_S3)
    if isinstance(error, OSError):
        return NotStored(action, str(error), "Check the disk of the spool.")
    return NotStored(action, str(error), "Check the store settings.")


def upload_id_of(response: Mapping[str, Any]) -> str:
    """Return the ID of a new multipart upload. Raises ResponseParserError if a server answers without one."""
    if not response.get("UploadId"):
        raise ResponseParserError("the answer has no UploadId")
    return str(response["UploadId"])


def _from_response(action: str, error: ClientError) -> NotStored:
    code, message = code_of(error), error.response.get("Error", {}).get("Message", "")
    if error.operation_name == "AssumeRole":
        remedy = "Check s3_role and s3_external_id, and that the trust policy of the role allows this identity."
        return NotStored(action, f"cannot assume the role: {code}: {message}", remedy)
    if code == "RequestTimeTooSkewed":
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        message = f"{message.rstrip('.')}{clock.describe_skew(clock.skew_s(headers.get('date')))}"
    return NotStored(action, f"{code}: {message}", _REMEDIES.get(code, "Check the store settings."))
