"""page.py in Chromium: the page is accessible, sends no request, and does not execute captured text."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from debugcapture.report.page import report_page
from tests.unit.builders import NOON, artifact, manifest, nothing, target

pytestmark = pytest.mark.xdist_group("browser")

EVIL = (
    """</pre><script>document.title='taken'</script><img src="http://127.0.0.1:9/x" onerror="document.title='taken'">"""
)
WIDE, NARROW = 1280, 360


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with everything that a page can have."""
    long_line = "at com.example.Checkout.pay(Checkout.java:42) " * 20
    previews = {"a/t.txt": f"{EVIL}\n{long_line}\n".encode() * 50, "a/pod.yaml": b"kind: Pod\n"}
    kept_artifacts = [
        artifact(pod="a", file="a/t.txt", bytes=10_000),
        artifact(pod="a", file="a/pod.yaml", title="Pod YAML", origin="api", redactions=3),
        artifact(pod="b", file="b/heap.hprof", outcome="truncated", reason="it reached its size limit", sensitive=True),
        nothing("failed", EVIL, title="Heap dump", pod="b"),
        nothing("skipped", "it is empty", title="Log", pod="a"),
    ]
    capture_manifest = manifest(
        *kept_artifacts,
        more_targets=(target(pod="b"),),
        remarks=("2 of 3 pods are unhealthy", EVIL),
        trigger={"started_by": EVIL},
    )
    file = tmp_path_factory.mktemp("page") / "index.html"
    file.write_text(report_page(capture_manifest, {"a/t.txt": "a/t.txt"}, previews, links_end=NOON, encrypted=True))
    return file


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("colors", ["light", "dark"])
def test_everybody_can_read_it(browser: Browser, page_file: Path, colors: Literal["light", "dark"], width: int) -> None:
    page = browser.new_page(color_scheme=colors, viewport={"width": width, "height": 800}, bypass_csp=True)
    page.goto(page_file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    report = Axe().run(page).response
    assert [
        (violation["id"], [node["html"] for node in violation["nodes"]]) for violation in report["violations"]
    ] == []
    assert len(report["passes"]) > 15  # it did look
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_on_paper_nothing_is_cut_off(browser: Browser, page_file: Path) -> None:
    page = browser.new_page(viewport={"width": 700, "height": 900})
    page.goto(page_file.as_uri())
    cut = "[...document.querySelectorAll('details[open] pre')].map(one => one.scrollHeight > one.clientHeight + 1)"
    assert page.evaluate(cut) == [True]  # it scrolls on the screen
    page.emulate_media(media="print")
    assert page.evaluate(cut) == [False]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_it_works_offline_and_captured_text_does_nothing(browser: Browser, page_file: Path) -> None:
    page = browser.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_file.as_uri())
    assert requests == [page_file.as_uri()]
    assert page.title() == "Debug capture of shop/checkout-7d9f-abcde"
    assert page.locator("pre").first.inner_text().startswith(EVIL)
    page.close()


def test_keyboard_reaches_links_and_texts(browser: Browser, page_file: Path) -> None:
    page = browser.new_page()
    page.goto(page_file.as_uri())
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.tagName"))
    assert reached[:7] == ["A", "A", "A", "SUMMARY", "PRE", "SUMMARY", "BODY"]
    page.close()


def test_the_checks_find_what_is_wrong(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content('<img src="x"><p style="color:#ccc;background:#fff">pale</p>')
    assert {"image-alt", "color-contrast", "html-has-lang"} <= {
        violation["id"] for violation in Axe().run(page).response["violations"]
    }
    page.close()
