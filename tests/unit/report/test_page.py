"""page.py: the report page shows all text from the pod as text only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Difference, EvidenceLines, Finding, Recurrence
from debugcapture.model import ContainerState
from debugcapture.report.page import preview_limit_bytes, report_page
from tests.unit.builders import NOON, artifact, manifest, nothing, target

EVIL = """</pre><script>alert(1)</script><img src=x onerror="alert(1)">'&amp;"""


class Page(HTMLParser):
    """The elements, links and texts that a browser would find."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []
        self.shown: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        element = self.open[-1] if self.open else ""
        self.shown[element] = self.shown.get(element, "") + data


FINDING = Finding(
    "critical",
    "Deadlock: a and b",
    "a waits for b.",
    "Restart it.",
    (EvidenceLines("jvm-threads.txt", 74, 80, ("Found one", EVIL)),),
    recurrence=Recurrence(2, NOON, "earlier"),
)


def test_findings_come_first_with_their_lines_and_the_link_of_the_file() -> None:
    capture_manifest = replace(manifest(artifact()), findings=(FINDING,))
    text = report_page(capture_manifest, {"jvm-threads.txt": "https://s3/threads"}, {})
    assert text.index("Deadlock: a and b") < text.index("Artifacts")
    page = Page(text)
    assert "jvm-threads.txt:74-80" in page.shown["a"]
    assert page.links.count("https://s3/threads") == 2
    assert page.shown["pre"] == f"Found one\n{EVIL}"
    assert "seen 2 times since 2 Jan, last in earlier" in page.shown["p"]


def test_differences_of_the_pods_are_a_table_unless_the_store_is_encrypted() -> None:
    difference = Difference(f"image {EVIL}", "web:2", "web:1", ("sick",), ("fine",))
    capture_manifest = replace(manifest(artifact()), differences=(difference,))
    page = Page(report_page(capture_manifest, {}, {}))
    assert f"image {EVIL}" in page.shown["th"]
    assert "web:2web:1sick" in page.shown["td"]
    assert "Compared with fine." in page.shown["small"]
    assert not {"script", "img"} & set(page.tags)
    assert "web:2" not in report_page(capture_manifest, {}, {}, encrypted=True)


def test_a_finding_about_many_pods_names_some_of_them() -> None:
    pods = tuple(f"shop-{number}" for number in range(30))
    text = report_page(replace(manifest(), findings=(replace(FINDING, pods=pods),)), {}, {})
    assert "shop-4, shop-5 and 24 more<" in text


def test_context_and_further_passages_open_with_a_click() -> None:
    passages = tuple(EvidenceLines("app.log", line, line, (f"line {line}",)) for line in range(1, 6))
    alarms = tuple(replace(FINDING, title=f"alarm {number}", evidence=passages) for number in range(9))
    context = replace(FINDING, severity="info", title="context")
    text = report_page(replace(manifest(), findings=(*alarms, context)), {}, {})
    assert "2 more, which are less important or context" in text
    assert text.index("alarm 7") < text.index("2 more") < text.index("alarm 8") < text.index("context</h3>")
    assert "line 3" in text
    assert "line 4" not in text
    assert 'Also in <a href="app.log">app.log:4</a>, <a href="app.log">app.log:5</a>' in text


def test_without_an_alarm_some_context_is_visible() -> None:
    context = tuple(replace(FINDING, severity="info", title=f"context {number}") for number in range(5))
    text = report_page(replace(manifest(), findings=context), {}, {})
    assert text.index("context 2") < text.index("2 more, which") < text.index("context 3")


def test_a_page_of_encrypted_evidence_quotes_nothing() -> None:
    capture_manifest = replace(manifest(artifact()), findings=(FINDING,))
    assert "Deadlock" not in report_page(capture_manifest, {}, {}, encrypted=True)


def test_output_of_the_pod_stays_text() -> None:
    page = Page(report_page(manifest(artifact(bytes=len(EVIL))), {}, {"jvm-threads.txt": EVIL.encode()}))
    assert page.shown["pre"] == EVIL
    assert not {"script", "img"} & set(page.tags)


@given(st.text(), st.binary())
def test_captured_text_does_not_become_markup(text: str, output: bytes) -> None:
    hostile_target = target(image=text + EVIL, state=ContainerState("waiting", text + EVIL), node=EVIL)
    evil = artifact(title=EVIL, file=f"{EVIL}.txt", method=text + EVIL, reason=EVIL)
    hostile_manifest = manifest(
        evil, nothing("failed", text + EVIL), target=hostile_target, trigger={EVIL: text + EVIL}
    )
    page = Page(report_page(hostile_manifest, {evil.file: f"https://x/{EVIL}"}, {evil.file: output + EVIL.encode()}))
    plain = Page(report_page(manifest(artifact(), nothing("failed", "x")), {}, {"jvm-threads.txt": b"x"}))
    assert set(page.tags) == set(plain.tags)
    assert page.open == []


def test_links_are_quoted_and_lead_to_the_artifact() -> None:
    link = """https://s3/x?a=1&b="2"'"""
    page = Page(report_page(manifest(), {"jvm-threads.txt": link}, {}))
    assert page.links == [link]


