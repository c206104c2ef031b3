"""bundle.py: evidence is kept, limited and described, and only bundles in the spool are opened."""

from __future__ import annotations

import hashlib
import json
import os
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.bundle.artifact import SizeLimitReachedError
from debugcapture.bundle.bundle import (
    MANIFEST,
    RECEIPT,
    SENT,
    Bundle,
    captured_before,
    create_bundle,
    open_bundle,
    prune,
    recover,
    writable,
)
from debugcapture.errors import BadInput, SpoolUnwritable
from debugcapture.manifest import Manifest, Receipt, Stored
from debugcapture.model import ContainerState, Target
from debugcapture.picture import FlameBar, Meter, Moment, Pictures, PodPictures, Ranking, Row, StackGroup, Stacks
from tests.unit.builders import NOON, artifact, manifest, nothing, target, written

DAY = timedelta(days=1)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return create_bundle(tmp_path / "spool", "checkout-7d9f-abcde", NOON)


def test_new_bundle_is_private_and_named_after_time_and_pod(bundle: Bundle) -> None:
    assert bundle.folder.name.startswith("20260102T120000Z-checkout-7d9f-abcde-")
    assert bundle.folder.stat().st_mode & 0o777 == 0o700
    assert bundle.folder.parent.stat().st_mode & 0o777 == 0o700


def test_captures_of_the_same_second_have_different_bundles(tmp_path: Path) -> None:
    assert create_bundle(tmp_path, "web-0", NOON).folder != create_bundle(tmp_path, "web-0", NOON).folder


@pytest.mark.parametrize("pod", ["a", "w" * 253, "web.example-0"])
def test_new_bundle_can_be_opened(pod: str, tmp_path: Path) -> None:
    bundle = create_bundle(tmp_path, pod, NOON)
    assert open_bundle(str(bundle.folder), tmp_path).folder == bundle.folder


def test_spool_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    spool = written(tmp_path, "file", "") / "spool"
    with pytest.raises(SpoolUnwritable, match=f"cannot write to the spool {spool}: Not a directory"):
        create_bundle(spool, "web-0", NOON)


def test_full_disk_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SpoolUnwritable, match="No space left on device"), writable(tmp_path):
        raise OSError(28, "No space left on device")


