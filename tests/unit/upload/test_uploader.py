"""uploader.py: artifacts are uploaded in parallel, before the capture ends, and each only once."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import SENT, Bundle, create_bundle
from debugcapture.bundle.record import Record
from debugcapture.errors import NotStored
from debugcapture.manifest import Artifact, Manifest, Receipt, Stored
from debugcapture.stores.base import Progress, ignore_progress
from debugcapture.upload import uploader as module
from debugcapture.upload.publish import publish_bundle
from debugcapture.upload.uploader import CONCURRENCY, Uploader, background_upload
from tests.unit.builders import NOON, artifact, file_store, manifest, nothing, store_settings, written

CONTENTS = {f"{name}.txt": name.encode() * 100 for name in ("logs", "threads", "heap", "state")}
TIMEOUT_S = 10


def of(name: str) -> Artifact:
    content = CONTENTS[name]
    return artifact(title=name, file=name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


ARTIFACTS = [of(name) for name in CONTENTS]


class Watched:
    """A directory as a store that counts its uploads and calls ``before`` for each file."""

    def __init__(self, root: Path) -> None:
        self.root, self.keys, self.running, self.max_running = root, list[str](), 0, 0
        self.before: Callable[[str, Progress], None] = lambda _name, _progress: None
        self._store, self._lock = file_store(root), threading.Lock()

    @property
    def names(self) -> list[str]:
        return [Path(key).name for key in self.keys]

    def put(self, key: str, file: Path, sha256: str, progress: Progress = ignore_progress) -> Stored:
        with self._lock:
            self.running += 1
            self.max_running = max(self.max_running, self.running)
        try:
            self.before(Path(key).name, progress)
            stored = self._store.put(key, file, sha256)
            self.keys.append(key)
        finally:
            with self._lock:
                self.running -= 1
        return stored


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    bundle = create_bundle(tmp_path / "spool", "checkout-7d9f-abcde", NOON)
    for name, content in CONTENTS.items():
        written(bundle.folder, name, content)
    bundle.save(manifest(*ARTIFACTS, capture_id=bundle.folder.name))
    return bundle


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    (tmp_path / "store").mkdir()
    root = Watched(tmp_path / "store")
    monkeypatch.setattr(module, "open_store", lambda _settings: root)
    return root


@pytest.fixture
def log_lines() -> list[str]:
    return []


URL = "file:///store"
SETTINGS = store_settings(store=URL)
FOLDER = "shop/checkout/capture"


def refuse(*refused: str) -> Callable[[str, Progress], None]:
    def before(name: str, _progress: Progress) -> None:
        if name in refused:
            raise NotStored(f"cannot store {name}", "SlowDown", "Later.")

    return before


def test_artifacts_are_uploaded_in_parallel_and_the_page_last(
    bundle: Bundle, store: Watched, log_lines: list[str]
) -> None:
    barrier = threading.Barrier(CONCURRENCY, timeout=TIMEOUT_S)
    first = [artifact.file for artifact in ARTIFACTS[:CONCURRENCY]]

    def before(name: str, _progress: Progress) -> None:
        if name in first:
            barrier.wait()

    store.before = before
    receipt = publish_bundle(bundle, store, URL, log_lines.append)
    assert store.max_running == CONCURRENCY
    assert store.names[-3:] == ["manifest.json", "index.html", f"{bundle.folder.name}.json"]
    assert [Path(stored.key).name for stored in receipt.stored][: len(ARTIFACTS)] == list(CONTENTS)


def test_a_second_attempt_uploads_only_the_rest(bundle: Bundle, store: Watched, log_lines: list[str]) -> None:
    store.before = refuse("state.txt")
    with pytest.raises(NotStored):
        publish_bundle(bundle, store, URL, log_lines.append)
    store.before = refuse()
    publish_bundle(Bundle(bundle.folder), store, URL, log_lines.append)
    assert sorted(store.names) == sorted([*CONTENTS, "manifest.json", "index.html", f"{bundle.folder.name}.json"])
    assert not (bundle.folder / SENT).exists()


@pytest.mark.parametrize(
    "changed",
    [
        lambda receipt: replace(receipt, store="file:///other"),
        lambda receipt: replace(receipt, stored=(replace(receipt.stored[0], sha256="00" * 32),)),
        lambda receipt: replace(receipt, stored=(replace(receipt.stored[0], key="elsewhere/logs.txt"),)),
        lambda receipt: replace(receipt, stored=(replace(receipt.stored[0], expires=soon()),)),
    ],
    ids=["another store", "another content", "another place", "a link that ends"],
)
def test_a_confirmed_upload_counts_for_the_same_file_only(
    bundle: Bundle, store: Watched, log_lines: list[str], changed: Callable[[Receipt], Receipt]
) -> None:
    Uploader(bundle, store, URL, log_lines.append).upload(ARTIFACTS[0], bundle.manifest().key)
    sent = bundle.sent()
    assert sent
    bundle.save_sent(changed(sent))
    Uploader(bundle, store, URL, log_lines.append).upload(ARTIFACTS[0], bundle.manifest().key)
    assert store.names == ["logs.txt", "logs.txt"]


def soon() -> datetime:
    return datetime.now(timezone.utc) + timedelta(minutes=5)


def test_finished_artifacts_are_uploaded_while_the_capture_continues(
    bundle: Bundle, store: Watched, log_lines: list[str]
) -> None:
    started = threading.Event()
    store.before = lambda _name, _progress: started.set()
    with background_upload(bundle, SETTINGS, bundle.manifest().key, log_lines.append) as background:
        record = Record(bundle, manifest(nothing("failed", "no Java"), capture_id=bundle.folder.name), background.send)
        record.add(nothing("skipped", "no Java"))
        record.add(ARTIFACTS[0])
        assert started.wait(TIMEOUT_S)
        record.add(ARTIFACTS[1])
        record.finish()
    assert set(store.names) <= {"logs.txt", "threads.txt"}
    publish_bundle(bundle, store, URL, log_lines.append)
    assert store.names == ["logs.txt", "threads.txt", "manifest.json", "index.html", f"{bundle.folder.name}.json"]


def test_a_failure_in_the_background_is_reported_once_and_then_retried(
    bundle: Bundle, store: Watched, log_lines: list[str]
) -> None:
    attempted = threading.Event()

    def before(name: str, _progress: Progress) -> None:
        attempted.set()
        refuse(*CONTENTS)(name, ignore_progress)

    store.before = before
    with background_upload(bundle, SETTINGS, FOLDER, log_lines.append) as background:
        background.send(ARTIFACTS[0])
        assert attempted.wait(TIMEOUT_S)
    assert log_lines == ["cannot store logs.txt: SlowDown. Later. It is uploaded again at the end of the capture."]
    store.before = refuse()
    publish_bundle(bundle, store, URL, log_lines.append)
    assert sorted(store.names) == sorted([*CONTENTS, "manifest.json", "index.html", f"{bundle.folder.name}.json"])


def test_manifest_is_not_read_again_for_each_artifact(
    bundle: Bundle, store: Watched, log_lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, parsed, parse = bundle.manifest().key, list[Path](), Bundle.manifest

    def counted(self: Bundle) -> Manifest:
        parsed.append(self.folder)
        return parse(self)

    monkeypatch.setattr(Bundle, "manifest", counted)
    with background_upload(bundle, SETTINGS, key, log_lines.append) as background:
        for artifact in ARTIFACTS * 20:
            background.send(artifact)
    assert parsed == []
    publish_bundle(bundle, store, URL, log_lines.append)
    assert len(parsed) <= 2  # for the store's keys and for the page, however many artifacts there are


def test_a_defect_of_a_store_is_not_hidden(bundle: Bundle, store: Watched, log_lines: list[str]) -> None:
    attempted = threading.Event()

    def before(_name: str, _progress: Progress) -> None:
        attempted.set()
        raise ZeroDivisionError

    def capture() -> None:
        with background_upload(bundle, SETTINGS, FOLDER, log_lines.append) as background:
            background.send(ARTIFACTS[0])
            assert attempted.wait(TIMEOUT_S)

    store.before = before
    with pytest.raises(ZeroDivisionError):
        capture()


def test_the_end_of_the_step_stops_running_uploads(bundle: Bundle, store: Watched, log_lines: list[str]) -> None:
    started, go_on = threading.Event(), threading.Event()

    def before(_name: str, progress: Progress) -> None:
        started.set()
        assert go_on.wait(TIMEOUT_S)
        while True:
            progress(1)

    def abort(send: Callable[[Artifact], None]) -> None:
        send(ARTIFACTS[0])
        send(ARTIFACTS[1])
        assert started.wait(TIMEOUT_S)
        threading.Timer(0.05, go_on.set).start()
        raise SystemExit(143)

    store.before = before
    with pytest.raises(SystemExit), background_upload(bundle, SETTINGS, FOLDER, log_lines.append) as background:
        abort(background.send)
    assert store.names == []
    assert bundle.sent() is None


@pytest.mark.parametrize(("sent_bytes", "expected"), [(0, []), (1, ["logs.txt"])], ids=["fails", "gets on"])
def test_at_the_end_of_the_capture_an_upload_without_progress_gives_up(
    bundle: Bundle,
    store: Watched,
    log_lines: list[str],
    sent_bytes: int,
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started, go_on, drain = threading.Event(), threading.Event(), Uploader.drain

    def drain_then_go_on(uploader: Uploader) -> None:
        drain(uploader)
        go_on.set()

    def before(_name: str, progress: Progress) -> None:
        started.set()
        assert go_on.wait(TIMEOUT_S)
        progress(sent_bytes)

    store.before = before
    monkeypatch.setattr(Uploader, "drain", drain_then_go_on)
    with background_upload(bundle, SETTINGS, FOLDER, log_lines.append) as background:
        background.send(ARTIFACTS[0])
        assert started.wait(TIMEOUT_S)
    assert store.names == expected


def test_nothing_is_uploaded_without_a_store(bundle: Bundle, log_lines: list[str]) -> None:
    with background_upload(bundle, store_settings(), FOLDER, log_lines.append) as background:
        background.send(ARTIFACTS[0])
    assert log_lines == []
    assert bundle.sent() is None


def test_long_uploads_report_their_progress(
    bundle: Bundle, store: Watched, log_lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def before(_name: str, progress: Progress) -> None:
        for _ in range(4):
            clock[0] += 6
            progress(100)

    store.before = before
    Uploader(bundle, store, URL, log_lines.append).upload(ARTIFACTS[1], "key")
    assert log_lines == [
        "sending threads.txt: 200 B of 700 B in 12 s",
        "sending threads.txt: 400 B of 700 B in 24 s",
        "stored threads.txt, 700 B in 24 s",
    ]
