"""Wait for an object to change by one watch, instead of asking again and again.

Source: Kubernetes API concepts, "Efficient detection of changes"; "410 Gone" and bookmarks are told there.
"""

import json
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass

from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from ..errors import NotAllowed, TargetNotFound, Unreachable
from ..model import Json
from .client import Api
from .resources import pods_path

_LONGEST_S = 300  # of one watch; the server ends it, and the next goes on where it was
_GRACE_S = 15  # by which a server may be late to end it
_PAUSE_S = 1.0  # after a watch that broke, and between two looks where watching is not allowed


@dataclass(frozen=True, slots=True)
class Watched:
    """An object of a collection on the API server."""

    collection: str  # its path
    name: str

    @property
    def doing(self) -> str:
        """Return how the message of an error begins."""
        return f"cannot watch {self.collection.rpartition('/')[2]} {self.name}"


def pod_changes(api: Api, namespace: str, name: str, within_s: float) -> Iterator[Json]:
    """Yield the pod as it is now, and after each change; see `changes`."""
    return changes(api, Watched(pods_path(namespace), name), within_s)


def changes(api: Api, watched: Watched, within_s: float) -> Iterator[Json]:
    """Yield the object as it is now, and after each change, for ``within_s``.

    A watch that breaks is begun again; where watching is not allowed, the object is read once a second. Raises
    TargetNotFound when it is not there, or is deleted, and what `Api.get` raises. An abort ends it.
    """
    deadline = time.monotonic() + within_s
    try:
        yield from _watched(api, watched, deadline)
    except NotAllowed:
        yield from _polled(api, watched, deadline)


def _watched(api: Api, watched: Watched, deadline: float) -> Iterator[Json]:
    version, was_there = "", False
    while not api.streams.broken:
        if not version:
            try:
                now, version = _listed(api, watched)
            except Unreachable:  # a server that is away for a while is waited for, one that never was there is not
                if not was_there or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_S)
                continue
            was_there = True
            yield now
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return
        began = time.monotonic()
        version = yield from _followed(api, watched, version, min(left_s, _LONGEST_S))
        if time.monotonic() - began < _PAUSE_S:
            time.sleep(min(_PAUSE_S, max(0.0, deadline - time.monotonic())))


def _followed(api: Api, watched: Watched, version: str, within_s: float) -> Generator[Json, None, str]:
    """Yield the object after each change since ``version``; return the last one, "" where it has to be read anew."""
    try:
        for kind, one in _events(api, watched, version, within_s):
            if kind == "ERROR":  # mostly 410: the server does not know any more what was then
                return ""
            version = one["metadata"]["resourceVersion"]
            if kind == "DELETED":
                raise TargetNotFound(watched.doing, "it was deleted")
            if kind != "BOOKMARK":
                yield one
    except (HTTPError, OSError, Unreachable):
        api.outages.notice()
        return ""
    return version


def _listed(api: Api, watched: Watched) -> tuple[Json, str]:
    """Return the object, and the version of the list from which to watch."""
    answer = api.get(watched.collection, watched.doing, {"fieldSelector": f"metadata.name={watched.name}"})
    if not answer["items"]:
        raise TargetNotFound(watched.doing, "it does not exist")
    return answer["items"][0], answer["metadata"]["resourceVersion"]


def _events(api: Api, watched: Watched, version: str, within_s: float) -> Iterator[tuple[str, Json]]:
    limit_s = max(1, round(within_s))
    query = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "fieldSelector": f"metadata.name={watched.name}",
        "resourceVersion": version,
        "timeoutSeconds": str(limit_s),
    }
    response = api.stream(watched.collection, watched.doing, query, limit_s + _GRACE_S)
    breakable = _Breakable(response)
    api.streams.add(breakable)
    try:
        for line in _lines(response):
            event = json.loads(line)
            yield event["type"], event["object"]
    finally:
        api.streams.remove(breakable)
        response.close()  # what is left of it is of no use, nor is the connection


def _lines(response: BaseHTTPResponse) -> Iterator[bytes]:
    rest = b""
    for piece in response.stream(1 << 16):
        *lines, rest = (rest + piece).split(b"\n")
        yield from filter(None, lines)


class _Breakable:
    """A response that another thread may break: to shut its connection down wakes who reads it."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response

    def close(self) -> None:
        with suppress(OSError, ValueError, RuntimeError):  # it has ended by itself
            self._response.shutdown()


def _polled(api: Api, watched: Watched, deadline: float) -> Iterator[Json]:
    while not api.streams.broken:
        yield _listed(api, watched)[0]
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return
        time.sleep(min(_PAUSE_S, left_s))
