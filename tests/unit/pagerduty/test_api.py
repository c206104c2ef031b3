"""api.py: retries never add a second note, and each failure has a clear message."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import urllib3
from urllib3.response import HTTPResponse

from debugcapture.errors import (
    BadInput,
    CaptureError,
    NotAllowed,
    NoteNotSent,
    Rejected,
    TargetNotFound,
    UnexpectedAnswer,
)
from debugcapture.pagerduty.api import MAX_ALERTS, MAX_NOTES, Access, PagerDuty
from debugcapture.pagerduty.client import MAX_WAIT_S, TRIES

MARK = "[debug-capture x]"
LOST = urllib3.exceptions.ProtocolError("Connection aborted.")

Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]] | Exception
NONE: Answer = (200, {"notes": []})
POSTED: Answer = (201, {"note": {"id": "N1"}})


class Account:
    """PagerDuty with scripted responses. It records the requests and the waits."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.headers: dict[str, str] = {}
        self.waits: list[float] = []

    def request(self, method: str, url: str, *, body: str | None, headers: dict[str, str], redirect: bool) -> Any:
        assert not redirect
        self.requests.append((method, url))
        self.bodies.append(json.loads(body) if body else None)
        self.headers = headers
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        content = answer[1] if isinstance(answer[1], bytes) else json.dumps(answer[1]).encode()
        return HTTPResponse(io.BytesIO(content), headers=answer[2] if len(answer) == 3 else {}, status=answer[0])

    def annotate(self, token: str = "t0ken", sender: str = "", url: str = "https://api.example/") -> str:
        client = PagerDuty(Access(url, token, sender), self.waits.append)
        client.client.pool = self  # type: ignore[assignment]
        posted = client.annotate("Q1ABC", MARK, f"text {MARK}")
        assert self._answers == []
        return posted

    def client(self) -> PagerDuty:
        client = PagerDuty(Access("https://api.example/", "t0ken"), self.waits.append)
        client.client.pool = self  # type: ignore[assignment]
        return client

    @property
    def posts(self) -> int:
        return sum(method == "POST" for method, _ in self.requests)


def refusal(status: int, message: str = "Not Found", code: int = 2100, *errors: str) -> tuple[int, Any]:
    return status, {"error": {"message": message, "code": code, "errors": list(errors)}}


def failure_of(account: Account) -> str:
    with pytest.raises(NoteNotSent) as caught:
        account.annotate()
    assert str(caught.value).startswith("cannot add a note to incident Q1ABC: ")
    return str(caught.value)


def test_note_is_posted_when_there_is_none() -> None:
    account = Account((200, {"notes": [{"content": "another [debug-capture y]"}]}), POSTED)
    assert account.annotate() == "added"
    url = "https://api.example/incidents/Q1ABC/notes"
    assert account.requests == [("GET", url), ("POST", url)]
    assert account.bodies[1] == {"note": {"content": f"text {MARK}"}}
    assert account.waits == []


def test_note_with_the_marker_is_not_posted_twice() -> None:
    account = Account((200, {"notes": [{"content": None}, {"content": f"text {MARK}"}]}))
    assert account.annotate() == "already exists"
    assert account.posts == 0


def test_a_lost_response_does_not_create_a_second_note() -> None:
    account = Account(NONE, LOST, (200, {"notes": [{"content": f"text {MARK}"}]}))
    assert account.annotate() == "added"
    assert account.posts == 1