@given(st.lists(st.binary()))
def test_artifact_is_what_was_written(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    joined = b"".join(pieces)
    folder = tmp_path_factory.getbasetemp()
    with Bundle(folder).artifact("a.bin", 1 << 20) as file:
        for piece in pieces:
            file.write(memoryview(piece))
    content = (folder / "a.bin").read_bytes() if joined else b""
    assert (content, file.bytes, file.sha256) == (joined, len(joined), hashlib.sha256(joined).hexdigest())
    (folder / "a.bin").unlink(missing_ok=True)


def test_unfinished_artifact_does_not_have_its_name(bundle: Bundle) -> None:
    with bundle.artifact("logs/app.log", 100) as file:
        file.write(b"x")
        assert not (bundle.folder / "logs/app.log").exists()
    assert [path.name for path in (bundle.folder / "logs").iterdir()] == ["app.log"]


def test_empty_artifact_leaves_no_file(bundle: Bundle) -> None:
    with bundle.artifact("a.txt", 100) as file:
        file.write(b"")
    assert list(bundle.folder.iterdir()) == []


def test_an_exception_keeps_the_received_content(bundle: Bundle) -> None:
    def broken_off() -> None:
        with bundle.artifact("a.txt", 100) as file:
            file.write(b"half")
            raise RuntimeError("cut")

    with pytest.raises(RuntimeError, match="cut"):
        broken_off()
    assert (bundle.folder / "a.txt").read_bytes() == b"half"


@pytest.mark.parametrize(
    ("pieces", "limit", "expected"),
    [
        ([b"12345", b"6"], 5, b"12345"),
        ([b"123456"], 5, b"12345"),
        ([b"123", b"456789"], 5, b"12345"),
        ([b"1"], 0, b""),
    ],
    ids=["after", "within", "across", "nothing allowed"],
)
def test_size_limit_fills_the_file_up_to_it(pieces: list[bytes], limit: int, expected: bytes, bundle: Bundle) -> None:
    file = bundle.artifact("a.txt", limit)

    def fill() -> None:
        with file:
            for piece in pieces:
                file.write(piece)

    with pytest.raises(SizeLimitReachedError):
        fill()
    assert (file.bytes, file.sha256) == (len(expected), hashlib.sha256(expected).hexdigest())
    assert ((bundle.folder / "a.txt").read_bytes() if expected else b"") == expected


def test_artifact_of_exactly_the_limit_is_complete(bundle: Bundle) -> None:
    with bundle.artifact("a.txt", 5) as file:
        file.write(b"12345")
        file.write(b"")
    assert file.bytes == 5


@pytest.mark.parametrize(
    "saved",
    [
        manifest(),
        manifest(artifact(), nothing("failed", "it produced no output\nat all")),
        manifest(finished=None, artifacts=()),
        manifest(target=target(user=None, state=ContainerState("waiting", "CrashLoopBackOff", None, 3, "Error", 1))),
        manifest(trigger={}, started=NOON.astimezone(timezone(timedelta(hours=2)))),
    ],
    ids=["complete", "partial", "unfinished", "no user", "other time zone"],
)
def test_manifest_is_loaded_as_it_was_saved(saved: Manifest, bundle: Bundle) -> None:
    bundle.save(saved)
    assert bundle.manifest() == saved


def test_manifest_can_be_read_by_other_programs(bundle: Bundle) -> None:
    bundle.save(manifest())
    saved = json.loads((bundle.folder / MANIFEST).read_text())
    assert (saved["status"], saved["schema"]) == ("complete", 1)
    assert saved["started"] == "2026-01-02T12:00:00.345+00:00"


def test_manifest_is_replaced_as_a_whole(bundle: Bundle) -> None:
    bundle.save(manifest(finished=None))
    bundle.save(manifest())
    assert bundle.manifest().finished
    assert [path.name for path in bundle.folder.iterdir()] == [MANIFEST]


def test_a_failed_write_keeps_the_previous_manifest(bundle: Bundle) -> None:
    bundle.save(manifest())
    with pytest.raises(TypeError):
        bundle.save(manifest(trigger={"odd": object()}))
    assert bundle.manifest() == manifest()


@pytest.mark.parametrize("content", [None, "{", ""], ids=["none", "cut", "empty"])
def test_bundle_without_a_manifest_is_bad_input(content: str | None, bundle: Bundle) -> None:
    if content is not None:
        written(bundle.folder, MANIFEST, content)
    with pytest.raises(BadInput, match=f"cannot read {bundle.folder / MANIFEST}"):
        bundle.manifest()


@pytest.mark.parametrize("expires", [None, NOON])
def test_receipt_is_loaded_as_it_was_saved(expires: datetime | None, bundle: Bundle) -> None:
    assert bundle.receipt() is None
    saved = Receipt("s3://b", (Stored("k/a", "s3://b/k/a", "https://b/k/a?X=1", expires, 7, "ab" * 32),))
    bundle.save_receipt(saved)
    assert bundle.receipt() == saved


PICTURES = Pictures(
    (
        PodPictures(
            "a",
            (Moment(NOON, "probe", "failed", "warning", NOON, 3, "events.txt", 7),),
            (Meter("Memory", 1.5, 2, "bytes", "processes.txt", 3),),
            (Ranking("heap", "heap.txt", "bytes", (Row("byte[]", 9),), 9),),
            (
                Stacks(
                    "Java threads",
                    "threads.txt",
                    "threads",
                    2,
                    (Row("BLOCKED", 2),),
                    (StackGroup(2, "BLOCKED", ("pay",), 0, ("t-1",), 0, 7),),
                    bars=(FlameBar(0, 0, 2, "pay", is_own=True),),
                ),
            ),
        ),
    ),
    hidden_pods=3,
)


def test_pictures_are_loaded_as_they_were_saved(bundle: Bundle) -> None:
    assert bundle.pictures() == Pictures()
    bundle.save_pictures(PICTURES)
    assert bundle.pictures() == PICTURES


@pytest.mark.parametrize("text", ["", "[]", '{"pods": 7}', '{"pods": [{"pod": "a", "moments": [{"when": "noon"}]}]}'])
def test_damaged_pictures_are_reported(text: str, bundle: Bundle) -> None:
    written(bundle.folder, "pictures.json", text)
    with pytest.raises(BadInput, match=r"pictures\.json"):
        bundle.pictures()


def test_discard_leaves_manifest_and_receipt(bundle: Bundle) -> None:
    bundle.save(manifest(artifact(file="logs/a.log"), nothing("failed", "x"), artifact(file="gone.txt")))
    bundle.save_receipt(Receipt("s3://b", ()))
    written(bundle.folder, "logs/a.log", "x")
    bundle.save_pictures(PICTURES)
    bundle.discard_artifacts()
    assert sorted(file.name for file in bundle.folder.rglob("*") if file.is_file()) == [MANIFEST, RECEIPT]


@pytest.mark.parametrize(
    "folder",
    [
        "/etc",
        "{spool}",
        "{spool}/../20260102T120000Z-web-0-1a2b",
        "{spool}/sub/20260102T120000Z-web-0-1a2b",
        "{spool}/notes",
        "{spool}/20260102T120000Z-web_0",
        "{spool}/link",
        "{spool}/20260102T120000Z-linked-1a2b",
        "",
        "\0",
        "\ud800",
    ],
    ids=[
        "elsewhere",
        "spool itself",
        "beside",
        "below",
        "other name",
        "almost a name",
        "link",
        "link out",
        "blank",
        "NUL",
        "no character",
    ],
)
def test_only_bundles_of_the_spool_are_opened(folder: str, tmp_path: Path) -> None:
    spool, outside = tmp_path / "spool", tmp_path / "20260102T120000Z-web-0-1a2b"
    for place in (spool / "notes", spool / "sub" / outside.name, outside):
        place.mkdir(parents=True)
    (spool / "link").symlink_to(outside)
    (spool / "20260102T120000Z-linked-1a2b").symlink_to(outside)
    with pytest.raises(BadInput, match="is not a bundle"):
        open_bundle(folder.format(spool=spool), spool)


def test_bundle_is_opened_through_a_link_to_the_spool(tmp_path: Path) -> None:
    bundle = create_bundle(tmp_path / "real", "web-0", NOON)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for folder, spool in (
        (bundle.folder, tmp_path / "link"),
        (tmp_path / "link" / bundle.folder.name, tmp_path / "real"),
    ):
        assert open_bundle(str(folder), spool).folder == bundle.folder


def test_prune_removes_only_what_was_stored_more_than_a_week_ago(tmp_path: Path) -> None:
    now = NOON.timestamp()
    ages = {"old": 8 * DAY, "new": 6 * DAY}
    for name, age in ages.items():
        receipt = written(tmp_path, f"{name}/{RECEIPT}", "{}")
        written(tmp_path, f"{name}/{MANIFEST}", "{}")
        os.utime(receipt, (now - age.total_seconds(),) * 2)
    os.utime(written(tmp_path, f"unsent/{MANIFEST}", "{}"), (0, 0))
    prune(tmp_path, NOON)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "unsent"]


