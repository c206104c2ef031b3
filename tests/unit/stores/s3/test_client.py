"""client.py: the arguments of boto3 from the settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from debugcapture.errors import BadInput, NotStored
from debugcapture.settings.declare import read
from debugcapture.settings.s3 import S3Settings
from debugcapture.settings.store import StoreSettings
from debugcapture.stores.s3.client import object_fields
from debugcapture.stores.s3.store import S3Store

SETTINGS = S3Settings(s3_endpoint="http://127.0.0.1:9", s3_access_key="AK", s3_secret_key="hunter2")


def opened(place: str, settings: S3Settings) -> S3Store:
    return S3Store(urlsplit(f"s3://{place}"), settings, 3600)


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
    assert object_fields(settings) == fields


def test_lock_ends_after_its_days() -> None:
    fields = object_fields(S3Settings(s3_lock="COMPLIANCE", s3_lock_days=7))
    remaining = fields["ObjectLockRetainUntilDate"] - datetime.now(timezone.utc)
    assert fields["ObjectLockMode"] == "COMPLIANCE"
    assert timedelta(days=6, hours=23) < remaining <= timedelta(days=7)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"s3_access_key": ""}, "s3_access_key and s3_secret_key must be set together"),
        ({"s3_secret_key": ""}, "s3_access_key and s3_secret_key must be set together"),
        ({"s3_access_key": "", "s3_secret_key": "", "s3_session_token": "t"}, "s3_session_token requires a key pair"),
        ({"s3_external_id": "x"}, "s3_external_id requires a role"),
        ({"s3_kms_key": "k"}, "s3_kms_key requires aws:kms"),
        ({"s3_profile": "no-such-profile"}, "no-such-profile.*Correct s3_profile"),
    ],
)
def test_settings_that_do_not_fit_together_are_bad_input(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
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


def test_role_without_credentials_to_assume_it_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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
    link, expires = store._sign_link("captures/a.txt")
    assert link.startswith(begin)
    assert "X-Amz-Expires=3600" in link
    assert "hunter2" not in link
    assert expires - datetime.now(timezone.utc) <= timedelta(hours=1)
