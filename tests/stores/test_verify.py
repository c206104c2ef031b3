"""`debug-capture verify` on each kind of store: unchanged captures are valid, and a changed file is found."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from debugcapture.bundle.bundle import MANIFEST, SIGNATURE, create_bundle, manifest_text
from debugcapture.cli.verify import VerifyStep
from debugcapture.files import sha256_of
from debugcapture.settings.declare import written as settings_texts
from debugcapture.settings.store import StoreSettings
from debugcapture.settings.verify import VerifySettings
from debugcapture.stores.registry import open_store
from debugcapture.upload.publish import publish_to_store
from tests.stores.test_evidence_server import azure, directory, folder, s3, sftp
from tests.unit.builders import NOON, artifact, manifest, written

LOG = b"started\n" * 100_000
KINDS: dict[str, Callable[..., StoreSettings]] = {"s3": s3, "azure": azure, "sftp": sftp, "directory": directory}

__all__ = ["folder"]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SSH key of ssh-keygen; its public key is beside it."""
    file = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "captures", "-f", file], check=True)
    return file


def stored(store: StoreSettings, spool: Path) -> str:
    """Store a capture with one log, and return its ID."""
    bundle = create_bundle(spool, "checkout", NOON)
    written(bundle.folder, "logs/app.log", LOG)
    log = artifact(file="logs/app.log", bytes=len(LOG), sha256=hashlib.sha256(LOG).hexdigest())
    bundle.save(manifest(log, capture_id=bundle.folder.name))
    publish_to_store(bundle, store, lambda _line: None)
    return bundle.folder.name


def verified(store: StoreSettings, capture: str, signed_by: str = "") -> tuple[int, dict[str, Any]]:
    """Run the command in a new process. Return its exit code and its result for the capture."""
    step = VerifyStep(verify=VerifySettings(captures=capture, signed_by=signed_by), store=store)
    texts = {f"DEBUG_CAPTURE_{name.upper()}": text for name, text in settings_texts(step).items()}
    command = [sys.executable, "-m", "debugcapture.cli", "verify", "--output", "json"]
    run = subprocess.run(command, env={**os.environ, **texts}, capture_output=True, text=True)
    assert run.stdout, run.stderr
    (result,) = json.loads(run.stdout)["captures"]
    return run.returncode, result


def replaced(store: StoreSettings, key: str, content: bytes, folder: Path) -> None:
    """Store another content under a key, as a thief of the store's credentials could."""
    file = folder / "other"
    file.write_bytes(content)
    open_store(store).put(key, file, sha256_of(file))


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_file_and_a_changed_manifest_are_found(kind: str, folder: Path, key: Path, tmp_path: Path) -> None:
    store = KINDS[kind](folder, sign_with=key.read_text())
    capture = stored(store, tmp_path / "spool")
    public_key = key.with_suffix(".pub").read_text().strip()
    code, result = verified(store, capture, public_key)
    assert (code, result["valid"], result["signer"]) == (0, True, public_key.rpartition(" ")[0])
    assert result["files"] == [{"file": "logs/app.log", "problem": ""}]

    replaced(store, f"shop/checkout/{capture}/logs/app.log", LOG.replace(b"s", b"S"), tmp_path)
    code, result = verified(store, f"{store.store}/shop/checkout/{capture}", public_key)
    assert (code, result["valid"], result["signature_problem"]) == (10, False, "")
    assert result["files"] == [
        {"file": "logs/app.log", "problem": "has a different SHA-256 than when it was captured"},
    ]

    changed = manifest(artifact(file="logs/app.log"), capture_id=capture)
    replaced(store, f"shop/checkout/{capture}/{MANIFEST}", manifest_text(changed).encode(), tmp_path)
    code, result = verified(store, capture, public_key)
    assert (code, result["signature_problem"]) == (10, "the manifest was changed after it was signed")


def test_ssh_keygen_verifies_the_signature_too(folder: Path, key: Path, tmp_path: Path) -> None:
    store = directory(folder, sign_with=key.read_text())
    capture = folder / "shop" / "checkout" / stored(store, tmp_path / "spool")
    (tmp_path / "allowed").write_text(f"captures {key.with_suffix('.pub').read_text()}")
    command: list[str | Path] = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        tmp_path / "allowed",
        "-I",
        "captures",
        "-n",
        "debug-capture",
    ]
    content = (capture / MANIFEST).read_bytes()
    for text, code in ((content, 0), (content + b" ", 255)):
        run = subprocess.run([*command, "-s", capture / SIGNATURE], input=text, capture_output=True)
        assert run.returncode == code, run.stderr
