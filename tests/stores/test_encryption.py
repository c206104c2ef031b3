"""stores/encrypted.py on the lab's S3 server: the age program decrypts the objects with the right key only."""

from __future__ import annotations

import hashlib
import subprocess
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import create_bundle
from debugcapture.manifest import Receipt
from debugcapture.stores.registry import open_store
from debugcapture.upload.publish import publish_bundle
from lab.prerequisites import ensure_program
from lab.stores import S3, s3_endpoint
from tests.unit.builders import artifact, manifest, store_settings, written

CONTENT = b"the customer is Jane\n" * 100_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def age() -> Path:
    assert S3.status() == "up", "needs: python -m lab up s3"
    return ensure_program("age", "age")


@pytest.fixture(params=["age", "ssh-ed25519"])
def identity(request: pytest.FixtureRequest, age: Path, tmp_path: Path) -> tuple[Path, str]:
    """A private key's file, and its public key."""
    file = tmp_path / "identity"
    if request.param == "age":
        subprocess.run([age.with_name("age-keygen"), "-o", file], check=True, capture_output=True)
        public = subprocess.run([age.with_name("age-keygen"), "-y", file], check=True, capture_output=True, text=True)
        return file, public.stdout.strip()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
    return file, file.with_suffix(".pub").read_text().strip()


def test_the_age_program_decrypts_the_stored_files(age: Path, identity: tuple[Path, str], tmp_path: Path) -> None:
    private, public = identity
    receipt = stored(tmp_path, public)
    ciphertext = fetched(receipt.link("heap.bin"))
    assert CONTENT[:100] not in ciphertext
    opened = subprocess.run(
        [age, "--decrypt", "--identity", private], input=ciphertext, check=True, capture_output=True
    )
    assert opened.stdout == CONTENT
    assert b"age --decrypt" in fetched(receipt.page)


def test_another_key_decrypts_nothing(age: Path, identity: tuple[Path, str], tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run([age.with_name("age-keygen"), "-o", other], check=True, capture_output=True)
    ciphertext = fetched(stored(tmp_path, identity[1]).link("heap.bin"))
    opened = subprocess.run([age, "--decrypt", "--identity", other], input=ciphertext, capture_output=True)
    assert (opened.returncode, opened.stdout) == (1, b"")


def stored(tmp_path: Path, recipient: str) -> Receipt:
    where = s3_endpoint()
    url = f"s3://{where.bucket}/{tmp_path.name}"
    settings = store_settings(
        store=url,
        s3_endpoint=where.url,
        s3_access_key=where.access_key,
        s3_secret_key=where.secret_key,
        encrypt_to=f"\n{recipient}\n",
    )
    bundle = create_bundle(tmp_path / "spool", "checkout", datetime.now(timezone.utc))
    written(bundle.folder, "heap.bin", CONTENT)
    heap = artifact(file="heap.bin", bytes=len(CONTENT), sha256=SHA256)
    bundle.save(manifest(heap, capture_id=bundle.folder.name))
    return publish_bundle(bundle, open_store(settings), url, lambda _line: None)


def fetched(link: str) -> bytes:
    with urllib.request.urlopen(link) as answer:  # noqa: S310 - the lab's own server
        content: bytes = answer.read()
    return content
