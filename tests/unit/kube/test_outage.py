"""outage.py: a refusal is retried if the API server was unreachable a moment ago."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import NewConnectionError

from debugcapture.errors import NotAllowed, Unreachable
from debugcapture.kube import exec_stream
from debugcapture.kube.client import IMPATIENT, Api, Dial
from debugcapture.kube.exec_stream import Stdio
from debugcapture.kube.frames import STATUS
from debugcapture.kube.outage import Outages
from tests.unit.builders import PLACE, SUCCESS
from tests.unit.clock import Clock
from tests.unit.kube.replay import CLOSE, Replay, api, bad_status, data, discard, replays
from tests.unit.kube.test_client import Answer

FORBIDDEN = {"message": 'pods "web" is forbidden: role.rbac.authorization.k8s.io "capture" not found'}


class Server:
    """Is ready at a time."""

    def __init__(self, clock: Clock, ready_at: float) -> None:
        self.clock, self.ready_at, self.checks = clock, ready_at, 0

    def is_ready(self) -> bool:
        self.checks += 1
        return self.clock() >= self.ready_at


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.mark.parametrize(
    ("status", "away_s_ago", "excused"),
    [(403, 0, True), (401, 29, True), (403, 31, False), (403, None, False), (404, 0, False), (500, 0, False)],
)
def test_a_refusal_is_checked_again_after_an_outage(
    status: int, away_s_ago: int | None, excused: bool, clock: Clock
) -> None:
    server = Server(clock, 0)
    outages = Outages(server.is_ready, clock, clock.sleep)
    if away_s_ago is not None:
        outages.record_failure()
        clock.now += away_s_ago
    assert outages.should_retry(status, clock()) is excused
    assert server.checks == excused


def test_a_server_that_starts_is_waited_for_until_it_is_ready(clock: Clock) -> None:
    outages = Outages(Server(clock, 105).is_ready, clock, clock.sleep)
    outages.record_failure()
    asked_at = outages.now()
    assert outages.should_retry(403, asked_at)
    assert clock() == 105
    assert outages.should_retry(403, asked_at)  # of another thread, which also sends requests before
    assert clock() == 105
    clock.now += 4
    assert not outages.should_retry(403, outages.now())
    outages.record_failure()
    assert outages.should_retry(403, outages.now())


def test_another_server_behind_the_load_balancer_may_still_start(clock: Clock) -> None:
    outages = Outages(Server(clock, 105).is_ready, clock, clock.sleep)
    outages.record_failure()
    rejected_at = list[float]()
    while outages.should_retry(403, asked_at := outages.now()):
        rejected_at.append(asked_at)
    assert (rejected_at[0], rejected_at[1], rejected_at[-1]) == (100, 105, 107.5)
    assert clock() == 108


def test_a_server_that_is_never_ready_is_waited_for_half_a_minute(clock: Clock) -> None:
    outages = Outages(Server(clock, 1000).is_ready, clock, clock.sleep)
    outages.record_failure()
    assert not outages.should_retry(403, clock())
    assert clock() == 130


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Give each request the next answer, and return the list of requests."""

    def make(*settings: Answer | Exception) -> list[str]:
        left, requests = list(settings), list[str]()

        def request(_pool: object, _method: str, url: str, **_: Any) -> Answer:
            requests.append(url.rpartition("/")[2])
            outcome = left.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(urllib3.PoolManager, "request", request)
        return requests

    return make


AWAY = NewConnectionError(urllib3.connection.HTTPConnection("k"), "refused")
READY, NOT_READY, POD = Answer(200, {}), Answer(500, {}), Answer(200, {"kind": "Pod"})


def test_a_server_that_came_back_is_asked_again_when_it_is_ready(
    answers: Callable[..., list[str]], clock: Clock
) -> None:
    used = api(clock=clock)
    requests = answers(AWAY, Answer(403, FORBIDDEN), NOT_READY, AWAY, READY, POD)
    with pytest.raises(Unreachable):
        used.pod("shop", "web")
    assert used.pod("shop", "web") == {"kind": "Pod"}
    assert requests == ["web", "web", "readyz", "readyz", "readyz", "web"]
    assert clock.slept == [0.5, 0.5]


def test_the_same_within_one_request_that_was_repeated(answers: Callable[..., list[str]]) -> None:
    refused = Answer(403, FORBIDDEN)
    refused.retries = urllib3.Retry(3).increment("GET", "/", error=AWAY)
    answers(refused, READY, POD)
    assert api().pod("shop", "web") == {"kind": "Pod"}
    assert refused.is_released


def test_a_missing_permission_is_reported_after_an_outage(answers: Callable[..., list[str]], clock: Clock) -> None:
    used = api(clock=clock)
    used.outages = Outages(lambda: True, clock, clock.sleep)
    used.outages.record_failure()
    requests = answers(*[Answer(403, FORBIDDEN)] * 9)
    for _ in range(2):
        with pytest.raises(NotAllowed, match="forbidden"):
            used.pod("shop", "web")
    assert (len(requests), clock()) == (9, 103)


@pytest.mark.parametrize("reason", ["never away", "nobody waits", "aborted"])
def test_a_refusal_is_reported_immediately(reason: str, answers: Callable[..., list[str]]) -> None:
    used = Api(api().connection, IMPATIENT) if reason == "nobody waits" else api()
    if reason != "never away":
        used.outages.record_failure()
    if reason == "aborted":
        used.streams.break_all()
    requests = answers(Answer(403, FORBIDDEN))
    with pytest.raises(NotAllowed):
        used.pod("shop", "web")
    assert requests == ["web"]


def test_a_command_is_asked_for_again_after_a_stream_that_broke(answers: Callable[..., list[str]]) -> None:
    turns: Iterator[Dial] = iter(
        (
            replays(Replay([ConnectionResetError("gone")])),
            bad_status(403, b'{"message":"forbidden"}'),
            replays(Replay([data(STATUS, SUCCESS), CLOSE])),
        )
    )
    used = api(lambda url, **options: next(turns)(url, **options))
    requests = answers(READY)

    def run() -> str:
        return exec_stream.run(used, PLACE, ["true"], Stdio(discard, discard), time_limit_s=60).reason

    assert [run(), run()] == ["StreamBroken", ""]
    assert requests == ["readyz"]
