"""http.py: the WSGI interface. The options server and the evidence server test it as programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from debugcapture.model import Report
from debugcapture.serving.http import Reply, Request, wsgi_application


class Content:
    """Pieces of a file."""

    def __init__(self) -> None:
        self.is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from (b"a", b"b")

    def close(self) -> None:
        self.is_closed = True


class Echo:
    """Answers with one reply and remembers the request."""

    def __init__(self, reply: Reply) -> None:
        self.reply, self.requests, self.lines = reply, list[Request](), list[str]()

    @property
    def report(self) -> Report:
        return self.lines.append

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.reply


def called(service: Echo, method: str = "GET", **environ: str) -> tuple[str, dict[str, str], Iterable[bytes]]:
    started: list[tuple[str, dict[str, str]]] = []

    def start(status: str, headers: list[tuple[str, str]]) -> None:
        started.append((status, dict(headers)))

    fields: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": "/x", **environ}
    pieces = wsgi_application(service)(fields, start)
    return *started[0], pieces


def test_headers_and_the_address_of_the_client_are_read() -> None:
    service = Echo(Reply(HTTPStatus.OK, "{}"))
    called(service, HTTP_X_FORWARDED_USER="alice", HTTP_AUTHORIZATION="Bearer x", REMOTE_ADDR="::1", QUERY_STRING="a=1")
    (request,) = service.requests
    assert request.headers == {"x-forwarded-user": "alice", "authorization": "Bearer x"}
    assert (request.authorization, request.address, request.query) == ("Bearer x", "::1", "a=1")


def test_long_body_is_sent_in_pieces() -> None:
    body = "ä" * (100 << 10)
    status, headers, pieces = called(Echo(Reply(HTTPStatus.OK, body, {"Content-Type": "text/html"})))
    parts = list(pieces)
    assert (status, headers["Content-Type"]) == ("200 OK", "text/html")
    assert headers["Content-Length"] == str(200 << 10)
    assert max(map(len, parts)) == 64 << 10
    assert b"".join(parts).decode() == body


def test_head_has_the_length_of_the_body_and_no_body() -> None:
    _, headers, pieces = called(Echo(Reply(HTTPStatus.OK, b"four")), "HEAD")
    assert (headers["Content-Length"], list(pieces)) == ("4", [])


def test_content_of_a_file_is_passed_on() -> None:
    content = Content()
    _, headers, pieces = called(Echo(Reply(HTTPStatus.OK, b"", {"Content-Length": "2"}, content)))
    assert headers["Content-Length"] == "2"
    assert pieces is content
    assert not content.is_closed
