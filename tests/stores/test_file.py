"""file.py on separate file systems: a full disk, a read-only disk, and a share that is not mounted."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from debugcapture.errors import NotStored
from debugcapture.stores.registry import open_store
from tests.unit.builders import store_settings

CONTENT = os.urandom(3_000_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    heap = tmp_path / "heap.bin"
    heap.write_bytes(CONTENT)
    return heap


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "debug-capture-test", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def put(root: Path, file: Path) -> None:
    open_store(store_settings(store=root.as_uri())).put("shop/heap.bin", file, SHA256)


def test_full_disk_is_reported_and_no_partial_file_remains(tmp_path: Path, file: Path) -> None:
    root = tmp_path / "share"
    with mounted(root, "size=1m"):
        with pytest.raises(NotStored, match="No space left on device. Free space on that disk"):
            put(root, file)
        assert [path for path in root.rglob("*") if path.is_file()] == []
        subprocess.run(["mount", "-o", "remount,size=8m", str(root)], check=True)
        put(root, file)
        assert (root / "shop/heap.bin").read_bytes() == CONTENT


def test_read_only_disk_is_reported(tmp_path: Path, file: Path) -> None:
    root = tmp_path / "share"
    with (
        mounted(root, "ro"),
        pytest.raises(NotStored, match="Read-only file system. Allow Rundeck's user"),
    ):
        put(root, file)


def test_folder_of_a_share_is_not_created_while_the_share_is_not_mounted(tmp_path: Path, file: Path) -> None:
    share = tmp_path / "share"
    with mounted(share, "size=8m"):
        (share / "captures").mkdir()
        put(share / "captures", file)
    with pytest.raises(NotStored, match="the directory .*/share/captures does not exist. Mount the share"):
        put(share / "captures", file)
    assert list(share.iterdir()) == []