def test_prune_removes_artifacts_of_an_upload_that_was_killed_after_the_receipt(bundle: Bundle) -> None:
    written(bundle.folder, "heap.bin", "x")
    bundle.save(manifest(artifact(file="heap.bin", bytes=1), capture_id=bundle.folder.name))
    bundle.save_sent(Receipt("file:///store", ()))
    bundle.save_receipt(Receipt("file:///store", ()))
    prune(bundle.folder.parent, datetime.now(timezone.utc))
    assert {path.name for path in bundle.folder.iterdir()} == {MANIFEST, RECEIPT}


def test_prune_accepts_a_missing_spool(tmp_path: Path) -> None:
    prune(tmp_path / "none", NOON)


def test_a_manifest_of_another_form_is_not_a_bundle(tmp_path: Path) -> None:
    written(tmp_path, MANIFEST, "{}")
    with pytest.raises(BadInput, match="is not a bundle"):
        Bundle(tmp_path).manifest()


TORN = ["", "{", "[]", '{"capture_id": 1}', "[" * 100_000, '"\\ud800"']


@pytest.mark.parametrize("text", TORN)
def test_a_damaged_bundle_does_not_block_captures_of_other_workloads(text: str, tmp_path: Path) -> None:
    good = create_bundle(tmp_path, "web-0", NOON)
    good.save(manifest(artifact(collector="jvm-heap-dump")))
    written(create_bundle(tmp_path, "web-1", NOON).folder, MANIFEST, text)
    assert captured_before(tmp_path, target(), ["jvm-heap-dump"]) == [NOON]


