"""content_type.py: a browser shows text and the report page, and saves everything else."""

from __future__ import annotations

import pytest

from debugcapture.stores.content_type import presentation_of

FOLDER = "shop/web/20260102T120000Z-web-1a2b"


@pytest.mark.parametrize("name", ["pod.yaml", "manifest.json", "logs/app.previous.log", "threads.txt", "changes.diff"])
def test_browser_shows_text_instead_of_saving_it(name: str) -> None:
    presentation = presentation_of(f"{FOLDER}/{name}")
    assert (presentation.content_type, presentation.disposition) == ("text/plain; charset=utf-8", "")


@pytest.mark.parametrize("prefix", ["", "team/", "a b/c/"])
def test_browser_shows_the_report_page(prefix: str) -> None:
    presentation = presentation_of(f"{prefix}{FOLDER}/index.html")
    assert (presentation.content_type, presentation.disposition) == ("text/html; charset=utf-8", "")


@pytest.mark.parametrize(
    "name",
    [
        "left/data_core.1.html", "left/core.1.svg", "left/core.1.xhtml", "left/core.1.html.gz", "left/core.0.js",
        "left/core.1.xml", "left/core.1.mht", "left/index.html", "pod-1/index.html", "index.htm", "index.html/x",
        "x.TXT", "heap.hprof", "recording.unknown", "noname", "index.html.age", "x.txt\n.html",
    ],
)  # fmt: skip
def test_browser_saves_everything_else(name: str) -> None:
    presentation = presentation_of(f"{FOLDER}/{name}")
    assert (presentation.content_type, presentation.disposition) == ("application/octet-stream", "attachment")
