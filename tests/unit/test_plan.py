"""plan.py: how a collector reaches its evidence."""

from __future__ import annotations

import pytest

from debugcapture.model import ContainerState, FoundTool, ReadApi, RunInDebugContainer, RunInTarget, Skip, Tool, User
from debugcapture.plan import command_line, debug_profile, decide, is_running
from debugcapture.settings import Profile
from tests.unit.builders import collector, target

JCMD = collector().in_image[0]
WAITS = ContainerState("waiting", "CrashLoopBackOff", restarts=3)


def test_api_is_read_even_from_a_container_that_does_not_run() -> None:
    assert isinstance(decide(target(state=WAITS), collector(reads_api=True), None), ReadApi)


def test_container_that_does_not_run_is_skipped_with_its_state() -> None:
    action = decide(target(state=WAITS), collector(), FoundTool(JCMD, 7))
    assert isinstance(action, Skip)
    assert action.why == "container app does not run: waiting (CrashLoopBackOff), 3 restarts"


def test_image_that_has_the_tool_uses_it() -> None:
    action = decide(target(), collector(), FoundTool(JCMD, 7))
    assert action == RunInTarget(collector(), ("jcmd", "7", "Thread.print"), "by exec: the image has jcmd")


def test_tool_that_sees_no_process_is_believed() -> None:
    action = decide(target(), collector(), FoundTool(JCMD, None))
    assert action == Skip(collector(), "there is no Java process in container app")


def test_image_without_tools_gets_a_debug_container() -> None:
    action = decide(target(), collector(), None)
    assert isinstance(action, RunInDebugContainer)
    assert action.tool == collector().from_debug
    assert action.why == "from a debug container: the image has no jcmd"


def test_collector_without_debug_tool_is_skipped() -> None:
    action = decide(target(), collector(from_debug=None), None)
    assert action == Skip(collector(from_debug=None), "the image has no jcmd, and no debug image has it")


def test_each_missing_tool_is_named_once() -> None:
    tools = tuple(Tool(("x",), "", (name, "{pid}")) for name in ("jcmd", "jstack", "jcmd"))
    assert "has no jcmd or jstack" in decide(target(), collector(in_image=tools), None).why


def test_pid_is_put_in_wherever_it_stands() -> None:
    assert command_line(Tool((), "", ("cat", "/proc/{pid}/status", "{pid}")), 12) == ("cat", "/proc/12/status", "12")


@pytest.mark.parametrize(("phase", "runs"), [("running", True), ("waiting", False), ("terminated", False)])
def test_only_a_running_container_runs_commands(phase: str, runs: bool) -> None:
    assert is_running(target(state=ContainerState(phase))) is runs  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("profile", "uid", "used"),
    [
        ("restricted", 1000, "restricted"),
        ("restricted", 0, "baseline"),
        ("sysadmin", 0, "sysadmin"),
        ("general", 1000, "general"),
    ],
)
def test_root_process_needs_the_default_capabilities(profile: Profile, uid: int, used: Profile) -> None:
    assert debug_profile(profile, User(uid, 1000 - uid)) == used
