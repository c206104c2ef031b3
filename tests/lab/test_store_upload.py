"""store-upload against a server that fails in every way a store does."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lab.paths import REPO
from lab.prerequisites import go_binary, run_go

pytestmark = pytest.mark.xdist_group("store-upload")

CONTENT = os.urandom(1_000_003)
PIECE = 300_000
SECRET = "signature=s3cret"


class Store(ThreadingHTTPServer):
    """Stores uploads. ``answers`` are the statuses of the next requests; the default is 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[int] = []
        self.parts: dict[str, bytes] = {}

    def address(self, index: int) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{index}?{SECRET}"


class Handler(BaseHTTPRequestHandler):
    server: Store

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status == 200:
            self.server.parts[self.path.partition("?")[0].strip("/")] = body
        content = b"" if status == 200 else b"<Error><Code>SlowDown</Code></Error>"
        self.send_response(status)
        self.send_header("ETag", f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("store-upload") / "store-upload"
    run_go(go_binary(), ["build", "-o", str(built), "."], REPO / "deploy" / "toolbox" / "store-upload")
    return built


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dump"
    path.write_bytes(CONTENT)
    return path


def send(program: Path, file: Path, addresses: list[str]) -> subprocess.CompletedProcess[str]:
    pieces = range(0, len(CONTENT), PIECE)
    requests = [
        {"url": url, "headers": {"X-Sum": "1"}, "offset": begin, "length": min(PIECE, len(CONTENT) - begin)}
        for url, begin in zip(addresses, pieces, strict=True)
    ]
    return subprocess.run(
        [program, "send", file], input=json.dumps(requests) + "\n", capture_output=True, text=True, timeout=60
    )


def test_sums_are_those_of_the_file_and_its_pieces(program: Path, file: Path) -> None:
    sums = json.loads(subprocess.check_output([program, "sums", file, str(PIECE), "100"]))
    assert (sums["size"], sums["sha256"]) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert [piece["length"] for piece in sums["pieces"]] == [PIECE, PIECE, PIECE, len(CONTENT) - 3 * PIECE]
    assert "md5" not in sums["pieces"][0]
    few = json.loads(subprocess.check_output([program, "sums", file, str(PIECE), "2"]))
    assert len(few["pieces"]) == 2
    both = json.loads(subprocess.check_output([program, "sums", file, str(PIECE), "100", "md5"]))
    assert [piece.pop("md5") for piece in both["pieces"]] == [md5(begin) for begin in range(0, len(CONTENT), PIECE)]
    assert both == sums


def md5(begin: int) -> str:
    piece = hashlib.md5(CONTENT[begin : begin + PIECE], usedforsecurity=False)
    return base64.b64encode(piece.digest()).decode()


def test_every_piece_arrives_although_the_store_is_busy(program: Path, file: Path, store: Store) -> None:
    store.answers = [503, 500, 429]
    process = send(program, file, [store.address(index) for index in range(4)])
    assert process.returncode == 0, process.stderr
    assert b"".join(store.parts[str(index)] for index in range(4)) == CONTENT
    tags = dict(line.removeprefix("sent ").split() for line in process.stdout.splitlines())
    assert tags["0"] == hashlib.md5(CONTENT[:PIECE], usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_only_a_regular_file_is_read(kind: str, program: Path, file: Path, tmp_path: Path, store: Store) -> None:
    """A process of the target could replace its dump by a link to a file of the debug container."""
    odd = tmp_path / "odd"
    if kind == "link":
        odd.symlink_to(file)
    elif kind == "pipe":
        os.mkfifo(odd)
    else:
        odd.mkdir()
    reason = "is a symbolic link" if kind == "link" else "is not a regular file"
    sums = subprocess.run([program, "sums", odd, "1000", "10"], capture_output=True, text=True, timeout=10)
    assert (sums.returncode, sums.stdout) == (1, "")
    assert reason in sums.stderr
    process = send(program, odd, [store.address(index) for index in range(4)])
    assert process.returncode == 1
    assert reason in process.stderr
    assert not store.parts


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(403, "the store returned HTTP 403 SlowDown"), (0, "connection refused")],
    ids=["403", "nobody"],
)
def test_failure_is_reported_without_the_signed_url(
    answer: int, reason: str, program: Path, file: Path, store: Store
) -> None:
    store.answers = [answer] * 20
    addresses = [store.address(index) if answer else f"http://127.0.0.1:9/{index}?{SECRET}" for index in range(4)]
    process = send(program, file, addresses)
    assert process.returncode == 1
    assert reason in process.stderr
    assert len(process.stderr.splitlines()) == 1
    assert "s3cret" not in process.stderr + process.stdout