@pytest.mark.parametrize("text", TORN)
def test_a_damaged_list_of_uploads_is_ignored_and_a_damaged_receipt_is_reported(text: str, bundle: Bundle) -> None:
    written(bundle.folder, SENT, text)
    assert bundle.sent() is None
    written(bundle.folder, RECEIPT, text)
    with pytest.raises(BadInput, match="stored.json"):
        bundle.receipt()


@pytest.mark.parametrize("file", ["../../etc/passwd", "/etc/passwd", "a/../../b", "x\0y"])
def test_a_manifest_whose_files_are_elsewhere_is_refused(file: str, bundle: Bundle) -> None:
    bundle.save(manifest(artifact(file=file)))
    with pytest.raises(BadInput, match="is not a valid file name in a bundle"):
        bundle.manifest()


FORGED_TARGETS = [target(pod="evil-1", workload="../../x"), target(namespace="../x"), target(pod="../x", workload="/")]


@pytest.mark.parametrize("forged", FORGED_TARGETS)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_target_with_a_forged_name_does_not_affect_the_evidence_of_others(
    forged: Target, is_first: bool, bundle: Bundle
) -> None:
    good = target(pod="good-1", workload="good")
    first, second = (forged, good) if is_first else (good, forged)
    bundle.save(manifest(artifact(), target=first, more_targets=(second,)))
    saved = bundle.manifest()
    assert "good-1" in {target.pod for target in saved.targets}
    assert len(saved.artifacts) == 1
    assert re.fullmatch(r"shop/(good|evil-1)/[^/]+", saved.key)


def test_a_manifest_without_a_valid_target_is_not_a_bundle(bundle: Bundle) -> None:
    bundle.save(manifest(target=target(namespace="..")))
    with pytest.raises(BadInput, match="is not a valid name"):
        bundle.manifest()


def test_unknown_fields_of_a_later_version_of_the_manifest_are_ignored(bundle: Bundle) -> None:
    bundle.save(manifest())
    saved = json.loads((bundle.folder / MANIFEST).read_text())
    saved["artifacts"][0]["colour"] = "red"
    written(bundle.folder, MANIFEST, json.dumps(saved | {"more": 1}))
    assert bundle.manifest() == manifest()


def test_a_heap_dump_that_a_kill_cut_short_is_marked_as_sensitive(bundle: Bundle) -> None:
    bundle.save(manifest(finished=None))
    written(bundle.folder, "heap.hprof.part", b"JAVA PROFILE 1.0.2\0secret")
    recover(bundle, NOON)
    recovered = bundle.manifest().artifacts[-1]
    assert (recovered.file, recovered.outcome, recovered.sensitive) == ("heap.hprof", "truncated", True)


def test_unrecorded_artifacts_of_a_killed_capture_are_recovered(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    bundle.save(manifest(finished=None))
    files = {
        "arriving.bin.part": "arriv",
        "done.txt": "done",
        "empty.bin.part": "",
        f"{MANIFEST}.part": "{",
        ".reserve": "x",
    }
    for name, content in files.items():
        written(tmp_path, name, content)
    recover(bundle, NOON)
    recovered = {artifact.file: (artifact.bytes, artifact.sha256) for artifact in bundle.manifest().artifacts}
    assert recovered.keys() >= {"arriving.bin", "done.txt"}
    assert recovered["arriving.bin"] == (5, hashlib.sha256(b"arriv").hexdigest())
    assert not list(tmp_path.glob("*.part"))
    assert not recovered.keys() & {"empty.bin", ".reserve", MANIFEST}
