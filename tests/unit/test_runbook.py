"""runbook.py: what a step checks before it starts, and what it tells whom when something fails."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from debugcapture.bundle.bundle import MANIFEST, Bundle, claimed, create_bundle
from debugcapture.errors import (
    BadInput,
    CaptureError,
    CommandFailed,
    NotAllowed,
    NoteNotSent,
    NothingCaptured,
    NotRunning,
    NotStored,
    SpoolUnwritable,
    TargetNotFound,
)
from debugcapture.files import sha256_of
from debugcapture.incident import notify
from debugcapture.kube import client
from debugcapture.kube.client import Api
from debugcapture.kube.streams import Streams
from debugcapture.model import ExitStatus, Json
from debugcapture.pagerduty.api import PagerDuty
from debugcapture.pagerduty.events import Events
from debugcapture.runtime.context import Caller
from debugcapture.settings.declare import read
from debugcapture.settings.forms import CaptureStep
from debugcapture.settings.target import TargetSettings
from debugcapture.steps.attach import AttachStep, attach
from debugcapture.steps.capture import capture
from debugcapture.steps.execute import ExecStep, execute
from debugcapture.steps.incident_note import NoteStep, annotate
from debugcapture.steps.incident_target import IncidentTargetStep, find_target
from debugcapture.steps.upload import UploadStep, upload
from debugcapture.stores.registry import open_store
from debugcapture.targets.selection import select
from debugcapture.upload.publish import keep
from tests.unit.builders import NOON, artifact, manifest, pod, status, terminated, written
from tests.unit.fakes import Lists

INCIDENT = {"incident_id": "Q1ABCDEF", "pagerduty_token": "t"}
POD = {"pod": "checkout-7d9f-abcde", "namespace": "shop"}


class Cluster(Lists):
    """An API server with one pod, and the status that its commands end with."""

    def __init__(self, whole: Json | None = None, ended: ExitStatus | None = None) -> None:
        self.whole, self.ended = whole or pod(), ended or ExitStatus(0)
        self.may_list = True
        self.streams = Streams()

    def pod(self, _namespace: str, name: str) -> Json:
        if name != self.whole["metadata"]["name"]:
            raise TargetNotFound("cannot read", "not found")
        return self.whole

    def pods(self, _namespace: str, _selector: str = "") -> list[Json]:
        if not self.may_list:
            raise NotAllowed("cannot list", "forbidden")
        return [self.whole]

    def get(self, *_: object) -> Json:
        raise NotAllowed("cannot read", "forbidden")

    def namespace_exists(self, namespace: str) -> bool:
        return namespace == "shop"

    def log(self, *_: object, **__: object) -> Iterator[bytes]:
        yield b"started\n"

    def events(self, *_: object) -> list[Json]:
        return []

    def run(self, _api: Api, _place: object, argv: Sequence[str], *, stdout: Any, stderr: Any, **_: Any) -> ExitStatus:
        if argv[3:4] == ("debug-capture",) and not self.ended.not_found:
            stderr(memoryview(f"debug-capture-command {argv[4]} 7 1\n".encode()))
            argv = argv[5:]
        stdout(memoryview(" ".join(argv).encode() + b"\xff"))
        stderr(memoryview(b"warning"))
        return self.ended


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def caller(tmp_path: Path, said: list[str]) -> Caller:
    (tmp_path / "store").mkdir()
    trigger = {"execution": "https://rundeck/7"}
    return Caller(said.append, io.BytesIO(), io.BytesIO(), tmp_path / "spool", "7", trigger)


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Return the list of the notes that were posted."""
    posted: list[tuple[str, str, str]] = []

    def annotate(_self: PagerDuty, incident: str, mark: str, content: str, _tries: int) -> str:
        posted.append((incident, mark, content))
        return "added"

    monkeypatch.setattr(PagerDuty, "annotate", annotate)
    return posted


Serve = Callable[[Cluster], None]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    def use(cluster: Cluster) -> None:
        monkeypatch.setattr(client, "connect", lambda _: None)
        monkeypatch.setattr(client, "Api", lambda *_: cluster)
        monkeypatch.setattr("debugcapture.kube.exec_stream.run", cluster.run)

    return use


