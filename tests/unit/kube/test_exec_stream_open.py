"""exec_stream.py: how a command opens its connection, and what a refusal reports."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

import pytest

from debugcapture.errors import (
    CaptureError,
    NotAllowed,
    TargetNotFound,
    Unreachable,
)
from debugcapture.kube import exec_stream
from debugcapture.kube.client import open_websocket
from debugcapture.kube.exec_stream import Stdio, websocket_url
from debugcapture.kube.frames import STATUS
from debugcapture.kube.proxy import Proxy
from tests.unit.builders import PLACE, SUCCESS
from tests.unit.kube.replay import CLOSE, TLS, Replay, api, bad_status, data, discard


def opened(argv: list[str], **of_the_connection: Any) -> tuple[str, dict[str, Any]]:
    """Return the URL and the options with which a command opens its connection."""
    calls: list[tuple[str, dict[str, Any]]] = []

    def create(url: str, **options: Any) -> Any:
        calls.append((url, options))
        return Replay([data(STATUS, SUCCESS), CLOSE])

    exec_stream.run(api(create, **of_the_connection), PLACE, argv, Stdio(discard, discard), time_limit_s=60)
    return calls[0]


def test_each_word_of_a_command_is_sent_unchanged() -> None:
    url, options = opened(["sh", "-c", "echo 'ü&x=1 ' > $HOME/a+b", ""])
    assert url == (
        "wss://cluster.example:6443/api/v1/namespaces/shop/pods/checkout-7d9f-abcde/exec"
        "?container=app&stdout=true&stderr=true&command=sh&command=-c"
        "&command=echo+%27%C3%BC%26x%3D1+%27+%3E+%24HOME%2Fa%2Bb&command="
    )
    assert options["header"] == {"Authorization": "Bearer t0ken"}
    assert options["subprotocols"] == ["v5.channel.k8s.io", "v4.channel.k8s.io"]
    assert options["skip_utf8_validation"] is True


def test_proxy_and_server_name_of_the_cluster_are_used() -> None:
    proxy = Proxy("proxy.example", 3128)
    _, options = opened(["true"], proxy=proxy, server_name="kubernetes.internal")
    assert (options["http_proxy_host"], options["http_proxy_port"]) == ("proxy.example", 3128)
    assert options["http_proxy_auth"] is None
    assert options["sslopt"]["server_hostname"] == "kubernetes.internal"
    assert options["sslopt"]["context"] is TLS


@pytest.mark.parametrize(
    ("code", "body", "kind", "message"),
    [
        (403, b'{"message":"pods \\"x\\" is forbidden"}', NotAllowed, 'pods "x" is forbidden'),
        (404, b'{"message":"pods \\"x\\" not found"}', TargetNotFound, "not found"),
        (500, None, CaptureError, "HTTP 500"),
    ],
    ids=["forbidden", "no pod", "no body"],
)
def test_refused_command_is_reported_with_the_servers_reason(
    code: int, body: bytes | None, kind: type[CaptureError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        exec_stream.run(api(bad_status(code, body)), PLACE, ["true"], Stdio(discard, discard), time_limit_s=60)
    assert str(PLACE) in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError(111, "Connection refused"), TimeoutError("timed out")],
    ids=["refused", "timeout"],
)
def test_server_that_does_not_answer_is_unreachable(error: Exception) -> None:
    def create(*_: Any, **__: Any) -> Any:
        raise error

    with pytest.raises(Unreachable, match=str(error.args[-1])):
        exec_stream.run(api(create), PLACE, ["true"], Stdio(discard, discard), time_limit_s=60)


def test_rest_and_exec_use_the_same_proxy() -> None:
    _, options = opened(["true"])
    assert options["http_no_proxy"] == ["*"]
    _, options = opened(["true"], proxy=Proxy("proxy.example", 3128, "ops", "p@ss"))
    assert (options["http_proxy_host"], options["http_proxy_port"]) == ("proxy.example", 3128)
    assert options["http_proxy_auth"] == ("ops", "p@ss")


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


def test_a_redirect_is_not_followed() -> None:
    """It would carry the token to another server, also without TLS."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as other, socket.create_server(("127.0.0.1", 0)) as server:
        location = f"ws://127.0.0.1:{other.getsockname()[1]}/steal"
        redirect = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"

        def serve(listener: socket.socket, answer: str) -> None:
            with suppress(OSError), listener.accept()[0] as peer:
                requests.append(peer.recv(4096))
                peer.sendall(answer.encode())

        for listener, answer in ((server, redirect), (other, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")):
            threading.Thread(target=serve, args=(listener, answer), daemon=True).start()
        url = f"ws://127.0.0.1:{server.getsockname()[1]}/exec"
        client = api(lambda _, **options: open_websocket(url, **options))
        with pytest.raises(Unreachable):
            exec_stream.run(client, PLACE, ["id"], Stdio(len, len), time_limit_s=5)
    (request,) = requests
    assert b"Bearer t0ken" in request
