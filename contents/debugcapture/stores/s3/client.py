"""The boto3 client for the settings, and the fields of new objects.

Source: boto3 documentation, "Credentials", "Configuration"; botocore.credentials.
"""

from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, CredentialResolver, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError, ProfileNotFound

from ...errors import BadInput
from ...settings.s3 import S3Settings

CONNECTIONS = 16
CONNECT_S = 10
SILENCE_S = 60


def s3_session(settings: S3Settings) -> Any:
    """Return a boto3 session. For blank ``settings``, the SDK looks for a profile, a web identity or an instance role.

    Raises BadInput for settings that contradict each other.
    """
    _check(settings)
    try:
        session = _session(settings)
    except ProfileNotFound as error:
        raise BadInput("cannot use the store", str(error), "Correct s3_profile.") from error
    return boto3.Session(botocore_session=_assume_role(session, settings) if settings.s3_role else session)


def s3_client(session: Any, settings: S3Settings, bucket: str) -> Any:
    """Return a client of ``session`` for ``bucket``, which threads can share."""
    style: str = settings.s3_style
    if style == "auto":
        # Compatible servers rarely have a DNS name for each bucket, and the certificates of AWS do not cover a bucket
        # with dots. The "auto" of the SDK signs links for a host that redirects if the bucket is in another region.
        style = "path" if settings.s3_endpoint or "." in bucket else "virtual"
    return session.client(
        "s3",
        endpoint_url=settings.s3_endpoint or None,
        config=Config(
            signature_version="s3v4",
            retries={"total_max_attempts": 1},  # `errors.retry` retries
            connect_timeout=CONNECT_S,
            read_timeout=SILENCE_S,
            max_pool_connections=CONNECTIONS,
            # A signed header already contains the checksum of the content, so the payload is not signed again.
            s3={"addressing_style": style, "payload_signing_enabled": False},
            # By default, the SDK adds its own checksum headers to all requests.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def object_fields(settings: S3Settings) -> dict[str, Any]:
    """Return the fields of a request that creates an object."""
    fields: dict[str, Any] = {}
    if settings.s3_encryption != "default":
        fields["ServerSideEncryption"] = settings.s3_encryption
    if settings.s3_kms_key:
        fields["SSEKMSKeyId"] = settings.s3_kms_key
    if settings.s3_storage_class:
        fields["StorageClass"] = settings.s3_storage_class
    if settings.s3_tags:
        fields["Tagging"] = urlencode(dict(tag.strip().split("=", 1) for tag in settings.s3_tags.split(",")))
    if settings.s3_lock != "none":
        until = datetime.now(timezone.utc) + timedelta(days=settings.s3_lock_days)
        fields |= {"ObjectLockMode": settings.s3_lock, "ObjectLockRetainUntilDate": until}
    return fields


def _check(settings: S3Settings) -> None:
    """Raise BadInput for settings that require another setting."""
    has_keys, action = bool(settings.s3_access_key), "cannot use the store"
    if has_keys != bool(settings.s3_secret_key):
        raise BadInput(action, "s3_access_key and s3_secret_key must be set together", "Set both or none.")
    if settings.s3_session_token and not has_keys:
        raise BadInput(action, "s3_session_token requires a key pair", "Set s3_access_key and s3_secret_key too.")
    if settings.s3_external_id and not settings.s3_role:
        raise BadInput(action, "s3_external_id requires a role", "Set s3_role too.")
    if settings.s3_kms_key and not settings.s3_encryption.startswith("aws:kms"):
        raise BadInput(action, "s3_kms_key requires aws:kms", "Set s3_encryption to aws:kms too.")


def _session(settings: S3Settings) -> Any:
    session = botocore.session.Session(profile=settings.s3_profile or None)
    session.get_scoped_config()  # fails now when there is no such profile
    region = settings.s3_region or session.get_config_variable("region")
    # Other S3 servers accept any region.
    region = region or ("us-east-1" if settings.s3_endpoint else None)
    session.set_config_variable("region", region)
    if settings.s3_access_key:
        session.set_credentials(settings.s3_access_key, settings.s3_secret_key, settings.s3_session_token or None)
    return session


def _assume_role(source: Any, settings: S3Settings) -> Any:
    """Return a session that assumes the role with the credentials of ``source``, and renews it before it expires."""
    extra = {"RoleSessionName": "kubernetes-debug-capture"}
    if settings.s3_external_id:
        extra["ExternalId"] = settings.s3_external_id
    credentials = source.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    fetcher = AssumeRoleCredentialFetcher(source.create_client, credentials, settings.s3_role, extra)

    class _Role:
        METHOD = CANONICAL_NAME = "assume-role"

        def load(self) -> Any:
            return DeferredRefreshableCredentials(fetcher.fetch_credentials, self.METHOD)

    session = botocore.session.Session()
    session.set_config_variable("region", source.get_config_variable("region"))
    session.register_component("credential_provider", CredentialResolver([_Role()]))
    return session
