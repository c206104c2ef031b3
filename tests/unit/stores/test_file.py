"""file.py: a directory contains complete files only."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import closing
from pathlib import Path

import pytest

from debugcapture.errors import NotStored
from debugcapture.stores import file as module
from tests.unit.builders import file_store, written

CONTENT = b"Full thread dump\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return written(tmp_path, "source", CONTENT)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "a store"
    root.mkdir()
    return root


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_file_is_kept_under_its_key(source: Path, root: Path) -> None:
    stored = file_store(root).put("ns/web/dump.txt", source, SHA256)
    assert (root / "ns/web/dump.txt").read_bytes() == CONTENT
    assert files(root) == ["ns/web/dump.txt"]
    assert stored.link == stored.url == f"file://{root.parent}/a%20store/ns/web/dump.txt"
    assert (stored.key, stored.bytes, stored.sha256, stored.expires) == ("ns/web/dump.txt", 17, SHA256, None)


def test_storing_twice_changes_nothing(source: Path, root: Path) -> None:
    first, before = file_store(root).put("dump.txt", source, SHA256), (root / "dump.txt").stat()
    assert file_store(root).put("dump.txt", source, SHA256) == first
    after = (root / "dump.txt").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_other_content_of_the_same_length_is_replaced(source: Path, root: Path) -> None:
    written(root, "dump.txt", CONTENT[::-1])
    file_store(root).put("dump.txt", source, SHA256)
    assert (root / "dump.txt").read_bytes() == CONTENT


def test_the_rest_of_a_killed_upload_is_replaced(source: Path, root: Path) -> None:
    written(root, ".dump.txt.part", "half of it, or of another")
    file_store(root).put("dump.txt", source, SHA256)
    assert files(root) == ["dump.txt"]


def test_a_file_that_was_changed_since_the_capture_is_not_stored(source: Path, root: Path) -> None:
    written(root, "dump.txt", "the one before")
    with pytest.raises(NotStored, match="differs from the data captured"):
        file_store(root).put("dump.txt", source, "00" * 32)
    assert (root / "dump.txt").read_text() == "the one before"
    assert files(root) == ["dump.txt"]


def test_a_share_that_is_not_mounted_is_reported_and_no_folder_is_created(source: Path, tmp_path: Path) -> None:
    root = tmp_path / "share" / "captures"
    message = r"the directory .*/share/captures does not exist\. Mount the share, or create the directory\."
    with pytest.raises(NotStored, match=message):
        file_store(root).put("dump.txt", source, SHA256)
    assert not (tmp_path / "share").exists()


def test_folder_that_is_a_file_is_reported(source: Path, root: Path) -> None:
    written(root, "ns", "")
    with pytest.raises(NotStored, match=r"cannot store .*/ns/web/dump\.txt: .* Check the directory\."):
        file_store(root).put("ns/web/dump.txt", source, SHA256)


def test_a_directory_that_disappears_is_reported(source: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def goes_away(_part: Path) -> str:
        root.rename(root.with_name("elsewhere"))
        return SHA256

    monkeypatch.setattr(module, "sha256_of", goes_away)
    with pytest.raises(NotStored, match="No such file or directory. Check the directory"):
        file_store(root).put("dump.txt", source, SHA256)
    assert not root.exists()


def test_a_file_its_name_and_its_folders_are_synced_before_it_is_stored(
    source: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def sync(descriptor: int) -> None:
        calls.append(f"sync {Path(f'/proc/self/fd/{descriptor}').resolve().relative_to(root)}")

    def replace(part: Path, goal: Path) -> None:
        calls.append(f"rename to {goal.relative_to(root)}")
        os.replace(part, goal)  # noqa: PTH105 - Path.replace is what is replaced

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    file_store(root).put("ns/web/dump.txt", source, SHA256)
    assert calls == ["sync .", "sync ns", "sync ns/web/.dump.txt.part", "rename to ns/web/dump.txt", "sync ns/web"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "No space left on device. Free space on that disk"),
        (errno.EDQUOT, "Disk quota exceeded. Free space there, or raise the quota"),
        (errno.EIO, "Input/output error. Check the directory"),
    ],
)
def test_disk_that_fails_at_the_end_leaves_nothing(
    source: Path, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    def fail(_file: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(NotStored, match=message):
        file_store(root).put("dump.txt", source, SHA256)
    assert files(root) == []


def test_missing_source_is_reported(root: Path) -> None:
    with pytest.raises(NotStored, match="cannot read .*/gone: No such file or directory. Check the disk of the spool"):
        file_store(root).put("dump.txt", root / "gone", SHA256)
    assert files(root) == []


def test_file_is_read_in_pieces(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PIECE_BYTES", 5)
    written(root, "ns/web/dump.txt", CONTENT)
    opened = file_store(root).open("ns/web/dump.txt")
    assert opened
    with closing(opened):
        assert opened.size == len(CONTENT)
        assert list(opened) == [CONTENT[start : start + 5] for start in range(0, len(CONTENT), 5)]
    assert file_store(root).open("ns/web/other.txt") is None
    with pytest.raises(NotStored, match="cannot read .*: Is a directory"):
        file_store(root).open("ns/web")
