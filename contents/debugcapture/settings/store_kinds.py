"""The settings of each kind of store: a group of its own, which the store is given. See store_urls.py."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from .declare import Group, setting


@dataclass(frozen=True, kw_only=True)
class NoSettings(Group):
    """Of a store that has none: no part of the form."""

    title: ClassVar[str] = ""


@dataclass(frozen=True, kw_only=True)
class S3Settings(Group):
    """Of s3://, stores/s3/store.py."""

    title: ClassVar[str] = "Store: S3"
    folded: ClassVar[bool] = True

    s3_endpoint: str = setting(
        "",
        "S3 endpoint",
        "URL of an S3-compatible server; blank for AWS.",
        pattern=r"https?://[^\s/]+/?",
        allowed="an http:// or https:// URL without a path",
    )
    s3_region: str = setting(
        "",
        "S3 region",
        "For example eu-central-1; blank for the machine's own configuration.",
        pattern=r"[a-z0-9-]+",
        allowed="lower-case letters, digits and dashes",
    )
    s3_style: Literal["auto", "path", "virtual"] = setting(
        "auto", "S3 addressing", "Bucket in the path or in the host name; auto: in the path where an endpoint is set."
    )
    s3_access_key: str = setting(
        "", "S3 access key", "Kept in Key Storage; blank for the machine's own role or profile.", secret=True
    )
    s3_secret_key: str = setting("", "S3 secret key", "Kept in Key Storage.", secret=True)
    s3_session_token: str = setting("", "S3 session token", "Of temporary keys, kept in Key Storage.", secret=True)
    s3_profile: str = setting(
        "", "AWS profile", "Of ~/.aws/config of Rundeck's user.", pattern=r"\S+", allowed="a name"
    )
    s3_role: str = setting(
        "",
        "AWS role",
        "ARN of a role to assume with the keys, the profile or the machine's own identity.",
        pattern=r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+",
        allowed="arn:aws:iam::ACCOUNT:role/NAME",
    )
    s3_external_id: str = setting(
        "",
        "External ID of the AWS role",
        "Where its trust policy asks for one.",
        pattern=r"[\w+=,.@:/-]{2,1224}",
        allowed="2 to 1224 letters, digits and +=,.@:/-",
    )
    s3_encryption: Literal["default", "AES256", "aws:kms", "aws:kms:dsse"] = setting(
        "default", "S3 encryption", "The bucket's own, or another: on the server, with its keys."
    )
    s3_kms_key: str = setting(
        "",
        "S3 KMS key",
        "ID or ARN of the key for aws:kms; blank for the account's own.",
        pattern=r"[\w:/-]{1,2048}",
        allowed="a key's ID or ARN",
    )
    s3_storage_class: str = setting(
        "",
        "S3 storage class",
        "For example STANDARD_IA; blank for the default. Links to GLACIER and DEEP_ARCHIVE do not open.",
        pattern=r"[A-Z][A-Z0-9_]*",
        allowed="capital letters and _",
    )
    s3_tags: str = setting(
        "",
        "S3 tags",
        "Of each object: team=payments, purpose=debug; ten at most.",
        pattern=r"[\w+.:/@ -]+=[\w+.:/@= -]*(,[\w+.:/@ -]+=[\w+.:/@= -]*){0,9}",
        allowed="KEY=VALUE, separated by commas",
    )
    s3_lock: Literal["none", "GOVERNANCE", "COMPLIANCE"] = setting(
        "none", "S3 object lock", "Keeps objects from being deleted or written over; the bucket has to allow it."
    )
    s3_lock_days: int = setting(30, "S3 object lock, days", "How long the lock holds.", least=1, most=36500)
    s3_bucket_owner: str = setting(
        "",
        "S3 bucket owner",
        "Account that has to own the bucket, else nothing is sent.",
        pattern=r"\d{12}",
        allowed="the 12 digits of an AWS account",
    )


