"""The few REST calls that we make, as JSON; every failure becomes one of our errors here.

Source: Kubernetes API reference, core/v1 Pod, Pod log, Event.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from ..errors import NotAllowed, TargetNotFound
from ..model import Json
from ..settings.cluster import ConnectionSettings
from .auth import Connection, connect
from .errors import refused, reported
from .outage import Outages
from .rate_limit import RateLimit
from .resources import path_of, pod_path, pods_path
from .retry import ONCE, retries
from .streams import Streams

CONNECT_S, READ_S = 10, 60
SIDE_BY_SIDE = 10  # connections kept open; more are opened as needed
PAGE = 500  # objects a request, as kubectl asks for
STRATEGIC_MERGE = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


@dataclass(frozen=True, slots=True)
class Change:
    """A request that changes an object; the server does not do it, only checks it, with ``dry_run``."""

    doing: str  # begins the message of an error
    path: str
    method: Literal["PATCH", "DELETE"] = "PATCH"
    body: Json | list[Json] | None = None
    content_type: str = STRATEGIC_MERGE
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _Request:
    """One HTTP request; ``doing`` begins the message of its error."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    doing: str
    query: Mapping[str, str] | None = None
    body: Json | list[Json] | None = None
    content_type: str = "application/json"
    accept: str = ""
    streamed: bool = False  # its answer is read bit by bit, by the caller
    silence_s: float = 0  # without a byte; 0: as long as patience has it
    urgent: bool = False  # it overtakes others that wait for their turn: the pod may be gone a second later


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request may take, and whether it is repeated."""

    connect_s: float = CONNECT_S
    read_s: float = READ_S  # between two pieces of an answer
    repeats: bool = True


PATIENT = Patience()
IMPATIENT = Patience(3, 10, repeats=False)  # somebody looks at a form meanwhile


class Api:
    """The API server of one cluster."""

    def __init__(self, connection: Connection, patience: Patience = PATIENT) -> None:
        """Use ``connection``; the first request opens it."""
        self.connection, self._patience = connection, patience
        options: dict[str, Any] = {
            "ssl_context": connection.tls,
            "maxsize": SIDE_BY_SIDE,
        }
        if connection.server_name:
            options |= {"server_hostname": connection.server_name, "assert_hostname": connection.server_name}
        proxy = connection.proxy
        self._pool = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
        self.streams = Streams()
        self.has_answered = False
        self.outages = Outages(self._is_ready)
        self._rate = RateLimit(connection.requests_per_s, 2 * connection.requests_per_s)
        self._repeated = 0

    @property
    def requests(self) -> int:
        """Return how many requests have been made, repeated ones and streams among them."""
        return self._rate.taken + self._repeated

    def admit(self, *, urgent: bool = False) -> None:
        """Wait for the turn of a request, and count it; ``urgent`` ones overtake others that wait."""
        self._rate.take(urgent=urgent)

    def pod(self, namespace: str, name: str) -> Json:
        """Return the pod. Raises TargetNotFound, NotAllowed, Unreachable."""
        return self.get(pod_path(namespace, name), f"cannot read pod {namespace}/{name}")

    def pods(self, namespace: str, selector: str = "") -> list[Json]:
        """Return the pods of ``namespace`` that ``selector`` (labels) means."""
        doing = f"cannot list pods of {namespace}"
        return self.items(pods_path(namespace), doing, {"labelSelector": selector} if selector else {})

    def items(self, path: str, doing: str, query: Mapping[str, str] | None = None) -> list[Json]:
        """Return the items of the list at ``path``."""
        return [item for page in self.pages(path, doing, query) for item in page]

    def names(self, path: str, doing: str, query: Mapping[str, str] | None = None) -> list[Json]:
        """Return the items of the list at ``path`` with nothing but their metadata: that is all the server sends."""
        return [item for page in self.pages(path, doing, query, NAMES_ONLY) for item in page]

    def pages(
        self, path: str, doing: str, query: Mapping[str, str] | None = None, accept: str = ""
    ) -> Iterator[list[Json]]:
        """Yield the items of the list at ``path``, some hundred at a time."""
        asked = {**(query or {}), "limit": str(PAGE)}
        while True:
            answer = self.get(path, doing, asked, accept)
            yield answer.get("items") or []
            more = (answer.get("metadata") or {}).get("continue")
            if not more:
                return
            asked["continue"] = more

    def namespace_exists(self, namespace: str) -> bool:
        """Tell whether ``namespace`` is there; True where we may not know."""
        try:
            self.get(path_of("Namespace", name=namespace), f"cannot read namespace {namespace}")
        except TargetNotFound:
            return False
        except NotAllowed:
            return True
        return True

    def node_ready(self, name: str) -> bool | None:
        """Tell whether the node is ready; None where we may not know."""
        try:
            node = self.get(path_of("Node", name=name), f"cannot read node {name}")
        except (NotAllowed, TargetNotFound):
            return None
        conditions = node["status"].get("conditions") or []
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def events(self, namespace: str, uid: str) -> list[Json]:
        """Return the events about the object with ``uid``, oldest first."""
        found = self.items(
            path_of("Event", namespace),
            f"cannot list events of {namespace}",
            {"fieldSelector": f"involvedObject.uid={uid}"},
        )
        return sorted(found, key=_event_time)

    def log(
        self, namespace: str, pod: str, container: str, *, previous: bool = False, tail_lines: int, since_s: int = 0
    ) -> Iterator[bytes]:
        """Yield the container's log as it arrives, each line with its time; ``previous``: of its run before.

        ``since_s``: only of the last seconds; 0 for all.
        """
        query = {"container": container, "timestamps": "true", "tailLines": str(tail_lines)}
        query |= {"previous": "true"} if previous else {}
        query |= {"sinceSeconds": str(since_s)} if since_s else {}
        doing = f"cannot read the log of {namespace}/{pod} (container {container})"
        with reported(doing):
            path = f"{pod_path(namespace, pod)}/log"
            response = self._request(_Request("GET", path, doing, query, streamed=True))
            try:
                yield from response.stream(1 << 16)
            except HTTPError:
                self.outages.notice()
                raise
            finally:
                response.release_conn()

    def patch_ephemeral_containers(self, namespace: str, pod: str, container: Json) -> Json:
        """Add ``container`` to the pod's ephemeral containers and return the pod.

        The list is merged by name, so captures that attach at the same time do not disturb each other.
        """
        body = {"spec": {"ephemeralContainers": [container]}}
        doing = f"cannot attach a debug container to {namespace}/{pod}"
        path = f"{pod_path(namespace, pod)}/ephemeralcontainers"
        return self._json(_Request("PATCH", path, doing, body=body, content_type=STRATEGIC_MERGE, urgent=True))

    def post(self, path: str, doing: str, body: Json) -> Json:
        """Send ``body`` to ``path`` and return the answer; ``doing`` begins the message of an error."""
        return self._json(_Request("POST", path, doing, body=body))

    def create_pod(self, pod: Json) -> Json:
        """Create ``pod`` and return it as the server keeps it."""
        namespace = pod["metadata"]["namespace"]
        return self.post(pods_path(namespace), f"cannot create a pod in {namespace}", pod)

    def delete_pod(self, namespace: str, name: str) -> None:
        """Delete the pod at once. Raises TargetNotFound when it is gone."""
        doing = f"cannot delete pod {namespace}/{name}"
        with reported(doing):
            self._request(_Request("DELETE", pod_path(namespace, name), doing, {"gracePeriodSeconds": "0"}))

    def change(self, change: Change) -> None:
        """Change or delete an object. Raises TargetNotFound, NotAllowed, Rejected."""
        query = {"dryRun": "All"} if change.dry_run else {}
        request = _Request(change.method, change.path, change.doing, query, change.body, change.content_type)
        with reported(change.doing):
            self._request(request)

    def get(self, path: str, doing: str, query: Mapping[str, str] | None = None, accept: str = "") -> Json:
        """Return the JSON at ``path``; ``doing`` begins the message of an error."""
        return self._json(_Request("GET", path, doing, query, accept=accept))

    def stream(self, path: str, doing: str, query: Mapping[str, str], silence_s: float) -> BaseHTTPResponse:
        """Open what the server sends bit by bit, as a watch does; an abort breaks it. Who closes it is the caller.

        An error is told by `reported`, here and while it is read; ``silence_s`` without a byte is one.
        """
        with reported(doing):
            return self._request(_Request("GET", path, doing, query, streamed=True, silence_s=silence_s))

    def headers(self) -> dict[str, str]:
        """Return the headers that say who we are."""
        authorization = self.connection.authorization()
        return {"Authorization": authorization} if authorization else {}

    def _json(self, request: _Request) -> Json:
        """Return the JSON that answers ``request``."""
        with reported(request.doing):
            return cast("Json", self._request(request).json())

    def _request(self, request: _Request) -> BaseHTTPResponse:
        """Send ``request``, again where that may help, and return its answer: the only way to the server but exec."""
        url = self.connection.server + request.path + (f"?{urlencode(request.query)}" if request.query else "")
        headers = self.headers() | {"Content-Type": request.content_type}
        headers |= {"Accept": request.accept} if request.accept else {}
        body = None if request.body is None else json.dumps(request.body)
        timeout = urllib3.Timeout(connect=self._patience.connect_s, read=request.silence_s or self._patience.read_s)
        while True:
            self.admit(urgent=request.urgent)
            asked_at = self.outages.now()
            try:
                response = self._pool.request(
                    request.method,
                    url,
                    body=body,
                    headers=headers,
                    preload_content=not request.streamed,
                    redirect=False,
                    retries=retries(request.method, has_answered=self.has_answered) if self._patience.repeats else ONCE,
                    timeout=timeout,
                )
            except HTTPError:
                self.has_answered = False
                self.outages.notice()
                raise
            self.has_answered = True
            self._take_note(response.retries)
            if response.status < 400:
                return response
            if not self.excuses(response.status, asked_at):
                raise refused(request.doing, response.status, response.data)
            response.drain_conn()

    def excuses(self, status: int, asked_at: float) -> bool:
        """Tell whether to ask again after an HTTP ``status``: the server may just have started; see `Outages`."""
        waits = self._patience.repeats and not self.streams.broken
        return waits and self.outages.excuse(status, asked_at)

    def _is_ready(self) -> bool:
        """Ask the server whether it is ready; what lies before it may have no such path, and it is not told then."""
        self.admit(urgent=True)
        try:
            url, timeout = f"{self.connection.server}/readyz", self._patience.connect_s
            answer = self._pool.request(
                "GET", url, headers=self.headers(), redirect=False, retries=ONCE, timeout=timeout
            )
        except HTTPError:
            return False
        return answer.status < 500

    def _take_note(self, repeats: urllib3.Retry | None) -> None:
        history = repeats.history if repeats else ()
        self._repeated += len(history)
        if any(one.error for one in history):
            self.outages.notice()


def open_api(settings: ConnectionSettings, patience: Patience = PATIENT) -> Api:
    """Return the API server that ``settings`` name; the first request opens the connection. Raises BadInput."""
    return Api(connect(settings), patience)


def _event_time(event: Json) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp", ""))
