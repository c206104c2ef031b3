"""note_text.py: a note that fits, leads to the evidence, and can be found again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding, Severity
from debugcapture.manifest import PAGE, Receipt, Stored
from debugcapture.model import ContainerState
from debugcapture.pagerduty.note_text import (
    LIMIT_BYTES,
    Addresses,
    capture_note,
    failure_note,
    marker,
    renewed_note,
    start_note,
)
from tests.unit.builders import CAPTURE_ID, NOON, artifact, manifest, nothing, target

MARK = marker(CAPTURE_ID)
URL = "https://rundeck.example/project/shop/execution/show/7"


def receipt(*files: str, expires: datetime | None = NOON) -> Receipt:
    names = files or (PAGE, "jvm-threads.txt")
    return Receipt(
        "s3://b/p", tuple(Stored(f"n/w/i/{name}", "", f"https://s3/{name}", expires, 1, "") for name in names)
    )


def test_the_note_of_a_stored_capture_links_the_evidence() -> None:
    skipped = nothing("skipped", "there is no Java process", title="Heap")
    failed = nothing("failed", "exit code 1\nno space", title="Log")
    assert capture_note(
        manifest(artifact(), failed, skipped), receipt(), "/spool/b", Addresses(URL), ""
    ).splitlines() == [
        "Debug state of shop/checkout-7d9f-abcde (container app): partial",
        "State at capture: running",
        f"Evidence: https://s3/{PAGE}",
        "Links open until 2026-01-02 12:00 UTC; stored in s3://b/p",
        "- Log: failed, exit code 1 no space",
        "Captured (7 B): Java thread dump",
        "- Heap: skipped, there is no Java process",
        "Started by alice",
        f"Rundeck: {URL}",
        MARK,
    ]


def test_the_note_says_where_fresh_links_come_from() -> None:
    job = "https://rundeck.example/project/shop/job/show/9b4d?opt.capture_id=x"
    lines = capture_note(manifest(), receipt(), "", Addresses(URL, job), "").splitlines()
    assert lines[2:4] == [f"Evidence: https://s3/{PAGE}", f"Fresh links, with a login to Rundeck: {job}"]


def test_note_of_a_capture_that_is_not_stored_names_its_place() -> None:
    text = capture_note(manifest(), None, "/spool/b", Addresses(), "cannot store x:\nAccessDenied")
    assert "Not in the store: cannot store x: AccessDenied\nSaved on the Rundeck server in /spool/b\n" in text
    assert "Evidence" not in text
    assert "Rundeck: " not in text


def test_no_failure_is_invented() -> None:
    assert "Not in the store\n" in capture_note(manifest(), None, "/spool/b", Addresses(), "")


def test_links_that_do_not_expire_have_no_expiry_in_the_note() -> None:
    assert "Links open" not in capture_note(manifest(), receipt(expires=None), "/spool/b", Addresses(), "")


def test_an_empty_log_is_not_mentioned() -> None:
    empty = nothing("skipped", "there is nothing in it", reason_code="empty")
    assert "nothing in it" not in capture_note(manifest(artifact(), empty), receipt(), "", Addresses(), "")


def test_the_text_of_a_reason_has_no_effect_on_decisions() -> None:
    empty = nothing("skipped", "it is empty", reason_code="other")
    assert "it is empty" in capture_note(manifest(artifact(), empty), receipt(), "", Addresses(), "")


def test_the_note_has_one_link_to_the_evidence() -> None:
    snapshot = artifact(collector="pod-snapshot", title="Pod YAML", file="pod.yaml", origin="api")
    text = capture_note(
        manifest(snapshot, artifact()), receipt(PAGE, "pod.yaml", "jvm-threads.txt"), "", Addresses(), ""
    )
    assert text.count("https://") == 1


def finding(title: str, severity: Severity = "critical") -> Finding:
    return Finding(severity, title, "detail")


def test_findings_come_first_and_context_is_left_out() -> None:
    capture_manifest = replace(
        manifest(artifact()),
        findings=(finding("Deadlock: a, b"), finding("Heap is full", "warning"), finding("JDK 17", "info")),
    )
    lines = capture_note(capture_manifest, receipt(), "", Addresses(URL), "").splitlines()
    assert lines[:3] == [
        "Deadlock: a, b",
        "Heap is full",
        "Debug state of shop/checkout-7d9f-abcde (container app): complete",
    ]
    assert not any("JDK 17" in line for line in lines)


def test_at_most_three_findings_are_in_the_note() -> None:
    capture_manifest = replace(
        manifest(artifact()), findings=tuple(finding(f"finding {number}") for number in range(9))
    )
    text = capture_note(capture_manifest, receipt(), "", Addresses(URL), "")
    assert [line for line in text.splitlines() if line.startswith("finding")] == ["finding 0", "finding 1", "finding 2"]


def test_findings_of_encrypted_evidence_stay_out_of_the_note() -> None:
    stored = tuple(replace(file, key=f"{file.key}.age", plain_sha256="ab") for file in receipt().stored)
    capture_manifest = replace(manifest(artifact()), findings=(finding("Deadlock: a, b"),))
    assert "Deadlock" not in capture_note(capture_manifest, Receipt("s3://b", stored), "", Addresses(URL), "")


def test_findings_stay_out_of_the_note_when_an_encrypted_upload_fails() -> None:
    clear = replace(manifest(artifact()), findings=(finding("Deadlock: a, b"),))
    assert "Deadlock" in capture_note(clear, None, "/spool/b", Addresses(URL), "AccessDenied")
    assert "Deadlock" not in capture_note(
        replace(clear, encrypted=True), None, "/spool/b", Addresses(URL), "AccessDenied"
    )


def test_note_of_a_failed_capture_says_why() -> None:
    lines = failure_note("no pod shop/x: it does not exist.\nPods in the namespace: y.", URL, MARK).splitlines()
    assert lines == [
        "Debug capture failed",
        "no pod shop/x: it does not exist. Pods in the namespace: y.",
        f"Rundeck: {URL}",
        MARK,
    ]


ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=5000)


@given(st.integers(0, 60), st.text(max_size=400), ASCII, st.booleans())
def test_note_is_under_2000_bytes_always(count: int, reason: str, failure: str, stored: bool) -> None:
    missing = [nothing("failed", reason, title=f"Log {number}") for number in range(count)]
    capture_manifest = manifest(
        artifact(), *missing, target=target(state=ContainerState("waiting", "CrashLoopBackOff"))
    )
    text = capture_note(capture_manifest, receipt() if stored else None, "/spool/b", Addresses(URL), failure)
    assert len(text.encode()) < LIMIT_BYTES
    assert text.endswith(MARK)
    assert len(failure_note(failure, URL, MARK).encode()) < LIMIT_BYTES
    assert failure_note(failure, URL, MARK).endswith(MARK)


@pytest.mark.parametrize("stored", [True, False])
def test_long_failure_is_cut(stored: bool) -> None:
    text = capture_note(manifest(), receipt() if stored else None, "/spool/b", Addresses(URL), "x" * 5000)
    assert len(text.encode()) < LIMIT_BYTES
    assert len(failure_note("x" * 5000, URL, MARK).encode()) < LIMIT_BYTES


def test_a_long_word_of_the_runtime_is_cut() -> None:
    wordy = target(state=ContainerState("waiting", "x" * 5000))
    assert (
        len(capture_note(manifest(artifact(), target=wordy), None, "/spool/b", Addresses(URL), "").encode())
        < LIMIT_BYTES
    )
    assert len(start_note(wordy, "c", "", URL).encode()) < LIMIT_BYTES


def test_lines_that_do_not_fit_are_counted_and_links_are_kept() -> None:
    missing = [nothing("failed", "x" * 200, title=f"Log {number}") for number in range(50)]
    lines = capture_note(manifest(artifact(), *missing), receipt(), "", Addresses(URL), "").splitlines()
    shown = sum(line.startswith("- Log") for line in lines)
    assert 0 < shown < 50
    captured = sum(line.startswith("Captured") for line in lines)
    assert f"- {50 + 1 - shown - captured} more in the evidence" in lines
    assert lines[2].startswith("Evidence: ")
    assert lines[-1] == MARK


def test_note_that_fits_leaves_nothing_out() -> None:
    missing = [nothing("failed", "x", title=f"Log {number}") for number in range(9)]
    assert "more in the evidence" not in capture_note(manifest(artifact(), *missing), receipt(), "", Addresses(URL), "")


@pytest.mark.parametrize("other", ["20260102T120000Z-checkout-7d9f-abcde-1a2", f"{CAPTURE_ID}0"])
def test_marker_is_not_part_of_another(other: str) -> None:
    assert marker(other) not in MARK
    assert MARK not in marker(other)


def test_two_long_links_do_not_break_the_limit_and_the_first_stays() -> None:
    link = "https://b.s3.amazonaws.com/x?X-Amz-Security-Token=" + "A" * 1200
    stored = tuple(Stored(f"a/{name}", "", link, NOON, 1, "") for name in (PAGE, "jvm-threads.txt"))
    text = capture_note(manifest(artifact()), Receipt("s3://b", stored), "", Addresses(URL), "")
    assert len(text.encode()) <= LIMIT_BYTES
    assert text.count(link) == 1
    assert text.splitlines()[-1] == MARK


WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=3000)


@given(WORDS, WORDS, WORDS, st.text(max_size=300))
def test_no_link_is_cut_and_the_limit_is_kept(token: str, execution: str, job: str, reason: str) -> None:
    """With temporary credentials, a signed link has more than 2,000 characters."""
    link = f"https://b.s3.amazonaws.com/a/{PAGE}?X-Amz-Security-Token={token}"
    stored = Stored(f"a/{PAGE}", f"s3://b/a/{PAGE}", link, NOON, 1, "")
    addresses = Addresses(f"https://rundeck.example/{execution}", f"https://rundeck.example/job/{job}")
    failure = f"cannot store {link}: {reason}"
    for text in (
        capture_note(manifest(artifact()), Receipt("s3://b", (stored,)), "", addresses, ""),
        capture_note(manifest(artifact()), None, f"/spool/{token}", addresses, failure),
        failure_note(failure, addresses.execution, MARK),
    ):
        assert len(text.encode()) <= LIMIT_BYTES
        assert text.splitlines()[-1] == MARK
        urls = {link, f"{link}:", stored.url, "s3://b", addresses.execution, addresses.open_job}
        assert {word for word in text.split() if "://" in word} - set(reason.split()) <= urls


def test_link_that_is_too_long_is_replaced_by_its_place_in_the_store() -> None:
    link = f"https://b.s3.amazonaws.com/a/{PAGE}?X-Amz-Security-Token={'A' * 2000}"
    stored = Stored(f"a/{PAGE}", f"s3://b/a/{PAGE}", link, NOON, 1, "")
    job = "https://rundeck.example/project/ops/job/show/1?opt.capture_id=x"
    lines = capture_note(manifest(), Receipt("s3://b", (stored,)), "", Addresses(URL, job), "").splitlines()
    assert lines[2] == (f"Evidence: s3://b/a/{PAGE} (its link is too long for a note: use the job “Open a capture”)")
    assert lines[3].endswith(job)
    note = "\n".join(["Evidence: https://old", "- a", MARK])
    renewed = renewed_note(note, Receipt("s3://b", (stored,))).splitlines()
    assert [renewed[0], *renewed[2:]] == [lines[2], "- a", MARK]


def test_a_failure_in_any_language_stays_within_the_limit() -> None:
    assert len(failure_note("ü" * 2000, URL, MARK).encode()) <= LIMIT_BYTES


def test_a_renewed_note_only_changes_its_links() -> None:
    capture_manifest = manifest(artifact(), nothing("failed", "exit code 1", title="Evidence: x"))
    job = "https://rundeck.example/project/shop/job/show/9b4d?opt.capture_id=x"
    text = capture_note(capture_manifest, receipt(), "", Addresses(URL, job), "")
    fresh = Receipt("s3://b/p", (Stored(f"n/w/i/{PAGE}", "", "https://s3/fresh", NOON + timedelta(days=7), 1, ""),))
    lines = renewed_note(text, fresh).splitlines()
    assert "Evidence: https://s3/fresh" in lines
    assert "Links open until 2026-01-09 12:00 UTC; stored in s3://b/p" in lines
    unchanged = ("Evidence: https://", "Links open")
    assert [line for line in lines if not line.startswith(unchanged)] == [
        line for line in text.splitlines() if not line.startswith(unchanged)
    ]
    assert renewed_note(renewed_note(text, fresh), fresh) == renewed_note(text, fresh)


def test_a_note_without_a_link_stays_as_it_is() -> None:
    text = failure_note("cannot capture", URL, MARK)
    assert renewed_note(text, receipt()) == text


def test_a_renewed_note_with_a_longer_link_still_fits() -> None:
    missing = [nothing("failed", "x" * 200, title=f"Log {number}") for number in range(20)]
    text = capture_note(manifest(artifact(), *missing), receipt(), "", Addresses(URL), "")
    link = f"https://s3/{PAGE}?token={'t' * 1200}"
    renewed = renewed_note(text, Receipt("s3://b/p", (Stored(f"n/w/i/{PAGE}", "", link, NOON, 1, ""),)))
    assert len(renewed.encode()) <= LIMIT_BYTES
    assert f"Evidence: {link}\n" in renewed
    assert renewed.endswith(MARK)
