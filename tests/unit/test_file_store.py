"""store.py and file.py: a store for each kind of URL; a directory that holds whole files or none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from debugcapture.errors import BadInput, NotStored
from debugcapture.settings import StoreSettings
from debugcapture.stores import file as module
from debugcapture.stores.file import FileStore
from debugcapture.stores.store import open_store
from tests.unit.builders import written

CONTENT = b"Full thread dump\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return written(tmp_path, "source", CONTENT)


def files(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


def test_file_is_kept_under_its_key(source: Path, tmp_path: Path) -> None:
    root = tmp_path / "a store"
    stored = FileStore(root).put("ns/web/dump.txt", source, SHA256)
    assert (root / "ns/web/dump.txt").read_bytes() == CONTENT
    assert files(root) == ["ns/web/dump.txt"]
    assert stored.link == stored.url == f"file://{tmp_path}/a%20store/ns/web/dump.txt"
    assert (stored.key, stored.bytes, stored.sha256, stored.expires) == ("ns/web/dump.txt", 17, SHA256, None)


def test_storing_twice_is_harmless(source: Path, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store")
    assert store.put("dump.txt", source, SHA256) == store.put("dump.txt", source, SHA256)
    assert files(tmp_path / "store") == ["dump.txt"]


def test_file_that_differs_from_what_was_captured_is_not_stored(source: Path, tmp_path: Path) -> None:
    root = tmp_path / "store"
    written(root, "dump.txt", "the one before")
    with pytest.raises(NotStored, match="differs from what was captured"):
        FileStore(root).put("dump.txt", source, "00" * 32)
    assert (root / "dump.txt").read_text() == "the one before"


def test_directory_that_cannot_be_written_is_told(source: Path, tmp_path: Path) -> None:
    root = written(tmp_path, "file", "") / "store"
    with pytest.raises(
        NotStored, match=r"cannot store .*/file/store/dump\.txt: Not a directory\. Check the directory\."
    ):
        FileStore(root).put("dump.txt", source, SHA256)


def test_full_disk_leaves_nothing_under_the_files_name(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)  # type: ignore[attr-defined]
    with pytest.raises(NotStored, match="No space left on device"):
        FileStore(tmp_path / "store").put("dump.txt", source, SHA256)
    assert not (tmp_path / "store/dump.txt").exists()


def test_missing_source_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotStored, match="No such file or directory"):
        FileStore(tmp_path / "store").put("dump.txt", tmp_path / "gone", SHA256)


def test_url_of_a_directory_opens_it(source: Path, tmp_path: Path) -> None:
    url = (tmp_path / "a store").as_uri()
    open_store(StoreSettings(store=url)).put("dump.txt", source, SHA256)
    assert files(tmp_path / "a store") == ["dump.txt"]


def test_bucket_and_prefix_come_from_the_url() -> None:
    from debugcapture.stores.s3 import S3Store

    settings = StoreSettings(store="s3://bucket/a/b/", s3_endpoint="http://127.0.0.1:9", s3_access_key="A")
    store = open_store(StoreSettings(**{**vars(settings), "s3_secret_key": "B"}))
    assert isinstance(store, S3Store)
    assert (store._bucket, store._prefix) == ("bucket", "a/b")


@pytest.mark.parametrize("url", ["ftp://host/x", "", "bucket/x"])
def test_unknown_kind_of_store_is_bad_input(url: str) -> None:
    with pytest.raises(BadInput, match="Give an s3://, azblob://, sftp:// or file:/// URL"):
        open_store(StoreSettings(store=url))


def test_a_copy_that_differs_is_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(NotStored, match="differs"):
        FileStore(tmp_path / "store").put("a", written(tmp_path, "source", "x"), "00")
    assert list((tmp_path / "store").iterdir()) == []
