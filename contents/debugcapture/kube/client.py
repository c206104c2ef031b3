"""The REST calls to the API server, as JSON. Every failure becomes a CaptureError here.

Source: Kubernetes API reference, core/v1 Pod, Pod log, Event.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from ..backoff import Clock
from ..errors import NotAllowed, OptionalApiDown, TargetNotFound, Unreachable
from ..model import ContainerRef, ExitStatus, Json
from ..settings.cluster import ConnectionSettings
from .auth import Connection, connect
from .errors import error_from_status, translated_errors
from .objects import conditions_of
from .outage import Outages
from .rate_limit import RateLimit
from .resources import path_of, pod_path, pods_path
from .retry import ONCE, retry_policy
from .streams import Streams

if TYPE_CHECKING:
    from websocket import WebSocket

    from .exec_stream import Stdio

Dial = Callable[..., "WebSocket"]

CONNECT_S, READ_S = 10, 60
_OPTIONAL_S = 3
POOL_SIZE = 10  # connections that are kept open; more are opened as needed
PAGE_SIZE = 500  # objects per request, as in kubectl
STRATEGIC_MERGE = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


@dataclass(frozen=True, slots=True)
class Change:
    """A request that changes an object."""

    action: str
    """Beginning of its error message: "cannot …"."""
    path: str
    method: Literal["PATCH", "DELETE"] = "PATCH"
    body: Json | list[Json] | None = None
    content_type: str = STRATEGIC_MERGE
    dry_run: bool = False
    """The API server validates the request and changes nothing."""


@dataclass(frozen=True, slots=True)
class _Request:
    """One HTTP request. ``action`` is the beginning of its error message."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    action: str
    query: Mapping[str, str] | None = None
    body: Json | list[Json] | None = None
    content_type: str = "application/json"
    accept: str = ""
    streamed: bool = False
    """The caller reads the response in pieces."""
    silence_s: float = 0
    """Longest time without a byte; 0 for the time in `Patience`."""
    urgent: bool = False
    """Sent before other waiting requests, because the pod may be gone a second later."""
    optional: bool = False
    """Sent once, and given up after _OPTIONAL_S: the capture does not need the response."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request may take, and whether it is retried."""

    connect_s: float = CONNECT_S
    read_s: float = READ_S
    """Longest time between two pieces of a response."""
    repeats: bool = True


PATIENT = Patience()
IMPATIENT = Patience(3, 10, repeats=False)  # a user waits for a form


def open_websocket(url: str, **options: Any) -> "WebSocket":
    """Return an open WebSocket at ``url``."""
    import websocket  # only some steps run commands

    return websocket.create_connection(url, **options)


