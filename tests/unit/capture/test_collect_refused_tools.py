"""collect.py: a tool that the process or the image refuses is replaced, or its reason is reported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from debugcapture.bundle.bundle import Bundle
from debugcapture.model import (
    ExitStatus,
    Tool,
)
from tests.unit.builders import collector, container, pod
from tests.unit.capture.collecting import Denying, Run
from tests.unit.fakes import OK, Cluster

ADDRESS_IN_USE = b"ERROR: transport error 202: bind failed: Address already in use\n"


def test_a_tool_that_the_environment_of_the_container_breaks_is_replaced_by_that_of_the_debug_image(
    capture: Run,
) -> None:
    cluster = Cluster(debug=["jattach"], jcmd=(ExitStatus(2), b"", ADDRESS_IN_USE), jattach=(OK, b"threads\n", b""))
    (artifact,) = capture(cluster, collector())
    assert (artifact.outcome, artifact.method) == ("complete", "failed in the target container")


def test_if_both_tools_fail_both_reasons_are_reported(capture: Run) -> None:
    refused = (ExitStatus(1), b"", b"Could not start attach mechanism: No such file or directory\n")
    cluster = Cluster(debug=["jattach"], jcmd=(ExitStatus(2), b"", ADDRESS_IN_USE), jattach=refused)
    (artifact,) = capture(cluster, collector())
    assert artifact.outcome == "failed"
    assert artifact.reason == (
        "exit code 1: Could not start attach mechanism: No such file or directory; in the target container: "
        "exit code 2: ERROR: transport error 202: bind failed: Address already in use"
    )


@pytest.mark.parametrize("change", [{"invasive": "heavy"}, {"from_debug": (Tool(("jcmd", "{pid}")),)}], ids=str)
def test_a_dump_and_the_same_tool_are_not_repeated(change: dict[str, Any], capture: Run) -> None:
    cluster = Cluster(debug=["jattach"], jcmd=(ExitStatus(2), b"", ADDRESS_IN_USE), jattach=(OK, b"threads\n", b""))
    (artifact,) = capture(cluster, collector(**change))
    assert (artifact.outcome, cluster.attached) == ("failed", [])


def test_a_denial_after_a_heading_is_a_denial(capture: Run) -> None:
    tool = Tool(("jcmd", "{pid}"), denied_pattern="^denied$")
    cluster = Cluster(debug=["jattach"], jcmd=(ExitStatus(1), b"7:\n" * 9, b"denied\n"), jattach=(OK, b"t\n", b""))
    (artifact,) = capture(cluster, collector(in_image=(tool,)))
    assert (artifact.outcome, artifact.method) == ("complete", "denied in the target container")


def test_a_denial_says_which_profile_could_help(capture: Run) -> None:
    (artifact,) = capture(Denying(shell=False), collector())
    assert artifact.reason.endswith(
        "jattach: denied. The job allows at most the profile restricted. With the profile general, root could read a "
        "process that its own user may not trace (Yama)."
    )


def test_variables_that_configure_a_tool_without_a_shell_are_a_reason_for_a_debug_container(capture: Run) -> None:
    finds = Tool(("jcmd", "{pid}"), ("jcmd", "-h"), find=("jcmd", "-l"), pid_pattern=r"^(\d+) ")
    cluster = Cluster(shell=False, debug=["jattach"], jcmd=(OK, b"7 x\n", b""), jattach=(OK, b"threads\n", b""))
    variables = [{"name": "JAVA_TOOL_OPTIONS", "value": "-Xms96m"}]
    cluster.pod_json = pod(spec={"containers": [container(env=variables)]})
    (artifact,) = capture(cluster, collector(in_image=(finds,)))
    assert artifact.origin == "debug-container"
    assert ("jcmd", "-l") not in cluster.ran


NO_ATTACH = b"Could not start attach mechanism: Read-only file system\n"
JATTACH = Tool(("jattach", "{pid}"), ("jattach",), refused_pattern="^Could not start attach mechanism: Read-only.*$")
THREADS = collector(
    from_debug=(JATTACH,),
    from_log=(Tool(("sh", "-c", "kill -QUIT $1", "sh", "{pid}"), in_log="^Full thread dump "),),
)
HISTOGRAM = collector(id="jvm-heap-histogram", file="histogram.txt", from_debug=(JATTACH,))


class WithoutAttach(Cluster):
    """A cluster whose JVM accepts no attach, and writes its threads to its log when it gets a signal."""

    def __init__(self, dumps: int, **options: Any) -> None:
        refused = (ExitStatus(1), b"", NO_ATTACH)
        super().__init__(debug=["jattach"], jattach=refused, sh=(OK, b"", b""), **options)
        self.dumps = dumps

    def log(self, *_: object, **__: object) -> Iterator[bytes]:
        signals = len([tool for tool in self.tools() if tool[0] == "sh"])
        yield b"2026-01-02T12:00:00Z hello\n" + b"2026-01-02T12:00:00Z Full thread dump x\n" * (self.dumps * signals)


@pytest.mark.parametrize("shell", [True, False], ids=["shell", "no shell"])
def test_a_jvm_without_attach_writes_its_threads_to_the_log_once(shell: bool, capture: Run, bundle: Bundle) -> None:
    cluster = WithoutAttach(1, shell=shell)
    threads, histogram = capture(cluster, THREADS, HISTOGRAM, preset=True)
    assert (threads.outcome, threads.method) == (
        "complete",
        "from the container's log, because the process refused the tool",
    )
    assert (bundle.folder / threads.file).read_bytes().startswith(b"Full thread dump")
    assert (histogram.outcome, histogram.reason_code) == ("skipped", "other")
    assert "process 7 accepts no tool of this kind: exit code 1: Could not start attach" in histogram.reason
    assert [tool[0] for tool in cluster.tools()] == ["jattach", "sh"]


def test_a_jvm_whose_options_turn_attach_off_is_not_asked(capture: Run) -> None:
    cluster = WithoutAttach(1)
    cluster.listing += "A\n"
    histogram, threads = capture(cluster, HISTOGRAM, THREADS)
    assert (threads.outcome, [tool[0] for tool in cluster.tools()]) == ("complete", ["sh"])
    assert (histogram.outcome, histogram.reason) == ("skipped", "process 7 runs with -XX:+DisableAttachMechanism")


def test_a_dump_that_the_attempt_to_attach_caused_needs_no_signal(capture: Run) -> None:
    class HasDumped(WithoutAttach):
        def log(self, *_: object, **__: object) -> Iterator[bytes]:
            yield b"2026-01-02T12:00:00Z Full thread dump x\n"

    cluster = HasDumped(1, shell=False)
    (threads,) = capture(cluster, THREADS)
    assert threads.outcome == "complete"
    assert [tool[0] for tool in cluster.tools()] == ["jattach"]


def test_a_jvm_that_writes_its_threads_elsewhere_is_reported(capture: Run) -> None:
    (threads,) = capture(WithoutAttach(0, shell=False), THREADS)
    assert threads.outcome == "failed"
    assert threads.reason.endswith("Read-only file system; nothing appeared in the container's log either")
