"""rules/node_stacks.py: each rule on a stack that shows it, and on a similar stack that does not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain
from tests.unit.hostile import FRAGMENTS, TEXT

# What node-inspect wrote about processes of the lab, with other functions.
RUNS = "main thread: running JavaScript\n"
WAITS = "main thread: waiting in the event loop, no JavaScript is running\n"
NEXT = "main thread: was waiting in the event loop; the next callback:\n"
SYNC = "    at pbkdf2Sync (node:internal/crypto/pbkdf2:73:20)\n    at login (/app/login.js:14:10)\n"
OWN = "    at checkStock (/app/service.js:9:42)\n    at listOnTimeout (node:internal/timers:581:17)\n"
END = "\nNode.js v20.20.2, up {up} s\nmemory in bytes: rss 1, heapTotal 1\nwhat keeps the event loop alive: {alive}\n"


def text(stack: str, alive: str = "1 TCPServerWrap, 1 Timeout", up: int = 1708) -> str:
    return stack + END.format(up=up, alive=alive)


def findings(content: str) -> list[Finding]:
    def never(_file: Evidence, error: Exception) -> None:
        raise AssertionError from error

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "node-stacks.txt"
        path.write_bytes(content.encode(errors="surrogatepass"))
        return explain([Evidence(path, path.name)], never)


def test_a_synchronous_call_blocks_the_event_loop() -> None:
    first, second = findings(text(RUNS + SYNC))
    assert (first.rule, first.severity) == ("node-blocked-by-synchronous-call", "warning")
    assert first.title == "The event loop of Node.js is blocked by pbkdf2Sync, called by login (login.js:14)"
    assert first.evidence[0].first == 1
    assert first.evidence[0].last == 3
    assert second.rule == "node-runs-javascript"


@pytest.mark.parametrize(
    "content",
    [
        text(NEXT + SYNC),
        text(RUNS + SYNC, up=3),
        text(RUNS + SYNC.replace("node:internal/crypto/pbkdf2", "/app/pbkdf2.js")),
        text(RUNS + "  after Promise.then\n" + SYNC),
    ],
    ids=["it waited", "it starts", "own function", "of an earlier task"],
)
def test_a_similar_stack_blocks_nothing(content: str) -> None:
    assert [finding.rule for finding in findings(content) if finding.severity != "info"] == []


def test_running_javascript_is_context() -> None:
    (finding,) = findings(text(RUNS + OWN))
    assert (finding.severity, finding.title) == ("info", "Node.js was running JavaScript in checkStock (service.js:9)")
    assert findings(text(WAITS)) == []
    assert findings(text(NEXT + "    at processTimers (node:internal/timers:505:5)\n")) == []


@pytest.mark.parametrize(
    ("many", "few", "title"),
    [
        ("2400 TCPSocketWrap", "80 TCPSocketWrap", "2400 TCP connections are open in Node.js"),
        ("31000 Timeout", "400 Timeout", "31000 timers are pending in Node.js"),
        ("60 GetAddrInfoReqWrap", "4 GetAddrInfoReqWrap", "60 DNS lookups are pending in Node.js"),
        ("900 FSReqCallback", "12 FSReqCallback", "900 file operations are pending in Node.js"),
        ("75 TCPConnectWrap", "3 TCPConnectWrap", "75 TCP connections are being opened in Node.js"),
        ("64 ChildProcess", "4 ChildProcess", "64 child processes are running in Node.js"),
    ],
)
def test_very_many_resources_of_a_kind(many: str, few: str, title: str) -> None:
    (finding,) = findings(text(WAITS, f"1 TCPServerWrap, {many}"))
    assert (finding.severity, finding.title) == ("warning", title)
    assert "Others: 1 TCPServerWrap." in finding.detail
    assert findings(text(WAITS, f"1 TCPServerWrap, {few}")) == []


MARKS = (RUNS, WAITS, NEXT, SYNC, OWN, END.format(up=1, alive="9000 TCPSocketWrap"), "  after x\n")


@given(st.lists(st.sampled_from(MARKS) | st.sampled_from(FRAGMENTS) | TEXT, max_size=30).map("".join))
def test_hostile_stacks_are_parsed_without_an_exception(content: str) -> None:
    findings(RUNS + content)
