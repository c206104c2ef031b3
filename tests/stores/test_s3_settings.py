"""settings/s3.py on servers that support the settings: accounts, roles, tags, locks, encryption and classes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from debugcapture.errors import NotStored
from debugcapture.stores.s3.store import S3Store
from lab.stores import s3_endpoint
from tests.stores.amazon_roles import ASSUMED, metadata_service, token_service
from tests.stores.s3_lab import (
    KEY,
    SMALL,
    faults,
    file,
    lab_client,
    prefix,
    server,
    sha256,
    small,
    small_parts_and_waits,
    store,
)
from tests.stores.s3_servers import SECRET, USER, Server, allow, moto, versitygw_with_user

__all__ = ["faults", "file", "prefix", "server", "small", "small_parts_and_waits"]  # fixtures
pytestmark = pytest.mark.usefixtures("server", "small_parts_and_waits")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with versitygw_with_user(tmp_path_factory.mktemp("versitygw")) as server:
        yield server


def as_user(server: Server, bucket: str, **changed: Any) -> S3Store:
    return store("", server.url, bucket, s3_access_key=USER, s3_secret_key=SECRET, **changed)


def test_user_who_may_not_write_is_reported(other: Server, file: Path, small: Path) -> None:
    other.client.create_bucket(Bucket="closed")
    for source in (file, small):
        with pytest.raises(NotStored, match=r"AccessDenied: .* Allow s3:PutObject and s3:GetObject"):
            as_user(other, "closed").put(KEY, source, sha256(source.read_bytes()))


def test_unknown_user_is_reported(other: Server, small: Path) -> None:
    with pytest.raises(NotStored, match="InvalidAccessKeyId: .*Check s3_access_key and s3_secret_key"):
        store("", other.url, "any-bucket", s3_access_key="NOBODY").put(KEY, small, sha256(SMALL))


def test_least_privilege_of_the_documents_is_enough(other: Server, file: Path, small: Path) -> None:
    other.client.create_bucket(Bucket="open-to-write")
    allow(other, "open-to-write", "s3:PutObject", "s3:GetObject")
    for source in (file, small):
        as_user(other, "open-to-write").put(source.name, source, sha256(source.read_bytes()))
        response = other.client.get_object(Bucket="open-to-write", Key=source.name)
        assert response["Body"].read() == source.read_bytes()


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
@pytest.mark.parametrize("name", ["small", "file"])
def test_locked_object(other: Server, name: str, request: pytest.FixtureRequest, mode: str) -> None:
    source: Path = request.getfixturevalue(name)
    bucket = f"locked-{mode.lower()}-{name}"
    other.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    keys = {"s3_access_key": "root", "s3_secret_key": SECRET}
    where = store("", other.url, bucket, s3_lock=mode, s3_lock_days=3, **keys)
    where.put(KEY, source, sha256(source.read_bytes()))
    retention = other.client.get_object_retention(Bucket=bucket, Key=KEY)["Retention"]
    remaining = retention["RetainUntilDate"] - datetime.now(timezone.utc)
    assert retention["Mode"] == mode
    assert timedelta(days=2, hours=23) < remaining < timedelta(days=3, minutes=1)


def test_lock_in_a_bucket_without_object_lock_is_reported(prefix: str, small: Path) -> None:
    with pytest.raises(NotStored, match="ObjectLockConfiguration"):
        store(prefix, s3_lock="GOVERNANCE").put(KEY, small, sha256(SMALL))


@pytest.mark.parametrize("name", ["small", "file"])
def test_tags(prefix: str, name: str, request: pytest.FixtureRequest) -> None:
    source: Path = request.getfixturevalue(name)
    store(prefix, s3_tags="team=payments, cost center=a+b=c").put(KEY, source, sha256(source.read_bytes()))
    tags = lab_client().get_object_tagging(Bucket=s3_endpoint().bucket, Key=f"{prefix}/{KEY}")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "payments", "cost center": "a+b=c"}


@pytest.fixture(scope="module")
def amazon() -> Iterator[Server]:
    with moto() as server:
        server.client.create_bucket(Bucket="captures")
        yield server


@pytest.mark.parametrize("name", ["small", "file"])
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"s3_encryption": "AES256"}, {"ServerSideEncryption": "AES256"}),
        ({"s3_encryption": "aws:kms:dsse"}, {"ServerSideEncryption": "aws:kms:dsse"}),
        (
            {"s3_encryption": "aws:kms", "s3_kms_key": "arn:aws:kms:us-east-1:123456789012:key/k"},
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:us-east-1:123456789012:key/k"},
        ),
        ({"s3_storage_class": "STANDARD_IA"}, {"StorageClass": "STANDARD_IA"}),
        ({"s3_session_token": "temporary"}, {}),
        ({"s3_bucket_owner": "123456789012"}, {}),
    ],
    ids=["SSE-S3", "DSSE-KMS", "SSE-KMS", "storage class", "session token", "owner"],
)
def test_how_an_object_is_kept(
    amazon: Server, name: str, request: pytest.FixtureRequest, changed: dict[str, str], expected: dict[str, str]
) -> None:
    source: Path = request.getfixturevalue(name)
    key = f"{name}-{sha256(repr(changed).encode())[:8]}"
    store("", amazon.url, "captures", **changed).put(key, source, sha256(source.read_bytes()))
    response = amazon.client.head_object(Bucket="captures", Key=key)
    assert {field: response.get(field) for field in expected} == expected
    assert response["ContentLength"] == source.stat().st_size


def test_documented_lifecycle_rule_is_accepted(amazon: Server) -> None:
    document = (Path(__file__).parents[2] / "docs" / "stores.md").read_text()
    (rules,) = re.findall(r'```json\n(\{"Rules".*?)```', document, re.DOTALL)
    amazon.client.put_bucket_lifecycle_configuration(Bucket="captures", LifecycleConfiguration=json.loads(rules))
    (rule,) = amazon.client.get_bucket_lifecycle_configuration(Bucket="captures")["Rules"]
    assert (rule["Status"], rule["Filter"], rule["Expiration"]) == ("Enabled", {"Prefix": "PREFIX/"}, {"Days": 30})
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


ROLE = "arn:aws:iam::123456789012:role/captures"


@pytest.mark.parametrize("external_id", ["our-id", ""], ids=["with an external id", "without"])
def test_role_is_assumed_with_and_without_an_external_id(
    amazon: Server, small: Path, monkeypatch: pytest.MonkeyPatch, external_id: str
) -> None:
    with token_service(external_id) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts)
        where = store("", amazon.url, "captures", s3_role=ROLE, s3_external_id=external_id)
        assert f"{ASSUMED}%2F" in where.put("by-external-id", small, sha256(SMALL)).link


def test_refused_role_is_reported(amazon: Server, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = r"cannot assume the role: AccessDenied: .*\. Check s3_role and s3_external_id"
    with token_service("our-id") as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts)
        where = store("", amazon.url, "captures", s3_role=ROLE, s3_external_id="other")
        with pytest.raises(NotStored, match=reason) as refused:
            where.put("x", small, sha256(SMALL))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["iam-role", "container-role"])
def test_machine_has_a_role(
    amazon: Server, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The role of the instance, the container or the pod. The link expires with its credentials."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    ends = datetime.now(timezone.utc) + timedelta(hours=5)
    with metadata_service(ends) as url:
        if kind == "iam-role":
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        else:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/credentials")
        keys = {"s3_access_key": "", "s3_secret_key": ""}
        where = store("", amazon.url, "captures", **keys)
        stored = where.put("by-machine", small, sha256(SMALL))
    assert where._session.get_credentials().method == kind
    assert f"{ASSUMED}%2F" in stored.link
    assert stored.expires
    assert abs(stored.expires - ends) < timedelta(seconds=2)


def test_role_is_assumed_with_its_external_id(amazon: Server, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", amazon.url)
    role = "arn:aws:iam::123456789012:role/captures"
    where = store("", amazon.url, "captures", s3_role=role, s3_external_id="our-id")
    stored = where.put("by-role", small, sha256(SMALL))
    credentials = where._session.get_credentials().get_frozen_credentials()
    assert credentials.access_key != s3_endpoint().access_key
    assert credentials.token
    assert credentials.access_key in stored.link
    assert stored.expires
    assert stored.expires - datetime.now(timezone.utc) < timedelta(hours=1, minutes=1)  # the role's session ends


def test_profile(amazon: Server, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("[profile captures]\naws_access_key_id=PROFILEKEY\naws_secret_access_key=s\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    where = store("", amazon.url, "captures", s3_profile="captures", s3_access_key="", s3_secret_key="")
    assert "PROFILEKEY" in where.put("by-profile", small, sha256(SMALL)).link


def test_web_identity_comes_from_the_credential_chain_of_the_sdk(
    amazon: Server, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("a.b.c")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", amazon.url)
    where = store("", amazon.url, "captures", s3_access_key="", s3_secret_key="")
    where.put("by-web-identity", small, sha256(SMALL))
    assert where._session.get_credentials().method == "assume-role-with-web-identity"
