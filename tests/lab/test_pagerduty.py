"""The PagerDuty simulator: the documented API, and the controls for tests."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.pagerduty.account import SENDER, Keys
from lab.pagerduty.server import server

NOTES = "/incidents/Q1CHECKOUT0001/notes"
ACCEPT = "application/vnd.pagerduty+json;version=2"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> int:
        code: int = self.json()["error"]["code"]
        return code


class Client:
    """A client of a new simulator."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._server = server(state, 0)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.keys = Keys.load(state / "keys.json")
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def restart(self) -> Client:
        self.close()
        return Client(self._state)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        usual = {"Authorization": f"Token token={self.keys.account}", "From": SENDER, "Accept": ACCEPT}
        sent = {k: v for k, v in (usual | headers).items() if v}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Reply(answer.status, _lower(answer.headers), answer.read().decode())
        except urllib.error.HTTPError as error:
            return Reply(error.code, _lower(error.headers), error.read().decode())

    def note(self, text: str, **headers: str) -> Reply:
        return self.call("POST", NOTES, {"note": {"content": text}}, **headers)

    def control(self, **order: object) -> None:
        assert self.call("POST", "/_control", order).status == 200


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    client = Client(tmp_path)
    yield client
    client.close()


def test_a_note_is_added_listed_edited_and_deleted(client: Client) -> None:
    added = client.note("first")
    assert added.status == 200
    note = added.json()["note"]
    assert note["content"] == "first"
    assert note["user"]["summary"] == "Rundeck"
    address = f"{NOTES}/{note['id']}"
    assert client.call("PUT", address, {"note": {"content": "second"}}).json()["note"]["content"] == "second"
    assert [note["content"] for note in client.call("GET", NOTES).json()["notes"]] == ["second"]
    assert client.call("DELETE", address).status == 204
    assert client.call("GET", NOTES).json() == {"notes": []}


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": ""}, 401, 2006),
        ({"Authorization": "Token token=wrong"}, 401, 2006),
        ({"From": ""}, 400, 2001),
        ({"From": "nobody@shop.example"}, 400, 1008),
        ({"Accept": "application/vnd.pagerduty+json;version=1"}, 400, 2001),
    ],
)
def test_wrong_headers_are_refused(client: Client, headers: dict[str, str], status: int, code: int) -> None:
    reply = client.note("x", **headers)
    assert (reply.status, reply.code) == (status, code)


def test_keys_of_people_and_apps_work_too(client: Client) -> None:
    assert client.note("x", Authorization=f"Token token={client.keys.user}", From="").status == 200
    assert client.note("x", Authorization=f"Bearer {client.keys.bearer}", Accept="").status == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/incidents/QNOTHERE/notes", 5001),
        ("/incidents/QNOTHERE", 2100),
        ("/nothing", 2100),
        ("/incidents", 2100),
        ("//incidents/QNOTHERE", 2100),
        ("/incidents/Q1CHECKOUT0001/", 2100),
    ],
)
def test_a_missing_object_is_not_found(client: Client, path: str, code: int) -> None:
    reply = client.call("GET", path)
    assert (reply.status, reply.code) == (404, code)


def test_a_method_that_an_address_does_not_have(client: Client) -> None:
    reply = client.call("DELETE", NOTES)
    assert (reply.status, reply.code) == (404, 2100)


@pytest.mark.parametrize("path", ["/incidents/QNOTHERE", "/nothing"])
def test_the_key_is_checked_before_the_address(client: Client, path: str) -> None:
    assert client.call("GET", path, Authorization="").code == 2006


@pytest.mark.parametrize("body", [{}, {"note": {}}, {"note": {"content": " "}}, {"note": "text"}, ["x"]])
def test_a_note_needs_content(client: Client, body: object) -> None:
    reply = client.call("POST", NOTES, body)
    assert (reply.status, reply.code) == (400, 2001)


def test_an_incident_can_have_2000_notes(client: Client) -> None:
    client.control(limit_per_minute=10_000)
    with ThreadPoolExecutor(8) as pool:
        assert all(reply.status == 200 for reply in pool.map(client.note, map(str, range(2000))))
    full = client.note("one more")
    assert (full.status, full.code) == (400, 5002)
    assert len(client.call("GET", NOTES).json()["notes"]) == 2000


def test_rate_limit_on_demand(client: Client) -> None:
    client.control(rate_limit=2, reset_s=3)
    replies = [client.note("x") for _ in range(3)]
    assert [reply.status for reply in replies] == [429, 429, 200]
    assert replies[0].headers["ratelimit-reset"] == "3"
    assert replies[0].headers["ratelimit-remaining"] == "0"
    assert replies[0].code == 2020
    assert replies[2].headers["ratelimit-limit"] == "960"


