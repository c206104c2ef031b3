"""stores/s3/store.py without a server."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from debugcapture.errors import NotStored
from debugcapture.settings.s3 import S3Settings
from debugcapture.stores.s3.store import S3Store

SETTINGS = S3Settings(s3_endpoint="http://127.0.0.1:9", s3_access_key="AK", s3_secret_key="hunter2")


def opened(place: str, settings: S3Settings) -> S3Store:
    return S3Store(urlsplit(f"s3://{place}"), settings, 3600)


def test_a_deleted_file_is_not_stored(tmp_path: Path) -> None:
    with pytest.raises(NotStored, match="cannot store s3://bucket/ns/dump.txt: .*No such file"):
        opened("bucket", SETTINGS).put("ns/dump.txt", tmp_path / "gone.txt", sha256(b"").hexdigest())


def link_headers(name: str) -> dict[str, list[str]]:
    """The headers that a signed link has the server send."""
    link = opened("bucket/team", SETTINGS).locate(f"shop/web/20260102T120000Z-web-1a2b/{name}", 1, "00").link
    return {key: value for key, value in parse_qs(urlsplit(link).query).items() if key.startswith("response-")}


def test_a_signed_link_makes_browsers_save_files_that_they_must_not_show() -> None:
    saved = {"response-content-type": ["application/octet-stream"], "response-content-disposition": ["attachment"]}
    assert link_headers("left/data_core.1.html") == saved
    assert link_headers("index.html") == {}
    assert link_headers("pod.yaml") == {}


def test_an_object_gets_the_headers_of_its_name() -> None:
    """The fields of PutObject, of CreateMultipartUpload and of an upload from a pod."""
    fields = opened("bucket", SETTINGS)._fields("shop/web/20260102T120000Z-web-1a2b/left/core.1.svg")
    assert (fields["ContentType"], fields["ContentDisposition"]) == ("application/octet-stream", "attachment")
    assert "ContentDisposition" not in opened("bucket", SETTINGS)._fields("x/threads.txt")
