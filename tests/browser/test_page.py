"""page.py in Chromium: the page is accessible, sends no request, and does not execute captured text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from debugcapture.finding import EvidenceLines, Finding, Severity
from debugcapture.picture import FlameBar, Pictures, Ranking, Row, Stacks, Tone
from debugcapture.report.page import report_page
from tests.unit.builders import NOON, artifact, manifest, nothing, target
from tests.unit.report.pictures.test_pods import pictures_of

pytestmark = pytest.mark.xdist_group("browser")

EVIL = (
    """</pre><script>document.title='taken'</script><img src="http://127.0.0.1:9/x" onerror="document.title='taken'">"""
)
WIDE, NARROW = 1280, 360
AA = 4.5  # contrast of text, by WCAG 2.2


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every part that a page can have."""
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


@pytest.fixture(scope="module")
def pictures_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with findings and with all pictures of two pods."""
    wide = Stacks(
        "Go CPU profile", "go-cpu.pprof", "ms", 500, bars=tuple(FlameBar(n, 0, 500 - n, "f") for n in range(60))
    )
    tones: tuple[Tone, ...] = ("", "good", "warning", "bad")
    rows = tuple(Row(f"10.0.0.{place}:5432", 9 - place, "CLOSE_WAIT", tone) for place, tone in enumerate(tones))
    pod_json = pictures_of("a", "at com.example.Checkout.pay(Checkout.java:42) " * 3, 95)
    pod = replace(pod_json, rankings=(*pod_json.rankings, Ranking("connections", "network.txt", "count", rows, 30)))
    lines = EvidenceLines("a/t.txt", 7, 9, ("waiting to lock",))
    severities: tuple[Severity, ...] = ("critical", "warning", "info")
    findings = tuple(
        Finding(severity, f"Deadlock {EVIL}", "Facts.", "Restart.", (lines,) * 5) for severity in severities
    )
    document = replace(manifest(artifact(file="a/t.txt"), more_targets=(target(pod="b"),)), findings=findings)
    pictures = Pictures((pod, replace(pictures_of("b", "x", 7), stacks=(wide,))), 3)
    file = tmp_path_factory.mktemp("pictures") / "index.html"
    file.write_text(report_page(document, {}, {}, pictures=pictures))
    return file


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("name", ["page_file", "pictures_file"])
def test_everybody_can_read_it(
    browser: Browser, request: pytest.FixtureRequest, name: str, colors: Literal["light", "dark"], width: int
) -> None:
    page = browser.new_page(color_scheme=colors, viewport={"width": width, "height": 800}, bypass_csp=True)
    file: Path = request.getfixturevalue(name)
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    report = Axe().run(page).response
    assert [
        (violation["id"], [node["html"] for node in violation["nodes"]]) for violation in report["violations"]
    ] == []
    assert len(report["passes"]) > 15  # the check has looked at the page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_nothing_is_cut_off_in_print(browser: Browser, page_file: Path) -> None:
    page = browser.new_page(viewport={"width": 700, "height": 900})
    page.goto(page_file.as_uri())
    cut = "[...document.querySelectorAll('details[open] pre')].map(one => one.scrollHeight > one.clientHeight + 1)"
    assert page.evaluate(cut) == [True]  # it scrolls on the screen
    page.emulate_media(media="print")
    assert page.evaluate(cut) == [False]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_the_page_works_offline_and_captured_text_has_no_effect(browser: Browser, page_file: Path) -> None:
    page = browser.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_file.as_uri())
    assert requests == [page_file.as_uri()]
    assert page.title() == "Debug capture of shop/checkout-7d9f-abcde"
    assert page.locator("pre").first.inner_text().startswith(EVIL)
    page.close()


def test_text_in_pictures_has_enough_contrast(browser: Browser, pictures_file: Path) -> None:
    """Axe does not look at text in SVG."""
    contrast = """() => {
      const luminance = color => {
        const parts = color.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
          .map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
      }
      return [...document.querySelectorAll('.flame svg svg')].filter(bar => bar.querySelector('text')).map(bar => {
        const pair = ['rect', 'text'].map(name => luminance(getComputedStyle(bar.querySelector(name)).fill)).sort()
        return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05)
      })
    }"""
    for colors in ("light", "dark"):
        page = browser.new_page(color_scheme=colors)
        page.goto(pictures_file.as_uri())
        ratios = page.evaluate(contrast)
        assert len(ratios) > 10
        assert min(ratios) >= AA
        page.close()


def test_pictures_fill_the_width_and_their_text_stays_inside(browser: Browser, pictures_file: Path) -> None:
    page = browser.new_page(viewport={"width": NARROW, "height": 800})
    page.goto(pictures_file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    widths = page.evaluate(
        "[...document.querySelectorAll('.flame > svg')].map(one => one.getBoundingClientRect().width)"
    )
    assert len(widths) == 2
    assert all(NARROW * 0.7 < width < NARROW for width in widths)
    assert page.locator(".findings .critical h3").first.inner_text().startswith("CRITICAL")
    assert page.locator(".pods tbody tr").count() == 2
    page.close()


def test_a_link_of_the_overview_opens_the_pictures_of_the_pod(browser: Browser, pictures_file: Path) -> None:
    page = browser.new_page(viewport={"width": WIDE, "height": 400})
    page.goto(pictures_file.as_uri())
    page.get_by_role("link", name="b", exact=True).click()
    assert page.evaluate("location.hash") == "#pod-1"
    assert page.evaluate("document.getElementById('pod-1').getBoundingClientRect().top") < 400
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
