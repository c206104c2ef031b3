"""A store plugs in with one class, one group of settings and the lines that open it: those of docs/write-a-store.md."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import Bundle, create_bundle
from debugcapture.links.index import entry_key
from tests.stores.certificates import write_certificate
from tests.unit.builders import NOON, artifact, manifest

REPOSITORY = Path(__file__).parents[2]
LOG = b"started\n"


class Server(ThreadingHTTPServer):
    """A web server that accepts PUT. A test can let it lose the end of the content."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, bytes] = {}
        self.logins: list[str | None] = []
        self.loses = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_PUT(self) -> None:
        self.server.logins.append(self.headers["Authorization"])
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.objects[self.path] = content[: len(content) - self.server.loses]
        self._answer(201, 0)

    def do_HEAD(self) -> None:
        self._answer(200, len(self.server.objects[self.path]))

    def _answer(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(certificate: Path) -> Iterator[Server]:
    server = Server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """The plugin's contents with the documented store in them: two new files, and the lines that name them."""
    document = (REPOSITORY / "docs" / "write-a-store.md").read_text()
    store, group, line, case = re.findall(r"```(?:python|text)\n(.*?)```", document, re.DOTALL)
    copy = tmp_path / "contents"
    shutil.copytree(REPOSITORY / "contents", copy, ignore=shutil.ignore_patterns("__pycache__", "lib"))
    (copy / "debugcapture" / "stores" / "web.py").write_text(store)
    (copy / "debugcapture" / "settings" / "web.py").write_text(group)
    assert line.count("\n") == 1
    _insert(
        copy / "debugcapture" / "settings" / "store.py", "from .web import WebSettings\n", "KINDS: Final = (\n", line
    )
    registry = copy / "debugcapture" / "stores" / "registry.py"
    _insert(registry, "from ..settings.web import WebSettings\n", '        case "file":\n', case, before=True)
    return copy


def _insert(file: Path, imported: str, mark: str, lines: str, *, before: bool = False) -> None:
    """Insert ``lines`` after ``mark``, or before it, and ``imported`` above the other imports of the package."""
    text = file.read_text()
    first = re.search(r"^from \.", text, re.MULTILINE)
    assert first
    assert text.count(mark) == 1
    text = text.replace(mark, lines + mark if before else mark + lines)
    file.write_text(text[: first.start()] + imported + text[first.start() :])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(write_certificate(tmp_path / "web.pem")) as running:
        yield running


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    bundle = create_bundle(tmp_path / "spool", "checkout", NOON)
    with bundle.artifact("logs.txt", 1 << 20) as out:
        out.write(LOG)
    logs = artifact(file="logs.txt", bytes=out.bytes, sha256=out.sha256)
    bundle.save(manifest(logs, capture_id=bundle.folder.name))
    return bundle


def upload(plugin: Path, bundle: Bundle, store: str) -> subprocess.CompletedProcess[str]:
    """Run the upload step as Rundeck does."""
    environment = {
        **os.environ,
        "SSL_CERT_FILE": str(bundle.folder.parents[1] / "web.pem"),
        "RD_CONFIG_STORE": store,
        "RD_CONFIG_WEB_TOKEN": "s3cret-of-the-web",
        "RD_CONFIG_SPOOL": str(bundle.folder.parent),
        "RD_CONFIG_BUNDLE": str(bundle.folder),
    }
    words: list[str | Path] = [sys.executable, plugin / "k8s-debug-upload.py"]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def test_the_documented_store_stores_a_bundle(plugin: Path, bundle: Bundle, server: Server) -> None:
    place = f"127.0.0.1:{server.server_address[1]}"
    process = upload(plugin, bundle, f"web://{place}/captures")
    assert process.returncode == 0, process.stderr
    assert set(server.logins) == {"Bearer s3cret-of-the-web"}
    assert "s3cret" not in process.stdout + process.stderr
    folder = f"/captures/shop/checkout/{bundle.folder.name}"
    files = {f"{folder}/{name}" for name in ("logs.txt", "manifest.json", "index.html")}
    assert set(server.objects) == {*files, f"/captures/{entry_key(bundle.folder.name)}"}
    assert server.objects[f"{folder}/logs.txt"] == LOG
    receipt = bundle.receipt()
    assert receipt
    assert receipt.page == f"https://{place}{folder}/index.html"
    assert not (bundle.folder / "logs.txt").exists()


def test_its_error_is_reported_by_the_step_and_keeps_the_bundle(plugin: Path, bundle: Bundle, server: Server) -> None:
    server.loses = 1
    process = upload(plugin, bundle, f"web://127.0.0.1:{server.server_address[1]}/captures")
    assert process.returncode == 6
    assert "the server reports another size" in process.stderr + process.stdout
    assert (bundle.folder / "logs.txt").read_bytes() == LOG


def test_its_url_is_checked_like_every_other(plugin: Path, bundle: Bundle) -> None:
    process = upload(plugin, bundle, "web:/captures")
    assert process.returncode == 2
    assert "store must be web://HOST/FOLDER, s3://BUCKET/PREFIX" in process.stderr + process.stdout
