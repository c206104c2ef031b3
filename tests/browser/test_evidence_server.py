"""The link of a note through nginx and the evidence server, as a responder opens it, and as others do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from debugcapture.settings.store import StoreSettings
from lab.stores import s3_endpoint
from tests.stores.evidence import LOG, PASSWORD, USER, evidence_server, nginx, stored_capture
from tests.unit.builders import store_settings

pytestmark = pytest.mark.xdist_group("browser")


def s3(**changed: str) -> StoreSettings:
    where = s3_endpoint()
    store = f"s3://{where.bucket}/browser"
    keys = {"s3_endpoint": where.url, "s3_access_key": where.access_key, "s3_secret_key": where.secret_key}
    return store_settings(**{"store": store, **keys, **changed})


def directory(folder: Path) -> StoreSettings:
    (folder / "store").mkdir()
    return store_settings(store=(folder / "store").as_uri())


def page_of(browser: Browser, user: str = "", password: str = "") -> Page:
    login = {"username": user, "password": password} if user else None
    return browser.new_context(http_credentials=login).new_page()  # type: ignore[arg-type]


def status_of(page: Page, url: str) -> int:
    answer = page.goto(url)
    assert answer
    return answer.status


def test_user_opens_the_report_and_others_do_not(browser: Browser, tmp_path: Path) -> None:
    with evidence_server(s3(), tmp_path / "access.log") as port, nginx(tmp_path / "nginx", port) as url:
        capture_id, link = stored_capture(s3(link="server", link_server=url), tmp_path / "spool")
        assert link == f"{url}/c/{capture_id}"
        alice = page_of(browser, USER, PASSWORD)
        assert status_of(alice, link) == 200
        assert alice.locator("h1").inner_text().startswith("Debug capture of")
        assert alice.url.startswith(s3_endpoint().url)
        alice.get_by_role("link", name="app.log", exact=True).first.click()
        assert LOG.decode().strip() in alice.locator("body").inner_text()
        forged = alice.context.request.get(link, headers={"X-Forwarded-User": "bob"}, max_redirects=0)
        assert forged.status == 302
        assert status_of(alice, f"{url}/c/20260102T120000Z-nobody-1a2b") == 404
        assert "404 Not Found" in alice.locator("h1").inner_text()
        for path in (
            f"c/{capture_id}/other.log",
            f"_captures/{capture_id}.json",
            "c/%2e%2e/%2e%2e/etc/passwd",
            "healthz",
        ):
            assert status_of(alice, f"{url}/{path}") == 404
        # The server itself is reachable on this machine, but it knows no user.
        assert status_of(page_of(browser), f"http://127.0.0.1:{port}/c/{capture_id}") == 401
        assert nobody_opens(browser, link) == [401, 401]
    entries = [json.loads(line) for line in (tmp_path / "access.log").read_text().splitlines()]
    served = [(entry["user"], entry["key"].rpartition("/")[2]) for entry in entries if entry["served"]]
    assert served == [(USER, "index.html"), (USER, "app.log"), (USER, "index.html")]


def nobody_opens(browser: Browser, link: str) -> list[int]:
    """nginx rejects requests without a name or with a wrong password. A name in a header does not help.

    Chromium then shows a dialog, so these are requests of the browser without a page.
    """
    wrong_password = {"X-Forwarded-User": USER, "Authorization": "Basic YWxpY2U6d3Jvbmc="}
    answers = [
        browser.new_context().request.get(link, headers=headers)
        for headers in ({"X-Forwarded-User": USER}, wrong_password)
    ]
    assert not any("Debug capture" in answer.text() for answer in answers)
    return [answer.status for answer in answers]


def test_report_of_a_directory_is_shown_and_its_files_open(browser: Browser, tmp_path: Path) -> None:
    store = directory(tmp_path)
    capture_id, _ = stored_capture(store, tmp_path / "spool")
    with evidence_server(store, tmp_path / "access.log") as port, nginx(tmp_path / "nginx", port) as url:
        alice = page_of(browser, USER, PASSWORD)
        assert status_of(alice, f"{url}/c/{capture_id}") == 200
        assert alice.locator("h1").inner_text().startswith("Debug capture of")
        alice.get_by_role("link", name="app.log", exact=True).first.click()
        assert alice.url == f"{url}/c/{capture_id}/app.log"
        assert LOG.decode().strip() in alice.locator("body").inner_text()
