"""From the note in the incident to the evidence, as a responder opens it, and what others see."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from debugcapture.bundle.bundle import create_bundle
from debugcapture.settings.s3 import S3Settings
from debugcapture.settings.store import StoreSettings
from debugcapture.steps.capture import capture
from debugcapture.stores.registry import open_store
from debugcapture.upload.publish import publish_bundle
from lab.demo import running_pod
from lab.stores import azure_endpoint, s3_endpoint
from tests.cluster.captures import run_context, settings
from tests.simulator import simulator
from tests.unit.builders import NOON, artifact, manifest, store_settings, written

pytestmark = pytest.mark.xdist_group("browser")

NAMESPACE, INCIDENT = "shop", "QBROWSER000001"
DEADLOCK = "Found one Java-level deadlock"


def s3(link_valid_s: int = 3600) -> StoreSettings:
    where = s3_endpoint()
    return store_settings(
        store=f"s3://{where.bucket}/browser",
        s3_endpoint=where.url,
        s3_access_key=where.access_key,
        s3_secret_key=where.secret_key,
        link_valid_s=link_valid_s,
    )


def azure(link_valid_s: int = 3600) -> StoreSettings:
    where = azure_endpoint()
    store = f"azblob://{where.account}/{where.container}/browser"
    return store_settings(store=store, azure_connection_string=where.connection_string, link_valid_s=link_valid_s)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    yield opened
    opened.close()


def test_link_in_the_note_opens_the_report_and_that_the_evidence(page: Page, tmp_path: Path) -> None:
    where = s3()
    with simulator(tmp_path / "pagerduty") as account:
        account.create(INCIDENT, title="checkout does not answer")
        keys = where.of(S3Settings)
        options = account.settings(INCIDENT) | {
            "store": where.store,
            "s3_endpoint": keys.s3_endpoint,
            "s3_access_key": keys.s3_access_key,
            "s3_secret_key": keys.s3_secret_key,
        }
        pod = running_pod("checkout")
        capture(settings(namespace=NAMESPACE, pod=pod, **options), run_context(tmp_path / "spool", []))
        page.set_extra_http_headers({"Authorization": f"Bearer {account.keys.bearer}"})
        page.goto(f"{account.url}/incidents/{INCIDENT}")
        page.set_extra_http_headers({})
        page.locator(".note a[href*='/index.html']").click()
    assert page.locator("h1").inner_text() == f"Debug capture of {NAMESPACE}/{pod}"
    assert page.locator(".status").inner_text().lower().startswith("complete")
    assert DEADLOCK in page.locator("pre", has_text="Full thread dump").inner_text()
    assert "Deadlock" in page.locator(".findings .critical h3").first.inner_text()
    page.get_by_role("link", name="jvm-threads.txt", exact=True).last.click()
    assert DEADLOCK in page.locator("body").inner_text()


@pytest.mark.parametrize("kind", [s3, azure])
def test_link_opens_until_it_expires(kind: Callable[..., StoreSettings], page: Page, tmp_path: Path) -> None:
    link = publish(kind(link_valid_s=4), tmp_path)
    page.goto(link)
    assert page.locator("h1").inner_text().startswith("Debug capture of")
    assert "started" in page.content()
    time.sleep(5)
    assert_shows_nothing(page, link)


@pytest.mark.parametrize("kind", [s3, azure])
def test_wrong_link_shows_nothing(kind: Callable[..., StoreSettings], page: Page, tmp_path: Path) -> None:
    link = publish(kind(), tmp_path)
    assert_shows_nothing(page, link.partition("?")[0])
    assert_shows_nothing(page, link[:-6] + "AAAA" + link[-2:])


def publish(where: StoreSettings, tmp_path: Path) -> str:
    bundle, log = create_bundle(tmp_path / "spool", "checkout", NOON), b"started\n"
    written(bundle.folder, "log.txt", log)
    log_artifact = artifact(file="log.txt", bytes=len(log), sha256=hashlib.sha256(log).hexdigest())
    bundle.save(manifest(log_artifact, capture_id=bundle.folder.name))
    return publish_bundle(bundle, open_store(where), where.store, lambda _line: None).page


def assert_shows_nothing(page: Page, link: str) -> None:
    answer = page.goto(link)
    assert answer
    assert answer.status in (401, 403, 404)
    assert "Debug capture" not in page.content()
    assert "started" not in page.content()
