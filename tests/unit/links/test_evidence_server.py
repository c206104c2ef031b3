"""evidence_server.py: what is served, to whom, and that nothing else can be reached."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.errors import NotStored
from debugcapture.links.access import AccessLog, access_of
from debugcapture.links.evidence_server import Caches, EvidenceService
from debugcapture.links.index import entry_key
from debugcapture.manifest import PAGE, Stored
from debugcapture.serving.http import Reply, Request
from debugcapture.settings.evidence import EvidenceServerSettings
from debugcapture.stores.base import ReadableStore
from debugcapture.stores.links import _LinkedStore, evidence_server_links
from tests.unit.builders import NOON, file_store
from tests.unit.links.stored import SigningStore, stored_capture

USER = {"x-user": "alice"}
BROWSER = {**USER, "accept": "text/html,*/*"}
TEXTS = {"jvm-threads.txt": "threads", "logs/app 1.log": "started", "heap.hprof": "<script>", "page.html": "<script>"}


class CountingStore(SigningStore):
    """Counts its reads. ``error`` is what they raise."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.error: NotStored | None = None

    def read(self, key: str) -> bytes | None:
        self.reads.append(key)
        if self.error:
            raise self.error
        return super().read(key)


@dataclass
class World:
    """A service and what it wrote."""

    service: EvidenceService
    output: io.BytesIO
    lines: list[str]

    def get(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> Reply:
        request = Request(method, path, "", "", "127.0.0.1", USER if headers is None else headers)
        return self.service.answer(request)

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.getvalue().splitlines()]


def world(store: ReadableStore) -> World:
    output, lines = io.BytesIO(), list[str]()
    access = access_of(EvidenceServerSettings(user_header="X-User"))
    return World(EvidenceService(store, access, AccessLog(None, output), lines.append), output, lines)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


def published(store: SigningStore, spool: Path, *, with_server_links: bool = False) -> str:
    """Publish a capture, as the step does, and return its ID."""
    linked = _LinkedStore(store, evidence_server_links("https://evidence")) if with_server_links else store
    return stored_capture(spool, linked, TEXTS)[0].capture_id


def links_in(reply: Reply) -> list[str]:
    assert isinstance(reply.body, str)
    return re.findall(r'href="([^"]*)"', reply.body)


def content(reply: Reply) -> bytes:
    """What a WSGI server sends. It closes the file in any case."""
    assert reply.pieces
    with closing(reply.pieces):
        return b"".join(reply.pieces)


def test_page_with_server_links_is_a_redirect(store: CountingStore, tmp_path: Path) -> None:
    capture_id = published(store, tmp_path, with_server_links=True)
    server = world(store)
    reply = server.get(f"/c/{capture_id}")
    assert reply.status == HTTPStatus.FOUND
    link = reply.headers["Location"]
    assert link.startswith(f"https://s3.example/captures/debug/shop/checkout/{capture_id}/{PAGE}?a=1&signature=")
    (entry,) = server.log()
    assert entry.pop("time")
    assert entry == {
        "user": "alice",
        "by": "proxy",
        "address": "127.0.0.1",
        "method": "GET",
        "path": f"/c/{capture_id}",
        "status": 302,
        "served": "link",
        "key": f"shop/checkout/{capture_id}/{PAGE}",
        "link_until": (store.time + timedelta(days=7)).isoformat(timespec="seconds"),
    }
    assert "signature" not in server.output.getvalue().decode()


def test_page_whose_links_expire_is_served_with_links_to_the_server(store: CountingStore, tmp_path: Path) -> None:
    capture_id = published(store, tmp_path)
    server = world(store)
    reply = server.get(f"/c/{capture_id}")
    assert (reply.status, reply.headers["Content-Type"]) == (HTTPStatus.OK, "text/html; charset=utf-8")
    assert reply.headers["Content-Security-Policy"].startswith("sandbox allow-downloads")
    assert links_in(reply) == [f"{capture_id}/{name}" for name in ("jvm-threads.txt", "logs/app%201.log")] + [
        f"{capture_id}/heap.hprof",
        f"{capture_id}/page.html",
    ]
    for path in (f"/c/{capture_id}/", f"/c/{capture_id}/{PAGE}"):
        assert links_in(server.get(path))[0] == f"../{capture_id}/jvm-threads.txt"
    file = server.get(f"/c/{capture_id}/logs/app 1.log")
    assert file.status == HTTPStatus.FOUND
    assert "/logs/app%201.log?a=1&signature=" in file.headers["Location"]
    assert [entry["served"] for entry in server.log()] == ["page", "page", "page", "link"]


