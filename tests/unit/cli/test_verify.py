"""verify.py of the command line: directories and captures in a store, with the result as text and as exit code."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import create_bundle
from debugcapture.cli.main import main
from debugcapture.upload.publish import publish_to_store
from tests.unit.builders import NOON, artifact, manifest, store_settings, written

LOG = b"started\n"


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A capture in a store that is a directory."""
    bundle = create_bundle(tmp_path / "spool", "checkout", NOON)
    written(bundle.folder, "app.log", LOG)
    log = artifact(file="app.log", bytes=len(LOG), sha256=hashlib.sha256(LOG).hexdigest())
    bundle.save(manifest(log, capture_id=bundle.folder.name))
    store = tmp_path / "store"
    store.mkdir()
    publish_to_store(bundle, store_settings(store=store.as_uri()), lambda _line: None)
    return store / "shop" / "checkout" / bundle.folder.name


def test_a_capture_is_found_by_its_directory_its_id_and_its_url(
    capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = capture.parents[2].as_uri()
    for arguments in ([str(capture)], [capture.name, "--store", store], [f"{store}/shop/checkout/{capture.name}"]):
        assert main(["verify", *arguments], {"HOME": "/nowhere"}) == 0
        output = capsys.readouterr().out
        assert f"{capture.name}: valid, 1 files" in output
        assert "not signed: only the checksums in its manifest were compared" in output


def test_a_changed_file_is_named(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (capture / "app.log").write_bytes(b"Started\n")
    assert main(["verify", str(capture)], {"HOME": "/nowhere"}) == 10
    assert "app.log: has a different SHA-256 than when it was captured" in capsys.readouterr().out


def test_a_capture_without_a_store_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "20260102T120000Z-checkout-44dd"], {"HOME": "/nowhere"}) == 2
    assert "it is not a directory, and store is missing. Set the store's URL." in capsys.readouterr().err
