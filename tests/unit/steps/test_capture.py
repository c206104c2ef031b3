"""capture.py: the checks before a capture starts, and the reports of failures."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from debugcapture.bundle.bundle import MANIFEST, Bundle, open_bundle
from debugcapture.capture import parallel
from debugcapture.errors import (
    BadInput,
    CaptureError,
    NotAllowed,
    NoteNotSent,
    NothingCaptured,
    NotStored,
    SpoolUnwritable,
    TargetNotFound,
)
from debugcapture.incident import notify
from debugcapture.model import Json
from debugcapture.pagerduty.api import PagerDuty
from debugcapture.pagerduty.events import Events
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.settings.forms import CaptureStep
from debugcapture.steps import capture as capture_module
from debugcapture.steps.capture import capture
from tests.unit.builders import pod, written
from tests.unit.steps.support import ALERT, CAPTURE, INCIDENT, POD, Cluster, Serve, refuse


def test_capture_outputs_bundle_link_and_summary(
    serve: Serve, run_context: RunContext, tmp_path: Path, notes: list[Any]
) -> None:
    serve(Cluster())
    store = (tmp_path / "store").as_uri()
    outcome = capture(read(CaptureStep, CAPTURE | INCIDENT | {"store": store}), run_context)
    assert outcome.exit_code == 0
    assert outcome.data["status"] == "complete"
    assert Path(outcome.data["bundle"]).name == outcome.data["capture_id"]
    assert outcome.data["link"].startswith(store)
    assert outcome.data["link"].endswith("/index.html")
    (_, started_mark, start), (incident, mark, text) = notes
    assert started_mark == mark
    assert "capturing …" in start
    assert incident == "Q1ABCDEF"
    assert outcome.data["capture_id"] in mark
    assert mark in text
    assert outcome.data["link"] in text


@pytest.mark.parametrize(("fails", "code"), [("true", 10), ("false", 0), ("", 0)])
def test_a_partial_capture_fails_only_if_the_job_requires_it(
    fails: str, code: int, serve: Serve, run_context: RunContext, log_lines: list[str]
) -> None:
    cluster = Cluster()
    serve(cluster)
    cluster.events = lambda *_: (_ for _ in ()).throw(NotAllowed("cannot list", "forbidden"))  # type: ignore[method-assign]
    outcome = capture(read(CaptureStep, CAPTURE | {"fail_when_partial": fails}), run_context)
    assert (outcome.exit_code, outcome.data["status"]) == (code, "partial")
    errors = [line for line in log_lines if line.startswith("Error: ")]
    assert len(errors) == (code == 10)
    assert all("shop/checkout-7d9f-abcde: some evidence could not be captured: Events" in line for line in errors), (
        errors
    )


def test_a_failed_upload_does_not_prevent_the_note(
    serve: Serve, run_context: RunContext, tmp_path: Path, notes: list[Any]
) -> None:
    serve(Cluster())
    store = (written(tmp_path, "file", "") / "store").as_uri()
    with pytest.raises(NotStored, match="does not exist"):
        capture(read(CaptureStep, CAPTURE | INCIDENT | {"store": store}), run_context)
    assert "Not in the store: cannot store" in notes[-1][2]
    assert f"Saved on the Rundeck server in {run_context.spool}/" in notes[-1][2]


def test_the_manifest_records_that_the_upload_encrypts(serve: Serve, run_context: RunContext) -> None:
    serve(Cluster())
    settings = {"encrypt_to": "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z"}
    for more, encrypted in ({}, False), (settings, True):
        outcome = capture(read(CaptureStep, CAPTURE | more), run_context)
        assert Bundle(Path(outcome.data["bundle"])).manifest().encrypted == encrypted


def test_failed_capture_is_reported_in_the_incident(serve: Serve, run_context: RunContext, notes: list[Any]) -> None:
    serve(Cluster())
    with pytest.raises(TargetNotFound):
        capture(read(CaptureStep, CAPTURE | INCIDENT | {"pod": "gone"}), run_context)
    assert notes[0][1] == "[debug-capture 7]"
    assert "Debug capture failed\nno pod shop/gone" in notes[0][2]
    assert "https://rundeck/7" in notes[0][2]


def test_a_failure_outside_of_the_pod_also_names_the_pod(run_context: RunContext, notes: list[Any]) -> None:
    wrong = {"kubeconfig": "/nonexistent"}
    with pytest.raises(BadInput, match=f"^{POD['namespace']}/{POD['pod']}: cannot read /nonexistent"):
        capture(read(CaptureStep, CAPTURE | INCIDENT | wrong), run_context)
    assert f"\n{POD['namespace']}/{POD['pod']}: cannot read /nonexistent" in notes[0][2]


def test_a_capture_without_artifacts_fails_with_the_reason(serve: Serve, run_context: RunContext) -> None:
    waiting = {"name": "app", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    serve(Cluster(pod(status={"containerStatuses": [waiting]})))
    with pytest.raises(NothingCaptured, match="is not running: waiting"):
        capture(read(CaptureStep, POD | {"collectors": "jvm-thread-dump"}), run_context)


@pytest.mark.parametrize(
    "wrong",
    [{"incident_id": "Q1ABCDEF"}, {"collectors": "no-such-collector"}],
    ids=["no key", "no such collector"],
)
def test_settings_are_checked_before_the_first_request_to_the_cluster(
    wrong: dict[str, str], run_context: RunContext
) -> None:
    with pytest.raises(BadInput):
        capture(read(CaptureStep, CAPTURE | wrong), run_context)
    assert not run_context.spool.exists()


def test_a_note_that_fails_does_not_hide_why_the_capture_failed(
    serve: Serve, run_context: RunContext, log_lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(Cluster())
    monkeypatch.setattr(PagerDuty, "annotate", refuse)
    with pytest.raises(TargetNotFound):
        capture(read(CaptureStep, POD | INCIDENT | {"pod": "gone"}), run_context)
    assert any("cannot add a note" in line for line in log_lines)


@pytest.mark.parametrize(
    ("more", "failure"),
    [({"store": "file:///dev/null/store"}, NotStored), (INCIDENT, NoteNotSent)],
    ids=["store", "note"],
)
def test_later_steps_get_the_bundle_of_a_failed_step(
    more: dict[str, str],
    failure: type[CaptureError],
    serve: Serve,
    run_context: RunContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serve(Cluster())
    monkeypatch.setattr(PagerDuty, "annotate", refuse)
    with pytest.raises(failure) as caught:
        capture(read(CaptureStep, POD | more | {"collectors": "pod-snapshot"}), run_context)
    assert Path(caught.value.data["bundle"], MANIFEST).exists()


def test_a_store_that_fails_is_not_hidden_by_the_note(
    serve: Serve, run_context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(Cluster())
    monkeypatch.setattr(PagerDuty, "annotate", refuse)
    with pytest.raises(NotStored):
        capture(read(CaptureStep, POD | INCIDENT | {"store": "file:///dev/null/store"}), run_context)


def test_a_full_disk_is_reported_in_the_incident(
    serve: Serve, run_context: RunContext, notes: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    serve(Cluster())
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpoolUnwritable, match="No space left on device"):
        capture(read(CaptureStep, POD | INCIDENT), run_context)
    start, end = notes
    assert "No space left on device" in end[2]
    assert end[1] == start[1], "the end does not edit the note about the start"


def test_each_upload_removes_old_receipts(serve: Serve, run_context: RunContext, tmp_path: Path) -> None:
    serve(Cluster())
    receipt = written(run_context.spool, "20200101T000000Z-x-1a2b/stored.json", "{}")
    os.utime(receipt, (0, 0))
    capture(read(CaptureStep, POD | {"store": (tmp_path / "store").as_uri()}), run_context)
    assert not receipt.parent.exists()


def by_incident(run_context: RunContext, incident: str = "Q1ABCDEF", **more: str) -> dict[str, str]:
    return dict(capture(read(CaptureStep, {**ALERT, "incident_id": incident, **more}), run_context).data)


@pytest.mark.parametrize(
    ("event", "incident", "message"),
    [
        ("incident.acknowledged", "Q1ABCDEF", "does not start a capture"),
        ("incident.annotated", "PNOTE00001", "does not start a capture"),
        ("incident.custom_field_values.updated", "null", "does not start a capture"),
        ("pagey.ping", "null", "does not start a capture"),
        ("null", "null", "does not start a capture"),
        ("incident.triggered", "null", "has no incident"),
    ],
)
def test_the_step_ignores_unrelated_events(
    event: str, incident: str, message: str, run_context: RunContext, log_lines: list[str], notes: list[Any]
) -> None:
    step = read(CaptureStep, {"incident_id": incident, "event_type": event})
    assert capture(step, run_context).exit_code == 0
    assert message in log_lines[0]
    assert (len(log_lines), notes) == (1, [])
    assert not run_context.spool.exists()


@pytest.mark.parametrize("event", ["", "manual", "incident.triggered", "incident.reopened"])
def test_an_incident_says_what_to_capture(
    event: str, alerted: list[Json], run_context: RunContext, notes: list[tuple[str, str, str]]
) -> None:
    data = by_incident(run_context, event_type=event)
    assert alerted
    assert data["status"] == "complete"
    assert [mark for _, mark, _ in notes] == [f"[debug-capture {data['capture_id']}]"] * 2
    alerted_at = open_bundle(data["bundle"], run_context.spool).manifest().alerted
    assert alerted_at == datetime(2026, 11, 25, 9, 28, tzinfo=timezone.utc)


def test_a_second_incident_is_attached_and_gets_the_final_note(
    alerted: list[Json], run_context: RunContext, notes: list[tuple[str, str, str]]
) -> None:
    first = by_incident(run_context)
    assert by_incident(run_context, "Q2ABCDEF") == {}
    assert alerted
    assert [incident for incident, _, _ in notes] == ["Q1ABCDEF", "Q1ABCDEF", "Q2ABCDEF"]
    assert notes[2][1:] == notes[1][1:], "the same marker and text"
    assert by_incident(run_context, "Q3ABCDEF", dedup_window_s="0")["capture_id"] != first["capture_id"]


def test_the_same_names_in_another_cluster_are_another_workload(
    alerted: list[Json], run_context: RunContext, notes: list[tuple[str, str, str]]
) -> None:
    first = by_incident(run_context, context="one")
    assert alerted
    assert by_incident(run_context, "Q2ABCDEF", context="two")["capture_id"] != first["capture_id"]
    assert [incident for incident, _, _ in notes] == ["Q1ABCDEF"] * 2 + ["Q2ABCDEF"] * 2


def test_incidents_of_a_killed_capture_are_notified_by_the_next_run(
    alerted: list[Json], run_context: RunContext, notes: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patched:
        patched.setattr(capture_module, "_upload_and_notify", killed)
        with pytest.raises(SystemExit):
            by_incident(run_context)
    (attached,) = run_context.spool.glob("*/joined")
    Bundle(attached.parent).save(replace(Bundle(attached.parent).manifest(), finished=None))
    notes.clear()
    data = by_incident(run_context, "Q2ABCDEF")
    assert alerted
    assert data["capture_id"] != attached.parent.name
    assert ("Q1ABCDEF", f"[debug-capture {attached.parent.name}]") in [note[:2] for note in notes]


def test_a_failed_capture_is_reported_in_all_attached_incidents(
    alerted: list[Json], run_context: RunContext, notes: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        assert by_incident(run_context, "Q2ABCDEF") == {}
        raise NothingCaptured("cannot go on", "the node is gone")

    monkeypatch.setattr(parallel.ParallelCapture, "run", fails)
    with pytest.raises(NothingCaptured):
        by_incident(run_context)
    assert alerted
    assert [(note, "the node is gone" in text) for note, _, text in notes] == [
        ("Q1ABCDEF", False),
        ("Q2ABCDEF", False),
        ("Q1ABCDEF", True),
        ("Q2ABCDEF", True),
    ]


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
    run_context: RunContext,
    notes: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fields: list[tuple[str, str, str]] = []
    serve(Cluster())
    monkeypatch.setattr(PagerDuty, "set_field", lambda _, *field: fields.append(field))
    monkeypatch.setattr(notify, "MAX_FIELD_CHARACTERS", longest)
    more = {"store": (tmp_path / "store").as_uri(), "pagerduty_field": "evidence_url", "collectors": "pod-snapshot"}
    capture(read(CaptureStep, POD | INCIDENT | more), replace(run_context, trigger={"execution": execution}))
    assert len(notes) == 2
    assert [(incident, name) for incident, name, _ in fields] == [("Q1ABCDEF", "evidence_url")] * bool(expected)
    assert all(value.endswith(expected) for _, _, value in fields)


@pytest.mark.parametrize(
    ("changes", "kept_back"),
    [({}, []), ({"pagerduty_token": ""}, ["note"]), ({"incident_id": ""}, ["note", "update"])],
    ids=["all", "no API key", "no incident"],
)
def test_pagerduty_gets_a_status_update_and_a_change_event_besides_the_note(  # noqa: PLR0913, PLR0917 - fixtures
    changes: dict[str, str],
    kept_back: list[str],
    serve: Serve,
    run_context: RunContext,
    notes: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    updates, events = list[str](), list[tuple[Any, ...]]()
    serve(Cluster())
    monkeypatch.setattr(PagerDuty, "update_status", lambda _, *arguments: updates.append(arguments[1]))
    monkeypatch.setattr(Events, "send_change", lambda _, *arguments: events.append(arguments))
    more = {"store": (tmp_path / "store").as_uri(), "collectors": "pod-snapshot"}
    more |= {"pagerduty_status_update": "true", "pagerduty_integration_key": "k" * 32}
    capture(read(CaptureStep, POD | INCIDENT | more | changes), run_context)
    assert bool(notes) is ("note" not in kept_back)
    assert len(updates) == (not kept_back)
    ((summary, source, link, details),) = events
    assert summary.startswith("Debug capture complete")
    assert source.startswith("shop/checkout-")
    assert link.endswith("index.html")
    assert details["status"] == "complete"


@pytest.mark.parametrize(("more", "fails"), [({}, False), ({"pagerduty_token": ""}, True)], ids=["besides", "alone"])
def test_a_failed_change_event_fails_the_step_if_there_is_no_other_notification(
    more: dict[str, str],
    fails: bool,
    serve: Serve,
    run_context: RunContext,
    notes: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise NoteNotSent("cannot send a change event to PagerDuty", "HTTP 400")

    serve(Cluster())
    monkeypatch.setattr(Events, "send_change", refuse)
    step = read(CaptureStep, POD | INCIDENT | {"collectors": "pod-snapshot", "pagerduty_integration_key": "k"} | more)
    if fails:
        with pytest.raises(NoteNotSent, match="change event"):
            capture(step, run_context)
    else:
        capture(step, run_context)
    assert bool(notes) is not fails


def test_an_incident_cannot_be_read_with_an_integration_key(run_context: RunContext) -> None:
    values = {"kubeconfig": "/x", "incident_id": "Q1ABCDEF", "pagerduty_integration_key": "k"}
    with pytest.raises(BadInput, match="cannot read incident Q1ABCDEF: pagerduty_token is missing"):
        capture(read(CaptureStep, values), run_context)
