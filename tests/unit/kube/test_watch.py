"""watch.py: one watch follows an object, whatever happens to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

import pytest
from urllib3.exceptions import ProtocolError

from debugcapture.errors import NotAllowed, TargetNotFound, Unreachable
from debugcapture.kube.client import Api
from debugcapture.kube.outage import Outages
from debugcapture.kube.streams import Streams
from debugcapture.kube.watch import WatchedObject, watch_object
from debugcapture.model import Json
from tests.unit.clock import Clock

PLACE = WatchedObject("/api/v1/namespaces/shop/pods", "web-0")


def watched(version: str) -> Json:
    return {"metadata": {"name": "web-0", "resourceVersion": version}}


def event(kind: str, version: str) -> bytes:
    return json.dumps({"type": kind, "object": watched(version)}).encode() + b"\n"


class Response:
    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces, self.is_closed = pieces, False

    def stream(self, _size: int) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        self.is_closed = True


class Server:
    """Answers each watch with the next of ``responses``."""

    def __init__(self, *responses: Response | Exception) -> None:
        self.responses, self.listed, self.queries = list(responses), 0, list[dict[str, str]]()
        self.outages = Outages(lambda: True)
        self.streams = Streams()
        self.clock = Clock()
        self.items: list[Json] = [watched("1")]

    def get(self, _path: str, _doing: str, query: dict[str, str]) -> Json:
        assert query == {"fieldSelector": "metadata.name=web-0"}
        self.listed += 1
        return {"items": self.items, "metadata": {"resourceVersion": str(100 * self.listed)}}

    def stream(self, _path: str, _doing: str, query: dict[str, str], _silence_s: float) -> Response:
        self.queries.append(query)
        answer = self.responses.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def versions(server: Server, most: int, within_s: float = 60) -> list[str]:
    changes = islice(watch_object(cast("Api", server), PLACE, within_s), most)
    return [item["metadata"]["resourceVersion"] for item in changes]


def test_one_watch_reports_each_change_however_the_response_is_split() -> None:
    text = event("MODIFIED", "101") + event("BOOKMARK", "102") + event("MODIFIED", "103")
    server = Server(Response(text[:30], text[30:90], text[90:]))
    assert versions(server, 3) == ["1", "101", "103"]
    assert (server.listed, len(server.queries)) == (1, 1)
    assert server.queries[0]["resourceVersion"] == "100"


def test_watch_that_the_server_ends_continues_where_it_was() -> None:
    server = Server(Response(event("MODIFIED", "101")), Response(event("MODIFIED", "105")))
    assert versions(server, 3) == ["1", "101", "105"]
    assert [query["resourceVersion"] for query in server.queries] == ["100", "101"]
    assert server.listed == 1


@pytest.mark.parametrize(
    "broken",
    [Response(ProtocolError("broken")), Response(event("ERROR", "")), Unreachable("x", "y")],
    ids=["broken off", "event of an error", "unreachable"],
)
def test_after_a_break_the_object_is_read_again(broken: Any) -> None:
    server = Server(broken, Response(event("MODIFIED", "205")))
    assert versions(server, 3) == ["1", "1", "205"]
    assert server.queries[1]["resourceVersion"] == "200"


def test_deleted_or_missing_object_is_reported() -> None:
    with pytest.raises(TargetNotFound, match="was deleted"):
        versions(Server(Response(event("DELETED", "101"))), 5)
    server = Server()
    server.items = []
    with pytest.raises(TargetNotFound, match="does not exist"):
        versions(server, 5)


def test_where_watching_is_not_allowed_it_is_read_again_and_again() -> None:
    server = Server(NotAllowed("cannot watch", "forbidden"))
    assert versions(server, 4) == ["1"] * 4
    assert len(server.queries) == 1


def test_it_ends_at_the_time_limit_and_closes_the_connection() -> None:
    response = Response(event("MODIFIED", "101"))
    server = Server(response)
    assert versions(server, 9, within_s=0) == ["1"]
    list(islice(watch_object(cast("Api", server), PLACE, 60), 2))
    assert server.queries


def test_an_abort_ends_it() -> None:
    server = Server(Response(event("MODIFIED", "101")))
    changes = watch_object(cast("Api", server), PLACE, 60)
    assert next(changes)
    server.streams.break_all()
    with pytest.raises(Exception, match="aborted"):
        list(changes)
