"""tool_run.py: the command line of one run of a tool on one process."""

from __future__ import annotations

from dataclasses import replace

from debugcapture.capture.tool_run import PendingArtifact, ToolRun
from debugcapture.model import ContainerRef, Tool
from tests.unit.builders import collector

PLACE = ContainerRef("shop", "web-0", "app")


def tool_run(tool: Tool) -> ToolRun:
    return ToolRun(PendingArtifact(collector(), "dump.bin", "exec", "by exec"), tool, PLACE, "run-tool", 12)


def test_the_pid_is_inserted_at_every_placeholder() -> None:
    planned = tool_run(Tool(("cat", "/proc/{pid}/status", "{pid}"), output="/tmp/{pid}.bin"))
    assert planned.command().argv == ("cat", "/proc/12/status", "12")
    assert planned.output == "/tmp/12.bin"


def test_files_of_a_tool_go_where_its_container_can_write() -> None:
    memory = ContainerRef("shop", "web-0", "debug-capture-1", "/dev/shm")
    here = Tool(("dump", "/tmp/debug-capture-{id}.raw"), output="/tmp/debug-capture-{id}.bin")
    planned = replace(tool_run(here), ref=memory)
    assert planned.output == f"/dev/shm/debug-capture-{planned.token}.bin"
    assert planned.command().argv[1] == f"/dev/shm/debug-capture-{planned.token}.raw"
    in_target = Tool(("dump", "/tmp/debug-capture-{id}.bin"), output="/proc/{pid}/root/tmp/debug-capture-{id}.bin")
    planned = replace(tool_run(in_target), ref=memory)
    assert planned.command().argv[1] == f"/tmp/debug-capture-{planned.token}.bin"
    assert planned.output == f"/proc/12/root/tmp/debug-capture-{planned.token}.bin"


def test_two_runs_of_a_tool_write_to_different_files() -> None:
    tool = Tool(("dump", "{id}"), output="/tmp/{id}.bin")
    first, second = tool_run(tool), tool_run(tool)
    assert first.output != second.output
    assert first.output == f"/tmp/{first.command().argv[1]}.bin"
