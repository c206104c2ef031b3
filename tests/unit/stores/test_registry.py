"""registry.py: a URL names the store that is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from debugcapture.errors import BadInput
from debugcapture.files import sha256_of
from debugcapture.stores.registry import open_store
from tests.unit.builders import store_settings, written


def test_url_of_a_directory_opens_it(tmp_path: Path) -> None:
    file, folder = written(tmp_path, "source", b"Full thread dump"), tmp_path / "a store"
    folder.mkdir()
    open_store(store_settings(store=folder.as_uri())).put("dump.txt", file, sha256_of(file))
    assert (folder / "dump.txt").read_bytes() == b"Full thread dump"


def test_bucket_and_prefix_come_from_the_url() -> None:
    from debugcapture.stores.s3.store import S3Store

    keys = {"s3_access_key": "A", "s3_secret_key": "B"}
    store = open_store(store_settings(store="s3://bucket/a/b/", s3_endpoint="http://127.0.0.1:9", **keys))
    assert isinstance(store, S3Store)
    assert (store._bucket, store._prefix) == ("bucket", "a/b")


@pytest.mark.parametrize("url", ["ftp://host/x", "", "bucket/x"])
def test_unknown_kind_of_store_is_bad_input(url: str) -> None:
    with pytest.raises(BadInput, match="Use s3://BUCKET/PREFIX, azblob://.* or file:///DIRECTORY"):
        open_store(store_settings(store=url))
