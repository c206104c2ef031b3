"""probe.py: which tool the target's own image has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from debugcapture.cluster.api import Api
from debugcapture.errors import NothingCaptured
from debugcapture.model import ContainerRef, ExitStatus, FoundTool, Tool
from debugcapture.probe import find_pid, find_tool, run_short
from tests.unit.builders import PLACE, collector

API = cast("Api", None)  # never asked: `run` is replaced
MISSING = ExitStatus(None, "InternalError", 'exec: "x": executable file not found in $PATH')
FIRST = Tool(("jcmd", "-l"), r"^(\d+) ", ("jcmd", "{pid}"))
SECOND = Tool(("find",), r"^/proc/(\d+)$", ("jstack", "{pid}"), ("jstack", "-h"))

Answers = dict[tuple[str, ...], tuple[ExitStatus, bytes]]
Image = Callable[[Answers], list[tuple[str, ...]]]


@pytest.fixture
def image(monkeypatch: pytest.MonkeyPatch) -> Image:
    """Return a function that gives the container these programs; it returns the list of what was run."""

    def make(answers: Answers) -> list[tuple[str, ...]]:
        ran: list[tuple[str, ...]] = []

        def run(_api: Api, _place: ContainerRef, argv: Sequence[str], *, stdout: Any, **_: Any) -> ExitStatus:
            ran.append(tuple(argv))
            status, output = answers.get(tuple(argv), (MISSING, b""))
            stdout(memoryview(output))
            return status

        monkeypatch.setattr("debugcapture.cluster.exec.run", run)
        return ran

    return make


OK = ExitStatus(0)
JCMD_SEES = {("jcmd", "-l"): (OK, b"12 Main\n")}
JCMD_BLIND = {("jcmd", "-l"): (OK, b"")}
JSTACK = {("jstack", "-h"): (OK, b"usage")}
SEES = {("find",): (OK, b"/proc/7\n")}
BLIND = {("find",): (OK, b"")}


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        (JCMD_SEES | JSTACK | SEES, FoundTool(FIRST, 12)),
        (JSTACK | SEES, FoundTool(SECOND, 7)),
        (JCMD_BLIND | JSTACK | SEES, FoundTool(SECOND, 7)),
        (JCMD_BLIND | JSTACK | BLIND, FoundTool(FIRST, None)),
        (JCMD_BLIND | SEES, FoundTool(FIRST, None)),
        (JSTACK | BLIND, FoundTool(SECOND, None)),
        (SEES, None),
        ({}, None),
    ],
    ids=[
        "first that sees",
        "second",
        "one that sees before a blind one",
        "all blind",
        "only a blind one is there",
        "blind second",
        "process but no tool",
        "bare image",
    ],
)
def test_tool_that_sees_a_process_is_preferred(answers: Answers, found: FoundTool | None, image: Image) -> None:
    image(answers)
    assert find_tool(API, PLACE, collector(in_image=(FIRST, SECOND))) == found


def test_tool_that_is_not_there_is_not_looked_for_further(image: Image) -> None:
    ran = image({})
    find_tool(API, PLACE, collector(in_image=(FIRST, SECOND)))
    assert ran == [("jcmd", "-l"), ("jstack", "-h")]


def test_output_is_cut_where_it_is_no_longer_short(image: Image) -> None:
    image({("cat",): (OK, b"x" * 100_000)})
    _, output, _ = run_short(API, PLACE, ["cat"])
    assert output == "x" * 65536


@pytest.mark.parametrize("reason", ["StreamBroken", "TimeLimit"])
def test_look_that_did_not_end_is_no_answer(reason: str, image: Image) -> None:
    image({("jcmd", "-l"): (ExitStatus(None, reason, "it fell"), b"12 Main\n")})
    with pytest.raises(NothingCaptured, match=r"jcmd in shop/.* did not end well: it fell"):
        find_tool(API, PLACE, collector(in_image=(FIRST,)))


@pytest.mark.parametrize(
    ("output", "pid"), [("a\n12 b\n13 c\n", 12), ("", None), ("x12 \n", None)], ids=["first line", "none", "inside"]
)
def test_first_pid_counts(output: str, pid: int | None) -> None:
    assert find_pid(r"^(\d+) ", output) == pid
