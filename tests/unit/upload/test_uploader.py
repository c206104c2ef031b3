"""uploader.py: artifacts go side by side, ahead of the capture's end, and none goes twice."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import SENT, Bundle, create_bundle
from debugcapture.bundle.record import Record
from debugcapture.errors import NotStored
from debugcapture.model import Artifact, Manifest, Receipt, Stored
from debugcapture.stores.base import Progress, unseen
from debugcapture.upload import uploader as module
from debugcapture.upload.publish import keep
from debugcapture.upload.uploader import AT_A_TIME, Sending, sending_ahead
from tests.unit.builders import NOON, artifact, file_store, manifest, nothing, store_settings, written

CONTENTS = {f"{name}.txt": name.encode() * 100 for name in ("logs", "threads", "heap", "state")}
TIMEOUT_S = 10


def of(name: str) -> Artifact:
    content = CONTENTS[name]
    return artifact(title=name, file=name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


ARTIFACTS = [of(name) for name in CONTENTS]


class Watched:
    """A directory as a store: it keeps count, and does what a test wants done before each file."""

    def __init__(self, root: Path) -> None:
        self.root, self.keys, self.now, self.most = root, list[str](), 0, 0
        self.before: Callable[[str, Progress], None] = lambda _name, _progress: None
        self._store, self._lock = file_store(root), threading.Lock()

    @property
    def names(self) -> list[str]:
        return [Path(key).name for key in self.keys]

    def put(self, key: str, file: Path, sha256: str, progress: Progress = unseen) -> Stored:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            self.before(Path(key).name, progress)
            stored = self._store.put(key, file, sha256)
            self.keys.append(key)
        finally:
            with self._lock:
                self.now -= 1
        return stored


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    made = create_bundle(tmp_path / "spool", "checkout-7d9f-abcde", NOON)
    for name, content in CONTENTS.items():
        written(made.folder, name, content)
    made.save(manifest(*ARTIFACTS, capture_id=made.folder.name))
    return made


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    (tmp_path / "store").mkdir()
    made = Watched(tmp_path / "store")
    monkeypatch.setattr(module, "open_store", lambda _settings: made)
    return made


@pytest.fixture
def said() -> list[str]:
    return []


URL = "file:///store"
SETTINGS = store_settings(store=URL)
FOLDER = "shop/checkout/capture"


def refuse(*refused: str) -> Callable[[str, Progress], None]:
    def before(name: str, _progress: Progress) -> None:
        if name in refused:
            raise NotStored(f"cannot store {name}", "SlowDown", "Later.")

    return before


def test_a_few_go_side_by_side_and_the_page_last(bundle: Bundle, store: Watched, said: list[str]) -> None:
    together = threading.Barrier(AT_A_TIME, timeout=TIMEOUT_S)
    first = [one.file for one in ARTIFACTS[:AT_A_TIME]]

    def before(name: str, _progress: Progress) -> None:
        if name in first:
            together.wait()

    store.before = before
    receipt = keep(bundle, store, URL, said.append)
    assert store.most == AT_A_TIME
    assert store.names[-2:] == ["manifest.json", "index.html"]
    assert [Path(one.key).name for one in receipt.stored][: len(ARTIFACTS)] == list(CONTENTS)


def test_what_one_try_has_sent_the_next_does_not(bundle: Bundle, store: Watched, said: list[str]) -> None:
    store.before = refuse("state.txt")
    with pytest.raises(NotStored):
        keep(bundle, store, URL, said.append)
    store.before = refuse()
    keep(Bundle(bundle.folder), store, URL, said.append)
    assert sorted(store.names) == sorted([*CONTENTS, "manifest.json", "index.html"])
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
def test_what_was_sent_counts_for_the_same_only(
    bundle: Bundle, store: Watched, said: list[str], changed: Callable[[Receipt], Receipt]
) -> None:
    Sending(bundle, store, URL, said.append).one(ARTIFACTS[0], bundle.manifest().key)
    sent = bundle.sent()
    assert sent
    bundle.save_sent(changed(sent))
    Sending(bundle, store, URL, said.append).one(ARTIFACTS[0], bundle.manifest().key)
    assert store.names == ["logs.txt", "logs.txt"]


def soon() -> datetime:
    return datetime.now(timezone.utc) + timedelta(minutes=5)


def test_finished_artifacts_go_while_the_capture_goes_on(bundle: Bundle, store: Watched, said: list[str]) -> None:
    there = threading.Event()
    store.before = lambda _name, _progress: there.set()
    with sending_ahead(bundle, SETTINGS, bundle.manifest().key, said.append) as ahead:
        record = Record(bundle, manifest(nothing("failed", "no Java"), capture_id=bundle.folder.name), ahead.send)
        record.add(nothing("skipped", "no Java"))
        record.add(ARTIFACTS[0])
        assert there.wait(TIMEOUT_S)
        record.add(ARTIFACTS[1])
        record.finish()
    assert set(store.names) <= {"logs.txt", "threads.txt"}
    keep(bundle, store, URL, said.append)
    assert store.names == ["logs.txt", "threads.txt", "manifest.json", "index.html"]


def test_failure_ahead_is_said_once_and_left_to_the_ordinary_upload(
    bundle: Bundle, store: Watched, said: list[str]
) -> None:
    tried = threading.Event()

    def before(name: str, _progress: Progress) -> None:
        tried.set()
        refuse(*CONTENTS)(name, unseen)

    store.before = before
    with sending_ahead(bundle, SETTINGS, FOLDER, said.append) as ahead:
        ahead.send(ARTIFACTS[0])
        assert tried.wait(TIMEOUT_S)
    assert said == ["cannot store logs.txt: SlowDown. Later. It is uploaded again at the end of the capture."]
    store.before = refuse()
    keep(bundle, store, URL, said.append)
    assert sorted(store.names) == sorted([*CONTENTS, "manifest.json", "index.html"])


def test_manifest_is_not_read_again_for_each_artifact(
    bundle: Bundle, store: Watched, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, parsed, parse = bundle.manifest().key, list[Path](), Bundle.manifest

    def counted(self: Bundle) -> Manifest:
        parsed.append(self.folder)
        return parse(self)

    monkeypatch.setattr(Bundle, "manifest", counted)
    with sending_ahead(bundle, SETTINGS, key, said.append) as ahead:
        for one in ARTIFACTS * 20:
            ahead.send(one)
    assert parsed == []
    keep(bundle, store, URL, said.append)
    assert len(parsed) <= 2  # for the store's keys and for the page, however many artifacts there are


def test_defect_of_a_store_is_not_hidden(bundle: Bundle, store: Watched, said: list[str]) -> None:
    tried = threading.Event()

    def before(_name: str, _progress: Progress) -> None:
        tried.set()
        raise ZeroDivisionError

    def capture() -> None:
        with sending_ahead(bundle, SETTINGS, FOLDER, said.append) as ahead:
            ahead.send(ARTIFACTS[0])
            assert tried.wait(TIMEOUT_S)

    store.before = before
    with pytest.raises(ZeroDivisionError):
        capture()


def test_end_of_the_step_stops_what_is_on_its_way(bundle: Bundle, store: Watched, said: list[str]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def before(_name: str, progress: Progress) -> None:
        begun.set()
        assert go_on.wait(TIMEOUT_S)
        while True:
            progress(1)

    def abort(send: Callable[[Artifact], None]) -> None:
        send(ARTIFACTS[0])
        send(ARTIFACTS[1])
        assert begun.wait(TIMEOUT_S)
        threading.Timer(0.05, go_on.set).start()
        raise SystemExit(143)

    store.before = before
    with pytest.raises(SystemExit), sending_ahead(bundle, SETTINGS, FOLDER, said.append) as ahead:
        abort(ahead.send)
    assert store.names == []
    assert bundle.sent() is None


@pytest.mark.parametrize(("more", "expected"), [(0, []), (1, ["logs.txt"])], ids=["fails", "gets on"])
def test_at_the_end_of_the_capture_what_does_not_get_on_gives_up(
    bundle: Bundle, store: Watched, said: list[str], more: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, hurry = threading.Event(), threading.Event(), Sending.hurry

    def hurry_then_go_on(sending: Sending) -> None:
        hurry(sending)
        go_on.set()

    def before(_name: str, progress: Progress) -> None:
        begun.set()
        assert go_on.wait(TIMEOUT_S)
        progress(more)

    store.before = before
    monkeypatch.setattr(Sending, "hurry", hurry_then_go_on)
    with sending_ahead(bundle, SETTINGS, FOLDER, said.append) as ahead:
        ahead.send(ARTIFACTS[0])
        assert begun.wait(TIMEOUT_S)
    assert store.names == expected


def test_nothing_is_sent_ahead_without_a_store(bundle: Bundle, said: list[str]) -> None:
    with sending_ahead(bundle, store_settings(), FOLDER, said.append) as ahead:
        ahead.send(ARTIFACTS[0])
    assert said == []
    assert bundle.sent() is None


def test_long_ones_say_how_far_they_are(
    bundle: Bundle, store: Watched, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("debugcapture.upload.uploader.time.monotonic", lambda: clock[0])

    def before(_name: str, progress: Progress) -> None:
        for _ in range(4):
            clock[0] += 6
            progress(100)

    store.before = before
    Sending(bundle, store, URL, said.append).one(ARTIFACTS[1], "key")
    assert said == [
        "sending threads.txt: 200 B of 700 B in 12 s",
        "sending threads.txt: 400 B of 700 B in 24 s",
        "stored threads.txt, 700 B in 24 s",
    ]
