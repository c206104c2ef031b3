"""api.py: every failure of a request becomes one line that says what to do."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    SSLError,
)

from debugcapture.errors import (
    CaptureError,
    Conflict,
    Invalid,
    NotAllowed,
    Rejected,
    TargetNotFound,
    TooManyRequests,
    Unreachable,
)
from debugcapture.kube.auth import Connection
from debugcapture.kube.client import Api
from debugcapture.kube.errors import refused, reported, unreachable
from debugcapture.kube.exec_stream import websocket_url
from debugcapture.kube.resources import pod_path
from debugcapture.model import Json

RBAC = 'pods "web-0" is forbidden: User "u" cannot get resource "pods" in API group "" in the namespace "shop"'
POD_SECURITY = 'pods "web-0" is forbidden: violates PodSecurity "restricted:latest": privileged (container "x")'
QUOTA = 'pods "copy" is forbidden: exceeded quota: full, requested: pods=1, used: pods=1, limited: pods=1'
POLICY = "pods \"web\" is forbidden: ValidatingAdmissionPolicy 'x' with binding 'y' denied request: frozen"
WEBHOOK = 'admission webhook "debug.example" denied the request: frozen'
NO_WEBHOOK = 'Internal error occurred: failed calling webhook "debug.example": dial tcp 127.0.0.1:9: connection refused'
SCRIPT = 'error sending request: Post "https://node:10250/exec/shop/web/app?command=sh&command=-c": dial tcp: refused'
UNTRUSTED = "[SSL: CERTIFICATE_VERIFY_FAILED]"
POOL = urllib3.HTTPSConnectionPool("10.0.0.1")


def status(message: str) -> bytes:
    return json.dumps({"kind": "Status", "status": "Failure", "message": message}).encode()


@pytest.mark.parametrize(
    ("code", "body", "kind", "told"),
    [
        (401, status("Unauthorized"), NotAllowed, "does not accept the credentials (Unauthorized). Renew the token."),
        (403, status(RBAC), NotAllowed, f"{RBAC}. Grant it: kubectl apply -n shop -f deploy/rbac"),
        (403, status(POD_SECURITY), NotAllowed, "Choose a lower security profile"),
        (404, status('pods "web-0" not found'), TargetNotFound, 'pods "web-0" not found. Check'),
        (500, status("etcdserver: request timed out"), Unreachable, "request timed out (HTTP 500)"),
        (500, status(SCRIPT), Unreachable, 'Post "https://node:10250/exec/shop/web/app": dial tcp: refused'),
        (429, b"", TooManyRequests, "Too Many Requests (HTTP 429). The API server has no time for this account"),
        (403, status(QUOTA), NotAllowed, f"{QUOTA}. Have the namespace's quota raised."),
        (422, status(POLICY), NotAllowed, f"{POLICY}. An admission rule of the cluster says so"),
        (400, status(WEBHOOK), NotAllowed, f"{WEBHOOK}. An admission rule of the cluster says so"),
        (500, status(NO_WEBHOOK), Unreachable, "(HTTP 500). An admission webhook of the cluster does not answer"),
        (422, status("spec.x: Invalid value"), Invalid, "spec.x: Invalid value (HTTP 422)"),
        (409, status("the object has been modified"), Conflict, "the object has been modified (HTTP 409)"),
        (400, status("bad selector"), Rejected, "bad selector (HTTP 400)"),
    ],
    ids=[
        *(
            "401",
            "403 RBAC",
            "403 PodSecurity",
            "404",
            "500",
            "script",
            "429",
            "quota",
            "policy",
            "webhook",
            "webhook down",
        ),
        *("invalid", "conflict", "bad request"),
    ],
)
def test_refusal_says_why_and_what_to_do(code: int, body: bytes, kind: type[CaptureError], told: str) -> None:
    error = refused("cannot read pod shop/web-0", code, body)
    assert type(error) is kind
    assert str(error).startswith("cannot read pod shop/web-0: ")
    assert told in str(error)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 422, 429, 500])
def test_status_and_reason_of_a_refusal_are_kept(code: int) -> None:
    error = refused("cannot x", code, json.dumps({"message": "m", "reason": "AlreadyExists"}).encode())
    assert (error.status, error.reason) == (code, "AlreadyExists")


@pytest.mark.parametrize("body", [b"", b"<html>proxy says no</html>", b"[]", b"null", b'"x"', b"{}", b"\xff"], ids=repr)
def test_body_that_is_no_status_is_not_shown(body: bytes) -> None:
    assert str(refused("cannot x", 502, body)) == "cannot x: Bad Gateway (HTTP 502)"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NewConnectionError(POOL, "[Errno 111] Connection refused"), "[Errno 111] Connection refused). Check the API"),  # type: ignore[arg-type]
        (ConnectTimeoutError(POOL, "Connection timed out"), "did not answer (Connection timed out)"),
        (OSError(113, "No route to host"), "did not answer (No route to host)"),
        (ProtocolError("Connection aborted."), "did not answer (Connection aborted.)"),
        (SSLError("hostname '10.0.0.1' doesn't match"), "certificate is not trusted (hostname"),
        (ssl.SSLError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), "certificate is not trusted"),
        (HTTPError(), "did not answer ()"),
        (ProxyError("Unable to connect to proxy", OSError("refused")), "does not lead to the API server (refused)"),
        (ssl.SSLError(1, f"{UNTRUSTED} certificate is not yet valid"), "Set this machine's clock"),
        (ssl.SSLError(1, f"{UNTRUSTED} certificate has expired"), "or have the certificate renewed"),
    ],
    ids=[
        *(
            "refused",
            "timeout",
            "no route",
            "aborted",
            "host name",
            "self-signed",
            "no words",
            "proxy",
            "not yet valid",
        ),
        "expired",
    ],
)
def test_server_that_is_not_reached_is_told_with_the_cause(error: Exception, told: str) -> None:
    shown = str(unreachable("cannot read x", error))
    assert shown.startswith("cannot read x: the ")
    assert told in shown
    assert ("CA certificate" in shown) is ("trusted" in told)


@pytest.mark.parametrize(
    "error",
    [MaxRetryError(POOL, "/", OSError(113, "No route to host")), OSError(113, "No route to host")],
    ids=["after retries", "at once"],
)
def test_what_the_library_raises_becomes_unreachable(error: Exception) -> None:
    with pytest.raises(Unreachable, match="No route to host"), reported("cannot x"):
        raise error


def test_our_own_errors_go_through() -> None:
    with pytest.raises(TargetNotFound, match="mine"), reported("cannot x"):
        raise TargetNotFound("mine", "")


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("https://10.0.0.1:6443", "wss://10.0.0.1:6443/api/v1/x?command=a+b&command=%26"),
        ("https://rancher/k8s/clusters/c-1", "wss://rancher/k8s/clusters/c-1/api/v1/x?command=a+b&command=%26"),
        ("https://[fd00::1]:443", "wss://[fd00::1]:443/api/v1/x?command=a+b&command=%26"),
    ],
    ids=["host", "path", "IPv6"],
)
def test_websocket_url_keeps_path_and_repeats_the_command(server: str, url: str) -> None:
    assert websocket_url(server, "/api/v1/x", [("command", "a b"), ("command", "&")]) == url


def test_names_are_quoted_in_paths() -> None:
    assert pod_path("a b", "c?d") == "/api/v1/namespaces/a%20b/pods/c%3Fd"


class Answer:
    """What urllib3 returns, as far as we use it."""

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
    """Return an Api whose requests are answered in the same way, and the list of what was asked."""

    def make(answer: Answer | Exception) -> tuple[Api, Asked]:
        asked: Asked = []

        def request(_pool: object, method: str, url: str, **options: Any) -> Answer:
            asked.append((method, url, options))
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(urllib3.PoolManager, "request", request)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return Api(Connection("https://k", tls, lambda: "Bearer t0ken")), asked

    return make


def test_request_carries_the_token_and_follows_no_redirect(serve: Serve) -> None:
    api, asked = serve(Answer(200, {"kind": "Pod"}))
    assert api.pod("shop", "web-0") == {"kind": "Pod"}
    ((method, url, options),) = asked
    assert (method, url) == ("GET", "https://k/api/v1/namespaces/shop/pods/web-0")
    assert options["headers"]["Authorization"] == "Bearer t0ken"
    assert options["redirect"] is False


def test_debug_container_is_merged_into_the_pods_own(serve: Serve) -> None:
    api, asked = serve(Answer(200, {}))
    api.patch_ephemeral_containers("shop", "web-0", {"name": "d"})
    ((method, url, options),) = asked
    assert (method, url) == ("PATCH", "https://k/api/v1/namespaces/shop/pods/web-0/ephemeralcontainers")
    assert options["headers"]["Content-Type"] == "application/strategic-merge-patch+json"
    assert json.loads(options["body"]) == {"spec": {"ephemeralContainers": [{"name": "d"}]}}


def test_only_an_attach_overtakes_other_requests(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a pod may be called what the path of an attach ends with."""
    turns = list[bool]()
    monkeypatch.setattr(Api, "admit", lambda _self, *, urgent=False: turns.append(urgent))
    api, _ = serve(Answer(200, {}))
    api.pod("shop", "ephemeralcontainers")
    api.patch_ephemeral_containers("shop", "web-0", {"name": "d"})
    api.delete_pod("shop", "web-0")
    assert turns == [False, True, False]