def test_files_of_a_directory_are_served_with_the_headers_of_a_store(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    capture_id = stored_capture(tmp_path / "spool", file_store(root), TEXTS)[0].capture_id
    server = world(file_store(root))
    page = server.get(f"/c/{capture_id}")
    assert links_in(page)[0] == f"{capture_id}/jvm-threads.txt"
    text, dump, other = (
        server.get(f"/c/{capture_id}/{name}") for name in ("jvm-threads.txt", "heap.hprof", "page.html")
    )
    assert [content(reply) for reply in (text, dump, other)] == [b"threads", b"<script>", b"<script>"]
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Content-Disposition" not in text.headers
    for reply in (dump, other):
        assert reply.headers["Content-Type"] == "application/octet-stream"
        assert reply.headers["Content-Disposition"] == "attachment"
        assert reply.headers["Content-Length"] == "8"
    (root / "shop" / "checkout" / capture_id / "heap.hprof").unlink()
    assert server.get(f"/c/{capture_id}/heap.hprof").status == HTTPStatus.NOT_FOUND


def test_page_of_many_pods_leads_to_the_pages_of_pods(store: CountingStore, tmp_path: Path) -> None:
    capture_id = published(store, tmp_path)
    pod = "20260102T120000Z-checkout-7d9f-abcde-9f9f"
    key = f"shop/checkout/{capture_id}/{PAGE}"
    store.files[key] = f'<a href="https://s3/x/shop/checkout/{pod}/{PAGE}?a=1">p</a> <a href="http://[">q</a>'.encode()
    assert links_in(world(store).get(f"/c/{capture_id}")) == [pod, "http://["]
    assert links_in(world(store).get(f"/c/{capture_id}/")) == [f"../{pod}", "http://["]


def test_changed_page_links_nothing_that_the_index_does_not_name(store: CountingStore, tmp_path: Path) -> None:
    capture_id = published(store, tmp_path)
    key, other = f"shop/checkout/{capture_id}", "shop/checkout/20260102T120000Z-other-1a2b"
    hrefs = [f"https://s3/{key}/secret", f"https://s3/{key}/../{other}/heap", f"https://s3/{other}/heap.hprof"]
    store.files[f"{key}/{PAGE}"] = "".join(f'<a href="{href}">x</a>' for href in hrefs).encode()
    assert links_in(world(store).get(f"/c/{capture_id}")) == hrefs


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/c",
        "/c/",
        "//c/ID",
        "/C/ID",
        "/c/ID2",
        "/c/../c/ID",
        "/c/ID/../../secret",
        "/c/ID/..",
        "/c/ID/./jvm-threads.txt",
        "/c/ID//jvm-threads.txt",
        "/c/ID/secret",
        "/c/ID/logs",
        "/c/ID/jvm-threads.txt/",
        "/c/ID/jvm-threads.txt\0",
        "/c/ID\n",
        "/c/_captures",
        "/c/_captures/ID.json",
        "/c/shop/checkout/ID/index.html",
        "/c/20260102T120000Z-nobody-1a2b",
        "/c/20260102T120000Z-" + "a" * 300,
        "/c/\xff\xfe",
        "/c/\u0662\u0660",
        "/_captures/ID.json",
    ],
)
def test_nothing_else_can_be_reached(path: str, store: CountingStore, tmp_path: Path) -> None:
    capture_id = published(store, tmp_path)
    store.files |= {"secret": b"x", f"shop/checkout/{capture_id}/secret": b"x"}
    server = world(store)
    for headers in (USER, BROWSER):
        reply = server.get(path.replace("ID", capture_id), headers=headers)
        assert reply.status == HTTPStatus.NOT_FOUND
        assert "retention time" in str(reply.body)
    allowed = {entry_key(capture_id), entry_key(f"{capture_id}2"), entry_key("20260102T120000Z-nobody-1a2b")}
    assert set(store.reads) <= allowed
    assert {entry["served"] for entry in server.log()} == {""}


@given(st.text())
def test_every_path_gets_a_response(path: str) -> None:
    server = world(CountingStore())
    assert server.get(path).status in (HTTPStatus.NOT_FOUND, HTTPStatus.OK)
    assert server.get(f"/c/{path}").status == HTTPStatus.NOT_FOUND