@pytest.mark.parametrize(
    ("token", "sender", "expected"),
    [
        ("u+abc", "", {"Authorization": "Token token=u+abc"}),
        ("pdus+abc", "", {"Authorization": "Bearer pdus+abc"}),
        ("abc", "a@example.org", {"Authorization": "Token token=abc", "From": "a@example.org"}),
    ],
    ids=["user key", "OAuth", "account key"],
)
def test_each_kind_of_key_is_sent_in_pagerdutys_format(token: str, sender: str, expected: dict[str, str]) -> None:
    account = Account(NONE, POSTED)
    account.annotate(token, sender)
    sent = {name: value for name, value in account.headers.items() if name in ("Authorization", "From")}
    assert sent == expected


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "Set pagerduty_from"),
        (
            401,
            "Check the API key. If it does not belong to the US region, set pagerduty_url to https://api.eu.pagerduty.com.",
        ),
        (402, "The plan of the account"),
        (403, "write access"),
        (404, "Check the incident's ID"),
        (422, ""),
        (302, ""),
    ],
)
@pytest.mark.parametrize("before", [[], [NONE]], ids=["looking", "posting"])
def test_refusal_is_explained_and_not_repeated(status: int, advice: str, before: list[Answer]) -> None:
    account = Account(*before, refusal(status, "It is wrong", 2001, "a", "b"))
    line = failure_of(account)
    assert f"It is wrong (HTTP {status}, code 2001: a; b)" in line
    assert advice in line
    assert account.waits == []


@pytest.mark.parametrize("body", [b"", b"<html>", [], {}, {"error": {}}], ids=repr)
def test_a_refusal_without_a_message_is_reported_with_its_status(body: Any) -> None:
    assert "HTTP 401" in failure_of(Account((401, body)))


def test_the_wait_for_a_rate_limit_is_that_of_the_response() -> None:
    account = Account((429, {}, {"ratelimit-reset": "17"}), NONE, (429, {}, {"ratelimit-reset": "3"}), NONE, POSTED)
    assert account.annotate() == "added"
    assert account.waits == [17.0, 3.0]


def test_a_rate_limit_cannot_block_a_step_forever() -> None:
    account = Account((429, {}, {"ratelimit-reset": "86400"}), NONE, POSTED)
    account.annotate()
    assert account.waits == [MAX_WAIT_S]


@pytest.mark.parametrize("headers", [{}, {"ratelimit-reset": "soon"}, {"ratelimit-reset": "-1"}], ids=repr)
def test_waits_grow_if_the_rate_limit_names_no_time(headers: dict[str, str]) -> None:
    account = Account((429, b"", headers), (429, b"", headers), (429, b"", headers), NONE, POSTED)
    assert account.annotate() == "added"
    assert account.waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("failure", [(500, b""), (502, b"<html>"), (408, {}), LOST, OSError(113, "No route to host")])
def test_temporary_failures_are_retried(failure: Answer) -> None:
    account = Account(failure, NONE, failure, NONE, POSTED)
    assert account.annotate() == "added"
    assert account.waits == [1.0, 2.0]


@pytest.mark.parametrize(
    ("failure", "reason"), [((503, b""), "HTTP 503"), (LOST, "PagerDuty did not respond (Connection aborted.)")]
)
def test_retries_have_a_limit_and_the_evidence_is_kept(failure: Answer, reason: str) -> None:
    account = Account(*[failure] * TRIES)
    assert failure_of(account).endswith(reason)
    assert len(account.waits) == TRIES - 1


def test_key_does_not_appear_in_an_error() -> None:
    assert "t0ken" not in failure_of(Account(refusal(401, "Unauthorized", 2006)))


@pytest.mark.parametrize("answer", [b"<html>log in</html>", []], ids=["a page", "a list"])
def test_what_is_not_pagerduty_is_reported_and_gets_no_note(answer: Any) -> None:
    account = Account((200, answer))
    assert "the response is not from PagerDuty" in failure_of(account)
    assert account.posts == 0


@pytest.mark.parametrize("body", [{"error": "invalid_token"}, {"error": None}])
def test_an_error_of_another_form_is_reported_by_its_status(body: Any) -> None:
    assert "HTTP 401" in failure_of(Account((401, body)))


def test_only_a_rate_limit_sets_the_wait() -> None:
    account = Account((500, {}, {"ratelimit-reset": "40"}), NONE, POSTED)
    account.annotate()
    assert account.waits == [1.0]


