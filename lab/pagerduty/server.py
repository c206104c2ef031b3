"""The HTTP around the simulated API."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from lab.daemon import HOST
from lab.pagerduty.api import Api
from lab.pagerduty.model import Answer, Request

_LARGEST_BODY = 4 * 1024 * 1024


def serve(state: Path, port: int) -> None:
    """Serves until the process is ended."""
    server(state, port).serve_forever()


def server(state: Path, port: int) -> ThreadingHTTPServer:
    """A server that listens already; port 0 chooses a free one."""
    return _Server(state, port)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # many captures may annotate at the same moment

    def __init__(self, state: Path, port: int) -> None:
        """Listen, with an account of this server's own: tests have several servers in one process."""
        super().__init__((HOST, port), _Handler)
        self.api = Api(state, f"http://{HOST}:{self.server_address[1]}")


class _Handler(BaseHTTPRequestHandler):
    """Turns HTTP into requests and answers."""

    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "lab-pagerduty"
    disable_nagle_algorithm = True  # headers and body go out in two writes: without it each answer takes 40 ms

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST_BODY:
            self.close_connection = True
            self._send(Answer(413, None))
            return
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length)
        request = Request(self.command, unquote(url.path), dict(parse_qsl(url.query)), headers, body)
        self._send(self.server.api.answer(request))

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 (the names that http.server looks for)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.content is not None:
            self.send_header("Content-Type", answer.content_type)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.content or b"")))
        self.end_headers()
        self.wfile.write(answer.content or b"")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the journal has the requests."""
