"""plan.py: how a collector reaches its evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from debugcapture.harm import Budget
from debugcapture.model import (
    Action,
    Collector,
    ContainerState,
    Process,
    ReadApi,
    RunInDebugContainer,
    RunInTarget,
    Skip,
    Target,
    Tool,
    User,
)
from debugcapture.plan import Allowed, Seen, decide, filled, is_running
from tests.unit.builders import collector, target

ALLOWED = Allowed("restricted", debug_image=True)
JAVA = Process(7, User(1000, 1000), "java", 300 << 20, ("/opt/java/bin/java", "/opt/java/lib/server/libjvm.so"))
SHELL = Process(9, User(1000, 1000), "sh", 1 << 20, ("/bin/sh",))
WAITS = ContainerState("waiting", "CrashLoopBackOff", restarts=3)
HAS_JCMD = Seen((JAVA, SHELL), {("jcmd", "-h")})
BARE = Seen((JAVA,), ())
HEAVY = collector(id="heap", invasive="heavy", from_debug=(Tool(("jattach", "{pid}"), output="/tmp/x"),), in_image=())


def decided(one: Collector, seen: Seen = BARE, allowed: Allowed = ALLOWED, of: Target | None = None) -> Action:
    return decide(of or target(), one, seen, allowed, Budget())


def test_api_is_read_even_from_a_container_that_does_not_run() -> None:
    assert isinstance(decided(collector(reads_api="logs"), of=target(state=WAITS)), ReadApi)


def test_container_that_does_not_run_is_skipped_with_its_state() -> None:
    action = decided(collector(), HAS_JCMD, of=target(state=WAITS))
    assert action == Skip(collector(), "container app does not run: waiting (CrashLoopBackOff), 3 restarts")


def test_image_that_has_the_tool_uses_it_on_the_process_of_its_kind() -> None:
    one = collector()
    assert decided(one, HAS_JCMD) == RunInTarget(one, one.in_image[0], (7,), "by exec: the image has jcmd")


def test_process_of_another_kind_is_none() -> None:
    action = decided(collector(), Seen((SHELL,), ()))
    assert action == Skip(collector(), "there is no Java process in container app", foreign=True)


def test_collector_for_any_process_takes_the_first() -> None:
    one = collector(detect=None)
    action = decided(one, Seen((SHELL, JAVA), ()))
    assert isinstance(action, RunInDebugContainer)
    assert action.pids == (7,)


def test_each_process_of_the_kind_is_taken_but_a_dump_is_of_the_largest() -> None:
    both = Seen((JAVA, replace(JAVA, pid=3, rss_bytes=1)), ())
    light, heavy = decided(collector(), both), decided(HEAVY, both)
    assert isinstance(light, RunInDebugContainer)
    assert isinstance(heavy, RunInDebugContainer)
    assert (light.pids, heavy.pids) == ((3, 7), (7,))


def test_image_without_tools_gets_a_debug_container() -> None:
    one = collector()
    assert decided(one) == RunInDebugContainer(one, (7,), "from a debug container: the image has no jcmd")


@pytest.mark.parametrize(
    ("one", "allowed", "why"),
    [
        (collector(from_debug=()), ALLOWED, "the image has no jcmd, and no debug image has it"),
        (collector(), replace(ALLOWED, debug_image=False), "the image has no jcmd, and no debug image is set"),
        (
            collector(needs=("NET_RAW",)),
            ALLOWED,
            "it needs NET_RAW, which the security profile restricted does not give",
        ),
        (HEAVY, replace(ALLOWED, no_heavy="not today"), "not today"),
    ],
    ids=["no tool", "no image", "no right", "too soon"],
)
def test_what_cannot_or_may_not_be_collected_is_skipped_with_its_reason(
    one: Collector, allowed: Allowed, why: str
) -> None:
    assert decided(one, allowed=allowed) == Skip(one, why)


def test_dump_that_would_cost_the_container_is_refused_unless_the_author_insists() -> None:
    tight = Budget(probe_s=2)
    refused = decide(target(), HEAVY, BARE, ALLOWED, tight)
    assert isinstance(refused, Skip)
    assert "300 MiB of memory stop the process for about 4 s" in refused.why
    assert isinstance(decide(target(), HEAVY, BARE, replace(ALLOWED, insist=True), tight), RunInDebugContainer)


def test_each_missing_tool_is_named_once() -> None:
    tools = tuple(Tool((name, "{pid}")) for name in ("jcmd", "jstack", "jcmd"))
    assert "has no jcmd or jstack" in decided(collector(in_image=tools)).why


def test_image_without_a_shell_may_show_its_process_by_its_own_tool() -> None:
    one = collector()
    seen = Seen(None, {("jcmd", "-h")}, found=(12,))
    assert decided(one, seen) == RunInTarget(one, one.in_image[0], (12,), "by exec: the image has jcmd")


def test_pid_is_put_in_wherever_it_stands() -> None:
    assert [filled(word, 12) for word in ("cat", "/proc/{pid}/status", "{pid}")] == ["cat", "/proc/12/status", "12"]


@pytest.mark.parametrize(("phase", "runs"), [("running", True), ("waiting", False), ("terminated", False)])
def test_only_a_running_container_runs_commands(phase: str, runs: bool) -> None:
    assert is_running(target(state=ContainerState(phase))) is runs  # type: ignore[arg-type]