@dataclass(frozen=True, kw_only=True)
class AzureSettings(Group):
    """Of azblob://, stores/azure/store.py."""

    title: ClassVar[str] = "Store: Azure"
    folded: ClassVar[bool] = True

    azure_endpoint: str = setting(
        "",
        "Azure blob endpoint",
        "URL of the account where it is not https://ACCOUNT.blob.core.windows.net: a sovereign cloud, or Azurite.",
        pattern=r"https?://\S+",
        allowed="an http:// or https:// URL",
    )
    azure_key: str = setting(
        "",
        "Azure account key",
        "Kept in Key Storage. Without key and SAS the machine's own identity is used (workload or managed identity).",
        secret=True,
    )
    azure_sas: str = setting("", "Azure SAS token", "For the container, kept in Key Storage.", secret=True)
    azure_connection_string: str = setting(
        "", "Azure connection string", "Kept in Key Storage; in place of key, SAS token and endpoint.", secret=True
    )
    azure_tier: Literal["default", "Hot", "Cool", "Cold"] = setting(
        "default", "Azure access tier", "The account's own, or another."
    )
    azure_tags: str = setting(
        "",
        "Azure blob index tags",
        "Of each blob: team=payments, purpose=debug; ten at most.",
        pattern=r"[\w+.:/ -]+=[\w+.:/= -]*(,[\w+.:/ -]+=[\w+.:/= -]*){0,9}",
        allowed="KEY=VALUE, separated by commas",
    )
    azure_immutable_days: int = setting(
        0,
        "Azure immutability in days",
        "For so long a blob cannot be deleted or written over; the container has to allow it. 0 for none.",
        least=0,
        most=146_000,
    )


@dataclass(frozen=True, kw_only=True)
class SftpSettings(Group):
    """Of sftp://, stores/sftp/store.py."""

    title: ClassVar[str] = "Store: SFTP"
    folded: ClassVar[bool] = True

    sftp_password: str = setting("", "SFTP password", "Kept in Key Storage.", secret=True)
    sftp_private_key: str = setting(
        "", "SFTP private key", "Kept in Key Storage; without key and password the SSH agent is asked.", secret=True
    )
    sftp_passphrase: str = setting("", "Passphrase of the SFTP key", "Kept in Key Storage.", secret=True)
    sftp_known_hosts: str = setting(
        "",
        "SFTP known hosts",
        "Lines as in known_hosts, kept in Key Storage. Blank: ~/.ssh/known_hosts of Rundeck's user.",
        secret=True,
    )
    sftp_jump: str = setting(
        "",
        "SFTP jump host",
        "USER@HOST:PORT of a host to go through; it takes the same key or password.",
        pattern=r"[^\s/@:]+@[^\s/@]+",
        allowed="USER@HOST or USER@HOST:PORT",
    )
    sftp_file_mode: str = setting(
        "640",
        "SFTP file mode",
        "Permissions of the files, in octal; 'server' leaves them to the server.",
        pattern=r"[0-7]{3,4}|server",
        allowed="octal digits as in 640, or server",
    )
    sftp_folder_mode: str = setting(
        "750",
        "SFTP folder mode",
        "Permissions of the folders that are made, in octal; 'server' leaves them to the server.",
        pattern=r"[0-7]{3,4}|server",
        allowed="octal digits as in 750, or server",
    )


@dataclass(frozen=True, kw_only=True)
class EncryptionSettings(Group):
    """Of stores/encrypted.py, around any other store."""

    title: ClassVar[str] = "Store: encryption"
    folded: ClassVar[bool] = True

    encrypt_to: str = setting(
        "",
        "Encrypt for",
        "Public keys of those who may read the evidence, one a line: age1…, or a line of an SSH .pub file. Everything "
        "but the bundle's page is encrypted before it leaves this machine. Blank: the store's own encryption only.",
        pattern=r"(age1[a-z0-9]+|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( [^\r\n]*)?|\s)+",
        allowed="age1… or ssh-… public keys, one a line",
        lines=True,
    )
