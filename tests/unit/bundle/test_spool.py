"""spool.py: how much may still be written, and what a full spool reports."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from debugcapture.bundle.spool import MIN_BYTES, RESERVE, Room, Use, describe_use, left, release, reserve, use_of
from debugcapture.errors import SpoolFull

MIB = 1 << 20


@pytest.mark.parametrize(
    ("used_mib", "free_mib", "left_mib"),
    [(0, 1000, 100), (40, 1000, 60), (100, 1000, 0), (150, 1000, 0), (0, 70, 20), (0, 50, 0), (0, 10, 0)],
)
def test_the_lower_of_both_limits_applies(used_mib: int, free_mib: int, left_mib: int) -> None:
    room = Room(Path("/spool"), limit_bytes=100 * MIB, floor_bytes=50 * MIB)
    assert left(Use(used_mib * MIB, free_mib * MIB, 0), room) == left_mib * MIB


@pytest.mark.parametrize(
    ("bundles", "words"),
    [(0, "0 captures are not"), (1, "1 capture is not"), (2, "2 captures are not")],
)
def test_the_use_names_the_numbers_and_the_settings(bundles: int, words: str) -> None:
    text = describe_use(Use(3 * MIB, 2048 * MIB, bundles), Room(Path("/spool"), 4 * MIB, 1024 * MIB))
    assert text.startswith("it contains 3 MiB of at most 4 MiB (spool_limit_mib), and its disk has 2,048 MiB free")
    assert f"1,024 MiB are reserved (spool_free_mib); {words} uploaded yet" in text


def test_use_counts_all_files_and_the_bundles_without_a_receipt(tmp_path: Path) -> None:
    for name, receipt in (("stored", True), ("waiting", False)):
        (tmp_path / name / "logs").mkdir(parents=True)
        (tmp_path / name / "manifest.json").write_bytes(b"x" * 10)
        (tmp_path / name / "logs" / "app.log").write_bytes(b"x" * 90)
        if receipt:
            (tmp_path / name / "stored.json").write_bytes(b"x" * 5)
    use = use_of(tmp_path)
    assert (use.used_bytes, use.bundles) == (205, 1)
    assert use.free_bytes > 0


def test_a_spool_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    use = use_of(tmp_path / "not" / "yet")
    assert (use.used_bytes, use.bundles) == (0, 0)
    assert use.free_bytes > 0


@pytest.mark.parametrize(
    ("waiting", "remedy"),
    [(False, "Raise spool_limit_mib"), (True, "Upload the captures (job “Send captures that are waiting”), or raise")],
)
def test_a_full_spool_is_an_error_with_a_remedy(tmp_path: Path, waiting: bool, remedy: str) -> None:
    if waiting:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "manifest.json").touch()
    room = Room(tmp_path, limit_bytes=MIN_BYTES - 1, floor_bytes=0)
    with pytest.raises(SpoolFull) as caught:
        room.require()
    assert str(caught.value).startswith(f"the spool {tmp_path} is full: it contains 0 MiB of at most 16 MiB")
    assert remedy in str(caught.value)
    Room(tmp_path, limit_bytes=MIN_BYTES, floor_bytes=0).require()


def test_the_minimum_of_free_space_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage: Any = shutil.disk_usage(tmp_path)._replace(free=MIN_BYTES)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)
    assert Room(tmp_path, limit_bytes=1 << 40, floor_bytes=0).left() == MIN_BYTES
    room = Room(tmp_path, limit_bytes=1 << 40, floor_bytes=1)
    assert room.left() == MIN_BYTES - 1
    with pytest.raises(SpoolFull):
        room.require()


def test_the_reserve_is_real_space_and_is_released_once(tmp_path: Path) -> None:
    reserve(tmp_path)
    assert (tmp_path / RESERVE).stat().st_blocks * 512 >= MIB
    assert (tmp_path / RESERVE).stat().st_mode & 0o077 == 0
    assert release(tmp_path)
    assert not release(tmp_path)
    assert list(tmp_path.iterdir()) == []
