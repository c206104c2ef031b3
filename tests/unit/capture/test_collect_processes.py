"""collect.py: which processes and volumes belong to the target, and what happens if that is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from debugcapture.model import (
    ExitStatus,
    StartFailure,
    Tool,
)
from tests.unit.builders import collector, container, pod, target
from tests.unit.capture.collecting import Run, in_image
from tests.unit.fakes import JAVA, OK, Cluster

CRASH_DUMPS = collector(id="crash-dumps", file="", reads_api="crash-dumps", in_image=(), from_debug=())
WITH_VOLUME = pod(
    spec={
        "containers": [container(volumeMounts=[{"name": "data", "mountPath": "/data"}])],
        "volumes": [{"name": "data", "emptyDir": {}}],
    }
)


@pytest.mark.parametrize(("programs", "attached"), [("HAS find\n", 0), ("", 1)], ids=["find", "no find"])
def test_volumes_are_searched_by_a_debug_container_if_the_image_has_no_find(
    programs: str, attached: int, capture: Run
) -> None:
    cluster = Cluster(find=(OK, b"", b""))
    cluster.pod_json, cluster.listing = WITH_VOLUME, f"{programs}{cluster.listing}"
    (artifact,) = capture(cluster, CRASH_DUMPS)
    assert (artifact.outcome, artifact.reason) == ("skipped", "there are no dumps on the container's volumes")
    assert len(cluster.attached) == attached
    folder = "/proc/7/root/data" if attached else "/data"
    assert any(argv[:2] == ("find", folder) for argv in cluster.ran)


def test_volumes_that_nothing_can_search_are_not_said_to_be_empty(capture: Run) -> None:
    cluster = Cluster()
    cluster.pod_json = WITH_VOLUME
    (artifact,) = capture(cluster, CRASH_DUMPS, image="")
    assert artifact.outcome == "skipped"
    assert "were not searched: its image has no find, and no debug image is set" in artifact.reason


SHARED = target(shares_processes=True)


def test_in_a_pod_that_shares_its_processes_only_those_of_the_container_are_captured(capture: Run) -> None:
    cluster = in_image()
    cluster.listing = f"S 99\nP 1 0 0 1 pause\nF\nP 5 0 0 9 java\nF\n{JAVA.replace('T' + chr(10), '')}"
    (artifact,) = capture(cluster, collector(), of=SHARED)
    assert artifact.outcome == "complete"
    assert cluster.tools() == [("jcmd", "7", "Thread.print")]


def test_processes_that_only_a_debug_container_can_distinguish_are_captured_from_there(capture: Run) -> None:
    cluster = Cluster(debug=["jattach"], jattach=(OK, b"threads\n", b""))
    cluster.listing = f"S 99\n{JAVA.replace('T' + chr(10), '')}"
    cluster.debug_listing = f"S 99\nP 1 0 0 1 java\nM /x/libjvm.so\n{JAVA}"
    (artifact,) = capture(cluster, collector(), of=SHARED)
    assert (artifact.outcome, cluster.tools()) == ("complete", [("jattach", "7", "threaddump")])


def test_processes_that_nothing_distinguishes_are_refused(capture: Run) -> None:
    cluster = in_image()
    cluster.listing = f"S 99\n{JAVA.replace('T' + chr(10), '')}"
    (artifact,) = capture(cluster, collector(), of=SHARED)
    assert artifact.outcome == "failed"
    assert "no control group contains the ID of the container" in artifact.reason
    assert cluster.tools() == []


def test_without_a_shell_the_tool_of_the_image_may_list_processes_of_other_containers(capture: Run) -> None:
    finds = Tool(("jcmd", "{pid}"), ("jcmd", "-h"), find=("jcmd", "-l"), pid_pattern=r"^(\d+) ")
    cluster = Cluster(shell=False, debug=["jattach"], jcmd=(OK, b"1 other\n", b""), jattach=(OK, b"threads\n", b""))
    (artifact,) = capture(cluster, collector(in_image=(finds,)), of=SHARED)
    assert artifact.outcome == "complete"
    assert ("jcmd", "-l") not in cluster.ran


@pytest.mark.parametrize(
    "answer",
    [
        (ExitStatus(None, "", "no", StartFailure.NO_PROGRAM), b"", b"executable file `jcmd` not found in $PATH"),
        (ExitStatus(1), b"", b"ERROR: transport error 202: bind failed: Address already in use"),
    ],
    ids=["no jcmd", "a jcmd that fails"],
)
def test_a_list_that_failed_does_not_show_that_there_is_no_process(answer: Any, capture: Run) -> None:
    finds = Tool(("jcmd", "{pid}"), ("jcmd", "-h"), find=("jcmd", "-l"), pid_pattern=r"^(\d+) ")
    cluster = Cluster(shell=False, debug=["jattach"], jcmd=answer, jattach=(OK, b"threads\n", b""))
    (artifact,) = capture(cluster, collector(in_image=(finds,)), preset=True)
    assert (artifact.outcome, artifact.origin) == ("complete", "debug-container")


def test_a_node_that_cannot_be_reached_is_the_reason_of_every_collector(capture: Run) -> None:
    calls = list[object]()

    class Disconnected(Cluster):
        def run(self, *_: object, **__: object) -> ExitStatus:
            calls.append(1)
            return ExitStatus(None, "", "error dialing backend: EOF", StartFailure.NODE_UNREACHABLE)

    artifacts = capture(in_image(Disconnected), collector(), collector(id="again"))
    assert {artifact.reason for artifact in artifacts} == {
        f"cannot run sh in {target().ref}: error dialing backend: EOF. Check the node of the pod."
    }
    assert len(calls) == 1