def test_a_bare_429_has_neither_headers_nor_body(client: Client) -> None:
    client.control(rate_limit=1, bare=True)
    reply = client.note("x")
    assert (reply.status, reply.text) == (429, "")
    assert "ratelimit-reset" not in reply.headers


def test_the_documented_limit_counts(client: Client) -> None:
    client.control(limit_per_minute=3)
    replies = [client.call("GET", NOTES) for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert int(replies[3].headers["ratelimit-reset"]) > 50


def test_failures_on_demand(client: Client) -> None:
    client.control(fail={"status": 503, "times": 1})
    assert [client.note("x").status for _ in range(2)] == [503, 200]


def test_alerts_come_in_pages(client: Client) -> None:
    alerts = [{"namespace": "shop", "n": str(n)} for n in range(3)]
    client.control(incident={"id": "QPAGES01", "title": "pages", "alerts": alerts})
    first = client.call("GET", "/incidents/QPAGES01/alerts?limit=2").json()
    assert (len(first["alerts"]), first["more"], first["limit"]) == (2, True, 2)
    last = client.call("GET", "/incidents/QPAGES01/alerts?limit=2&offset=2").json()
    assert (last["alerts"][0]["body"]["details"]["n"], last["more"]) == ("2", False)


def test_the_seeded_alert_names_the_pod(client: Client) -> None:
    details = client.call("GET", "/incidents/Q1CHECKOUT0001/alerts").json()["alerts"][0]["body"]["details"]
    assert (details["namespace"], details["app"]) == ("shop", "checkout")
    assert " - namespace = shop\n" in details["firing"]


def test_notes_outlive_a_restart(client: Client) -> None:
    client.note("kept")
    again = client.restart()
    assert [note["content"] for note in again.call("GET", NOTES).json()["notes"]] == ["kept"]
    again.close()


def test_reset_forgets(client: Client) -> None:
    client.note("gone")
    client.control(fail={"times": 99})
    client.control(reset=True)
    assert client.call("GET", NOTES).json() == {"notes": []}


def test_the_journal_has_requests_without_credentials(client: Client) -> None:
    client.note("seen")
    (entry,) = client.call("GET", "/_requests").json()["requests"]
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", NOTES, 200)
    assert json.loads(entry["body"])["note"]["content"] == "seen"
    assert entry["headers"]["authorization"] == "Token token [redacted]"
    assert client.keys.account not in json.dumps(entry)


def test_the_page_shows_notes_escaped_and_linked(client: Client) -> None:
    client.note("<script>alert(1)</script> see http://127.0.0.1:17070/a?b=1&c=2.")
    page = client.call("GET", "/incidents/Q1CHECKOUT0001", Accept="text/html,*/*", Authorization="")
    assert page.status == 200
    assert "checkout: requests time out (shop)" in page.text
    assert "<script" not in page.text
    assert 'href="http://127.0.0.1:17070/a?b=1&amp;c=2"' in page.text


def test_the_page_shows_long_links_short(client: Client) -> None:
    url = "http://127.0.0.1/" + "x" * 300
    client.note(f"at {url}")
    page = client.call("GET", "/incidents/Q1CHECKOUT0001", Accept="text/html")
    assert f'href="{url}"' in page.text
    assert f">{url}<" not in page.text


def test_the_page_shows_the_alert_and_the_details_of_the_incident(client: Client) -> None:
    page = client.call("GET", "/incidents/Q1CHECKOUT0001", Accept="text/html").text
    for name, value in [("namespace", "shop"), ("Assigned to", "Robin On-Call"), ("Priority", "P1")]:
        assert f"<dt>{name}</dt><dd>{value}</dd>" in page
    assert "<dt>num_firing</dt>" not in page
    assert "<pre>Labels:\n - alertname = CheckoutRequestsTimeOut\n" in page


@pytest.mark.parametrize("path", ["/", "/incidents"])
def test_the_overview_links_each_incident(client: Client, path: str) -> None:
    page = client.call("GET", path, Accept="text/html", Authorization="")
    assert page.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert '<a href="/incidents/Q1ORDERS000001">orders: memory keeps growing (shop)</a>' in page.text


@pytest.mark.parametrize("path", ["/incidents/QNOTHERE", "/incidents/Q1CHECKOUT0001/notes"])
def test_other_pages_do_not_exist(client: Client, path: str) -> None:
    page = client.call("GET", path, Accept="text/html", Authorization="")
    assert (page.status, page.code) == (404, 2100)


def test_a_hundred_requests_at_the_same_moment_are_answered(client: Client) -> None:
    start = threading.Barrier(100)

    def note(number: int) -> int:
        start.wait()
        return client.note(str(number)).status

    with ThreadPoolExecutor(100) as pool:
        assert set(pool.map(note, range(100))) == {200}
    assert len(client.call("GET", NOTES).json()["notes"]) == 100


def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    assert client.note("x" * (4 << 20)).status == 413
    assert client.call("GET", "/_requests").json() == {"requests": []}
