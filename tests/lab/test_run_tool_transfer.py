"""transfer.py with run-tool in the container, over connections that break."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from debugcapture.capture.transfer import (
    Command,
    RemoteFile,
    TransferResult,
    fetch_file,
    remove_file,
    run_detached,
    run_tool,
)
from debugcapture.kube.client import Api
from debugcapture.kube.ephemeral_container import base_of
from debugcapture.model import ContainerRef, ExitStatus
from lab.paths import REPO
from lab.prerequisites import go_binary, run_go
from tests.unit.builders import PLACE
from tests.unit.capture.test_transfer import CONTENT, Memory
from tests.unit.machine import Change, Machine, cut, loses_both_ends, loses_its_end, refuses, unchanged

WHOLE = TransferResult("complete", integrity="verified")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("bin")
    run_go(go_binary(), ["build", "-o", str(program / "run-tool"), "."], REPO / "deploy" / "toolbox" / "run-tool")
    return program


@pytest.fixture(autouse=True)
def path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add run-tool to the path."""
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "a file; with $(odd) 'name'"
    file.write_bytes(CONTENT)
    return file


def ran(machine: Machine, sink: Memory, *argv: str, repeatable: bool = False, time_limit_s: int = 10) -> TransferResult:
    return run_tool(cast("Api", machine), Command(PLACE, argv, "run-tool", time_limit_s, repeatable), sink)


def test_output_arrives_complete_and_verified(file: Path) -> None:
    machine = Machine()
    sink = Memory()
    result = ran(machine, sink, "cat", str(file))
    assert (result.outcome, result.integrity, sink.content == CONTENT) == ("complete", "verified", True)


@pytest.mark.parametrize("harm", [cut, loses_its_end, loses_both_ends], ids=["cut", "end", "both ends"])
def test_harmless_tool_runs_again_if_the_stream_broke(harm: Change, file: Path) -> None:
    machine = Machine(harm)
    sink = Memory()
    assert ran(machine, sink, "cat", str(file), repeatable=True).integrity == "verified"
    assert (sink.content == CONTENT, sink.restarts, len(machine.ran)) == (True, 1, 2)


@pytest.mark.parametrize(
    ("argv", "outcome", "reason"),
    [
        (["sh", "-c", "echo half of the output; echo why >&2; exit 3"], "truncated", "exit code 3: why"),
        (["sh", "-c", "echo why >&2; kill -9 $$"], "failed", "it was ended by SIGKILL: why"),
        (["sh", "-c", "echo nothing >&2; exit 77"], "skipped", "nothing"),
        (["true"], "failed", "it produced no output"),
        (["no-such-tool"], "failed", "it did not start: "),
        (["sleep", "60"], "failed", "it reached its time limit and was stopped"),
    ],
    ids=["half", "killed", "nothing there", "empty", "missing", "hangs"],
)
def test_failed_tool_is_reported(argv: list[str], outcome: str, reason: str) -> None:
    machine = Machine()
    result = ran(machine, Memory(), *argv, time_limit_s=1)
    assert result.outcome == outcome
    assert result.reason.startswith(reason)


@pytest.mark.parametrize(
    "harms",
    [(), (cut,), (loses_its_end,), (loses_both_ends, cut, cut), (refuses, cut, refuses)],
    ids=["whole", "cut once", "lost its end", "three times", "server away"],
)
def test_transfer_of_a_file_resumes_where_it_broke(harms: tuple[Change, ...], file: Path) -> None:
    machine = Machine(*harms)
    sink = Memory()
    assert fetch_file(cast("Api", machine), RemoteFile(PLACE, str(file), "run-tool", 60), sink, lambda _: None) == WHOLE
    assert (sink.content == CONTENT, sink.restarts, len(machine.ran)) == (True, 0, len(harms) + 1)


@pytest.mark.parametrize(
    ("name", "reason"), [("gone", "no such file"), ("folder", "not a regular file"), ("link", "it is a symbolic link")]
)
def test_unreadable_file_is_reported_at_once_and_removing_it_succeeds(name: str, reason: str, tmp_path: Path) -> None:
    machine = Machine()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/etc/passwd")
    remote = RemoteFile(PLACE, str(tmp_path / name), "run-tool", 60)
    result = fetch_file(cast("Api", machine), remote, Memory(), lambda _: None)
    assert (result.outcome, len(machine.ran)) == ("failed", 1)
    assert reason in result.reason
    remove_file(cast("Api", machine), remote)
    assert not Path(remote.path).exists()


@pytest.fixture
def held(folder: Path, tmp_path: Path) -> Iterator[ContainerRef]:
    """A debug container that runs."""
    held = replace(PLACE, scratch=str(tmp_path))
    base = base_of(held)
    with subprocess.Popen([folder / "run-tool", "hold", base, "60", "t"]) as holder:
        subprocess.run([folder / "run-tool", "join", base, "u"], check=True, timeout=30)
        yield held
        holder.terminate()
        assert holder.wait(30) == 0


def test_long_work_outlives_its_connection(held: ContainerRef) -> None:
    machine = Machine(unchanged, refuses, cut, loses_both_ends)
    argv = ("sh", "-c", "sleep 0.2; echo done; echo 'it'\\''s' >&2")
    path, result = run_detached(cast("Api", machine), Command(held, argv, "run-tool", 10), "", lambda _: None)
    assert result.outcome == "complete"
    assert Path(path).read_text() == "done\n"
    assert path.startswith(base_of(held))
    assert machine.changes == []


def test_work_in_a_container_that_is_gone_is_not_waited_for(held: ContainerRef) -> None:
    def lose_container(*_: object) -> tuple[bytes, bytes, ExitStatus]:
        return b"", b"", ExitStatus(None, "InternalError", "container not found")

    command = Command(held, ("sleep", "60"), "run-tool", 10)
    _, result = run_detached(cast("Api", Machine(unchanged, lose_container)), command, "", lambda _: None)
    assert (result.outcome, result.reason) == ("failed", "container not found")


@pytest.mark.parametrize(
    ("script", "outcome", "reason"),
    [
        ("echo why >&2; exit 4", "failed", "exit code 4: why"),
        ("echo nothing to record >&2; exit 77", "skipped", "nothing to record"),
        ("sleep 60", "failed", "it reached its time limit and was stopped"),
    ],
)
def test_failed_long_work_is_reported(script: str, outcome: str, reason: str, held: ContainerRef) -> None:
    machine = Machine()
    command = Command(held, ("sh", "-c", script), "run-tool", 1)
    output = f"{base_of(held)}/output"
    path, result = run_detached(cast("Api", machine), command, output, lambda _: None)
    assert (path, result.outcome, result.reason) == (output, outcome, reason)
