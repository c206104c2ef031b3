"""publish.py is killed at every change that it makes on the disk: nothing is lost or uploaded twice."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import Bundle, create_bundle
from debugcapture.manifest import Stored
from debugcapture.stores.base import Progress, Store, ignore_progress
from debugcapture.upload.publish import publish_bundle
from tests.unit.builders import NOON, artifact, file_store, manifest, written

pytestmark = pytest.mark.xdist_group("kills")  # groups begin first: at the end, it would keep one worker busy alone
# Each call that changes a disk counts. The process is killed before or after one of these calls.
PROGRAM = """
import itertools, os, signal, sys
from pathlib import Path
from debugcapture.bundle.bundle import Bundle
from debugcapture.settings.store import StoreSettings
from debugcapture.stores.registry import open_store
from debugcapture.upload import publish, uploader
uploader.CONCURRENCY, steps, die_at = 1, itertools.count(1), 0
def counted(real):
    def call(*words, **more):
        number = next(steps)
        if number == die_at and number % 2: os.kill(os.getpid(), signal.SIGKILL)
        try: return real(*words, **more)
        finally:
            if number == die_at: os.kill(os.getpid(), signal.SIGKILL)
    return call
os.fsync = counted(os.fsync)
for name in ("rename", "replace", "unlink"): setattr(Path, name, counted(getattr(Path, name)))
for die_at, place in enumerate(sys.argv[2:], int(sys.argv[1])):
    child = os.fork()
    if not child:
        (bundle,), url = Path(place, "spool").iterdir(), Path(place, "store").as_uri()
        publish.publish_bundle(Bundle(bundle), open_store(StoreSettings(store=url)), url, lambda _line: None)
        print(next(steps) - 1, flush=True)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (-9 if die_at else 0), die_at
"""
CONTENTS = {"heap.bin": b"\0\1" * 5000, "threads.txt": b"Full thread dump\n"}


class Counting:
    """A store that records the names of the files it gets."""

    def __init__(self, store: Store) -> None:
        self._store, self.keys = store, list[str]()

    def put(self, key: str, file: Path, sha256: str, progress: Progress = ignore_progress) -> Stored:
        self.keys.append(Path(key).name)
        return self._store.put(key, file, sha256, progress)


def bundle_in(spool: Path) -> Bundle:
    bundle = create_bundle(spool, "checkout", NOON)
    for name, content in CONTENTS.items():
        written(bundle.folder, name, content)
    artifacts = [
        artifact(file=name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in CONTENTS.items()
    ]
    bundle.save(manifest(*artifacts, capture_id=bundle.folder.name))
    return bundle


def place(folder: Path) -> Path:
    (folder / "store").mkdir(parents=True)
    bundle_in(folder / "spool")
    return folder


def killed_at(first: int, places: Sequence[Path]) -> str:
    """Publish the bundle of each of ``places``, and kill it at step ``first`` and the ones after it (0: never)."""
    words: list[str | Path] = [sys.executable, "-c", PROGRAM, str(first), *places]
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_a_kill_at_any_step_loses_nothing_and_repeats_no_upload(tmp_path: Path) -> None:
    steps = int(killed_at(0, [place(tmp_path / "whole")]))
    assert steps >= 20
    places = [place(tmp_path / str(number)) for number in range(steps)]
    killed_at(1, places)
    for folder in places:
        _check_recovery(folder)


def _check_recovery(place: Path) -> None:
    """Publish the bundle again. Check that nothing is missing and that no confirmed file is uploaded again."""
    (spooled,), root = (place / "spool").iterdir(), place / "store"
    bundle, store = Bundle(spooled), Counting(file_store(root))
    before = {file: file.stat().st_ino for file in root.rglob("*") if file.is_file() and file.name[0] != "."}
    confirmed = bundle.sent()
    receipt = publish_bundle(bundle, store, root.as_uri(), lambda _line: None)
    assert receipt == bundle.receipt()
    (folder,) = (root / "shop" / "checkout").iterdir()
    assert {name: (folder / name).read_bytes() for name in CONTENTS} == CONTENTS
    assert {file.name for file in folder.iterdir()} == {*CONTENTS, "manifest.json", "index.html"}
    assert not any((spooled / name).exists() for name in CONTENTS)
    for file, number in before.items():  # files that existed before are unchanged
        assert file.stat().st_ino == number
    for stored in confirmed.stored if confirmed else ():
        assert Path(stored.key).name not in store.keys
