"""Every text that reaches a log, note, report, page, link or store, with hostile input."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from debugcapture.actions import Skip
from debugcapture.capture.describe import describe, describe_node, event_table, metrics_table
from debugcapture.doctor.result import CheckResult, results_text
from debugcapture.errors import CaptureError
from debugcapture.manifest import Artifact, Manifest, Receipt, Stored
from debugcapture.model import ContainerState, Target
from debugcapture.pagerduty.alerts import find_candidates
from debugcapture.pagerduty.note_text import (
    LIMIT_BYTES,
    Addresses,
    attached_note,
    capture_note,
    failure_note,
    marker,
    restart_note,
    start_note,
)
from debugcapture.pagerduty.senders import load_senders
from debugcapture.redaction.pods import masked_pod
from debugcapture.redaction.redactor import masked_text
from debugcapture.report.page import report_page
from debugcapture.report.summary import artifact_line, plan_table, summary
from debugcapture.runtime.log_lines import BEGIN, END, data_line, log_text
from debugcapture.steps.result_table import capture_result
from debugcapture.stores.links import console_links, links_below
from debugcapture.text import WIDTH, one_line
from tests.unit.builders import artifact, collector, manifest, nothing, pod, target
from tests.unit.hostile import BYTES, TEXT, UTF8, tree

MARK = re.compile(r"^(RUNDECK:DATA:|#(BEGIN|END):RUNDECK)", re.MULTILINE | re.IGNORECASE)
# Rundeck's own: a line ends at \r as well.
DATA = re.compile(r"(?:^|[\r\n])RUNDECK:DATA:\s*([^\s]+?)\s*=\s*(.+)")
TARGET: st.SearchStrategy[Target] = st.builds(
    lambda state, image, workload: target(state=ContainerState("waiting", state), image=image, workload=workload),
    TEXT,
    TEXT,
    TEXT,
)
ARTIFACTS: st.SearchStrategy[list[Artifact]] = st.lists(
    st.builds(lambda title, file, reason: artifact(title=title, file=file, reason=reason), TEXT, TEXT, TEXT)
    | st.builds(lambda reason, title: nothing("failed", reason, title=title), TEXT, TEXT),
    min_size=1,
    max_size=3,
)
MANIFEST: st.SearchStrategy[Manifest] = st.builds(
    lambda of, artifacts, remark, by: manifest(*artifacts, target=of, remarks=(remark,), trigger={"started_by": by}),
    TARGET,
    ARTIFACTS,
    TEXT,
    TEXT,
)


def receipt(capture_manifest: Manifest, link: str) -> Receipt:
    return Receipt(
        "s3://b",
        tuple(Stored(f"k/{artifact.file}", "u", link, None, 1, "ab") for artifact in capture_manifest.artifacts),
    )


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.scripts += [name for name, _ in attrs if name.startswith("on")]
        self.scripts += [
            value for name, value in attrs if name in ("href", "src") and value and value.startswith("javascript")
        ]


PLAIN = Tags(
    report_page(manifest(artifact(), nothing("failed", "x"), remarks=("x",)), {}, {"jvm-threads.txt": b"x"})
).tags


@given(TEXT)
def test_log_has_no_control_character_and_no_mark(text: str) -> None:
    shown = log_text(f"Java thread dump: failed: {text}")
    assert all(line.isprintable() for line in shown.split("\n"))
    assert not MARK.search(shown)
    assert not DATA.search(log_text(text))
    shown.encode()


@given(TEXT)
def test_formatted_block_holds_no_other_mark(text: str) -> None:
    shown = log_text(f"{BEGIN}\n{text}\n{END}").split("\n")
    assert (shown[0], shown[-1]) == (BEGIN, END)
    assert not MARK.search("\n".join(shown[1:-1]))


@given(TEXT, TEXT)
def test_data_for_later_steps_is_one_line_of_its_key(key: str, value: str) -> None:
    line = data_line("link", value)
    match = DATA.match(line)
    assert line.isprintable()
    assert match is None or match[1] == "link"
    assert one_line(key).isprintable()


@given(TEXT, TEXT, TEXT)
def test_error_is_one_printable_line(action: str, reason: str, remedy: str) -> None:
    error = CaptureError(action, reason, remedy)
    error.about(reason)
    assert str(error).isprintable()


@given(MANIFEST, TEXT, UTF8, UTF8)
def test_notes_are_short_and_contain_no_forged_lines(
    capture_manifest: Manifest, failure: str, place: str, url: str
) -> None:
    by = capture_manifest.trigger["started_by"]
    stored = receipt(capture_manifest, f"https://x/{url[:80]}")
    texts = [
        capture_note(capture_manifest, None, one_line(place)[:200], Addresses("https://r"), failure),
        capture_note(capture_manifest, stored, "", Addresses("https://r"), failure),
        start_note(capture_manifest.target, "c", by, "https://r"),
        attached_note(capture_manifest.target, "c", "https://r"),
        failure_note(failure, "https://r", marker("c")),
        restart_note(failure, by, failure, "https://r", marker("c")),
    ]
    for text in texts:
        assert len(text.encode()) <= LIMIT_BYTES
        assert all(line.isprintable() for line in text.split("\n"))


@given(MANIFEST)
def test_tables_have_a_line_a_row(capture_manifest: Manifest) -> None:
    assert summary(capture_manifest).isprintable()
    assert all(artifact_line(artifact).isprintable() for artifact in capture_manifest.artifacts)
    skipped = [Skip(collector(title=artifact.title), artifact.reason) for artifact in capture_manifest.artifacts]
    plan = plan_table(capture_manifest.target, skipped, "restricted").split("\n")
    assert len(plan) >= len(skipped) + 2
    assert all(line.isprintable() for line in plan)
    assert all(len(line) <= WIDTH for line in plan[1:])


@given(TEXT, TEXT)
def test_table_of_findings_has_printable_lines(action: str, reason: str) -> None:
    lines = results_text([CheckResult(action, "wrong", reason)]).split("\n")
    assert all(line.isprintable() and len(line) <= WIDTH for line in lines)


@given(MANIFEST, BYTES, UTF8)
def test_page_and_result_contain_no_foreign_markup(capture_manifest: Manifest, text: bytes, link: str) -> None:
    links = {artifact.file: f"https://x/{link}" for artifact in capture_manifest.artifacts}
    page = report_page(capture_manifest, links, {capture_manifest.artifacts[0].file: text})
    assert Tags(page).tags <= PLAIN
    assert not Tags(page).scripts
    page.encode()
    block = capture_result(capture_manifest, receipt(capture_manifest, link))
    assert len(block.split("\n")) == len(capture_manifest.artifacts) + 6
    assert Tags(block).tags <= {"p", "b", "a", "table", "tr", "th", "td"}
    assert not Tags(block).scripts
    log_text(block).encode()


@given(UTF8)
def test_links_are_ascii(key: str) -> None:
    stored = Stored(key, f"https://h/{key}", "x", None, 1, "ab")
    assert links_below("https://e/x")(stored).isascii()
    assert " " not in links_below("https://e/x")(stored)


@given(UTF8)
def test_links_to_the_console_are_ascii(key: str) -> None:
    try:
        stored = Stored(key, f"s3://bucket/{key}", "x", None, 1, "ab")
        link = console_links("bucket", "eu-central-1")(stored)
    except ValueError:
        return
    assert link.isascii()


@given(TEXT, TEXT, TEXT)
def test_any_data_of_a_pod_from_the_api_can_be_written(name: str, message: str, image: str) -> None:
    pod_json = pod(metadata={"labels": {name: message}}, status={"message": message})
    pod_json["spec"]["containers"][0] |= {"image": image, "args": [message], "env": [{"name": name, "value": message}]}
    describe(pod_json, datetime.now(timezone.utc)).encode(errors="replace")
    str(masked_pod(pod_json)).encode(errors="replace")
    events = [{"reason": name, "message": message, "type": image, "lastTimestamp": name}]
    event_table(events).encode(errors="replace")
    condition = {"type": name, "status": message, "reason": image, "message": message}
    describe_node({"metadata": {"name": name}, "spec": {}, "status": {"conditions": [condition]}})
    metrics_table({"containers": [{"name": name, "usage": {"cpu": message}}], "timestamp": image}, pod_json)


@given(tree(st.sampled_from(["body", "details", "cef_details", "summary", "pod", "namespace", "name", "value", "key"])))
def test_an_alert_can_only_set_names(body: Any) -> None:
    for candidate in find_candidates([body, {"body": {"details": body}, "summary": body}], SENDERS):
        parts = replace(candidate, sender="")
        for part in (parts.cluster, parts.namespace, parts.pod, parts.container, parts.kind, parts.workload):
            assert re.fullmatch(r"([A-Za-z0-9][\w.:/@-]{0,252})?", part, re.ASCII)


@given(TEXT)
def test_masked_text_can_be_written(text: str) -> None:
    masked = masked_text(f"password={text}")
    assert "[masked:" in masked or not text.split() or masked == f"password={text}"


SENDERS = load_senders()
NOW = datetime.now(timezone.utc)