def test_other_clients_get_no_response_content(store: CountingStore, tmp_path: Path) -> None:
    capture_id = published(store, tmp_path)
    server = world(store)
    assert server.get(f"/c/{capture_id}", headers={}).status == HTTPStatus.UNAUTHORIZED
    forged = Request("GET", f"/c/{capture_id}", "", "", "192.0.2.7", USER)
    assert server.service.answer(forged).status == HTTPStatus.FORBIDDEN
    assert store.reads == []
    assert [(entry["status"], entry["user"], entry["served"]) for entry in server.log()] == [
        (401, "", ""),
        (403, "", ""),
    ]
    assert server.get("/healthz", headers={}).status == HTTPStatus.OK


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
def test_only_get_is_accepted(method: str, store: CountingStore) -> None:
    assert world(store).get("/c/x", method).status == HTTPStatus.METHOD_NOT_ALLOWED
    assert store.reads == []


def test_the_store_is_queried_once_per_capture_and_minute(store: CountingStore, tmp_path: Path) -> None:
    capture_id = published(store, tmp_path, with_server_links=True)
    server, signatures = world(store), store.signatures
    for _ in range(50):
        assert server.get(f"/c/{capture_id}").status == HTTPStatus.FOUND
        assert server.get("/c/20260102T120000Z-nobody-1a2b").status == HTTPStatus.NOT_FOUND
    assert store.reads == [entry_key(capture_id), entry_key("20260102T120000Z-nobody-1a2b")]
    assert store.signatures == signatures + 1


def test_store_that_is_down_is_a_clear_page(store: CountingStore, tmp_path: Path) -> None:
    capture_id = published(store, tmp_path)
    server = world(store)
    store.error = NotStored("cannot read s3://captures/<x>", "connection refused", "Check s3_endpoint.")
    page = server.get(f"/c/{capture_id}", headers=BROWSER)
    assert page.status == HTTPStatus.BAD_GATEWAY
    assert "<h1>502 Bad Gateway</h1>" in str(page.body)
    assert "cannot read s3://captures/&lt;x&gt;: connection refused. Try again in a minute." in str(page.body)
    assert json.loads(str(server.get(f"/c/{capture_id}").body))["error"].startswith("The store cannot be read now.")
    assert server.lines[0] == str(store.error)


def test_head_has_the_headers_only(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    capture_id = stored_capture(tmp_path / "spool", file_store(root), TEXTS)[0].capture_id
    server = world(file_store(root))
    reply = server.get(f"/c/{capture_id}/heap.hprof", "HEAD")
    assert (reply.body, reply.pieces, reply.headers["Content-Length"]) == (b"", None, "8")


def test_no_evidence_is_served_without_the_log(store: CountingStore, tmp_path: Path) -> None:
    capture_id = published(store, tmp_path)
    server = world(store)
    log = AccessLog(tmp_path / "no" / "access.log", io.BytesIO())
    reply = replace(server.service, log=log).answer(Request("GET", f"/c/{capture_id}", address="::1", headers=USER))
    assert reply.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert "Location" not in reply.headers
    assert "cannot write the access log: No such file or directory" in server.lines[0]


def test_too_many_slow_readers_do_not_block_the_rest(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    capture_id = stored_capture(tmp_path / "spool", file_store(root), TEXTS)[0].capture_id
    server = world(file_store(root))
    service = replace(server.service, caches=Caches(slow_requests=2))
    get = ask_as_user(service)
    page = get(f"/c/{capture_id}")
    readers = [get(f"/c/{capture_id}/heap.hprof") for _ in range(2)]
    assert get(f"/c/{capture_id}/heap.hprof").status == HTTPStatus.SERVICE_UNAVAILABLE
    assert get(f"/c/{capture_id}").body == page.body
    assert [content(reader) for reader in readers] == [b"<script>"] * 2
    assert content(get(f"/c/{capture_id}/heap.hprof")) == b"<script>"


def ask_as_user(service: EvidenceService) -> Callable[[str], Reply]:
    return lambda path: service.answer(Request("GET", path, address="::1", headers=USER))


def test_store_without_links_in_a_browser_is_reported(store: CountingStore, tmp_path: Path) -> None:
    capture_id = published(store, tmp_path, with_server_links=True)

    class Elsewhere(CountingStore):
        def locate(self, key: str, size: int, sha256: str) -> Stored:
            return Stored(key, f"web://x/{key}", f"web://x/{key}", NOON, size, sha256)

    elsewhere = Elsewhere()
    elsewhere.files = store.files
    reply = world(elsewhere).get(f"/c/{capture_id}")
    assert reply.status == HTTPStatus.BAD_GATEWAY
    assert "this kind of store has no links" in str(reply.body)
