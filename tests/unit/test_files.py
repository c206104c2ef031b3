"""files.py: a file is replaced completely or not at all, and a lock ends with its process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from debugcapture.files import is_locked, locked, own_part, replace_text, replacing, sha256_of

# A process that locks its argument, reports that, and waits to be killed.
LOCKS = """
import sys
from pathlib import Path
from debugcapture.files import locked
with locked(Path(sys.argv[1]), shared=len(sys.argv) > 2):
    print("locked", flush=True)
    sys.stdin.read()
"""


def lock_elsewhere(path: Path, *more: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", LOCKS, str(path), *more]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"locked\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_checksum_is_that_of_the_complete_file(size: int, tmp_path: Path) -> None:
    file, content = tmp_path / "file", os.urandom(size)
    file.write_bytes(content)
    assert sha256_of(file) == hashlib.sha256(content).hexdigest()


def test_content_is_replaced_for_this_user_only(tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    replace_text(file, "old")
    replace_text(file, "néw")
    assert file.read_text(encoding="utf-8") == "néw"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_reader_sees_the_old_content_until_the_new_one_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    replace_text(file, "old")
    with replacing(file) as out:
        out.write(b"new")
        out.flush()
        assert file.read_text() == "old"
    assert file.read_text() == "new"


def _interrupted(file: Path) -> None:
    with replacing(file) as out:
        out.write(b"ne")
        raise KeyboardInterrupt


def test_a_failed_write_leaves_the_old_content_and_no_temporary_file(tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    replace_text(file, "old")
    with pytest.raises(KeyboardInterrupt):
        _interrupted(file)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("sync", [True, False])
def test_content_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: bool
) -> None:
    calls: list[str] = []
    rename = Path.replace

    def replace(part: Path, goal: Path) -> Path:
        calls.append(f"rename {part.name}")
        return rename(part, goal)

    monkeypatch.setattr(os, "fsync", lambda _: calls.append("sync"))
    monkeypatch.setattr(Path, "replace", replace)
    replace_text(tmp_path / "a", "text", sync=sync)
    assert calls == (["sync", "rename a.part"] if sync else ["rename a.part"])


def test_the_name_of_the_temporary_file_contains_the_process_id(tmp_path: Path) -> None:
    part = own_part(tmp_path / "a")
    assert part.parent == tmp_path
    assert part.name.startswith(f"a.{os.getpid()}-")


def test_a_lock_excludes_others_and_goes_with_a_killed_process(tmp_path: Path) -> None:
    other = lock_elsewhere(tmp_path)
    assert is_locked(tmp_path)
    with locked(tmp_path, within_s=0) as acquired:
        assert not acquired
    with locked(tmp_path, shared=True, within_s=0) as acquired:
        assert not acquired
    end(other)
    assert not is_locked(tmp_path)
    with locked(tmp_path) as acquired:
        assert acquired


def test_shared_locks_exclude_only_unshared_ones(tmp_path: Path) -> None:
    other = lock_elsewhere(tmp_path, "shared")
    with locked(tmp_path, shared=True, within_s=0) as acquired:
        assert acquired
    with locked(tmp_path, within_s=0) as acquired:
        assert not acquired
    assert not is_locked(tmp_path), "nobody has it alone"
    end(other)


def test_a_missing_file_is_not_locked(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "gone")