def test_a_pod_is_deleted_at_once(serve: Serve) -> None:
    api, asked = serve(Answer(200, {}))
    api.delete_pod("shop", "web-0")
    ((method, url, _),) = asked
    assert (method, url) == ("DELETE", "https://k/api/v1/namespaces/shop/pods/web-0?gracePeriodSeconds=0")


@pytest.mark.parametrize(("previous", "more"), [(False, ""), (True, "&previous=true")])
def test_log_arrives_piece_by_piece(previous: bool, more: str, serve: Serve) -> None:
    answer = Answer(200, {"line": 1})
    api, asked = serve(answer)
    pieces = list(api.log("shop", "web-0", "app", previous=previous, tail_lines=5))
    assert pieces == [b'{"', b'line": 1}']
    assert asked[0][1].endswith(f"/pods/web-0/log?container=app&timestamps=true&tailLines=5{more}")
    assert asked[0][2]["preload_content"] is False
    assert answer.is_released


def test_events_of_one_object_come_oldest_first(serve: Serve) -> None:
    events = [
        {"metadata": {}, "lastTimestamp": "2026-01-03T00:00:00Z"},
        {"metadata": {}, "lastTimestamp": None, "eventTime": "2026-01-02T00:00:00.000000Z"},
        {"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}},
        {"metadata": {}},
    ]
    api, asked = serve(Answer(200, {"items": events}))
    assert api.events("shop", "u-1") == [events[3], events[2], events[1], events[0]]
    assert asked[0][1].endswith("/namespaces/shop/events?fieldSelector=involvedObject.uid%3Du-1&limit=500")


@pytest.mark.parametrize(
    ("code", "exists"), [(200, True), (404, False), (403, True)], ids=["there", "not there", "may not know"]
)
def test_namespace_counts_as_there_where_we_may_not_look(code: int, exists: bool, serve: Serve) -> None:
    api, _ = serve(Answer(code, {"message": "m"}))
    assert api.namespace_exists("shop") is exists


def test_namespace_cannot_be_told_when_the_server_is_away(serve: Serve) -> None:
    api, _ = serve(OSError(113, "No route to host"))
    with pytest.raises(Unreachable):
        api.namespace_exists("shop")


def test_refused_request_is_told(serve: Serve) -> None:
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