@pytest.fixture
def bundle(caller: Caller) -> Bundle:
    return make_bundle(caller)


def make_bundle(caller: Caller) -> Bundle:
    made = create_bundle(caller.spool, "checkout-7d9f-abcde", NOON)
    file = written(made.folder, "jvm-threads.txt", "threads")
    made.save(manifest(artifact(sha256=sha256_of(file)), capture_id=made.folder.name))
    return made


def written_to(stream: BinaryIO) -> bytes:
    return cast("io.BytesIO", stream).getvalue()


def test_command_is_run_and_its_output_arrives_unchanged(serve: Serve, caller: Caller, said: list[str]) -> None:
    serve(Cluster())
    step = read(ExecStep, POD | {"command": "echo 'a  b' c"})
    assert execute(step, caller).exit_code == 0
    assert written_to(caller.stdout) == b"echo a  b c\xff"
    assert written_to(caller.stderr) == b"warning"
    assert said == []


def test_exit_code_of_a_command_is_the_steps(serve: Serve, caller: Caller, said: list[str]) -> None:
    serve(Cluster(ended=ExitStatus(42)))
    assert execute(read(ExecStep, POD | {"command": "false"}), caller).exit_code == 42
    assert "ended with exit code 42" in said[0]


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (ExitStatus(None, "", "executable file not found"), "has no such program. Run it from a debug container"),
        (ExitStatus(None, "TimeLimit", "still running"), "still running"),
        (ExitStatus(None, "StreamBroken"), "StreamBroken"),
    ],
    ids=["no program", "time limit", "broken"],
)
def test_command_without_an_end_is_no_success(ended: ExitStatus, told: str, serve: Serve, caller: Caller) -> None:
    serve(Cluster(ended=ended))
    with pytest.raises(CommandFailed, match=told):
        execute(read(ExecStep, POD | {"command": "x"}), caller)


@pytest.mark.parametrize("command", ["echo 'a", 'echo "a', "a\\"])
@pytest.mark.parametrize(("kind", "run"), [(ExecStep, execute), (AttachStep, attach)])
def test_command_with_open_quotes_is_bad_input(command: str, kind: Any, run: Any, caller: Caller) -> None:
    with pytest.raises(BadInput, match="Close its quotes"):
        run(read(kind, POD | {"command": command}), caller)


@pytest.mark.parametrize(("kind", "run"), [(ExecStep, execute), (AttachStep, attach)])
def test_a_command_needs_a_running_container(kind: Any, run: Any, serve: Serve, caller: Caller) -> None:
    crashed = status(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=terminated("Error", 1))
    serve(Cluster(pod(status={"containerStatuses": [crashed]})))
    with pytest.raises(NotRunning, match="it does not run: waiting"):
        run(read(kind, POD | {"command": "ps"}), caller)


@pytest.mark.parametrize(
    ("namespace", "may_list", "told"),
    [
        ("shop", True, "Pods there: checkout-7d9f-abcde."),
        ("shop", False, "it does not exist"),
        ("mall", True, "there is no namespace mall"),
    ],
    ids=["near", "may not list", "no namespace"],
)
def test_missing_pod_is_told_with_what_helps(namespace: str, may_list: bool, told: str) -> None:
    cluster = Cluster()
    cluster.may_list = may_list
    with pytest.raises(TargetNotFound, match=told):
        select(cast("Api", cluster), TargetSettings(namespace=namespace, pod="checkout-7d9f-fghij"), 1)


CAPTURE = POD | {"collectors": "pod-snapshot"}


def test_capture_hands_on_bundle_link_and_summary(
    serve: Serve, caller: Caller, tmp_path: Path, notes: list[Any]
) -> None:
    serve(Cluster())
    store = (tmp_path / "store").as_uri()
    done = capture(read(CaptureStep, CAPTURE | INCIDENT | {"store": store}), caller)
    assert done.exit_code == 0
    assert done.data["status"] == "complete"
    assert Path(done.data["bundle"]).name == done.data["capture_id"]
    assert done.data["link"].startswith(store)
    assert done.data["link"].endswith("/index.html")
    (_, begun, start), (incident, mark, text) = notes
    assert begun == mark
    assert "capturing …" in start
    assert incident == "Q1ABCDEF"
    assert done.data["capture_id"] in mark
    assert mark in text
    assert done.data["link"] in text


