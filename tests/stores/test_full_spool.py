"""publish.py on a full disk: the evidence and the page still reach the store."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pyrage import x25519

from debugcapture.bundle.bundle import Bundle, create_bundle
from debugcapture.errors import NotStored
from debugcapture.settings.store import StoreSettings
from debugcapture.stores.registry import open_store
from debugcapture.upload.publish import publish_bundle
from tests.unit.builders import NOON, artifact, manifest, store_settings

TEXT = b"Full thread dump\n" * 50_000


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "spool"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "debug-capture-test", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def bundle(spool: Path) -> Bundle:
    """A bundle on a disk that other files have filled to the last byte; no space is reserved for the bundle."""
    bundle = create_bundle(spool, "checkout", NOON)
    with bundle.artifact("threads.txt", 1 << 30) as out:
        out.write(TEXT)
    threads = artifact(file="threads.txt", bytes=out.bytes, sha256=out.sha256)
    bundle.save(manifest(threads, capture_id=bundle.folder.name))
    fill(spool)
    return bundle


def fill(spool: Path) -> None:
    with suppress(OSError), (spool / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(1 << 20)):
            pass
    assert not os.statvfs(spool).f_bavail


def settings(root: Path, **more: str) -> StoreSettings:
    root.mkdir(exist_ok=True)
    return store_settings(store=root.as_uri(), **more)


def test_link_is_not_lost(bundle: Bundle, tmp_path: Path) -> None:
    log: list[str] = []
    where = settings(tmp_path / "store")
    receipt = publish_bundle(bundle, open_store(where), where.store, log.append)
    page = tmp_path / "store" / "shop" / "checkout" / bundle.folder.name / "index.html"
    assert receipt.page == page.as_uri()
    assert "Full thread dump\nFull thread dump" in page.read_text()
    assert (page.parent / "threads.txt").read_bytes() == TEXT
    assert bundle.receipt() == receipt
    assert not (bundle.folder / "threads.txt").exists()
    assert log[-1].startswith(f"stored in {where.store}: {len(receipt.stored)} files, ")


def test_file_that_cannot_be_encrypted_on_a_full_disk_is_reported_and_kept(bundle: Bundle, tmp_path: Path) -> None:
    where = settings(tmp_path / "store", encrypt_to=str(x25519.Identity.generate().to_public()))
    with pytest.raises(NotStored, match="No space left on device. Check the disk of the spool") as caught:
        publish_bundle(bundle, open_store(where), where.store, lambda _line: None)
    assert "\n" not in str(caught.value)
    assert (bundle.folder / "threads.txt").read_bytes() == TEXT
    assert not any((tmp_path / "store").rglob("*"))
    (bundle.folder.parent / "filler").unlink()
    publish_bundle(bundle, open_store(where), where.store, lambda _line: None)
    assert len(list((tmp_path / "store").rglob("threads.txt.age"))) == 1
