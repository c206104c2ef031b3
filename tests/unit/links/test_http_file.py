"""http_file.py: the content behind a link in pieces, and errors without the signature of the link."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import urllib3

from debugcapture.errors import NotStored
from debugcapture.links.http_file import open_link

CONTENT = b"x" * (3 << 20)


class Handler(BaseHTTPRequestHandler):
    """Responds with the status in the path. 200 has a content, and 206 is the same, cut in the middle."""

    def do_GET(self) -> None:
        status = int(self.path[1:4])
        self.send_response(200 if status == 206 else status)
        content = CONTENT if status in (200, 206) else b""
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if status == 206 else content)

    def log_message(self, *_: object) -> None:
        """Write no log."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_the_content_is_sent_in_pieces(url: str) -> None:
    pieces = open_link(f"{url}/200")
    assert pieces is not None
    sizes = [len(piece) for piece in pieces]
    assert (sum(sizes), max(sizes)) == (len(CONTENT), 1 << 20)


def test_a_file_that_does_not_exist(url: str) -> None:
    assert open_link(f"{url}/404") is None


def test_a_store_that_refuses(url: str) -> None:
    with pytest.raises(NotStored, match=rf"cannot read {url}/403: the store returned HTTP 403") as caught:
        open_link(f"{url}/403?X-Amz-Signature=5ecret")
    assert "5ecret" not in str(caught.value)


def test_a_content_that_is_cut_is_an_error(url: str) -> None:
    pieces = open_link(f"{url}/206")
    assert pieces is not None
    with pytest.raises(NotStored, match=f"cannot read {url}/206"):
        list(pieces)


def test_a_store_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    waits_s: list[float] = []
    monkeypatch.setattr(urllib3.Retry, "sleep", lambda retry, _response=None: waits_s.append(retry.get_backoff_time()))
    with pytest.raises(NotStored, match="cannot read http://127.0.0.1:9/x: .*refused"):
        open_link("http://127.0.0.1:9/x?sig=1")
    assert waits_s == [0, 1, 2]
