"""sign.py: fresh links for a capture in a store, and for nothing else in it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import MANIFEST, manifest_text
from debugcapture.errors import CaptureGone, UnexpectedAnswer
from debugcapture.links.sign import links_of, sign_links
from debugcapture.manifest import PAGE
from debugcapture.stores.encrypted import EncryptedStore
from tests.unit.builders import CAPTURE_ID, artifact, manifest
from tests.unit.links.stored import URL, SigningStore, stored_capture

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def test_every_file_gets_a_fresh_link(tmp_path: Path) -> None:
    store = SigningStore()
    capture, receipt = stored_capture(tmp_path, store, {"jvm-threads.txt": "t", "logs/app.log": "l"})
    fresh = sign_links(store, URL, capture.capture_id)
    assert (fresh.manifest, fresh.key) == (capture, capture.key)
    for name in ("jvm-threads.txt", "logs/app.log", MANIFEST, PAGE):
        assert fresh.receipt.link(name) != receipt.link(name)
        assert fresh.receipt.link(name).partition("?")[0] == receipt.link(name).partition("?")[0]
    assert fresh.receipt.page == fresh.receipt.link(PAGE)


def test_an_encrypted_capture_gets_links_without_its_key(tmp_path: Path) -> None:
    store = SigningStore()
    capture, receipt = stored_capture(tmp_path, EncryptedStore(store, [RECIPIENT]), {"logs/app.log": "secret"})
    fresh = sign_links(store, URL, capture.key)
    assert fresh.manifest is None
    names = ["logs/app.log.age", f"{MANIFEST}.age", PAGE]
    assert [stored.key for stored in fresh.receipt.stored] == [f"{capture.key}/{name}" for name in names]
    assert set(links_of(fresh.page)) == {receipt.link("logs/app.log")}


@pytest.mark.parametrize("capture", ["shop/checkout/x", CAPTURE_ID])
def test_a_capture_that_the_store_does_not_have_is_gone(capture: str) -> None:
    with pytest.raises(CaptureGone, match=f"cannot open the capture {capture}: {URL} does not contain it"):
        sign_links(SigningStore(), URL, capture)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_damaged_manifest_is_reported(content: bytes, tmp_path: Path) -> None:
    store = SigningStore()
    capture, _ = stored_capture(tmp_path, store)
    store.files[f"{capture.key}/{MANIFEST}"] = content
    with pytest.raises(UnexpectedAnswer, match=r"cannot read s3://.*manifest\.json: it is not valid"):
        sign_links(store, URL, capture.key)


def test_a_changed_manifest_gets_no_links_to_other_captures(tmp_path: Path) -> None:
    store = SigningStore()
    capture, _ = stored_capture(tmp_path, store)
    other = "payments/ledger/20260102T120000Z-ledger-0-aaaa"
    forged = json.loads(manifest_text(capture))
    entry = json.loads(json.dumps(asdict(artifact(origin="capture")), default=str))
    entry["started"] = forged["artifacts"][0]["started"]
    forged["artifacts"] = [{**entry, "file": f"{other}/heap.hprof"}, {**entry, "file": f"{other}/{PAGE}/../heap.hprof"}]
    store.files[f"{capture.key}/{MANIFEST}"] = json.dumps(forged).encode()
    with pytest.raises(UnexpectedAnswer):
        sign_links(store, URL, capture.key)
    forged["artifacts"].pop()
    store.files[f"{capture.key}/{MANIFEST}"] = json.dumps(forged).encode()
    signed = sign_links(store, URL, capture.key)
    assert {stored.key for stored in signed.receipt.stored} == {f"{capture.key}/{MANIFEST}", f"{capture.key}/{PAGE}"}


def test_pages_of_pods_are_part_of_a_capture_of_many_pods(tmp_path: Path) -> None:
    store = SigningStore()
    pod, _ = stored_capture(tmp_path / "pod", store)
    entry = artifact(file=f"{pod.key}/{PAGE}", origin="capture", direct=store.locate(f"{pod.key}/{PAGE}", 1, "ab"))
    capture_manifest = replace(manifest(entry), capture_id="20260102T120000Z-all-1a2b")
    store.files |= {
        f"{capture_manifest.key}/{MANIFEST}": manifest_text(capture_manifest).encode(),
        f"{capture_manifest.key}/{PAGE}": b"",
    }
    signed = sign_links(store, URL, capture_manifest.key)
    assert signed.pod_keys == [pod.key]
    assert "signature=" in signed.receipt.link(f"{pod.key}/{PAGE}")
    assert signed.receipt.page == signed.receipt.stored[-1].link
