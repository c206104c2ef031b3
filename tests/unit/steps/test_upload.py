"""upload.py: a bundle, and those that wait, go to the store."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import MANIFEST, Bundle, claimed
from debugcapture.errors import (
    BadInput,
    NotStored,
)
from debugcapture.finding import Finding
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.steps import upload as upload_module
from debugcapture.steps.incident_note import NoteStep, annotate
from debugcapture.steps.upload import UploadStep, upload
from debugcapture.stores.registry import open_store
from debugcapture.upload.publish import publish_bundle
from tests.unit.builders import written
from tests.unit.steps.support import INCIDENT, make_bundle


def test_upload_without_a_bundle_does_nothing(run_context: RunContext, log_lines: list[str]) -> None:
    assert upload(read(UploadStep, {}), run_context).exit_code == 0
    assert log_lines == ["nothing to upload: no bundle was captured, and no store is set"]


def to_a_directory(folder: Path) -> dict[str, str]:
    return {"store": (folder / "store").as_uri()}


def test_upload_without_a_bundle_sends_waiting_bundles(
    bundle: Bundle, run_context: RunContext, log_lines: list[str], tmp_path: Path
) -> None:
    assert upload(read(UploadStep, to_a_directory(tmp_path)), run_context).exit_code == 0
    assert bundle.receipt()
    assert any("has been in the spool since an earlier run" in line for line in log_lines)
    log_lines.clear()
    upload(read(UploadStep, to_a_directory(tmp_path)), run_context)
    assert log_lines == ["nothing to upload: no bundle is in the spool"]


def test_upload_of_one_bundle_sends_those_that_wait_as_well(
    bundle: Bundle, run_context: RunContext, tmp_path: Path
) -> None:
    own = make_bundle(run_context)
    outcome = upload(read(UploadStep, to_a_directory(tmp_path) | {"bundle": str(own.folder)}), run_context)
    assert own.folder.name in outcome.data["link"]
    assert bundle.receipt()


def test_a_bundle_that_another_process_uploads_is_skipped(
    bundle: Bundle, run_context: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_module, "_OTHER_UPLOAD_LIMIT_S", 0)
    with claimed(bundle) as acquired:
        assert acquired
        assert upload(read(UploadStep, to_a_directory(tmp_path)), run_context).exit_code == 0
        with pytest.raises(NotStored, match="another process is uploading it"):
            upload(read(UploadStep, to_a_directory(tmp_path) | {"bundle": str(bundle.folder)}), run_context)
    assert not bundle.receipt()


def test_bundle_that_another_process_has_just_sent_is_linked(
    bundle: Bundle, run_context: RunContext, tmp_path: Path
) -> None:
    settings = read(UploadStep, to_a_directory(tmp_path) | {"bundle": str(bundle.folder)})
    links: list[str] = []
    with claimed(bundle):
        waits = threading.Thread(target=lambda: links.append(upload(settings, run_context).data["link"]))
        waits.start()
        publish_bundle(bundle, open_store(settings.store), settings.store.store, run_context.report)
    waits.join(timeout=30)
    receipt = bundle.receipt()
    assert receipt
    assert links == [receipt.page]


def test_the_unfinished_artifact_of_a_killed_capture_is_uploaded_as_truncated(
    bundle: Bundle, run_context: RunContext, tmp_path: Path
) -> None:
    bundle.save(replace(bundle.manifest(), finished=None))
    written(bundle.folder, "jvm-heap.hprof.part", "half a heap")
    written(bundle.folder, f"{MANIFEST}.part", "{")
    upload(read(UploadStep, to_a_directory(tmp_path)), run_context)
    manifest = bundle.manifest()
    assert manifest.status == "partial"
    assert [(artifact.file, artifact.outcome) for artifact in manifest.artifacts][1:] == [
        ("jvm-heap.hprof", "truncated")
    ]
    (stored,) = (tmp_path / "store").rglob("jvm-heap.hprof")
    assert stored.read_text() == "half a heap"


def test_upload_needs_a_store(bundle: Bundle, run_context: RunContext) -> None:
    with pytest.raises(BadInput, match="store is missing") as refused:
        upload(read(UploadStep, {"bundle": str(bundle.folder)}), run_context)
    assert f"The bundle is in the spool: {bundle.folder}" in str(refused.value)
    assert (bundle.folder / "jvm-threads.txt").exists()


def test_upload_of_a_folder_outside_of_the_spool_is_refused(run_context: RunContext, tmp_path: Path) -> None:
    written(tmp_path, f"20260102T120000Z-x-1a2b/{MANIFEST}", "{}")
    settings = {"bundle": f"{tmp_path}/20260102T120000Z-x-1a2b", "store": (tmp_path / "store").as_uri()}
    with pytest.raises(BadInput, match="is not a bundle"):
        upload(read(UploadStep, settings), run_context)


KEY = "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z"


@pytest.mark.parametrize(
    ("settings", "failure"),
    [({"store": "file:///missing/store", "encrypt_to": KEY}, NotStored), ({"encrypt_to": "age1qqq"}, BadInput)],
    ids=["the store cannot be written", "no public key"],
)
def test_the_note_of_another_step_knows_that_an_upload_that_failed_was_to_be_encrypted(
    bundle: Bundle,
    run_context: RunContext,
    notes: list[tuple[str, str, str]],
    tmp_path: Path,
    settings: dict[str, str],
    failure: type[Exception],
) -> None:
    bundle.save(replace(bundle.manifest(), findings=(Finding("critical", "Deadlock: a, b", "detail"),)))
    with pytest.raises(failure):
        upload(read(UploadStep, to_a_directory(tmp_path) | settings | {"bundle": str(bundle.folder)}), run_context)
    annotate(read(NoteStep, INCIDENT | {"bundle": str(bundle.folder), "failure": "AccessDenied"}), run_context)
    assert "Not in the store" in notes[0][2]
    assert "Deadlock" not in notes[0][2]
