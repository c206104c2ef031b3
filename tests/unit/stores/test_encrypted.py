"""encrypted.py: the store gets ciphertext that only its recipients can read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pyrage import DecryptError, decrypt, x25519

from debugcapture.bundle.bundle import MANIFEST, Bundle, create_bundle
from debugcapture.errors import BadInput, NotStored
from debugcapture.manifest import PAGE
from debugcapture.stores.encrypted import EncryptedStore
from debugcapture.stores.registry import open_store
from debugcapture.upload.publish import publish_bundle
from tests.unit.builders import NOON, artifact, file_store, manifest, store_settings, written
from tests.unit.upload.test_publish import Flaky, report

SECRET = b"the customer is Jane\n"


@pytest.fixture
def identity() -> x25519.Identity:
    return x25519.Identity.generate()


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    bundle = create_bundle(tmp_path / "spool", "checkout-7d9f-abcde", NOON)
    written(bundle.folder, "logs/app.log", SECRET)
    log = artifact(file="logs/app.log", bytes=len(SECRET), sha256=hashlib.sha256(SECRET).hexdigest())
    bundle.save(manifest(log, capture_id=bundle.folder.name))
    return bundle


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    root.mkdir()
    return root


def test_everything_but_the_page_is_encrypted(bundle: Bundle, root: Path, identity: x25519.Identity) -> None:
    receipt = publish_bundle(
        bundle, EncryptedStore(file_store(root), [str(identity.to_public())]), "file:///store", report
    )
    (folder,) = (root / "shop" / "checkout").iterdir()
    assert decrypt((folder / "logs" / "app.log.age").read_bytes(), [identity]) == SECRET
    assert bundle.folder.name.encode() in decrypt((folder / f"{MANIFEST}.age").read_bytes(), [identity])
    assert {file.name for file in folder.rglob("*") if file.is_file()} == {"app.log.age", f"{MANIFEST}.age", PAGE}
    page = (folder / PAGE).read_text()
    assert "Jane" not in page
    assert "age --decrypt" in page
    assert receipt.link("logs/app.log").endswith("app.log.age")


def test_only_the_recipient_can_read_it(bundle: Bundle, root: Path, identity: x25519.Identity) -> None:
    publish_bundle(bundle, EncryptedStore(file_store(root), [str(identity.to_public())]), "file:///store", report)
    (file,) = root.rglob("app.log.age")
    with pytest.raises(DecryptError):
        decrypt(file.read_bytes(), [x25519.Identity.generate()])


def test_a_resumed_upload_sends_the_same_bytes(bundle: Bundle, root: Path, identity: x25519.Identity) -> None:
    recipients = [str(identity.to_public())]
    with pytest.raises(NotStored):
        publish_bundle(bundle, EncryptedStore(Flaky(root, "app.log.age"), recipients), "file:///store", report)
    (waiting,) = bundle.folder.rglob("*.age")
    before = waiting.read_bytes()
    publish_bundle(bundle, EncryptedStore(file_store(root), recipients), "file:///store", report)
    (file,) = root.rglob("app.log.age")
    assert file.read_bytes() == before
    assert not list(bundle.folder.rglob("*.age*"))


def test_stored_files_are_not_sent_again(bundle: Bundle, root: Path, identity: x25519.Identity) -> None:
    recipients = [str(identity.to_public())]
    with pytest.raises(NotStored):
        publish_bundle(bundle, EncryptedStore(Flaky(root, PAGE), recipients), "file:///store", report)
    second = Flaky(root, "nothing")
    publish_bundle(bundle, EncryptedStore(second, recipients), "file:///store", report)
    assert not [key for key in second.put_keys if "app.log" in key]


@pytest.mark.parametrize("text", ["age1qqq", "ssh-ed25519 AAAA", "AGE-SECRET-KEY-1QQQ"])
def test_what_is_not_a_public_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadInput, match="recipient 1 of encrypt_to is not a public key") as refused:
        open_store(store_settings(store="file:///tmp", encrypt_to=text))
    assert text not in str(refused.value)