@pytest.mark.parametrize(("fails", "code"), [("true", 10), ("false", 0), ("", 0)])
def test_partial_capture_ends_as_the_job_wants(
    fails: str, code: int, serve: Serve, caller: Caller, said: list[str]
) -> None:
    cluster = Cluster()
    serve(cluster)
    cluster.events = lambda *_: (_ for _ in ()).throw(NotAllowed("cannot list", "forbidden"))  # type: ignore[method-assign]
    done = capture(read(CaptureStep, CAPTURE | {"fail_when_partial": fails}), caller)
    assert (done.exit_code, done.data["status"]) == (code, "partial")
    told = [line for line in said if line.startswith("Error: ")]
    assert len(told) == (code == 10)
    assert all(
        "shop/checkout-7d9f-abcde: some of the evidence could not be captured: Events" in line for line in told
    ), told


def test_store_that_refuses_does_not_keep_the_incident_from_hearing(
    serve: Serve, caller: Caller, tmp_path: Path, notes: list[Any]
) -> None:
    serve(Cluster())
    store = (written(tmp_path, "file", "") / "store").as_uri()
    with pytest.raises(NotStored, match="there is no directory"):
        capture(read(CaptureStep, CAPTURE | INCIDENT | {"store": store}), caller)
    assert "Not in the store: cannot store" in notes[-1][2]
    assert f"Kept on the Rundeck host in {caller.spool}/" in notes[-1][2]


def test_capture_that_fails_tells_the_incident(serve: Serve, caller: Caller, notes: list[Any]) -> None:
    serve(Cluster())
    with pytest.raises(TargetNotFound):
        capture(read(CaptureStep, CAPTURE | INCIDENT | {"pod": "gone"}), caller)
    assert notes[0][1] == "[debug-capture 7]"
    assert "Debug capture failed\nno pod shop/gone" in notes[0][2]
    assert "https://rundeck/7" in notes[0][2]


def test_a_failure_that_is_not_about_the_pod_names_it_all_the_same(caller: Caller, notes: list[Any]) -> None:
    wrong = {"kubeconfig": "/nonexistent"}
    with pytest.raises(BadInput, match=f"^{POD['namespace']}/{POD['pod']}: cannot read /nonexistent"):
        capture(read(CaptureStep, CAPTURE | INCIDENT | wrong), caller)
    assert f"\n{POD['namespace']}/{POD['pod']}: cannot read /nonexistent" in notes[0][2]


