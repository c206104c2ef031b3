"""sign.py: fresh links for a capture in a store, and for nothing else in it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import MANIFEST, manifest_text
from debugcapture.errors import CaptureGone, UnexpectedAnswer
from debugcapture.links.sign import links_of, sign_links
from debugcapture.model import PAGE
from debugcapture.stores.encrypted import EncryptedStore
from tests.unit.builders import artifact, manifest
from tests.unit.links.stored import URL, SigningStore, stored_capture

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def test_every_file_gets_a_fresh_link(tmp_path: Path) -> None:
    store = SigningStore()
    made, receipt = stored_capture(tmp_path, store, {"jvm-threads.txt": "t", "logs/app.log": "l"})
    fresh = sign_links(store, URL, made.key)
    assert fresh.manifest == made
    for name in ("jvm-threads.txt", "logs/app.log", MANIFEST, PAGE):
        assert fresh.receipt.link(name) != receipt.link(name)
        assert fresh.receipt.link(name).partition("?")[0] == receipt.link(name).partition("?")[0]
    assert fresh.receipt.page == fresh.receipt.link(PAGE)


def test_an_encrypted_capture_gets_links_without_its_key(tmp_path: Path) -> None:
    store = SigningStore()
    made, receipt = stored_capture(tmp_path, EncryptedStore(store, [RECIPIENT]), {"logs/app.log": "secret"})
    fresh = sign_links(store, URL, made.key)
    assert fresh.manifest is None
    assert [stored.key for stored in fresh.receipt.stored] == [f"{made.key}/logs/app.log.age", f"{made.key}/{PAGE}"]
    assert set(links_of(fresh.page)) == {receipt.link("logs/app.log")}


def test_a_capture_that_the_store_does_not_have_is_gone() -> None:
    with pytest.raises(CaptureGone, match="cannot open the capture shop/checkout/x: s3://captures/debug does not"):
        sign_links(SigningStore(), URL, "shop/checkout/x")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_damaged_manifest_is_reported(content: bytes, tmp_path: Path) -> None:
    store = SigningStore()
    made, _ = stored_capture(tmp_path, store)
    store.files[f"{made.key}/{MANIFEST}"] = content
    with pytest.raises(UnexpectedAnswer, match=r"cannot read s3://.*manifest\.json: it is not valid"):
        sign_links(store, URL, made.key)


def test_a_changed_manifest_gets_no_links_to_other_captures(tmp_path: Path) -> None:
    store = SigningStore()
    made, _ = stored_capture(tmp_path, store)
    other = "payments/ledger/20260102T120000Z-ledger-0-aaaa"
    forged = json.loads(manifest_text(made))
    entry = json.loads(json.dumps(asdict(artifact(origin="capture")), default=str))
    entry["started"] = forged["artifacts"][0]["started"]
    forged["artifacts"] = [{**entry, "file": f"{other}/heap.hprof"}, {**entry, "file": f"{other}/{PAGE}/../heap.hprof"}]
    store.files[f"{made.key}/{MANIFEST}"] = json.dumps(forged).encode()
    with pytest.raises(UnexpectedAnswer):
        sign_links(store, URL, made.key)
    forged["artifacts"].pop()
    store.files[f"{made.key}/{MANIFEST}"] = json.dumps(forged).encode()
    signed = sign_links(store, URL, made.key)
    assert {stored.key for stored in signed.receipt.stored} == {f"{made.key}/{MANIFEST}", f"{made.key}/{PAGE}"}


def test_a_changed_page_gets_no_links_to_other_captures(tmp_path: Path) -> None:
    store = SigningStore()
    made, _ = stored_capture(tmp_path, EncryptedStore(store, [RECIPIENT]))
    page = f"{made.key}/{PAGE}"
    other = "payments/ledger/20260102T120000Z-ledger-0-aaaa"
    forged = [f"{other}/heap.hprof.age", f"{made.key}/../../../{other}/heap.hprof.age", f"{made.key}/plain.txt"]
    store.files[page] = "".join(f'<a href="https://s3/{key}?x">x</a>' for key in forged).encode()
    assert [stored.key for stored in sign_links(store, URL, made.key).receipt.stored] == [page]


def test_pages_of_pods_are_part_of_a_capture_of_many_pods(tmp_path: Path) -> None:
    store = SigningStore()
    pod, _ = stored_capture(tmp_path / "pod", store)
    entry = artifact(file=f"{pod.key}/{PAGE}", origin="capture", direct=store.locate(f"{pod.key}/{PAGE}", 1, "ab"))
    whole = replace(manifest(entry), capture_id="20260102T120000Z-all-1a2b")
    store.files |= {f"{whole.key}/{MANIFEST}": manifest_text(whole).encode(), f"{whole.key}/{PAGE}": b""}
    signed = sign_links(store, URL, whole.key)
    assert signed.pod_keys == [pod.key]
    assert "signature=" in signed.receipt.link(f"{pod.key}/{PAGE}")
    assert signed.receipt.page == signed.receipt.stored[-1].link
