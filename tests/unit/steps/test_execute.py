"""execute.py: a command, its output and its exit code."""

from __future__ import annotations

import pytest

from debugcapture.errors import (
    CommandFailed,
    NotAllowed,
    TargetNotFound,
)
from debugcapture.model import ExitStatus, Json, StartFailure
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.steps.execute import ExecStep, execute
from tests.unit.steps.support import POD, Cluster, Serve, written_to


def test_command_is_run_and_its_output_arrives_unchanged(
    serve: Serve, run_context: RunContext, log_lines: list[str]
) -> None:
    serve(Cluster())
    step = read(ExecStep, POD | {"command": "echo 'a  b' c"})
    assert execute(step, run_context).exit_code == 0
    assert written_to(run_context.stdout) == b"echo a  b c\xff"
    assert written_to(run_context.stderr) == b"warning"
    assert log_lines == []


def test_exit_code_of_a_command_is_the_steps(serve: Serve, run_context: RunContext, log_lines: list[str]) -> None:
    serve(Cluster(ended=ExitStatus(42)))
    assert execute(read(ExecStep, POD | {"command": "false"}), run_context).exit_code == 42
    assert "ended with exit code 42" in log_lines[0]


@pytest.mark.parametrize(
    ("ended", "message"),
    [
        (
            ExitStatus(None, "", "executable file not found", StartFailure.NO_PROGRAM),
            "does not contain this program. Run it in a debug container",
        ),
        (ExitStatus(None, "TimeLimit", "still running"), "still running"),
        (ExitStatus(None, "StreamBroken"), "StreamBroken"),
    ],
    ids=["no program", "time limit", "broken"],
)
def test_command_without_an_end_is_not_a_success(
    ended: ExitStatus, message: str, serve: Serve, run_context: RunContext
) -> None:
    serve(Cluster(ended=ended))
    with pytest.raises(CommandFailed, match=message):
        execute(read(ExecStep, POD | {"command": "x"}), run_context)


def test_what_is_forbidden_in_a_namespace_that_does_not_exist_is_not_there(
    serve: Serve, run_context: RunContext
) -> None:
    class Forbidding(Cluster):
        def pod(self, _namespace: str, _name: str) -> Json:
            raise NotAllowed("cannot read", "forbidden")

    serve(Forbidding())
    with pytest.raises(TargetNotFound, match="namespace shopp does not exist"):
        execute(read(ExecStep, POD | {"namespace": "shopp", "command": "true"}), run_context)
    with pytest.raises(NotAllowed):
        execute(read(ExecStep, POD | {"command": "true"}), run_context)