def test_capture_of_nothing_is_a_failure_that_says_why(serve: Serve, caller: Caller) -> None:
    waiting = {"name": "app", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    serve(Cluster(pod(status={"containerStatuses": [waiting]})))
    with pytest.raises(NothingCaptured, match="does not run: waiting"):
        capture(read(CaptureStep, POD | {"collectors": "jvm-thread-dump"}), caller)


@pytest.mark.parametrize(
    "wrong",
    [{"incident_id": "Q1ABCDEF"}, {"collectors": "heap"}],
    ids=["no key", "no such collector"],
)
def test_capture_checks_its_settings_before_it_asks_the_cluster(wrong: dict[str, str], caller: Caller) -> None:
    with pytest.raises(BadInput):
        capture(read(CaptureStep, CAPTURE | wrong), caller)
    assert not caller.spool.exists()


def test_upload_without_a_bundle_does_nothing(caller: Caller, said: list[str]) -> None:
    assert upload(read(UploadStep, {}), caller).exit_code == 0
    assert said == ["no bundle was captured, and no store is set: nothing to upload"]


def to_a_directory(folder: Path) -> dict[str, str]:
    return {"store": (folder / "store").as_uri()}


def test_upload_without_a_bundle_sends_what_waits(
    bundle: Bundle, caller: Caller, said: list[str], tmp_path: Path
) -> None:
    assert upload(read(UploadStep, to_a_directory(tmp_path)), caller).exit_code == 0
    assert bundle.receipt()
    assert any("waits in the spool since an earlier run" in line for line in said)
    said.clear()
    upload(read(UploadStep, to_a_directory(tmp_path)), caller)
    assert said == ["no bundle waits: nothing to upload"]


def test_upload_of_one_bundle_sends_those_that_wait_as_well(bundle: Bundle, caller: Caller, tmp_path: Path) -> None:
    own = make_bundle(caller)
    outcome = upload(read(UploadStep, to_a_directory(tmp_path) | {"bundle": str(own.folder)}), caller)
    assert own.folder.name in outcome.data["link"]
    assert bundle.receipt()


def test_bundle_that_another_process_has_is_left_to_it(
    bundle: Bundle, caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("debugcapture.steps.upload._OTHER_SENDS_S", 0)
    with claimed(bundle) as ours:
        assert ours
        assert upload(read(UploadStep, to_a_directory(tmp_path)), caller).exit_code == 0
        with pytest.raises(NotStored, match="another process is sending it"):
            upload(read(UploadStep, to_a_directory(tmp_path) | {"bundle": str(bundle.folder)}), caller)
    assert not bundle.receipt()


def test_bundle_that_another_process_has_just_sent_is_linked(bundle: Bundle, caller: Caller, tmp_path: Path) -> None:
    settings = read(UploadStep, to_a_directory(tmp_path) | {"bundle": str(bundle.folder)})
    links: list[str] = []
    with claimed(bundle):
        waits = threading.Thread(target=lambda: links.append(upload(settings, caller).data["link"]))
        waits.start()
        keep(bundle, open_store(settings.store), settings.store.store, caller.say)
    waits.join(timeout=30)
    receipt = bundle.receipt()
    assert receipt
    assert links == [receipt.page]


def test_what_a_killed_capture_was_writing_is_sent_and_called_truncated(
    bundle: Bundle, caller: Caller, tmp_path: Path
) -> None:
    bundle.save(replace(bundle.manifest(), finished=None))
    written(bundle.folder, "jvm-heap.hprof.part", "half a heap")
    written(bundle.folder, f"{MANIFEST}.part", "{")
    upload(read(UploadStep, to_a_directory(tmp_path)), caller)
    left = bundle.manifest()
    assert left.status == "partial"
    assert [(one.file, one.outcome) for one in left.artifacts][1:] == [("jvm-heap.hprof", "truncated")]
    (stored,) = (tmp_path / "store").rglob("jvm-heap.hprof")
    assert stored.read_text() == "half a heap"


def test_upload_needs_a_store(bundle: Bundle, caller: Caller) -> None:
    with pytest.raises(BadInput, match="store is missing") as refused:
        upload(read(UploadStep, {"bundle": str(bundle.folder)}), caller)
    assert f"Kept in the spool: {bundle.folder}" in str(refused.value)
    assert (bundle.folder / "jvm-threads.txt").exists()


def test_upload_of_a_folder_outside_of_the_spool_is_refused(caller: Caller, tmp_path: Path) -> None:
    written(tmp_path, f"20260102T120000Z-x-1a2b/{MANIFEST}", "{}")
    settings = {"bundle": f"{tmp_path}/20260102T120000Z-x-1a2b", "store": (tmp_path / "store").as_uri()}
    with pytest.raises(BadInput, match="is no bundle"):
        upload(read(UploadStep, settings), caller)


def test_note_of_a_bundle_carries_its_mark(bundle: Bundle, caller: Caller, notes: list[Any], said: list[str]) -> None:
    annotate(read(NoteStep, INCIDENT | {"bundle": str(bundle.folder)}), caller)
    assert notes[0][1] == f"[debug-capture {bundle.folder.name}]"
    assert said == ["incident Q1ABCDEF: note added"]


@pytest.mark.parametrize(("failure", "told"), [("no pod x", "no pod x"), ("", "no bundle was captured")])
def test_note_without_a_bundle_tells_the_failure(failure: str, told: str, caller: Caller, notes: list[Any]) -> None:
    annotate(read(NoteStep, INCIDENT | {"failure": failure}), caller)
    assert f"Debug capture failed\n{told}\n" in notes[0][2]


def test_without_an_incident_there_is_no_note(caller: Caller, notes: list[Any]) -> None:
    annotate(read(NoteStep, {"failure": "x"}), caller)
    assert notes == []


def refuse(*_: object) -> str:
    raise NoteNotSent("cannot add a note", "HTTP 500")


def test_a_note_that_fails_does_not_hide_why_the_capture_failed(
    serve: Serve, caller: Caller, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(Cluster())
    monkeypatch.setattr(PagerDuty, "annotate", refuse)
    with pytest.raises(TargetNotFound):
        capture(read(CaptureStep, POD | INCIDENT | {"pod": "gone"}), caller)
    assert any("cannot add a note" in line for line in said)


@pytest.mark.parametrize(
    ("more", "failure"),
    [({"store": "file:///dev/null/store"}, NotStored), (INCIDENT, NoteNotSent)],
    ids=["store", "note"],
)
def test_later_steps_learn_the_bundle_of_a_step_that_failed(
    more: dict[str, str], failure: type[CaptureError], serve: Serve, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(Cluster())
    monkeypatch.setattr(PagerDuty, "annotate", refuse)
    with pytest.raises(failure) as caught:
        capture(read(CaptureStep, POD | more | {"collectors": "pod-snapshot"}), caller)
    assert Path(caught.value.data["bundle"], MANIFEST).exists()


def test_a_store_that_fails_is_not_hidden_by_the_note(
    serve: Serve, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(Cluster())
    monkeypatch.setattr(PagerDuty, "annotate", refuse)
    with pytest.raises(NotStored):
        capture(read(CaptureStep, POD | INCIDENT | {"store": "file:///dev/null/store"}), caller)


def test_a_full_disk_is_told_in_the_incident(
    serve: Serve, caller: Caller, notes: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    serve(Cluster())
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpoolUnwritable, match="No space left on device"):
        capture(read(CaptureStep, POD | INCIDENT), caller)
    start, end = notes
    assert "No space left on device" in end[2]
    assert end[1] == start[1], "the note about the start tells the end"


def test_old_receipts_go_with_each_upload(serve: Serve, caller: Caller, tmp_path: Path) -> None:
    serve(Cluster())
    receipt = written(caller.spool, "20200101T000000Z-x-1a2b/stored.json", "{}")
    os.utime(receipt, (0, 0))
    capture(read(CaptureStep, POD | {"store": (tmp_path / "store").as_uri()}), caller)
    assert not receipt.parent.exists()


def test_what_is_forbidden_in_a_namespace_that_does_not_exist_is_not_there(serve: Serve, caller: Caller) -> None:
    class Forbidding(Cluster):
        def pod(self, _namespace: str, _name: str) -> Json:
            raise NotAllowed("cannot read", "forbidden")

    serve(Forbidding())
    with pytest.raises(TargetNotFound, match="there is no namespace shopp"):
        execute(read(ExecStep, POD | {"namespace": "shopp", "command": "true"}), caller)
    with pytest.raises(NotAllowed):
        execute(read(ExecStep, POD | {"command": "true"}), caller)


ALERT = {"pod": "", **INCIDENT, "pagerduty_url": "https://api.example", "collectors": "pod-snapshot"}


@pytest.fixture
def alerted(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> list[Json]:
    """The alerts of every incident: one about the cluster's pod."""
    serve(Cluster())
    details = {"alertname": "X", "namespace": "shop", "pod": "checkout-7d9f-abcde"}
    alerts: list[Json] = [{"summary": "X", "body": {"details": details}}]
    monkeypatch.setattr(PagerDuty, "alerts", lambda *_: alerts)
    monkeypatch.setattr(PagerDuty, "incident", lambda *_: {"title": "Something"})
    return alerts


def by_incident(caller: Caller, incident: str = "Q1ABCDEF", **more: str) -> dict[str, str]:
    return dict(capture(read(CaptureStep, {**ALERT, "incident_id": incident, **more}), caller).data)


@pytest.mark.parametrize(
    ("event", "incident", "told"),
    [
        ("incident.acknowledged", "Q1ABCDEF", "starts no capture"),
        ("incident.annotated", "PNOTE00001", "starts no capture"),
        ("incident.custom_field_values.updated", "null", "starts no capture"),
        ("pagey.ping", "null", "starts no capture"),
        ("null", "null", "starts no capture"),
        ("incident.triggered", "null", "has no incident"),
    ],
)
def test_an_event_that_is_not_ours_ends_the_step_quietly(
    event: str, incident: str, told: str, caller: Caller, said: list[str], notes: list[Any]
) -> None:
    step = read(CaptureStep, {"incident_id": incident, "event_type": event})
    assert capture(step, caller).exit_code == 0
    assert told in said[0]
    assert (len(said), notes) == (1, [])
    assert not caller.spool.exists()


@pytest.mark.parametrize("event", ["", "manual", "incident.triggered", "incident.reopened"])
def test_an_incident_says_what_to_capture(
    event: str, alerted: list[Json], caller: Caller, notes: list[tuple[str, str, str]]
) -> None:
    data = by_incident(caller, event_type=event)
    assert alerted
    assert data["status"] == "complete"
    assert [mark for _, mark, _ in notes] == [f"[debug-capture {data['capture_id']}]"] * 2


def test_a_second_incident_joins_and_gets_the_end_of_the_capture(
    alerted: list[Json], caller: Caller, notes: list[tuple[str, str, str]]
) -> None:
    first = by_incident(caller)
    assert by_incident(caller, "Q2ABCDEF") == {}
    assert alerted
    assert [incident for incident, _, _ in notes] == ["Q1ABCDEF", "Q1ABCDEF", "Q2ABCDEF"]
    assert notes[2][1:] == notes[1][1:], "the same marker and text"
    assert by_incident(caller, "Q3ABCDEF", join_s="0")["capture_id"] != first["capture_id"]


def test_the_same_names_in_another_cluster_are_another_workload(
    alerted: list[Json], caller: Caller, notes: list[tuple[str, str, str]]
) -> None:
    first = by_incident(caller, context="one")
    assert alerted
    assert by_incident(caller, "Q2ABCDEF", context="two")["capture_id"] != first["capture_id"]
    assert [incident for incident, _, _ in notes] == ["Q1ABCDEF"] * 2 + ["Q2ABCDEF"] * 2


def test_incidents_of_a_capture_that_was_killed_are_told_by_the_next(
    alerted: list[Json], caller: Caller, notes: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patched:
        patched.setattr("debugcapture.steps.capture._store_and_tell", killed)
        with pytest.raises(SystemExit):
            by_incident(caller)
    (left,) = caller.spool.glob("*/joined")
    Bundle(left.parent).save(replace(Bundle(left.parent).manifest(), finished=None))
    notes.clear()
    data = by_incident(caller, "Q2ABCDEF")
    assert alerted
    assert data["capture_id"] != left.parent.name
    assert ("Q1ABCDEF", f"[debug-capture {left.parent.name}]") in [one[:2] for one in notes]


def test_a_failed_capture_is_told_to_all_who_joined(
    alerted: list[Json], caller: Caller, notes: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        assert by_incident(caller, "Q2ABCDEF") == {}
        raise NothingCaptured("cannot go on", "the node is gone")

    monkeypatch.setattr("debugcapture.capture.parallel.Captures.run", fails)
    with pytest.raises(NothingCaptured):
        by_incident(caller)
    assert alerted
    assert [(one, "the node is gone" in text) for one, _, text in notes] == [
        ("Q1ABCDEF", False),
        ("Q2ABCDEF", False),
        ("Q1ABCDEF", True),
        ("Q2ABCDEF", True),
    ]


def test_a_note_of_a_failure_takes_the_place_of_the_one_about_the_start(caller: Caller, notes: list[Any]) -> None:
    capture_id = "20260102T120000Z-checkout-1a2b"
    annotate(read(NoteStep, INCIDENT | {"failure": "x", "capture_id": capture_id}), caller)
    assert notes[0][1] == f"[debug-capture {capture_id}]"


@pytest.mark.parametrize(
    ("longest", "execution", "expected"),
    [(1000, "https://rundeck/7", "/index.html"), (20, "https://rundeck/7", "https://rundeck/7"), (20, "", "")],
    ids=["the link", "the execution", "none is short"],
)
def test_a_custom_field_gets_a_link_that_fits(
    longest: int,
    execution: str,
    expected: str,
    serve: Serve,
    caller: Caller,
    notes: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fields: list[tuple[str, str, str]] = []
    serve(Cluster())
    monkeypatch.setattr(PagerDuty, "set_field", lambda _, *field: fields.append(field))
    monkeypatch.setattr(notify, "LONGEST_FIELD", longest)
    more = {"store": (tmp_path / "store").as_uri(), "pagerduty_field": "evidence_url", "collectors": "pod-snapshot"}
    capture(read(CaptureStep, POD | INCIDENT | more), replace(caller, trigger={"execution": execution}))
    assert len(notes) == 2
    assert [(incident, name) for incident, name, _ in fields] == [("Q1ABCDEF", "evidence_url")] * bool(expected)
    assert all(value.endswith(expected) for _, _, value in fields)


def test_the_incidents_target_is_told_and_handed_on(alerted: list[Json], caller: Caller, said: list[str]) -> None:
    step = read(IncidentTargetStep, INCIDENT)
    assert alerted
    assert find_target(step, caller).data["pod"] == "checkout-7d9f-abcde"
    assert "named by an alert of Alertmanager" in said[-1]


@pytest.mark.parametrize("given", [{}, {"incident_id": "Q1ABCDEF"}])
def test_looking_for_a_target_needs_an_incident_and_a_key(given: dict[str, str], caller: Caller) -> None:
    with pytest.raises(BadInput):
        find_target(read(IncidentTargetStep, given), caller)


@pytest.mark.parametrize(
    ("changes", "kept_back"),
    [({}, []), ({"pagerduty_token": ""}, ["note"]), ({"incident_id": ""}, ["note", "update"])],
    ids=["all", "no API key", "no incident"],
)
def test_what_pagerduty_is_told_besides_the_note(  # noqa: PLR0913, PLR0917 - fixtures
    changes: dict[str, str],
    kept_back: list[str],
    serve: Serve,
    caller: Caller,
    notes: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    updates, events = list[str](), list[tuple[Any, ...]]()
    serve(Cluster())
    monkeypatch.setattr(PagerDuty, "update_status", lambda _, *told: updates.append(told[1]))
    monkeypatch.setattr(Events, "change", lambda _, *told: events.append(told))
    more = {"store": (tmp_path / "store").as_uri(), "collectors": "pod-snapshot"}
    more |= {"pagerduty_status_update": "true", "pagerduty_integration_key": "k" * 32}
    capture(read(CaptureStep, POD | INCIDENT | more | changes), caller)
    assert bool(notes) is ("note" not in kept_back)
    assert len(updates) == (not kept_back)
    ((summary, source, link, details),) = events
    assert summary.startswith("Debug capture complete")
    assert source.startswith("shop/checkout-")
    assert link.endswith("index.html")
    assert details["status"] == "complete"


@pytest.mark.parametrize(("more", "fails"), [({}, False), ({"pagerduty_token": ""}, True)], ids=["besides", "alone"])
def test_a_change_event_that_fails_counts_where_it_is_all_there_is(
    more: dict[str, str], fails: bool, serve: Serve, caller: Caller, notes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NoteNotSent("cannot send a change event to PagerDuty", "HTTP 400")

    serve(Cluster())
    monkeypatch.setattr(Events, "change", refuse)
    step = read(CaptureStep, POD | INCIDENT | {"collectors": "pod-snapshot", "pagerduty_integration_key": "k"} | more)
    if fails:
        with pytest.raises(NoteNotSent, match="change event"):
            capture(step, caller)
    else:
        capture(step, caller)
    assert bool(notes) is not fails


def test_an_incident_cannot_be_read_with_an_integration_key(caller: Caller) -> None:
    given = {"kubeconfig": "/x", "incident_id": "Q1ABCDEF", "pagerduty_integration_key": "k"}
    with pytest.raises(BadInput, match="cannot read incident Q1ABCDEF: pagerduty_token is missing"):
        capture(read(CaptureStep, given), caller)
