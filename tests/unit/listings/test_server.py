"""server.py: who gets an answer, the answers, and that there are no others."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.backoff import Rate
from debugcapture.errors import BadInput, CaptureError, NotAllowed, NotStored, TargetNotFound, Unreachable
from debugcapture.listings.options import ListQuery, OptionList, Row
from debugcapture.listings.server import RateLimiter, Service, parse_query
from debugcapture.serving.http import Request, serve, wsgi_application
from debugcapture.settings.declare import read
from debugcapture.steps.options_server import OptionsServerStep
from debugcapture.steps.providers import SERVICES, provider
from tests.unit.builders import NOON

TOKEN = "t0ken-of-sixteen-characters"
WEB = Row("web - running", "web")


class Lists:
    """Answers each request with one row, and records it."""

    def __init__(self) -> None:
        self.queries: list[ListQuery] = []
        self.error: Exception | None = None
        self.stale_reason = ""

    def __call__(self, query: ListQuery) -> OptionList:
        self.queries.append(query)
        if self.error:
            raise self.error
        return OptionList((WEB,), NOON, self.stale_reason)


@pytest.fixture
def lists() -> Lists:
    return Lists()


@pytest.fixture
def log_lines() -> list[str]:
    return []


@pytest.fixture
def service(lists: Lists, log_lines: list[str]) -> Service:
    return Service(lists, (Row("quick - Harmless", "quick"),), TOKEN, report=log_lines.append)


def ask(service: Service, target: str, **changed: Any) -> tuple[HTTPStatus, Any]:
    path, _, query = target.partition("?")
    reply = service.answer(replace(Request("GET", path, query, f"Bearer {TOKEN}"), **changed))
    return reply.status, json.loads(reply.body)


@pytest.mark.parametrize(
    ("target", "query"),
    [
        ("/namespaces", ListQuery("namespaces")),
        ("/workloads?namespace=shop", ListQuery("workloads", ("shop",))),
        ("/pods?namespace=shop", ListQuery("pods", ("shop",))),
        ("/pods?namespace=shop&workload=", ListQuery("pods", ("shop",))),
        ("/pods?namespace=shop&workload=deployment%2Fweb", ListQuery("pods", ("shop",), "deployment/web")),
        ("/containers?namespace=shop&pod=web-0", ListQuery("containers", ("shop",), "", "web-0")),
    ],
)
def test_the_query_is_parsed(service: Service, lists: Lists, target: str, query: ListQuery) -> None:
    assert ask(service, target) == (HTTPStatus.OK, [{"name": "web - running", "value": "web"}])
    assert lists.queries == [query]


def test_collectors_are_listed_without_a_request_to_the_cluster(service: Service, lists: Lists) -> None:
    assert ask(service, "/collectors") == (HTTPStatus.OK, [{"name": "quick - Harmless", "value": "quick"}])
    assert lists.queries == []


@pytest.mark.parametrize(
    "target", ["/workloads?namespace=", "/pods?namespace=&workload=", "/containers?namespace=shop&pod="]
)
def test_option_that_has_no_value_yet_gives_no_values(service: Service, lists: Lists, target: str) -> None:
    assert ask(service, target) == (HTTPStatus.OK, [])
    assert lists.queries == []


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/", 404),
        ("", 404),
        ("/pods/", 404),
        ("//pods?namespace=shop", 404),
        ("/../pods", 404),
        ("/secrets?namespace=shop", 404),
        ("/workloads", 400),
        ("/containers?namespace=shop", 400),
        ("/namespaces?all=1", 400),
        ("/pods?namespace=shop&selector=a", 400),
        ("/pods?namespace=shop&namespace=back", 400),
        ("/pods?namespace=Shop", 400),
        ("/pods?namespace=../secrets", 400),
        ("/pods?namespace=shop/pods", 400),
        ("/pods?namespace=shop%00", 400),
        ("/pods?namespace=shop%0d%0aSet-Cookie:a=b", 400),
        ("/pods?namespace=%ff", 400),
        ("/pods?namespace=shop&workload=secret/web", 400),
        ("/pods?namespace=shop&workload=a/b/c", 400),
        ("/containers?namespace=shop&pod=web?limit=1", 400),
        ("/containers?namespace=shop&pod=..", 400),
        (f"/pods?namespace={'a' * 64}", 400),
        ("/pods?" + "&".join(f"a{number}=1" for number in range(20)), 400),
    ],
)
def test_a_hostile_query_is_not_sent_to_the_cluster_and_not_echoed(
    service: Service, lists: Lists, target: str, status: int
) -> None:
    http_status, answer = ask(service, target)
    assert http_status == status
    assert set(answer) == {"error"}
    assert lists.queries == []
    assert not any(part in answer["error"] for part in ("Shop", "secret", "Set-Cookie", "limit=", "aaaa"))


@given(st.text())
def test_any_query_is_read_or_refused(query: str) -> None:
    try:
        parsed = parse_query("pods", query)
    except BadInput as error:
        assert str(error).isprintable()  # noqa: PT017 - both ends are right
    else:
        assert parsed.keys() <= {"namespace", "workload"}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "get"])
def test_only_get_is_accepted(service: Service, lists: Lists, method: str) -> None:
    assert ask(service, "/namespaces", method=method)[0] == HTTPStatus.METHOD_NOT_ALLOWED
    assert lists.queries == []


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ä"],
)
def test_without_the_token_no_list_is_sent(service: Service, lists: Lists, authorization: str) -> None:
    for path in ("/namespaces", "/collectors", "/nothing"):
        assert ask(service, path, authorization=authorization)[0] == HTTPStatus.UNAUTHORIZED
    assert lists.queries == []
    assert ask(service, "/healthz", authorization=authorization) == (HTTPStatus.OK, {"status": "ok"})


def test_other_namespaces_than_the_configured_ones_are_not_served(service: Service, lists: Lists) -> None:
    own = replace(service, namespaces=("shop",))
    assert ask(own, "/pods?namespace=shop")[0] == HTTPStatus.OK
    assert ask(own, "/pods?namespace=kube-system")[0] == HTTPStatus.FORBIDDEN
    assert ask(own, "/namespaces")[0] == HTTPStatus.OK
    assert lists.queries == [ListQuery("pods", ("shop",)), ListQuery("namespaces", ("shop",))]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotAllowed("cannot list", "forbidden"), 403),
        (TargetNotFound("no pod", "not found"), 404),
        (Unreachable("cannot list", "it did not answer"), 503),
        (NotStored("cannot list", "gone"), 502),
    ],
)
def test_error_of_the_cluster_has_its_status_and_is_logged(
    service: Service, lists: Lists, log_lines: list[str], error: CaptureError, status: int
) -> None:
    lists.error = error
    assert ask(service, "/pods?namespace=shop") == (status, {"error": str(error)})
    assert log_lines == [str(error)]


def test_late_list_is_sent_and_logged(service: Service, lists: Lists, log_lines: list[str]) -> None:
    lists.stale_reason = "The API server is away."
    assert ask(service, "/pods?namespace=shop")[0] == HTTPStatus.OK
    assert log_lines == ["/pods: The API server is away. Sent the list from 2026-01-02 12:00:00 UTC."]


def test_too_many_requests_are_refused_and_those_without_the_token_do_not_count(service: Service) -> None:
    now = [0.0]
    few = replace(service, rate_limiter=RateLimiter(Rate(2, 3), lambda: now[0]))
    for _ in range(10):
        assert ask(few, "/namespaces", authorization="Bearer no")[0] == HTTPStatus.UNAUTHORIZED
    assert [ask(few, "/namespaces")[0] for _ in range(4)] == [200, 200, 200, 429]
    now[0] = 0.5
    assert [ask(few, "/namespaces")[0] for _ in range(2)] == [200, 429]
    now[0] = 1000.0
    assert [ask(few, "/namespaces")[0] for _ in range(4)] == [200, 200, 200, 429]


def test_a_defect_fails_one_response_and_shows_no_details(service: Service, lists: Lists, log_lines: list[str]) -> None:
    lists.error = KeyError("hunter2")
    started: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/namespaces", "HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}
    body = b"".join(wsgi_application(service)(environ, lambda status, _: started.append(status)))
    assert started == ["500 Internal Server Error"]
    assert b"hunter2" not in body
    assert "KeyError" in log_lines[0]


def test_the_server_is_a_program_and_not_a_plugin() -> None:
    assert provider("k8s-debug-options-server") in SERVICES


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"options_token": ""}, "options_token is missing"),
        ({"options_token": "short"}, "options_token must be at least 16 characters"),
        ({"options_token": "with a space in the middle"}, "options_token must be at least 16 characters"),
        ({"listen": "localhost:1"}, "listen must be an IP address"),
        ({"listen": "127.0.0.1"}, "listen must be an IP address"),
    ],
)
def test_it_does_not_start_without_a_valid_token_and_address(changed: dict[str, str], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        read(OptionsServerStep, {"options_token": TOKEN} | changed)


@pytest.mark.parametrize("listen", ["999.0.0.1:1", "127.0.0.1:99999", "[::z]:1"])
def test_invalid_address_is_reported(service: Service, listen: str) -> None:
    with pytest.raises(BadInput, match="cannot listen on"):
        serve(service, listen)


def test_address_that_is_taken_is_reported(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BadInput, match="cannot listen on"):
        serve(service, f"127.0.0.1:{taken.getsockname()[1]}")


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from debugcapture.rundeck import main
sys.exit(main("k8s-debug-options-server"))
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The running program and its port. The address of its API server does not answer."""
    config = tmp_path / "kubeconfig"
    named = {
        "cluster": {"server": "https://127.0.0.1:1"},
        "user": {"token": "t"},
        "context": {"cluster": "c", "user": "c"},
    }
    lists = {f"{kind}s": [{"name": "c", kind: value}] for kind, value in named.items()}
    config.write_text(json.dumps({"current-context": "c", **lists}))
    settings = {"KUBECONFIG": str(config), "LISTEN": "127.0.0.1:0", "OPTIONS_TOKEN": TOKEN, "WAIT_S": "1"}
    environment = {"PATH": os.environ["PATH"], **{f"RD_CONFIG_{name}": value for name, value in settings.items()}}
    contents = Path(__file__).parents[3] / "contents"
    program = [sys.executable, "-c", PROGRAM, str(contents)]
    with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = int(process.stdout.readline().rpartition(":")[2])
        yield process, port
        process.kill()


def fetch(port: int, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_the_program_responds_rejects_large_requests_and_stops(running: tuple[subprocess.Popen[str], int]) -> None:
    process, port = running
    token = {"Authorization": f"Bearer {TOKEN}"}
    answer = fetch(port, "/collectors", token)
    assert answer.status == 200
    assert answer.getheader("Content-Type") == "application/json"
    assert answer.getheader("Server") is None
    assert fetch(port, "/namespaces", token).status == 503
    assert fetch(port, "/namespaces", {}).status == 401
    assert fetch(port, "/healthz", {"X-Much": "a" * (1 << 14)}).status >= 400
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert process.stdout
    assert process.stdout.read().splitlines()[-1] == "stopped"


def test_the_program_serves_other_clients_while_one_is_silent(running: tuple[subprocess.Popen[str], int]) -> None:
    _, port = running
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(16)]
    for connection in silent:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n")  # and no end
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(fetch(port, "/healthz", {}).status)) for _ in range(4)]
    for one_thread in threads:
        one_thread.start()
    for one_thread in threads:
        one_thread.join()
    for connection in silent:
        connection.close()
    assert statuses == [200] * 4
