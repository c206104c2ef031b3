"""Waits for changes of an object by a watch, instead of polling.

Source: Kubernetes API concepts, "Efficient detection of changes", which also explains "410 Gone" and bookmarks.
"""

import json
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass

from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from ..errors import NotAllowed, TargetNotFound, Unreachable
from ..model import Json
from .client import Api
from .resources import pods_path

_MAX_WATCH_S = 300  # the server then ends the watch, and the next one continues
_GRACE_S = 15  # how much later the server may end it
_PAUSE_S = 1.0  # after a broken watch, and between two reads if watching is not allowed


@dataclass(frozen=True, slots=True)
class WatchedObject:
    """An object of a collection on the API server."""

    collection: str
    """Path of the collection."""
    name: str

    @property
    def action(self) -> str:
        """Return the beginning of an error message."""
        return f"cannot watch {self.collection.rpartition('/')[2]} {self.name}"


def watch_pod(api: Api, namespace: str, name: str, within_s: float) -> Iterator[Json]:
    """Yield the current pod, and again after each change; see `watch_object`."""
    return watch_object(api, WatchedObject(pods_path(namespace), name), within_s)


def watch_object(api: Api, watched: WatchedObject, within_s: float) -> Iterator[Json]:
    """Yield the current object, and again after each change, for ``within_s`` seconds.

    A watch that breaks is restarted. If RBAC does not allow watches, the object is read once a second. Raises
    TargetNotFound if it does not exist or is deleted, and the errors of `Api.get`. An abort ends the iteration.
    """
    deadline = api.clock.monotonic() + within_s
    try:
        yield from _watch(api, watched, deadline)
    except NotAllowed:
        yield from _poll(api, watched, deadline)


def _watch(api: Api, watched: WatchedObject, deadline: float) -> Iterator[Json]:
    version, has_answered = "", False
    while not api.streams.broken:
        if not version:
            try:
                current, version = _list_object(api, watched)
            except Unreachable:  # wait for a server that has responded before
                if not has_answered or api.clock.monotonic() > deadline:
                    raise
                api.clock.sleep(_PAUSE_S)
                continue
            has_answered = True
            yield current
        left_s = deadline - api.clock.monotonic()
        if left_s <= 0:
            return
        began = api.clock.monotonic()
        version = yield from _follow_changes(api, watched, version, min(left_s, _MAX_WATCH_S))
        if api.clock.monotonic() - began < _PAUSE_S:
            api.clock.sleep(min(_PAUSE_S, max(0.0, deadline - api.clock.monotonic())))


def _follow_changes(api: Api, watched: WatchedObject, version: str, within_s: float) -> Generator[Json, None, str]:
    """Yield the object after each change since ``version``. Return the last version; "" if it must be listed again."""
    try:
        for kind, obj in _watch_events(api, watched, version, within_s):
            if kind == "ERROR":  # usually 410: the server no longer has the version
                return ""
            version = obj["metadata"]["resourceVersion"]
            if kind == "DELETED":
                raise TargetNotFound(watched.action, "it was deleted")
            if kind != "BOOKMARK":
                yield obj
    except (HTTPError, OSError, Unreachable):
        api.outages.record_failure()
        return ""
    return version


def _list_object(api: Api, watched: WatchedObject) -> tuple[Json, str]:
    """Return the object, and the version from which to watch."""
    response = api.get(watched.collection, watched.action, {"fieldSelector": f"metadata.name={watched.name}"})
    if not response["items"]:
        raise TargetNotFound(watched.action, "it does not exist")
    return response["items"][0], response["metadata"]["resourceVersion"]


def _watch_events(api: Api, watched: WatchedObject, version: str, within_s: float) -> Iterator[tuple[str, Json]]:
    limit_s = max(1, round(within_s))
    query = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "fieldSelector": f"metadata.name={watched.name}",
        "resourceVersion": version,
        "timeoutSeconds": str(limit_s),
    }
    response = api.stream(watched.collection, watched.action, query, limit_s + _GRACE_S)
    breakable = _Breakable(response)
    api.streams.add(breakable)
    try:
        for line in _lines(response):
            event = json.loads(line)
            yield event["type"], event["object"]
    finally:
        api.streams.remove(breakable)
        response.close()  # the connection cannot be reused


def _lines(response: BaseHTTPResponse) -> Iterator[bytes]:
    rest = b""
    for piece in response.stream(1 << 16):
        *lines, rest = (rest + piece).split(b"\n")
        yield from filter(None, lines)


class _Breakable:
    """A response that another thread can break. Shutting down the connection wakes the thread that reads it."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response

    def close(self) -> None:
        with suppress(OSError, ValueError, RuntimeError):  # it has already ended
            self._response.shutdown()


def _poll(api: Api, watched: WatchedObject, deadline: float) -> Iterator[Json]:
    while not api.streams.broken:
        yield _list_object(api, watched)[0]
        left_s = deadline - api.clock.monotonic()
        if left_s <= 0:
            return
        api.clock.sleep(min(_PAUSE_S, left_s))
