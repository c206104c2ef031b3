"""The evidence server on the lab's stores: captures open after their links have expired, and its errors are clear."""

from __future__ import annotations

import io
import json
import re
import secrets
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from debugcapture.links.access import AccessLog, access_of
from debugcapture.links.evidence_server import EvidenceService
from debugcapture.serving.http import Request
from debugcapture.settings.evidence import EvidenceServerSettings
from debugcapture.settings.store import StoreSettings
from debugcapture.stores.registry import open_readable
from lab.stores import azure_endpoint, s3_endpoint, sftp_endpoint
from tests.stores.evidence import LOG, TOKEN, evidence_server, stored_capture
from tests.unit.builders import store_settings

Settings = Callable[..., StoreSettings]
EXPIRED_S = 3


def s3(_folder: Path, **changed: Any) -> StoreSettings:
    where = s3_endpoint()
    keys = {"s3_endpoint": where.url, "s3_access_key": where.access_key, "s3_secret_key": where.secret_key}
    return store_settings(**{"store": f"s3://{where.bucket}/evidence", **keys, **changed})


def azure(_folder: Path, **changed: Any) -> StoreSettings:
    where = azure_endpoint()
    store = f"azblob://{where.account}/{where.container}/evidence"
    return store_settings(store=store, azure_connection_string=where.connection_string, **changed)


def sftp(folder: Path, **changed: Any) -> StoreSettings:
    where = sftp_endpoint()
    return store_settings(
        store=f"sftp://{where.user}@{where.host}:{where.port}{folder}",
        sftp_private_key=where.private_key_file.read_text(),
        sftp_known_hosts=where.known_hosts_file.read_text(),
        **changed,
    )


def directory(folder: Path, **changed: Any) -> StoreSettings:
    folder.mkdir(exist_ok=True)
    return store_settings(store=folder.as_uri(), **changed)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the SFTP user may write to."""
    folder = Path(sftp_endpoint().directory, f"evidence-{secrets.token_hex(4)}")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def fetch(url: str, token: str = TOKEN) -> tuple[int, str, Any]:
    """The status, the content and the headers. Redirects are followed, without the token."""
    request = urllib.request.Request(url)
    request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


@pytest.mark.parametrize("kind", [s3, azure, sftp, directory])
def test_a_capture_with_expired_links_can_be_opened(kind: Settings, folder: Path, tmp_path: Path) -> None:
    capture_id, old_link = stored_capture(kind(folder, link_valid_s=EXPIRED_S), tmp_path / "spool")
    if old_link.startswith("http"):
        time.sleep(EXPIRED_S + 1)
        assert fetch(old_link, "")[0] == 403
    with evidence_server(kind(folder), tmp_path / "access.log") as port:
        status, page, headers = fetch(f"http://127.0.0.1:{port}/c/{capture_id}")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "<h1>Debug capture of" in page
        (link,) = re.findall(r'href="([^"]*)"', page)
        assert link == f"{capture_id}/app.log"
        status, log, headers = fetch(f"http://127.0.0.1:{port}/c/{link}")
        assert (status, log.encode(), headers["Content-Type"]) == (200, LOG, "text/plain; charset=utf-8")
        assert fetch(f"http://127.0.0.1:{port}/c/{capture_id}/manifest.json")[0] == 200
    served = [json.loads(line)["served"] for line in (tmp_path / "access.log").read_text().splitlines()]
    file = "link" if old_link.startswith("http") else "file"
    assert served == ["page", file, file]


@pytest.mark.parametrize("kind", [s3, azure])
def test_page_with_links_to_the_server_comes_from_the_store(kind: Settings, folder: Path, tmp_path: Path) -> None:
    server_links = kind(folder, link="server", link_server="https://evidence.example.com")
    capture_id, link = stored_capture(server_links, tmp_path / "spool")
    assert link == f"https://evidence.example.com/c/{capture_id}"
    with evidence_server(server_links, tmp_path / "access.log") as port:
        status, page, _ = fetch(f"http://127.0.0.1:{port}/c/{capture_id}")
        assert status == 200
        assert f'href="{link}/app.log"' in page
        assert fetch(f"http://127.0.0.1:{port}/c/{capture_id}/app.log")[1].encode() == LOG
    assert '"served": "link"' in (tmp_path / "access.log").read_text()


@pytest.mark.parametrize("kind", [s3, azure, sftp, directory])
def test_other_objects_of_the_store_are_not_reachable(kind: Settings, folder: Path, tmp_path: Path) -> None:
    capture_id, _ = stored_capture(kind(folder), tmp_path / "spool")
    with evidence_server(kind(folder), tmp_path / "access.log") as port:
        for path in (
            "c/20260102T120000Z-nobody-1a2b",
            f"c/{capture_id}/other.log",
            f"c/{capture_id}/../{capture_id}/app.log",
            f"c/{capture_id}/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            f"c/..%2f_captures%2f{capture_id}.json",
            f"shop/checkout/{capture_id}/app.log",
            f"_captures/{capture_id}.json",
        ):
            assert fetch(f"http://127.0.0.1:{port}/{path}")[0] == 404
        assert fetch(f"http://127.0.0.1:{port}/c/{capture_id}", "a-token-that-is-wrong")[0] == 401


@pytest.mark.parametrize("kind", [s3, sftp])
def test_store_that_is_down_is_a_clear_error(kind: Settings, folder: Path, tmp_path: Path) -> None:
    capture_id, _ = stored_capture(kind(folder), tmp_path / "spool")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port_of_nobody = closed.getsockname()[1]
    away = kind(folder)
    if kind is s3:
        away = s3(folder, s3_endpoint=f"http://127.0.0.1:{port_of_nobody}")
    else:
        away = replace(away, store=re.sub(r":\d+/", f":{port_of_nobody}/", away.store))
    with evidence_server(away, tmp_path / "access.log") as port:
        status, body, headers = fetch(f"http://127.0.0.1:{port}/c/{capture_id}")
        assert status == 502
        assert headers["Retry-After"]
        assert json.loads(body)["error"].startswith("The store cannot be read now.")
        assert fetch(f"http://127.0.0.1:{port}/healthz")[0] == 200


def test_wrong_clock_is_named_and_its_correction_is_enough(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import botocore.auth

    capture_id, _ = stored_capture(s3(folder), tmp_path / "spool")
    lines: list[str] = []
    access = access_of(EvidenceServerSettings(evidence_token=TOKEN))

    def opened() -> int:
        """What a server answers that has just started."""
        log = AccessLog(None, io.BytesIO())
        service = EvidenceService(open_readable(s3(folder)), access, log, lines.append)
        return service.answer(Request("GET", f"/c/{capture_id}", "", f"Bearer {TOKEN}")).status.value

    real = botocore.auth.get_current_datetime
    with monkeypatch.context() as clock:
        clock.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: real(*a, **k) + timedelta(hours=1))
        assert opened() == 502
    assert "RequestTimeTooSkewed" in lines[0]
    assert "Correct the clock of this machine" in lines[0]
    assert opened() == 200
