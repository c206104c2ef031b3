"""How long a bucket keeps evidence, according to S3: moto has lifecycle rules, versitygw has none."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from debugcapture.errors import NotStored
from debugcapture.settings.declare import DAY_S
from debugcapture.settings.s3 import S3Settings
from debugcapture.stores.base import Retention
from debugcapture.stores.registry import known_retention
from debugcapture.stores.s3.store import S3Store
from lab.stores import S3
from tests.stores import s3_lab
from tests.stores.s3_servers import Server, moto
from tests.unit.builders import store_settings


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with moto() as server:
        yield server


@pytest.fixture
def bucket(server: Server) -> str:
    name = f"b-{secrets.token_hex(4)}"
    server.client.create_bucket(Bucket=name)
    return name


def settings(server: Server, bucket: str) -> Any:
    keys = {"s3_access_key": "k", "s3_secret_key": "s", "s3_region": "us-east-1"}
    return store_settings(store=f"s3://{bucket}/debug", s3_endpoint=server.url, **keys)


def test_a_bucket_without_rules_keeps_evidence_forever(server: Server, bucket: str) -> None:
    assert known_retention(settings(server, bucket)) == Retention(None)


def test_the_rule_of_the_documentation_is_read(server: Server, bucket: str) -> None:
    rule = {
        "ID": "debug-captures",
        "Status": "Enabled",
        "Filter": {"Prefix": "debug/"},
        "Expiration": {"Days": 30},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    server.client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert known_retention(settings(server, bucket)) == Retention(30)


def test_a_server_without_rules_reports_nothing() -> None:
    assert S3.status() == "up", "needs: python -m lab up s3"
    assert s3_lab.store("debug").retention() is None


@pytest.mark.parametrize(("code", "is_unknown"), [("AccessDenied", True), ("NoSuchBucket", False)])
def test_rules_that_may_not_be_read_are_unknown_and_other_errors_are_reported(
    code: str,
    is_unknown: bool,
    monkeypatch: pytest.MonkeyPatch,  # noqa: FBT001
) -> None:
    store = S3Store(urlsplit("s3://b/debug"), S3Settings(s3_region="us-east-1"), DAY_S)

    def refuse(**_: str) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "GetBucketLifecycleConfiguration")

    monkeypatch.setattr(store._client, "get_bucket_lifecycle_configuration", refuse)
    if is_unknown:
        assert store.retention() is None
        return
    with pytest.raises(NotStored, match="cannot read the lifecycle rules of s3://b: NoSuchBucket"):
        store.retention()
