"""client.py: every failure of a request becomes one line that says what to do."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import urllib3

from debugcapture.errors import NotAllowed, OptionalApiDown, TargetNotFound, Unreachable
from debugcapture.kube.auth import Connection
from debugcapture.kube.client import Api
from debugcapture.model import Json

RBAC = 'pods "web-0" is forbidden: User "u" cannot get resource "pods" in API group "" in the namespace "shop"'


def status(message: str) -> bytes:
    return json.dumps({"kind": "Status", "status": "Failure", "message": message}).encode()


class Answer:
    """The part of a urllib3 response that the client uses."""

    retries = urllib3.Retry(3)

    def __init__(self, status: int, body: Json) -> None:
        self.status, self.data = status, json.dumps(body).encode()
        self.is_released = False

    def json(self) -> Any:
        return json.loads(self.data)

    def stream(self, _piece: int) -> list[bytes]:
        return [self.data[:2], self.data[2:]]

    def release_conn(self) -> None:
        self.is_released = True

    def drain_conn(self) -> None:
        self.is_released = True


Asked = list[tuple[str, str, dict[str, Any]]]


Serve = Callable[[Answer | Exception], tuple[Api, Asked]]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Return an Api whose requests all get the same response, and the list of the requests."""

    def make(answer: Answer | Exception) -> tuple[Api, Asked]:
        requests: Asked = []

        def request(_pool: object, method: str, url: str, **options: Any) -> Answer:
            requests.append((method, url, options))
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(urllib3.PoolManager, "request", request)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return Api(Connection("https://k", tls, lambda: "Bearer t0ken")), requests

    return make


def test_request_carries_the_token_and_follows_no_redirect(serve: Serve) -> None:
    api, requests = serve(Answer(200, {"kind": "Pod"}))
    assert api.pod("shop", "web-0") == {"kind": "Pod"}
    ((method, url, options),) = requests
    assert (method, url) == ("GET", "https://k/api/v1/namespaces/shop/pods/web-0")
    assert options["headers"]["Authorization"] == "Bearer t0ken"
    assert options["redirect"] is False


def test_debug_container_is_merged_into_the_pods_own(serve: Serve) -> None:
    api, requests = serve(Answer(200, {}))
    api.patch_ephemeral_containers("shop", "web-0", {"name": "d"})
    ((method, url, options),) = requests
    assert (method, url) == ("PATCH", "https://k/api/v1/namespaces/shop/pods/web-0/ephemeralcontainers")
    assert options["headers"]["Content-Type"] == "application/strategic-merge-patch+json"
    assert json.loads(options["body"]) == {"spec": {"ephemeralContainers": [{"name": "d"}]}}


def test_only_an_attach_has_priority_over_other_requests(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a pod may be the same as the end of the path of an attach."""
    turns = list[bool]()
    monkeypatch.setattr(Api, "wait_for_turn", lambda _self, *, urgent=False: turns.append(urgent))
    api, _ = serve(Answer(200, {}))
    api.pod("shop", "ephemeralcontainers")
    api.patch_ephemeral_containers("shop", "web-0", {"name": "d"})
    api.delete_pod("shop", "web-0")
    assert turns == [False, True, False]


def test_a_pod_is_deleted_at_once(serve: Serve) -> None:
    api, requests = serve(Answer(200, {}))
    api.delete_pod("shop", "web-0")
    ((method, url, _),) = requests
    assert (method, url) == ("DELETE", "https://k/api/v1/namespaces/shop/pods/web-0?gracePeriodSeconds=0")


@pytest.mark.parametrize(("previous", "more"), [(False, ""), (True, "&previous=true")])
def test_log_arrives_piece_by_piece(previous: bool, more: str, serve: Serve) -> None:
    answer = Answer(200, {"line": 1})
    api, requests = serve(answer)
    pieces = list(api.log("shop", "web-0", "app", previous=previous, tail_lines=5))
    assert pieces == [b'{"', b'line": 1}']
    assert requests[0][1].endswith(f"/pods/web-0/log?container=app&timestamps=true&tailLines=5{more}")
    assert requests[0][2]["preload_content"] is False
    assert answer.is_released


def test_events_of_one_object_come_oldest_first(serve: Serve) -> None:
    events = [
        {"metadata": {}, "lastTimestamp": "2026-01-03T00:00:00Z"},
        {"metadata": {}, "lastTimestamp": None, "eventTime": "2026-01-02T00:00:00.000000Z"},
        {"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}},
        {"metadata": {}},
    ]
    api, requests = serve(Answer(200, {"items": events}))
    assert api.events("shop", "u-1") == [events[3], events[2], events[1], events[0]]
    assert requests[0][1].endswith("/namespaces/shop/events?fieldSelector=involvedObject.uid%3Du-1&limit=500")


@pytest.mark.parametrize(
    ("code", "exists"), [(200, True), (404, False), (403, True)], ids=["there", "not there", "may not know"]
)
def test_a_namespace_that_cannot_be_read_counts_as_existing(code: int, exists: bool, serve: Serve) -> None:
    api, _ = serve(Answer(code, {"message": "m"}))
    assert api.namespace_exists("shop") is exists


def test_namespace_is_unknown_while_the_server_is_unreachable(serve: Serve) -> None:
    api, _ = serve(OSError(113, "No route to host"))
    with pytest.raises(Unreachable):
        api.namespace_exists("shop")


def test_refused_request_is_reported(serve: Serve) -> None:
    api, _ = serve(Answer(403, {"message": RBAC}))
    with pytest.raises(NotAllowed, match="cannot list pods of shop: pods"):
        api.pods("shop")
    with pytest.raises(NotAllowed, match="cannot read the log of shop/web-0"):
        list(api.log("shop", "web-0", "app", tail_lines=5))
    with pytest.raises(NotAllowed, match="cannot attach a debug container to shop/web-0"):
        api.patch_ephemeral_containers("shop", "web-0", {})


def test_client_certificate_sends_no_authorization() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert Api(Connection("https://k", tls, lambda: "")).headers() == {}


UNAVAILABLE = Answer(
    503, {"kind": "Status", "status": "Failure", "message": "the server is currently unable to handle"}
)


@pytest.mark.parametrize(
    "answer", [UNAVAILABLE, urllib3.exceptions.ReadTimeoutError(urllib3.HTTPSConnectionPool("k"), "/", "timed out")]
)
def test_an_optional_api_that_is_down_is_asked_once(answer: Answer | Exception, serve: Serve) -> None:
    api, requests = serve(answer)
    with pytest.raises(OptionalApiDown, match="cannot read the metrics of shop/web-0"):
        api.get_optional("/apis/metrics.k8s.io/v1beta1/x", "cannot read the metrics of shop/web-0")
    ((_, _, options),) = requests
    assert options["retries"].total == 0
    assert options["timeout"].total == 3


def test_an_optional_api_that_the_cluster_lacks_is_not_found(serve: Serve) -> None:
    api, _ = serve(Answer(404, {}))
    with pytest.raises(TargetNotFound):
        api.get_optional("/apis/metrics.k8s.io/v1beta1/x", "cannot read the metrics of shop/web-0")
