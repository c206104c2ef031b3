"""report.py: what people read, with nothing of the pod's output taken as anything but text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.model import ContainerState
from debugcapture.report import artifact_table, index_page, size, summary
from tests.unit.builders import artifact, manifest, nothing, target

EVIL = """</pre><script>alert(1)</script><img src=x onerror="alert(1)">'&amp;"""


class Page(HTMLParser):
    """Everything that a browser would see."""

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
        where = self.open[-1] if self.open else ""
        self.shown[where] = self.shown.get(where, "") + data


def test_output_of_the_pod_is_text_and_nothing_else() -> None:
    page = Page(index_page(manifest(artifact(bytes=len(EVIL))), {}, {"jvm-threads.txt": EVIL.encode()}))
    assert page.shown["pre"] == EVIL
    assert not {"script", "img"} & set(page.tags)


@given(st.text(), st.binary())
def test_nothing_captured_becomes_markup(text: str, output: bytes) -> None:
    told = target(image=text + EVIL, state=ContainerState("waiting", text + EVIL), node=EVIL)
    evil = artifact(title=EVIL, file=f"{EVIL}.txt", how=text + EVIL, reason=EVIL)
    whole = manifest(evil, nothing("failed", text + EVIL), target=told, trigger={EVIL: text + EVIL})
    page = Page(index_page(whole, {evil.file: f"https://x/{EVIL}"}, {evil.file: output + EVIL.encode()}))
    plain = Page(index_page(manifest(artifact(), nothing("failed", "x")), {}, {"jvm-threads.txt": b"x"}))
    assert set(page.tags) == set(plain.tags)
    assert page.open == []


def test_links_are_quoted_and_lead_to_the_artifact() -> None:
    link = """https://s3/x?a=1&b="2"'"""
    page = Page(index_page(manifest(), {"jvm-threads.txt": link}, {}))
    assert page.links == [link]


def test_artifact_without_a_link_is_beside_the_page() -> None:
    assert Page(index_page(manifest(), {}, {})).links == ["jvm-threads.txt"]


def test_page_allows_no_script_and_needs_nothing_else() -> None:
    text = index_page(manifest(), {}, {})
    assert "Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"" in text
    assert not {"link", "script", "img"} & set(Page(text).tags)
    assert Page(text).open == []


def test_page_says_what_is_missing_and_why() -> None:
    page = Page(index_page(manifest(artifact(), nothing("failed", "no space"), finished=None), {}, {}))
    assert "no space" in page.shown["td"]
    assert "not finished" in page.shown["dd"]
    assert "ab" * 32 in page.shown["code"]


def test_preview_that_is_cut_says_so() -> None:
    cut = Page(index_page(manifest(artifact(bytes=2048)), {}, {"jvm-threads.txt": b"\xff" * 10})).shown["pre"]
    assert cut == "\ufffd" * 10 + "\n[the first 10 B of 2.0 KiB]"


def test_who_started_it_is_on_the_page_under_a_readable_name() -> None:
    page = Page(index_page(manifest(trigger={"started_by": "alice", "job": ""}), {}, {}))
    assert "Started by" in page.shown["dt"]
    assert "Job" not in page.shown["dt"]
    assert "alice" in page.shown["dd"]


def test_summary_tells_status_pod_and_what_is_missing() -> None:
    skipped = nothing("skipped", "it is empty", title="Log")
    failed = nothing("failed", "exit code 1")
    assert summary(manifest(artifact(title="Pod YAML"), skipped, failed)) == (
        "partial: 1 artifacts of shop/checkout-7d9f-abcde (container app, running); "
        "Java thread dump failed: exit code 1"
    )


@given(st.text(), st.text())
def test_summary_is_always_one_line(reason: str, state: str) -> None:
    told = target(state=ContainerState("waiting", state))
    assert summary(manifest(nothing("failed", reason), target=told)).isprintable()


def test_table_has_a_line_for_each_artifact() -> None:
    cut = artifact(title="Log of app", outcome="truncated", bytes=2048, file="logs/app.log", reason="two\nlines")
    assert artifact_table(manifest(artifact(), cut, nothing("skipped", "it is empty"))).splitlines() == [
        "WHAT              OUTCOME    SIZE     FILE OR REASON",
        "Java thread dump  complete   7 B      jvm-threads.txt",
        "Log of app        truncated  2.0 KiB  two lines",
        "Java thread dump  skipped             it is empty",
    ]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        ((1 << 20) - 1, "1024.0 KiB"),
        (1 << 20, "1.0 MiB"),
        (5 << 30, "5120.0 MiB"),
    ],
)
def test_size_is_readable(count: int, text: str) -> None:
    assert size(count) == text


def test_the_dump_is_shown_at_once_and_the_snapshot_on_request() -> None:
    made = manifest(artifact(file="a.txt"), artifact(collector="pod-snapshot", title="Events", file="b.txt"))
    page = index_page(made, {}, {"a.txt": b"threads", "b.txt": b"events"})
    assert page.count("<details open>") == 1
    assert page.index("<details open>") < page.index("threads") < page.index("<details><summary>Events")
