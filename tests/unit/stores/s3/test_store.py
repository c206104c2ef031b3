"""stores/s3/store.py without a server."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from debugcapture.errors import NotStored
from debugcapture.settings.s3 import S3Settings
from debugcapture.stores.s3.store import S3Store

SETTINGS = S3Settings(s3_endpoint="http://127.0.0.1:9", s3_access_key="AK", s3_secret_key="hunter2")


def opened(place: str, settings: S3Settings) -> S3Store:
    return S3Store(urlsplit(f"s3://{place}"), settings, 3600)


def test_file_that_is_gone_is_not_stored(tmp_path: Path) -> None:
    with pytest.raises(NotStored, match="cannot store s3://bucket/ns/dump.txt: .*No such file"):
        opened("bucket", SETTINGS).put("ns/dump.txt", tmp_path / "gone.txt", sha256(b"").hexdigest())
