"""watch.py: following a capture that another process runs."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import Bundle, claimed
from debugcapture.cli import main as cli
from debugcapture.cli import watch
from debugcapture.cli.status_line import Screen, printable
from debugcapture.cli.watch import CapturesStep, Progress, WatchStep, new_lines, progress_line, progress_of
from debugcapture.errors import TargetNotFound
from debugcapture.files import is_locked
from debugcapture.manifest import Artifact, Manifest, Receipt, Status, Stored
from debugcapture.runtime.context import RunContext
from debugcapture.settings.spool import SpoolSettings, WatchSettings
from lab.paths import REPO
from tests.unit.builders import CAPTURE_ID, NOON, artifact, manifest, nothing, target, written

CONTENTS = Path(cli.__file__).parents[1]
RECEIPT = Receipt("s3://b", (Stored(f"shop/checkout/{CAPTURE_ID}/index.html", "", "https://page", None, 1, "ab"),))


class Recorder:
    """Records the lines that a command reports, and the bundles that it follows."""

    def __init__(self, spool: Path) -> None:
        self.lines: list[str] = []
        self.followed: list[Path] = []
        out = io.BytesIO()
        self.run_context = RunContext(self.lines.append, out, out, spool, "1", {}, self.followed.append)


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    (tmp_path / CAPTURE_ID).mkdir()
    saved = Bundle(tmp_path / CAPTURE_ID)
    saved.save(manifest())
    return saved


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_POLL_S", 0.01)
    monkeypatch.setattr(watch, "_UNLOCKED_S", 0.05)


def step(capture_id: str = "") -> WatchStep:
    return WatchStep(watch=WatchSettings(capture_id=capture_id), spool=SpoolSettings())


def progress(*artifacts: Artifact, coming: int = 0, sent: int = 0, link: str = "", running: bool = False) -> Progress:
    finished = None if running else NOON
    return Progress(manifest(*artifacts, finished=finished), coming, sent, link)


@pytest.mark.parametrize(
    ("observed", "line"),
    [
        (progress(artifact(bytes=1024), coming=1024, running=True),
         "capturing shop/checkout-7d9f-abcde: 1 artifacts, 2.0 KiB, 9 s"),
        (progress(artifact(bytes=1024), nothing("failed", "x")),
         "captured shop/checkout-7d9f-abcde: 1 artifacts, 1.0 KiB, 9 s"),
        (progress(artifact(bytes=2048), sent=1024), "[##########..........] sending: 1.0 KiB of 2.0 KiB, 9 s"),
        (progress(artifact(bytes=2048), sent=9999), "[####################] sending: 2.0 KiB of 2.0 KiB, 9 s"),
        (progress(artifact(bytes=2048), link="https://x"), "[####################] stored: 2.0 KiB, 9 s"),
    ],
)  # fmt: skip
def test_progress_is_a_line_of_bytes_and_seconds(observed: Progress, line: str) -> None:
    assert progress_line(observed, NOON + timedelta(seconds=9)) == line


def test_only_changes_are_reported() -> None:
    first, second = artifact(), nothing("failed", "no\nshell", title="Heap", pod="web-1")
    running = progress(first, running=True)
    assert list(new_lines(None, running)) == ["Java thread dump: complete, 7 B, jvm-threads.txt", "capturing"]
    assert list(new_lines(running, running)) == []
    assert list(new_lines(running, progress(first, second))) == ["web-1: Heap: failed, no shell", "captured"]
    assert list(new_lines(progress(first), progress(first, link="https://page"))) == ["stored"]


def test_progress_is_read_from_the_spool(bundle: Bundle) -> None:
    written(bundle.folder, "logs/app.log.part", "12345")
    written(bundle.folder, "manifest.json.part", "not evidence")
    assert progress_of(bundle).captured_bytes == 7 + 5
    bundle.save_sent(RECEIPT)
    assert progress_of(bundle).state == "sending"
    bundle.save_receipt(RECEIPT)
    assert (progress_of(bundle).state, progress_of(bundle).link) == ("stored", "https://page")


@pytest.mark.parametrize(
    ("observed", "code"),
    [
        (manifest(), 0),
        (manifest(artifact(outcome="truncated")), 10),
        (manifest(nothing("failed", "x")), 5),
    ],
)
def test_the_status_decides_how_it_ends(observed: Manifest, code: int, bundle: Bundle, recorder: Recorder) -> None:
    bundle.save(observed)
    bundle.save_receipt(RECEIPT)
    outcome = watch.watch(step(), recorder.run_context)
    assert (outcome.exit_code, outcome.data["status"]) == (code, observed.status)
    assert "stored" in recorder.lines
    assert outcome.data["link"] == "https://page"
    assert recorder.followed == [bundle.folder]
    assert outcome.document["manifest"]["capture_id"] == CAPTURE_ID


def test_a_capture_is_followed_from_its_beginning_into_the_store(bundle: Bundle, recorder: Recorder) -> None:
    bundle.save(manifest(artifact(), finished=None))
    started = threading.Event()

    def capture() -> None:
        with claimed(bundle):
            started.set()
            _wait_for(lambda: "capturing" in recorder.lines)
            bundle.save(manifest(artifact(), artifact(file="heap.hprof", title="Heap"), finished=None))
            _wait_for(lambda: any("heap.hprof" in line for line in recorder.lines))
            bundle.save(manifest(artifact(), artifact(file="heap.hprof", title="Heap")))
            bundle.save_receipt(RECEIPT)

    other = threading.Thread(target=capture)
    other.start()
    started.wait()
    outcome = watch.watch(step(CAPTURE_ID), recorder.run_context)
    other.join()
    assert outcome.exit_code == 0
    assert outcome.data["link"] == "https://page"
    assert [line for line in recorder.lines if "heap" in line] == ["Heap: complete, 7 B, heap.hprof"]


def test_a_capture_whose_process_is_gone_is_not_waited_for(bundle: Bundle, recorder: Recorder) -> None:
    bundle.save(manifest(finished=None))
    outcome = watch.watch(step(), recorder.run_context)
    assert outcome.exit_code == 10
    assert any("the process of the capture has ended" in line for line in recorder.lines)


def test_watching_does_not_claim_the_bundle(bundle: Bundle) -> None:
    assert not is_locked(bundle.folder)
    with claimed(bundle) as acquired:
        assert acquired
        assert is_locked(bundle.folder)
    with claimed(bundle) as acquired:
        assert acquired


@pytest.mark.parametrize(("capture_id", "reason"), [("", "is empty"), (CAPTURE_ID, "it is not in the spool")])
def test_no_such_capture_is_reported(capture_id: str, reason: str, recorder: Recorder) -> None:
    with pytest.raises(TargetNotFound, match=reason):
        watch.watch(step(capture_id), recorder.run_context)


def test_captures_are_a_table_the_newest_first(bundle: Bundle, tmp_path: Path, recorder: Recorder) -> None:
    later = tmp_path / "20260103T120000Z-web-0-1a2b"
    later.mkdir()
    Bundle(later).save(manifest(capture_id=later.name, finished=None, target=target(pod="web-0")))
    bundle.save_receipt(RECEIPT)
    outcome = watch.captures(CapturesStep(spool=SpoolSettings()), recorder.run_context)
    assert recorder.lines == [
        "CAPTURE                                    POD                       STATUS      ARTIFACTS  SIZE  WHERE\n"
        "20260103T120000Z-web-0-1a2b                shop/web-0                unfinished  1          7 B   spool\n"
        "20260102T120000Z-checkout-7d9f-abcde-1a2b  shop/checkout-7d9f-abcde  complete    1          7 B   store"
    ]
    unfinished, stored = outcome.document
    assert stored == {
        "capture_id": bundle.folder.name,
        "namespace": "shop",
        "pod": "checkout-7d9f-abcde",
        "workload": "checkout",
        "pods": 1,
        "status": "complete",
        "finished": True,
        "started": "2026-01-02T12:00:00Z",
        "artifacts": 1,
        "bytes": 7,
        "stored": True,
        "link": RECEIPT.page,
    }
    assert (unfinished["pod"], unfinished["finished"], unfinished["status"]) == ("web-0", False, "partial")
    assert (unfinished["stored"], unfinished["link"]) == (False, "")


def test_fields_of_a_listed_capture_are_documented() -> None:
    page = (REPO / "docs" / "command-line.md").read_text(encoding="utf-8")
    documented = re.search(r"(?m)^\| field of a capture \|.*\n\|[ -|]*\n((?:\|.*\n)+)", page)
    assert documented
    names = re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in documented[1].splitlines()))
    assert names == [field.name for field in fields(watch.CaptureEntry)]


def test_statuses_all_have_an_exit_code() -> None:
    assert set(watch._EXIT_CODES) == set(Status.__args__)  # type: ignore[attr-defined]


def test_what_is_printed_has_no_control_characters() -> None:
    assert printable("a\x1b[31m\r\x00\u202eb\u200b\tc\nd\x7f") == "a[31mb\tc\nd"


def test_without_a_terminal_lines_stay_plain(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(sys.stdout) as screen:
        screen.follow(bundle.folder)
        screen.report("line")
    output = capsys.readouterr()
    assert (output.out, output.err) == ("line\n", "")


def on_terminal(*arguments: str, home: Path) -> Iterator[str]:
    """Yield the output of the program on a terminal with 60 columns, in pieces."""
    terminal, theirs = pty.openpty()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CONTENTS),
        "XDG_STATE_HOME": str(home),
        "COLUMNS": "60",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "debugcapture.cli.main", *arguments],
        stdout=theirs,
        stderr=theirs,
        stdin=theirs,
        env=environment,
    ):
        os.close(theirs)
        try:
            while piece := os.read(terminal, 4096):
                yield piece.decode()
        except OSError:  # Linux reports a closed other end this way
            os.close(terminal)


def test_a_terminal_shows_the_progress(tmp_path: Path) -> None:
    folder = tmp_path / "debug-captures" / CAPTURE_ID
    folder.mkdir(parents=True)
    bundle, shown = Bundle(folder), ""
    bundle.save(manifest(artifact(), finished=None))
    for piece in on_terminal("watch", home=tmp_path):
        shown += piece
        if "\x1b[Kcapturing shop" in shown and not bundle.receipt():
            bundle.save_receipt(RECEIPT)  # this ends the command
    status = [line for line in re.findall(r"\r\x1b\[K([^\r]*)", shown) if line.startswith("capturing shop")]
    assert status
    assert {len(line) for line in status} == {59}
    assert "Java thread dump: complete, 7 B, jvm-threads.txt\r\n" in shown


def test_json_is_not_disturbed_by_the_terminal(bundle: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "debug-captures"
    folder.mkdir()
    bundle.save_receipt(RECEIPT)
    bundle.folder.rename(folder / CAPTURE_ID)
    process = subprocess.run(
        [sys.executable, "-m", "debugcapture.cli.main", "watch", CAPTURE_ID, "--output", "json"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CONTENTS), "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    document = json.loads(process.stdout)
    assert document["data"]["link"] == "https://page"
    assert document["result"]["receipt"]["store"] == "s3://b"
    assert "\x1b" not in process.stderr


def _wait_for(ready: object) -> None:
    assert callable(ready)
    for _ in range(1000):
        if ready():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_a_replaced_artifact_is_not_reported_again() -> None:
    before, after = progress(artifact()), progress(replace(artifact(), integrity="verified"))
    assert list(new_lines(before, after)) == []