@pytest.mark.parametrize(("token", "sender"), [("hunter2\nx", ""), ("hunter2ü", ""), ("t", "hunter2\n@x")])
def test_a_key_that_cannot_be_sent_is_bad_input_and_not_shown(token: str, sender: str) -> None:
    with pytest.raises(BadInput) as caught:
        Account().annotate(token, sender)
    assert "hunter2" not in str(caught.value)


def test_a_note_with_outdated_text_is_edited_in_place() -> None:
    old = {"id": "PN1", "content": f"capturing {MARK}"}
    account = Account((200, {"notes": [{"id": "P0", "content": "x"}, old]}), (200, {"note": {}}))
    assert account.annotate() == "edited"
    assert account.requests[1] == ("PUT", "https://api.example/incidents/Q1ABC/notes/PN1")
    assert account.bodies[1] == {"note": {"content": f"text {MARK}"}}


def test_an_edit_whose_answer_was_lost_is_not_repeated() -> None:
    old, new = ({"id": "PN1", "content": f"{text} {MARK}"} for text in ("capturing", "text"))
    account = Account((200, {"notes": [old]}), LOST, (200, {"notes": [new]}))
    assert account.annotate() == "edited"


def test_an_incident_that_is_full_of_notes_is_reported_and_its_note_still_edited() -> None:
    full = [{"id": str(number), "content": "x"} for number in range(MAX_NOTES)]
    assert "it has 2,000 notes, which is PagerDuty's limit. Delete some" in failure_of(Account((200, {"notes": full})))
    own_note = {"id": "PN1", "content": f"capturing {MARK}"}
    assert Account((200, {"notes": [*full[1:], own_note]}), (200, {})).annotate() == "edited"


def test_a_key_of_the_us_region_at_the_eu_one_is_explained() -> None:
    with pytest.raises(
        NoteNotSent, match="does not belong to the EU region, set pagerduty_url to https://api.pagerduty.com"
    ):
        Account((401, b"")).annotate(url="https://api.eu.pagerduty.com")


