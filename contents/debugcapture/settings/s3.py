"""Settings of stores in S3."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from .declare import Group, setting


@dataclass(frozen=True, kw_only=True)
class S3Settings(Group):
    """Of s3://, stores/s3/store.py."""

    title: ClassVar[str] = "Store: S3"
    folded: ClassVar[bool] = True

    s3_endpoint: str = setting(
        "",
        "S3 endpoint",
        "URL of an S3-compatible server. Blank: AWS.",
        pattern=r"https?://[^\s/]+/?",
        allowed="an http:// or https:// URL without a path",
    )
    s3_region: str = setting(
        "",
        "S3 region",
        "For example eu-central-1. Blank: from the configuration of this machine.",
        pattern=r"[a-z0-9-]+",
        allowed="lower-case letters, digits and dashes",
    )
    s3_style: Literal["auto", "path", "virtual"] = setting(
        "auto", "S3 addressing", "Bucket in the path or in the host name. auto: in the path if an endpoint is set."
    )
    s3_access_key: str = setting(
        "", "S3 access key", "From Key Storage. Blank: the role or profile of this machine.", secret=True
    )
    s3_secret_key: str = setting("", "S3 secret key", "From Key Storage.", secret=True)
    s3_session_token: str = setting("", "S3 session token", "For temporary credentials, from Key Storage.", secret=True)
    s3_profile: str = setting(
        "", "AWS profile", "Name of a profile in ~/.aws/config of Rundeck's user.", pattern=r"\S+", allowed="a name"
    )
    s3_role: str = setting(
        "",
        "AWS role",
        "ARN of a role to assume with the keys, the profile, or the identity of this machine.",
        pattern=r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+",
        allowed="arn:aws:iam::ACCOUNT:role/NAME",
    )
    s3_external_id: str = setting(
        "",
        "External ID of the AWS role",
        "Required if the trust policy of the role contains one.",
        pattern=r"[\w+=,.@:/-]{2,1224}",
        allowed="2 to 1224 letters, digits and +=,.@:/-",
    )
    s3_checksum: Literal["sha256", "md5"] = setting(
        "sha256",
        "S3 checksum",
        "Checksum that the server verifies when it receives data. Use md5 for servers that reject SHA-256 headers.",
    )
    s3_encryption: Literal["default", "AES256", "aws:kms", "aws:kms:dsse"] = setting(
        "default", "S3 encryption", "Server-side encryption. default: the bucket's encryption."
    )
    s3_kms_key: str = setting(
        "",
        "S3 KMS key",
        "ID or ARN of the key for aws:kms. Blank: the default key of the account.",
        pattern=r"[\w:/-]{1,2048}",
        allowed="the ID or ARN of a key",
    )
    s3_storage_class: str = setting(
        "",
        "S3 storage class",
        "For example STANDARD_IA. Blank: the default. Links to GLACIER and DEEP_ARCHIVE do not open.",
        pattern=r"[A-Z][A-Z0-9_]*",
        allowed="capital letters and _",
    )
    s3_tags: str = setting(
        "",
        "S3 tags",
        "Tags of each object: team=payments, purpose=debug. At most ten.",
        pattern=r"[\w+.:/@ -]+=[\w+.:/@= -]*(,[\w+.:/@ -]+=[\w+.:/@= -]*){0,9}",
        allowed="KEY=VALUE, separated by commas",
    )
    s3_lock: Literal["none", "GOVERNANCE", "COMPLIANCE"] = setting(
        "none",
        "S3 object lock",
        "Protects objects from deletion and overwriting. Object lock must be enabled for the bucket.",
    )
    s3_lock_days: int = setting(30, "S3 object lock (days)", "Duration of the lock.", least=1, most=36500)
    s3_bucket_owner: str = setting(
        "",
        "S3 bucket owner",
        "Account that must own the bucket. Otherwise nothing is uploaded.",
        pattern=r"\d{12}",
        allowed="the 12 digits of an AWS account",
    )
