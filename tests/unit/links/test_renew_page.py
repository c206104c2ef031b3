"""renew_page.py: the report page in the store opens its files again."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from debugcapture.bundle.bundle import MANIFEST, SIGNATURE, manifest_text
from debugcapture.links.index import StoredFile, find_capture
from debugcapture.links.renew_page import renew_page
from debugcapture.links.sign import links_of, sign_links
from debugcapture.manifest import PAGE
from debugcapture.stores.encrypted import EncryptedStore
from tests.unit.builders import NOON, artifact, file_store, manifest
from tests.unit.links.stored import URL, SigningStore, stored_capture
from tests.unit.links.test_sign import RECIPIENT

HOSTILE = '<a href="https://s3/shop/checkout/x"> & <dt>Links open until</dt><dd>never</dd>'


def test_the_page_has_the_fresh_links_and_their_end(tmp_path: Path) -> None:
    store = SigningStore()
    capture, receipt = stored_capture(tmp_path, store, {"jvm-threads.txt": "t", "logs/app 1.log": HOSTILE})
    before = store.files[f"{capture.key}/{PAGE}"].decode()
    store.time = NOON + timedelta(days=30)
    signed = sign_links(store, URL, capture.key)
    renew_page(store, signed)
    page = store.files[f"{capture.key}/{PAGE}"].decode()
    assert links_of(page) == [signed.receipt.link(name) for name in ("jvm-threads.txt", "logs/app 1.log")]
    assert receipt.link("jvm-threads.txt") not in links_of(page)
    assert "<dt>Links open until</dt><dd>2026-02-08 12:00:00 UTC</dd>" in page
    entry = find_capture(store, capture.capture_id)
    assert entry
    assert entry.page_links_end == store.time + timedelta(days=7)
    assert entry.files[-1] == StoredFile(
        f"{capture.key}/{PAGE}", len(page.encode()), hashlib.sha256(page.encode()).hexdigest()
    )
    # Nothing else changes, whatever the evidence contains.
    assert [line for line in page.splitlines() if line not in before.splitlines()] == [
        line for line in page.splitlines() if "signature=" in line or "2026-02-08" in line
    ]


def test_the_page_of_an_encrypted_capture_is_renewed(tmp_path: Path) -> None:
    store = SigningStore()
    capture, _ = stored_capture(tmp_path, EncryptedStore(store, [RECIPIENT]))
    signed = sign_links(store, URL, capture.key)
    renew_page(store, signed)
    (link,) = links_of(store.files[f"{capture.key}/{PAGE}"].decode())
    assert link == signed.receipt.stored[0].link


def test_pages_of_pods_are_renewed(tmp_path: Path) -> None:
    store = SigningStore()
    pod, _ = stored_capture(tmp_path / "pod", store)
    old = store.files[f"{pod.key}/{PAGE}"]
    entry = artifact(file=f"{pod.key}/{PAGE}", origin="capture", direct=store.locate(f"{pod.key}/{PAGE}", 1, "ab"))
    capture_manifest = replace(manifest(entry), capture_id="20260102T120000Z-all-1a2b")
    page = f'<a href="https://s3/{pod.key}/{PAGE}?old">'.encode()
    store.files |= {
        f"{capture_manifest.key}/{MANIFEST}": manifest_text(capture_manifest).encode(),
        f"{capture_manifest.key}/{PAGE}": page,
    }
    renew_page(store, sign_links(store, URL, capture_manifest.key))
    assert store.files[f"{pod.key}/{PAGE}"] != old
    (link,) = links_of(store.files[f"{capture_manifest.key}/{PAGE}"].decode())
    assert f"{pod.key}/{PAGE}?a=1&signature=" in link


def test_links_that_do_not_expire_stay(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    store = file_store(tmp_path / "store")
    capture, _ = stored_capture(tmp_path, store)
    page = tmp_path / "store" / capture.key / PAGE
    before = page.stat()
    renew_page(store, sign_links(store, URL, capture.key))
    assert (page.stat().st_ino, page.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_renewed_capture_keeps_its_signature(tmp_path: Path) -> None:
    store = SigningStore()
    capture, _ = stored_capture(tmp_path, store)
    store.files[f"{capture.key}/{SIGNATURE}"] = b"signature"
    renew_page(store, sign_links(store, URL, capture.capture_id))
    entry = find_capture(store, capture.capture_id)
    assert entry is not None
    assert entry.find(SIGNATURE) is not None