@pytest.mark.parametrize(
    ("url", "proxied"), [("https://api.example", True), ("https://in.example", False)], ids=["by the proxy", "direct"]
)
def test_the_proxy_of_the_environment_is_used(url: str, proxied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", "in.example")
    pool = PagerDuty(Access(url, "t")).client.pool
    assert (pool.proxy is not None) is proxied


def test_the_login_of_the_proxy_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://ops:p%40ss@proxy.example:3128")
    pool = PagerDuty(Access("https://api.example", "t")).client.pool
    assert isinstance(pool, urllib3.ProxyManager)
    assert pool.proxy_headers == {"proxy-authorization": "Basic b3BzOnBAc3M="}


def test_alerts_are_read_page_by_page() -> None:
    first, second = [{"id": str(number)} for number in range(25)], [{"id": "25"}]
    account = Account((200, {"alerts": first, "more": True}), (200, {"alerts": second, "more": False}))
    assert account.client().alerts("Q1ABC") == first + second
    assert [url.partition("?")[2] for _, url in account.requests] == ["limit=25&offset=0", "limit=25&offset=25"]


@pytest.mark.parametrize("more", [(), (7,)])
def test_reading_alerts_ends(more: tuple[Any, ...]) -> None:
    endless = [(200, {"alerts": [{"id": "x"}] * 25 * len(more), "more": True})] * 30
    account = Account(*endless)
    assert len(account.client().alerts("Q1ABC")) == (MAX_ALERTS if more else 0)


@pytest.mark.parametrize(
    ("answer", "error", "advice"),
    [
        (refusal(404), TargetNotFound, "Check the incident's ID"),
        (refusal(401), NotAllowed, "it does not belong to the US region"),
        (refusal(403), NotAllowed, "Give the API key read access"),
        (refusal(400), Rejected, "Set pagerduty_from"),
        ((200, b"<html>"), UnexpectedAnswer, "the response is not from PagerDuty"),
        ((200, []), UnexpectedAnswer, "the response is not from PagerDuty"),
        ((200, {"alerts": None}), UnexpectedAnswer, "the response is not from PagerDuty"),
    ],
)
def test_an_incident_that_cannot_be_read_is_explained(answer: Answer, error: type[CaptureError], advice: str) -> None:
    account = Account(answer)
    with pytest.raises(error, match=advice) as caught:
        account.client().alerts("Q1ABC")
    assert str(caught.value).startswith("cannot read incident Q1ABC: ")


def test_reading_is_tried_again_while_pagerduty_is_down() -> None:
    account = Account(LOST, (503, b""), (200, {"incident": {"title": "x"}}))
    assert account.client().incident("Q1ABC") == {"title": "x"}
    assert len(account.waits) == 2


@pytest.mark.parametrize(("status", "waits"), [(401, True), (403, False), (404, False), (400, False)])
def test_a_note_is_retried_after_a_key_error_but_not_after_an_incident_error(status: int, waits: bool) -> None:
    account = Account(refusal(status))
    with pytest.raises(NoteNotSent) as caught:
        account.annotate()
    assert caught.value.waits is waits


def test_a_field_that_does_not_exist_is_reported() -> None:
    account = Account(refusal(400, "Invalid Input Provided", 2001, "Custom Field does not exist"))
    with pytest.raises(NoteNotSent, match="cannot set the custom field x of incident Q1ABC: .*does not exist"):
        account.client().set_field("Q1ABC", "x", "https://x")
    assert account.bodies == [{"custom_fields": [{"name": "x", "value": "https://x"}]}]


def test_each_request_waits_for_its_turn() -> None:
    account, turns = Account(NONE, POSTED), list[int]()
    client = PagerDuty(
        Access("https://api.example", "t"), account.waits.append, lambda: turns.append(len(account.requests))
    )
    client.client.pool = account  # type: ignore[assignment]
    client.annotate("Q1ABC", MARK, "text")
    assert turns == [0, 1]


def edit(account: Account) -> str:
    client = PagerDuty(Access("https://api.example/", "t0ken"), account.waits.append)
    client.client.pool = account  # type: ignore[assignment]
    return client.edit_note("Q1ABC", MARK, lambda text: text.replace("old", "new"))


def test_a_note_is_edited_in_place() -> None:
    notes = {"notes": [{"id": "N1", "content": "old"}, {"id": "N2", "content": f"old {MARK}"}]}
    account = Account((200, notes), (200, {}))
    assert edit(account) == "edited"
    assert account.requests[1] == ("PUT", "https://api.example/incidents/Q1ABC/notes/N2")
    assert account.bodies[1] == {"note": {"content": f"new {MARK}"}}


def test_an_edit_whose_response_was_lost_is_complete() -> None:
    before, after = ({"notes": [{"id": "N", "content": f"{text} {MARK}"}]} for text in ("old", "new"))
    assert edit(Account((200, before), LOST, (200, after))) == "edited"
    assert edit(Account((200, after))) == "unchanged"


@pytest.mark.parametrize("answer", [NONE, (404, {})])
def test_a_note_or_incident_that_does_not_exist_is_not_edited(answer: Answer) -> None:
    assert edit(Account(answer)) == ""


def test_an_edit_that_is_refused_says_why() -> None:
    with pytest.raises(NoteNotSent, match="cannot edit the note of incident Q1ABC: HTTP 403"):
        edit(Account((403, {})))


def test_texts_of_notes_are_read() -> None:
    account = Account((200, {"notes": [{"content": "a"}, {"content": "b"}]}), (200, {"login": "page"}))
    client = PagerDuty(Access("https://api.example/", "t0ken"))
    client.client.pool = account  # type: ignore[assignment]
    assert client.note_texts("Q1ABC") == ["a", "b"]
    with pytest.raises(UnexpectedAnswer):
        client.note_texts("Q1ABC")
