"""publish.py: evidence leaves the spool only after all of it is in the store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import MANIFEST, RECEIPT, Bundle, create_bundle
from debugcapture.errors import NotStored
from debugcapture.links.index import FOLDER, entry_key, find_capture
from debugcapture.manifest import PAGE, Artifact, Stored
from debugcapture.picture import Moment, Pictures, PodPictures
from debugcapture.stores.base import Progress, ignore_progress
from debugcapture.targets.pods import find_target
from debugcapture.upload.publish import publish_bundle
from tests.unit.builders import NOON, artifact, file_store, manifest, nothing, pod, written

URL = "file:///store"
CONTENTS = {"logs/app.log": b"started\n", "pod.yaml": b"kind: Pod\n", "heap.bin": b"\x00\xff"}


def of(file: str, content: bytes) -> Artifact:
    return artifact(title=file, file=file, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    bundle = create_bundle(tmp_path / "spool", "checkout-7d9f-abcde", NOON)
    for name, content in CONTENTS.items():
        written(bundle.folder, name, content)
    artifacts = [of(name, content) for name, content in CONTENTS.items()]
    bundle.save(manifest(*artifacts, nothing("failed", "no Java"), capture_id=bundle.folder.name))
    return bundle


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class Flaky:
    """A directory as a store that refuses the file of one name."""

    def __init__(self, root: Path, refused: str) -> None:
        self._store, self._refused = file_store(root), refused
        self.put_keys: list[str] = []

    def put(self, key: str, file: Path, sha256: str, progress: Progress = ignore_progress) -> Stored:
        if key.endswith(self._refused):
            raise NotStored(f"cannot store {key}", "AccessDenied", "Allow it.")
        self.put_keys.append(key)
        return self._store.put(key, file, sha256, progress)


def report(_line: str) -> None:
    pass


def test_everything_is_stored_below_namespace_workload_and_capture(bundle: Bundle, root: Path) -> None:
    publish_bundle(bundle, file_store(root), URL, report)
    folder = root / "shop" / "checkout" / bundle.folder.name
    stored = {str((folder / name).relative_to(root)) for name in (*CONTENTS, MANIFEST, PAGE)}
    assert files(root) == stored | {entry_key(bundle.folder.name)}
    for name, content in CONTENTS.items():
        assert (folder / name).read_bytes() == content
    assert json.loads((folder / MANIFEST).read_text())["capture_id"] == bundle.folder.name


def test_the_owner_in_a_pod_cannot_prevent_the_upload(bundle: Bundle, root: Path) -> None:
    """The author of a pod can write any text as the name of its owner."""
    owner = {"kind": "Foo", "name": "../../../x", "controller": True}
    forged = find_target(pod(metadata={"name": "evil-1", "ownerReferences": [owner]}), "", NOON)
    saved = bundle.manifest()
    for first, second in ((saved.target, forged), (forged, saved.target)):
        bundle.save(replace(saved, target=first, more_targets=(second,)))
        publish_bundle(bundle, file_store(root), URL, report)
        (bundle.folder / RECEIPT).unlink()
        for name, content in CONTENTS.items():
            written(bundle.folder, name, content)
    assert {name.rpartition("/")[2] for name in files(root / "shop" / "evil-1")} >= {"app.log", "pod.yaml", "heap.bin"}
    assert {path.name for path in root.iterdir()} == {"shop", FOLDER}


def test_receipt_has_a_link_for_every_file(bundle: Bundle, root: Path) -> None:
    receipt = publish_bundle(bundle, file_store(root), URL, report)
    assert bundle.receipt() == receipt
    assert receipt.store == URL
    for name in (*CONTENTS, MANIFEST, PAGE):
        assert receipt.link(name).endswith(f"/{name}")


def test_the_page_links_all_files_and_previews_text_only(bundle: Bundle, root: Path) -> None:
    receipt = publish_bundle(bundle, file_store(root), URL, report)
    page = (root / "shop" / "checkout" / bundle.folder.name / PAGE).read_text()
    for name in CONTENTS:
        assert f'href="{receipt.link(name)}"' in page
    assert ">started\n</pre>" in page
    assert ">kind: Pod\n</pre>" in page
    assert page.count("<pre ") == 2


def test_the_page_has_the_pictures_of_the_capture(bundle: Bundle, root: Path) -> None:
    bundle.save_pictures(Pictures((PodPictures("", (Moment(NOON, "probe", "Pod is not ready"),)),)))
    publish_bundle(bundle, file_store(root), URL, report)
    folder = root / "shop" / "checkout" / bundle.folder.name
    assert "Pod is not ready" in (folder / PAGE).read_text()
    assert not (folder / "pictures.json").exists()


def test_a_page_is_stored_if_its_pictures_cannot_be_read(bundle: Bundle, root: Path) -> None:
    written(bundle.folder, "pictures.json", "[")
    lines: list[str] = []
    publish_bundle(bundle, file_store(root), URL, lines.append)
    assert (root / "shop" / "checkout" / bundle.folder.name / PAGE).exists()
    assert any("the report has no pictures" in line for line in lines)


def test_preview_of_a_long_log_is_its_beginning(bundle: Bundle, root: Path) -> None:
    long = b"x" * (64 << 10) + b"y"
    written(bundle.folder, "logs/app.log", long)
    bundle.save(manifest(of("logs/app.log", long), capture_id=bundle.folder.name))
    publish_bundle(bundle, file_store(root), URL, report)
    page = (root / "shop" / "checkout" / bundle.folder.name / PAGE).read_text()
    assert "x\n[the first 64.0 KiB of 64.0 KiB]" in page
    assert "xy" not in page


def test_artifacts_are_removed_from_the_spool_when_all_are_stored(bundle: Bundle, root: Path) -> None:
    publish_bundle(bundle, file_store(root), URL, report)
    assert files(bundle.folder) == {MANIFEST, RECEIPT, PAGE}


def test_stored_capture_is_found_by_its_id(bundle: Bundle, root: Path) -> None:
    receipt = publish_bundle(bundle, file_store(root), URL, report)
    capture = find_capture(file_store(root), bundle.folder.name)
    assert capture
    assert [file.key for file in capture.files] == [file.key for file in receipt.stored]
    assert entry_key(bundle.folder.name) not in [file.key for file in receipt.stored]


@pytest.mark.parametrize("refused", [*CONTENTS, MANIFEST, PAGE, f"{FOLDER}/ID.json"])
def test_after_a_failure_the_spool_has_everything_and_the_error_names_it(
    refused: str, bundle: Bundle, root: Path
) -> None:
    with pytest.raises(NotStored) as caught:
        publish_bundle(bundle, Flaky(root, refused.replace("ID", bundle.folder.name)), URL, report)
    assert str(caught.value).endswith(f"AccessDenied. Allow it. The bundle is in the spool: {bundle.folder}")
    assert files(bundle.folder) >= {*CONTENTS, MANIFEST}
    assert bundle.receipt() is None


def test_bundle_that_was_not_stored_can_be_sent_again(bundle: Bundle, root: Path) -> None:
    with pytest.raises(NotStored):
        publish_bundle(bundle, Flaky(root, MANIFEST), URL, report)
    publish_bundle(bundle, file_store(root), URL, report)
    assert bundle.receipt()


def test_bundle_that_is_stored_is_not_sent_again(bundle: Bundle, root: Path) -> None:
    first = publish_bundle(bundle, file_store(root), URL, report)
    again, log_lines = Flaky(root, "nothing"), list[str]()
    assert publish_bundle(bundle, again, URL, log_lines.append) == first
    assert again.put_keys == []
    assert log_lines == [f"{bundle.folder.name} is already in the store"]


def test_artifact_that_was_changed_in_the_spool_is_not_stored(bundle: Bundle, root: Path) -> None:
    written(bundle.folder, "pod.yaml", "kind: Lie\n")
    with pytest.raises(NotStored, match="differs from the data captured"):
        publish_bundle(bundle, file_store(root), URL, report)
    assert bundle.receipt() is None


def test_the_log_line_does_not_contain_the_link(bundle: Bundle, root: Path) -> None:
    log_lines: list[str] = []
    record: Callable[[str], None] = log_lines.append
    receipt = publish_bundle(bundle, file_store(root), URL, record)
    (line,) = log_lines
    assert line.startswith(f"stored in {URL}: {len(receipt.stored)} files, ")
    assert receipt.page not in line