def test_artifact_without_a_link_is_beside_the_page() -> None:
    assert Page(report_page(manifest(), {}, {})).links == ["jvm-threads.txt"]


def test_the_page_runs_no_script_and_loads_nothing() -> None:
    text = report_page(manifest(), {}, {})
    assert "Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri" in text
    assert not {"link", "script", "img"} & set(Page(text).tags)
    assert Page(text).open == []


def test_the_page_shows_what_is_missing_and_why() -> None:
    page = Page(report_page(manifest(artifact(), nothing("failed", "no space"), finished=None), {}, {}))
    assert "no space" in page.shown["td"]
    assert "not finished" in page.shown["dd"]
    assert "ab" * 32 in page.shown["code"]


def test_a_truncated_preview_shows_its_size() -> None:
    preview = Page(report_page(manifest(artifact(bytes=2048)), {}, {"jvm-threads.txt": b"\xff" * 10})).shown["pre"]
    assert preview == "\ufffd" * 10 + "\n[the first 10 B of 2.0 KiB]"


def test_an_artifact_that_is_not_masked_has_no_preview() -> None:
    document = manifest(artifact(file="a.log", sensitive=True), artifact(file="b.log"))
    page = Page(report_page(document, {}, {"a.log": b"hunter2", "b.log": b"started"}))
    assert page.shown["pre"] == "started"


def test_the_trigger_has_readable_names() -> None:
    page = Page(report_page(manifest(trigger={"started_by": "alice", "job": ""}), {}, {}))
    assert "Started by" in page.shown["dt"]
    assert "Job" not in page.shown["dt"]
    assert "alice" in page.shown["dd"]


def test_previews_of_dumps_are_open_and_those_from_the_api_closed() -> None:
    document = manifest(artifact(file="a.txt"), artifact(origin="api", title="Events", file="b.txt"))
    page = report_page(document, {}, {"a.txt": b"threads", "b.txt": b"events"})
    assert page.count("<details open>") == 1
    assert page.index("<details open>") < page.index("threads") < page.index("<details><summary>Events")


def test_missing_artifacts_come_first_with_their_reason() -> None:
    text = report_page(manifest(artifact(), nothing("failed", "no space", title="Heap dump", pod="checkout-2")), {}, {})
    assert "1 missing or incomplete" in text
    assert text.index("<li><strong>checkout-2: Heap dump</strong>: no space</li>") < text.index("<h2>Artifacts")


def test_a_complete_capture_has_no_section_about_missing_artifacts() -> None:
    text = report_page(manifest(artifact(), nothing("skipped", "it has no shell")), {}, {})
    assert "What is missing" not in text
    assert "<strong>complete</strong>: 1 files, 7 B." in text


def test_each_pod_has_a_table() -> None:
    artifacts = [
        artifact(pod="b", file="b/t.txt"),
        artifact(pod="a", file="a/t.txt"),
        artifact(pod="b", file="b/l.txt"),
    ]
    text = report_page(manifest(*artifacts), {}, {})
    assert text.count("<table>") == 2
    assert text.index("<h3>a</h3>") < text.index("a/t.txt") < text.index("<h3>b</h3>") < text.index("b/l.txt")


def test_the_table_begins_with_dumps_and_ends_with_skipped_artifacts() -> None:
    text = report_page(
        manifest(
            nothing("skipped", "it has none", title="Crash dumps"),
            artifact(origin="api", title="Events", file="events.txt"),
            artifact(title="Java threads", file="threads.txt"),
        ),
        {},
        {},
    )
    assert text.index("Java threads") < text.index("Events") < text.index("Crash dumps")


def test_the_page_shows_the_time_and_the_duration() -> None:
    assert "<dt>Time</dt><dd>2026-01-02 12:00:00 UTC, 3 s</dd>" in report_page(manifest(), {}, {})


def test_the_page_shows_the_remarks_and_the_end_of_the_links() -> None:
    text = report_page(manifest(remarks=("3 of 4 pods are unhealthy",)), {}, {}, links_end=NOON + timedelta(days=7))
    assert "<li>3 of 4 pods are unhealthy</li>" in text
    assert "<dt>Links open until</dt><dd>2026-01-09 12:00:00 UTC</dd>" in text


@pytest.mark.parametrize(("texts", "each"), [(0, 64 << 10), (64, 64 << 10), (128, 32 << 10), (100_000, 4 << 10)])
def test_all_previews_together_stay_small(texts: int, each: int) -> None:
    assert preview_limit_bytes(texts) == each
