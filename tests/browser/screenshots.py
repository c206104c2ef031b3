"""Take the pictures of the documentation from a real capture on the lab: `./build.sh screenshots`.

The deadlocked service of the lab is captured to the lab's S3, with a note in an incident of a simulated account.
Chromium then opens the incident and, by the link of its note, the report. Further failures are captured to a directory.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from debugcapture.steps.capture import capture
from lab.browser import chromium
from lab.demo import running_pod
from lab.pagerduty.alerts import Subject, alert_bodies
from lab.stores import s3_endpoint
from tests.browser.failures import FAILURES, failing_workloads, report_of
from tests.cluster.captures import run_context, settings
from tests.simulator import Simulator, simulator

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
NAMESPACE, SERVICE, INCIDENT = "shop", "checkout", "Q1CHECKOUT0001"
MOST_BYTES = 200_000
_SIZE = {"width": 1180, "height": 900}
_REPORT_HEIGHT = 1480
_DESK, _PHONE, _GAP, _HEIGHT = 1400, 360, 20, 1100
_COLORS = 256


def main() -> int:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as scratch, simulator(Path(scratch, "pagerduty")) as account:
        _captured(account, Path(scratch, "spool"))
        with chromium() as browser, failing_workloads():
            _keep(_incident(browser, account), "incident.png")
            _keep(_report(browser, account), "report.png")
            _keep(_threads(browser, account), "report-threads.png")
            for failure in FAILURES:
                report = report_of(failure, Path(scratch, failure.name))
                _keep(_on_desk_and_phone(browser, report, failure.top), f"report-{failure.name}.png")
    return 0


def _on_desk_and_phone(browser: Browser, report: Path, top: str) -> bytes:
    """Return the report from ``top`` on, on a large screen in light colors next to a phone in dark colors."""
    both = Image.new("RGB", (_DESK + _GAP + _PHONE, _HEIGHT), "white")
    for left, width, colors in ((0, _DESK, "light"), (_DESK + _GAP, _PHONE, "dark")):
        page = browser.new_page(viewport={"width": width, "height": _HEIGHT}, color_scheme=colors)  # type: ignore[arg-type] # its own type of a word
        page.goto(report.as_uri())
        page.locator(top).first.evaluate("heading => window.scrollTo(0, heading.offsetTop - 24)")
        both.paste(Image.open(io.BytesIO(page.screenshot())), (left, 0))
        page.close()
    picture = io.BytesIO()
    both.save(picture, "PNG")
    return picture.getvalue()


def _captured(account: Simulator, spool: Path) -> None:
    where, pod = s3_endpoint(), running_pod(SERVICE)
    alert = alert_bodies(Subject("lab", NAMESPACE, SERVICE, pod, "checkout"))["Alertmanager"]
    account.create(INCIDENT, alert, title="checkout answers no requests")
    store = {"store": f"s3://{where.bucket}/pictures", "s3_endpoint": where.url, "s3_region": where.region}
    keys = {"s3_access_key": where.access_key, "s3_secret_key": where.secret_key}
    options = settings(namespace=NAMESPACE, workload=SERVICE, **store, **keys, **account.settings(INCIDENT))
    capture(options, run_context(spool, []))


def _incident(browser: Browser, account: Simulator) -> bytes:
    page = _opened(browser, account)
    return page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": _SIZE["width"], "height": 790})


def _report(browser: Browser, account: Simulator) -> bytes:
    page = _opened(browser, account)
    page.locator(".note a[href*='/index.html']").click()
    return page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": _SIZE["width"], "height": _REPORT_HEIGHT})


def _threads(browser: Browser, account: Simulator) -> bytes:
    page = _opened(browser, account)
    page.locator(".note a[href*='/index.html']").click()
    return page.locator("section", has=page.locator(".flame")).first.screenshot()


def _opened(browser: Browser, account: Simulator) -> Page:
    page = browser.new_page(viewport=_SIZE, color_scheme="light")  # type: ignore[arg-type] # its own type of a dict
    page.set_extra_http_headers({"Authorization": f"Bearer {account.keys.bearer}"})
    page.goto(f"{account.url}/incidents/{INCIDENT}")
    page.set_extra_http_headers({})
    return page


def _keep(picture: bytes, name: str) -> None:
    """Write a picture with few colors. A page of text has no more."""
    small = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(_COLORS).save(small, "PNG", optimize=True)
    if small.tell() > MOST_BYTES:
        raise SystemExit(f"{name} would have {small.tell()} bytes; {MOST_BYTES} are allowed")
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / name).write_bytes(small.getvalue())
    print(f"docs/pictures/{name}  {small.tell() / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