class Api:
    """The API server of one cluster."""

    def __init__(
        self,
        connection: Connection,
        patience: Patience = PATIENT,
        dial: Dial = open_websocket,
        clock: Clock = time,
    ) -> None:
        """The first request opens ``connection``. ``dial`` opens the stream of a command.

        All waits for what the server reports use ``clock``.
        """
        self.connection, self._patience, self.dial, self.clock = connection, patience, dial, clock
        options: dict[str, Any] = {
            "ssl_context": connection.tls,
            "maxsize": POOL_SIZE,
        }
        if connection.server_name:
            options |= {"server_hostname": connection.server_name, "assert_hostname": connection.server_name}
        proxy = connection.proxy
        self._pool = (
            urllib3.ProxyManager(proxy.url, proxy_headers=proxy.headers, **options)
            if proxy
            else urllib3.PoolManager(**options)
        )
        self.streams = Streams()
        self.has_answered = False
        self.outages = Outages(self._is_ready, clock.monotonic, clock.sleep)
        self._rate = RateLimit(connection.requests_per_s, 2 * connection.requests_per_s)
        self._retried = 0

    @property
    def requests(self) -> int:
        """Return the number of requests, including retries and streams."""
        return self._rate.taken + self._retried

    def wait_for_turn(self, *, urgent: bool = False) -> None:
        """Wait until the rate limit allows a request, and count it. ``urgent`` requests go first."""
        self._rate.take(urgent=urgent)

    def pod(self, namespace: str, name: str) -> Json:
        """Return the pod. Raises TargetNotFound, NotAllowed, Unreachable."""
        return self.get(pod_path(namespace, name), f"cannot read pod {namespace}/{name}")

    def pods(self, namespace: str, selector: str = "") -> list[Json]:
        """Return the pods of ``namespace`` that match the label ``selector``."""
        action = f"cannot list pods of {namespace}"
        return self.items(pods_path(namespace), action, {"labelSelector": selector} if selector else {})

    def items(self, path: str, action: str, query: Mapping[str, str] | None = None) -> list[Json]:
        """Return the items of the list at ``path``."""
        return [item for page in self.pages(path, action, query) for item in page]

    def names(self, path: str, action: str, query: Mapping[str, str] | None = None) -> list[Json]:
        """Return the items of the list at ``path`` with their metadata only; the server sends nothing else."""
        return [item for page in self.pages(path, action, query, NAMES_ONLY) for item in page]

    def pages(
        self, path: str, action: str, query: Mapping[str, str] | None = None, accept: str = ""
    ) -> Iterator[list[Json]]:
        """Yield the items of the list at ``path`` in pages of PAGE_SIZE."""
        page_query = {**(query or {}), "limit": str(PAGE_SIZE)}
        while True:
            response = self.get(path, action, page_query, accept)
            yield response.get("items") or []
            continue_token = (response.get("metadata") or {}).get("continue")
            if not continue_token:
                return
            page_query["continue"] = continue_token

    def namespace_exists(self, namespace: str) -> bool:
        """Return whether ``namespace`` exists; True if RBAC does not allow reading it."""
        try:
            self.get(path_of("Namespace", name=namespace), f"cannot read namespace {namespace}")
        except TargetNotFound:
            return False
        except NotAllowed:
            return True
        return True

    def node_ready(self, name: str) -> bool | None:
        """Return whether the node is ready; None if it does not exist or RBAC does not allow reading it."""
        try:
            node = self.get(path_of("Node", name=name), f"cannot read node {name}")
        except (NotAllowed, TargetNotFound):
            return None
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions_of(node))

    def events(self, namespace: str, uid: str) -> list[Json]:
        """Return the events about the object with ``uid``, oldest first."""
        events = self.items(
            path_of("Event", namespace),
            f"cannot list events of {namespace}",
            {"fieldSelector": f"involvedObject.uid={uid}"},
        )
        return sorted(events, key=_event_time)

    def log(
        self, namespace: str, pod: str, container: str, *, previous: bool = False, tail_lines: int, since_s: int = 0
    ) -> Iterator[bytes]:
        """Yield the container's log in pieces, each line with its time. ``previous`` selects the previous run.

        With ``since_s``, only the lines of that many seconds; 0 for all.
        """
        query = {"container": container, "timestamps": "true", "tailLines": str(tail_lines)}
        query |= {"previous": "true"} if previous else {}
        query |= {"sinceSeconds": str(since_s)} if since_s else {}
        action = f"cannot read the log of {namespace}/{pod} (container {container})"
        with translated_errors(action):
            path = f"{pod_path(namespace, pod)}/log"
            response = self._request(_Request("GET", path, action, query, streamed=True))
            try:
                yield from response.stream(1 << 16)
            except HTTPError:
                self.outages.record_failure()
                raise
            finally:
                response.release_conn()

    def patch_ephemeral_containers(self, namespace: str, pod: str, container: Json) -> Json:
        """Add ``container`` to the pod's ephemeral containers and return the pod.

        The API server merges the list by name, so that several captures can attach at the same time.
        """
        body = {"spec": {"ephemeralContainers": [container]}}
        action = f"cannot attach a debug container to {namespace}/{pod}"
        path = f"{pod_path(namespace, pod)}/ephemeralcontainers"
        return self._json(_Request("PATCH", path, action, body=body, content_type=STRATEGIC_MERGE, urgent=True))

    def post(self, path: str, action: str, body: Json) -> Json:
        """Send ``body`` to ``path`` and return the response. ``action`` is the beginning of an error message."""
        return self._json(_Request("POST", path, action, body=body))

    def create_pod(self, pod: Json) -> Json:
        """Create ``pod`` and return it as the server stored it."""
        namespace = pod["metadata"]["namespace"]
        return self.post(pods_path(namespace), f"cannot create a pod in {namespace}", pod)

    def delete_pod(self, namespace: str, name: str) -> None:
        """Delete the pod without a grace period. Raises TargetNotFound if it does not exist."""
        action = f"cannot delete pod {namespace}/{name}"
        with translated_errors(action):
            self._request(_Request("DELETE", pod_path(namespace, name), action, {"gracePeriodSeconds": "0"}))

    def change(self, change: Change) -> None:
        """Change or delete an object. Raises TargetNotFound, NotAllowed, Rejected."""
        query = {"dryRun": "All"} if change.dry_run else {}
        request = _Request(change.method, change.path, change.action, query, change.body, change.content_type)
        with translated_errors(change.action):
            self._request(request)

    def get(self, path: str, action: str, query: Mapping[str, str] | None = None, accept: str = "") -> Json:
        """Return the JSON at ``path``. ``action`` is the beginning of an error message."""
        return self._json(_Request("GET", path, action, query, accept=accept))

    def get_optional(self, path: str, action: str) -> Json:
        """Return the JSON at ``path`` of an API that another server provides, such as metrics-server.

        It is asked once, for a few seconds: such a server may be down for days. Raises OptionalApiDown then, and
        TargetNotFound if the cluster does not have the API.
        """
        try:
            return self._json(_Request("GET", path, action, optional=True))
        except Unreachable as error:
            raise OptionalApiDown(error.action, error.reason, error.remedy, status=error.status) from error

    def stream(self, path: str, action: str, query: Mapping[str, str], silence_s: float) -> BaseHTTPResponse:
        """Return an open response, such as a watch. The caller reads it in pieces and closes it.

        ``silence_s`` without a byte is an error. The caller reads within `translated_errors`.
        """
        with translated_errors(action):
            return self._request(_Request("GET", path, action, query, streamed=True, silence_s=silence_s))

    def run(
        self, ref: ContainerRef, argv: Sequence[str], stdio: "Stdio", *, time_limit_s: float, closing: bool = False
    ) -> ExitStatus:
        """Run ``argv`` in ``ref``, and return how the command ended; see `exec_stream.run`."""
        from . import exec_stream  # only some steps run commands

        return exec_stream.run(self, ref, argv, stdio, time_limit_s=time_limit_s, closing=closing)

    def headers(self) -> dict[str, str]:
        """Return the headers that authenticate a request."""
        authorization = self.connection.authorization()
        return {"Authorization": authorization} if authorization else {}

    def _json(self, request: _Request) -> Json:
        """Send ``request`` and return the JSON of the response."""
        with translated_errors(request.action):
            return cast("Json", self._request(request).json())

    def _request(self, request: _Request) -> BaseHTTPResponse:
        """Send ``request``, with retries, and return the response. All requests except exec are sent here."""
        url = self.connection.server + request.path + (f"?{urlencode(request.query)}" if request.query else "")
        headers = self.headers() | {"Content-Type": request.content_type}
        headers |= {"Accept": request.accept} if request.accept else {}
        body = None if request.body is None else json.dumps(request.body)
        timeout = self._timeout(request)
        retries = ONCE if request.optional or not self._patience.repeats else None
        while True:
            self.wait_for_turn(urgent=request.urgent)
            asked_at = self.outages.now()
            try:
                response = self._pool.request(
                    request.method,
                    url,
                    body=body,
                    headers=headers,
                    preload_content=not request.streamed,
                    redirect=False,
                    retries=retries or retry_policy(request.method, has_answered=self.has_answered),
                    timeout=timeout,
                )
            except HTTPError:
                if not request.optional:
                    self.has_answered = False
                    self.outages.record_failure()
                raise
            self.has_answered = True
            self._count_retries(response.retries)
            if response.status < 400:
                return response
            if request.optional or not self.should_retry_status(response.status, asked_at):
                raise error_from_status(request.action, response.status, response.data)
            response.drain_conn()

    def _timeout(self, request: _Request) -> urllib3.Timeout:
        if request.optional:
            return urllib3.Timeout(total=_OPTIONAL_S)
        return urllib3.Timeout(connect=self._patience.connect_s, read=request.silence_s or self._patience.read_s)

    def should_retry_status(self, status: int, asked_at: float) -> bool:
        """Return whether to retry after an HTTP ``status``, because the server has just started; see `Outages`."""
        may_wait = self._patience.repeats and not self.streams.broken
        return may_wait and self.outages.should_retry(status, asked_at)

    def _is_ready(self) -> bool:
        """Return whether the server is ready. If a proxy in front of it has no /readyz, it counts as ready."""
        self.wait_for_turn(urgent=True)
        try:
            url, timeout = f"{self.connection.server}/readyz", self._patience.connect_s
            response = self._pool.request(
                "GET", url, headers=self.headers(), redirect=False, retries=ONCE, timeout=timeout
            )
        except HTTPError:
            return False
        return response.status < 500

    def _count_retries(self, retries: urllib3.Retry | None) -> None:
        history = retries.history if retries else ()
        self._retried += len(history)
        if any(attempt.error for attempt in history):
            self.outages.record_failure()


def open_api(settings: ConnectionSettings, patience: Patience = PATIENT) -> Api:
    """Return a client of the API server in ``settings``. Raises BadInput. The first request opens the connection."""
    return Api(connect(settings), patience)


def _event_time(event: Json) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp", ""))
