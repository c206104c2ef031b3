"""verify.py: each file of a capture is compared. tests/stores/test_verify.py does it on each kind of store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import MANIFEST, SIGNATURE, manifest_text
from debugcapture.errors import BadInput, CaptureGone, UnexpectedAnswer
from debugcapture.links.verify import DirectoryFiles, FileCheck, StoredFiles, Verification, verify_capture
from debugcapture.stores.signature import load_signing_key, public_key, sign
from tests.unit.builders import CAPTURE_ID, artifact, manifest, written
from tests.unit.links.stored import URL, SigningStore
from tests.unit.stores.test_signature import PRIVATE

LOG = b"started\n"
KEY = load_signing_key(PRIVATE)
SIGNER = public_key(KEY)


@dataclass
class Folder:
    """A capture with one log in a directory."""

    path: Path

    def verified(self, *trusted_keys: str) -> Verification:
        return verify_capture(DirectoryFiles(self.path), trusted_keys)

    def sign(self) -> None:
        written(self.path, SIGNATURE, sign((self.path / MANIFEST).read_bytes(), KEY))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    log = artifact(file="logs/app.log", bytes=len(LOG), sha256=hashlib.sha256(LOG).hexdigest())
    written(tmp_path, "logs/app.log", LOG)
    written(tmp_path, MANIFEST, manifest_text(manifest(log, artifact(file="", outcome="skipped"))))
    return Folder(tmp_path)


def test_what_was_captured_is_valid(folder: Folder) -> None:
    assert folder.verified() == Verification(CAPTURE_ID, "", "", (FileCheck("logs/app.log", ""),))
    assert folder.verified().is_valid


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"Started\n", "has a different SHA-256 than when it was captured"),
        (b"started", "has 7 bytes instead of 8"),
        (None, "missing"),
    ],
)
def test_a_file_that_is_not_what_was_captured(content: bytes | None, problem: str, folder: Folder) -> None:
    (folder.path / "logs/app.log").unlink()
    if content is not None:
        written(folder.path, "logs/app.log", content)
    result = folder.verified()
    assert (result.is_valid, result.files) == (False, (FileCheck("logs/app.log", problem),))


def test_a_trusted_key_must_have_signed_it_if_one_is_named(folder: Folder) -> None:
    assert folder.verified(SIGNER).signature_problem == "it is not signed"
    folder.sign()
    assert (folder.verified().signer, folder.verified().is_valid) == (SIGNER, True)
    assert folder.verified("ssh-ed25519 AAAA other", f"{SIGNER} captures").is_valid
    assert folder.verified("ssh-ed25519 AAAA other").signature_problem == "another key has signed it"


def test_a_manifest_that_was_changed_after_it_was_signed(folder: Folder) -> None:
    folder.sign()
    changed = (folder.path / MANIFEST).read_text().replace("shop", "bank")
    written(folder.path, MANIFEST, changed)
    result = folder.verified()
    assert (result.is_valid, result.signature_problem) == (False, "the manifest was changed after it was signed")


def test_a_manifest_reads_no_file_outside_of_its_directory(folder: Folder) -> None:
    secret = folder.path.parent / "secret"
    secret.write_bytes(LOG)
    outside = artifact(file="../secret", bytes=len(LOG), sha256=hashlib.sha256(LOG).hexdigest())
    written(folder.path, MANIFEST, manifest_text(manifest(outside)))
    with pytest.raises(UnexpectedAnswer, match="not a valid file name in a bundle"):
        folder.verified()
    (folder.path / "link").symlink_to(secret)
    written(folder.path, MANIFEST, manifest_text(manifest(replace(outside, file="link"))))
    assert [check.problem for check in folder.verified().files] == ["missing"]


def test_what_cannot_be_verified(tmp_path: Path) -> None:
    files = DirectoryFiles(tmp_path)
    with pytest.raises(CaptureGone, match=r"it has no manifest\.json"):
        verify_capture(files, ())
    written(tmp_path, f"{MANIFEST}.age", b"age")
    with pytest.raises(BadInput, match="it is encrypted"):
        verify_capture(files, ())
    written(tmp_path, MANIFEST, b"{")
    with pytest.raises(UnexpectedAnswer, match=r"cannot read .*manifest\.json: it is not valid"):
        verify_capture(files, ())


def test_a_capture_that_the_index_does_not_have() -> None:
    with pytest.raises(CaptureGone, match=f"{URL} does not contain it"):
        StoredFiles(SigningStore(), URL, CAPTURE_ID)
