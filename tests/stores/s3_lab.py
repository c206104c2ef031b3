"""The S3 server of the lab: files to upload, a prefix in its bucket, and a proxy with faults in front of it."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from debugcapture.settings.declare import DAY_S
from debugcapture.settings.s3 import S3Settings
from debugcapture.stores.s3 import errors as s3_errors
from debugcapture.stores.s3 import parts as s3_parts
from debugcapture.stores.s3.store import S3Store
from lab.stores import S3, s3_endpoint
from tests.stores.faults import Faults
from tests.stores.s3_servers import client

PART = 5 << 20  # the least that S3 takes
CONTENT = os.urandom(2 * PART + 1_000_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SMALL = CONTENT[:1000]
KEY = "shop/checkout/capture/heap.bin"


@pytest.fixture(scope="module")
def server() -> None:
    assert S3.status() == "up", "needs: python -m lab up s3"


@pytest.fixture
def small_parts_and_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_parts, "PART_BYTES", PART)
    monkeypatch.setattr(s3_errors, "WAITS_S", (0.01,) * 5)


@pytest.fixture
def faults() -> Iterator[Faults]:
    with Faults("127.0.0.1", S3.port) as proxy:
        yield proxy


@pytest.fixture
def prefix() -> Iterator[str]:
    name, where = f"test-{secrets.token_hex(4)}", s3_endpoint()
    yield name
    eyes = lab_client()
    for upload in eyes.list_multipart_uploads(Bucket=where.bucket, Prefix=name).get("Uploads", []):
        eyes.abort_multipart_upload(Bucket=where.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for item in eyes.list_objects_v2(Bucket=where.bucket, Prefix=name).get("Contents", []):
        eyes.delete_object(Bucket=where.bucket, Key=item["Key"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    heap = tmp_path / "heap.bin"
    heap.write_bytes(CONTENT)
    return heap


@pytest.fixture
def small(tmp_path: Path) -> Path:
    threads = tmp_path / "threads.txt"
    threads.write_bytes(SMALL)
    return threads


def lab_client() -> Any:
    where = s3_endpoint()
    return client(where.url, where.access_key, where.secret_key)


def store(prefix: str, url: str = "", bucket: str = "", **changed: Any) -> S3Store:
    where = s3_endpoint()
    fields = {
        "s3_endpoint": url or where.url,
        "s3_access_key": where.access_key,
        "s3_secret_key": where.secret_key,
        **changed,
    }
    return S3Store(urlsplit(f"s3://{bucket or where.bucket}/{prefix}"), S3Settings(**fields), 7 * DAY_S)


def content(prefix: str, key: str = KEY) -> bytes:
    body: bytes = lab_client().get_object(Bucket=s3_endpoint().bucket, Key=f"{prefix}/{key}")["Body"].read()
    return body


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
