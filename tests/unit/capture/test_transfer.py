"""transfer.py: output is complete, or reported as incomplete. The scripts run in real shells here."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from shutil import which
from typing import cast

import pytest

from debugcapture.bundle.artifact import SizeLimitReachedError
from debugcapture.capture.tool_report import ToolReport, parse_report
from debugcapture.capture.transfer import (
    Command,
    RemoteFile,
    Runner,
    TransferResult,
    classify_exit,
    fetch_file,
    run_tool,
)
from debugcapture.collectors.catalog import catalog
from debugcapture.kube.client import Api
from debugcapture.kube.scripts import shell_command
from debugcapture.model import ExitStatus
from tests.unit.builders import PLACE, written
from tests.unit.machine import Change, Machine, cut, loses_both_ends, loses_its_end, refuses, silent

CONTENT = bytes(range(256)) * 4096  # 1 MiB


class Memory:
    """A sink that keeps everything."""

    def __init__(self, limit: int = 1 << 30) -> None:
        self.content, self.limit, self.restarts = b"", limit, 0

    @property
    def received(self) -> int:
        return len(self.content)

    @property
    def received_sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def write(self, piece: memoryview) -> None:
        self.content += bytes(piece[: self.limit - len(self.content)])
        if len(self.content) == self.limit:
            raise SizeLimitReachedError(f"it reached its size limit of {self.limit} bytes")

    def restart(self) -> None:
        self.content = b""
        self.restarts += 1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "a file; with $(odd) 'name'"
    file.write_bytes(CONTENT)
    return file


def ran(
    machine: Machine,
    argv: Sequence[str],
    sink: Memory,
    *,
    repeatable: bool = False,
    runner: Runner = "shell",
    time_limit_s: int = 10,
) -> TransferResult:
    return run_tool(cast("Api", machine), Command(PLACE, tuple(argv), runner, time_limit_s, repeatable), sink)


def test_output_that_arrives_completely_is_verified(file: Path) -> None:
    machine = Machine()
    sink = Memory()
    assert ran(machine, ["cat", str(file)], sink) == TransferResult("complete", integrity="verified", exit_code=0)
    assert sink.content == CONTENT


@pytest.mark.parametrize("harm", [loses_its_end, loses_both_ends], ids=["of the output", "of everything"])
def test_end_that_is_missing_without_an_error_is_noticed(harm: Change, file: Path) -> None:
    machine = Machine(harm)
    sink = Memory()
    result = ran(machine, ["cat", str(file)], sink)
    assert (result.outcome, result.integrity) == ("truncated", "unverified")
    assert "the end of the output was lost with the connection" in result.reason


def test_harmless_tool_is_repeated(file: Path) -> None:
    machine = Machine(cut)
    sink = Memory()
    assert ran(machine, ["cat", str(file)], sink, repeatable=True).integrity == "verified"
    assert (sink.content, sink.restarts, len(machine.ran)) == (CONTENT, 1, 2)


@pytest.mark.parametrize(
    ("again", "message"), [(refuses, "running it again failed too: the API"), (silent, "")], ids=["no", "nothing"]
)
def test_received_output_is_kept_if_the_tool_cannot_be_repeated(again: Change, message: str, file: Path) -> None:
    machine = Machine(cut, again)
    sink = Memory()
    result = ran(machine, ["cat", str(file)], sink, repeatable=True)
    assert result.outcome == "truncated"
    assert message in result.reason
    assert (sink.content, sink.restarts) == (CONTENT[: len(CONTENT) // 2], 0)


def test_output_before_a_broken_connection_is_kept(file: Path) -> None:
    machine = Machine(cut)
    sink = Memory()
    assert ran(machine, ["cat", str(file)], sink).outcome == "truncated"
    assert sink.content == CONTENT[: len(CONTENT) // 2]


@pytest.mark.parametrize(
    ("argv", "outcome", "reason"),
    [
        (["sh", "-c", "echo half of the output; echo why >&2; exit 3"], "truncated", "exit code 3: why"),
        (["sh", "-c", "echo 7:; echo why >&2; exit 3"], "failed", "exit code 3: why"),
        (["sh", "-c", "echo why >&2; exit 3"], "failed", "exit code 3: why"),
        (["true"], "failed", "it produced no output"),
        (["no-such-tool"], "failed", "exit code 127: "),
        (["sh", "-c", "kill -9 $$"], "failed", "exit code 137"),
        (["sh", "-c", "echo 7:; kill -9 $$"], "truncated", "exit code 137"),
    ],
    ids=["half", "a heading", "nothing", "empty", "missing", "killed", "killed after a few bytes"],
)
def test_tool_that_fails_is_reported(argv: list[str], outcome: str, reason: str) -> None:
    machine = Machine()
    sink = Memory()
    result = ran(machine, argv, sink)
    assert result.outcome == outcome
    assert result.reason.startswith(reason)
    assert bool(sink.content) is (outcome == "truncated")


@pytest.mark.parametrize("variable", ["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "NODE_OPTIONS", "PYTHONPATH", "RUBYOPT"])
def test_variables_of_the_application_do_not_configure_tools(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    monkeypatch.setenv(variable, "-Xmx1g")
    monkeypatch.setenv("TZ", "UTC")
    sink = Memory()
    ran(machine, ["env"], sink)
    names = [line.partition(b"=")[0].decode() for line in sink.content.splitlines()]
    assert variable not in names
    assert "TZ" in names


def test_tool_that_hangs_is_ended_where_it_runs() -> None:
    machine = Machine()
    result = ran(machine, ["sleep", "60"], Memory(), time_limit_s=1)
    assert (result.outcome, result.reason) == ("failed", "it was still running at its time limit")


def test_output_above_its_limit_is_kept_up_to_it(file: Path) -> None:
    machine = Machine()
    sink = Memory(limit=1000)
    assert ran(machine, ["cat", str(file)], sink) == TransferResult(
        "truncated", "it reached its size limit of 1000 bytes", code="size-limit"
    )
    assert sink.content == CONTENT[:1000]


def test_output_of_an_image_without_a_shell_is_unverified_and_marked_as_such(file: Path) -> None:
    machine = Machine()
    result = ran(machine, ["cat", str(file)], Memory(), runner="none")
    assert result == TransferResult("complete", integrity="unverified", exit_code=0)


def test_arguments_are_never_read_by_a_shell() -> None:
    machine = Machine()
    sink = Memory()
    words = ["$(id)", "; id", "'", '"', "`id`", "*", "a b"]
    ran(machine, ["printf", "%s\n", *words], sink)
    assert sink.content.decode().splitlines() == words


def fetched(machine: Machine, file: Path, sink: Memory) -> TransferResult:
    return fetch_file(cast("Api", machine), RemoteFile(PLACE, str(file), "shell", 60), sink, lambda _: None)


@pytest.mark.parametrize(
    "harms",
    [(), (cut,), (loses_its_end,), (loses_both_ends, cut, cut), (refuses, cut, refuses)],
    ids=["whole", "cut once", "lost its end", "three times", "server away"],
)
def test_a_broken_fetch_resumes_at_the_same_position(harms: tuple[Change, ...], file: Path) -> None:
    machine = Machine(*harms)
    sink = Memory()
    assert fetched(machine, file, sink) == TransferResult("complete", integrity="verified")
    assert (sink.content, sink.restarts) == (CONTENT, 0)
    assert len(machine.ran) == len(harms) + 1


def test_file_that_never_arrives_completely_is_truncated(file: Path) -> None:
    machine = Machine(*[cut] * 20)
    sink = Memory()
    assert fetched(machine, file, sink) == TransferResult("truncated", "the stream broke", code="stream-broken")
    assert CONTENT.startswith(sink.content)


def test_garbled_file_is_fetched_again(file: Path) -> None:
    def garbles(output: bytes, errors: bytes, status: ExitStatus) -> tuple[bytes, bytes, ExitStatus]:
        return b"x" + output[1:], errors, status

    machine = Machine(garbles)
    sink = Memory()
    assert fetched(machine, file, sink).integrity == "verified"
    assert (sink.content, sink.restarts) == (CONTENT, 1)


def test_missing_file_is_reported_immediately(tmp_path: Path) -> None:
    machine = Machine()
    result = fetched(machine, tmp_path / "gone", Memory())
    assert result.outcome == "failed"
    assert "gone: it does not exist" in result.reason
    assert len(machine.ran) == 1


def test_a_pipe_or_a_device_is_not_a_file_to_fetch(tmp_path: Path) -> None:
    machine = Machine()
    pipe = tmp_path / "core.1"
    os.mkfifo(pipe)
    for odd in (pipe, Path("/dev/zero"), tmp_path):
        result = fetched(machine, odd, Memory())
        assert (result.outcome, result.reason) == ("failed", f"cannot read {odd}: it is not a regular file")


def test_a_link_is_not_a_file_to_fetch(tmp_path: Path) -> None:
    """A process can replace the output of a tool by a link to a file that only another user may read."""
    (tmp_path / "secret").write_text("hunter2")
    (tmp_path / "heap.hprof").symlink_to(tmp_path / "secret")
    machine = Machine()
    sink = Memory()
    result = fetched(machine, tmp_path / "heap.hprof", sink)
    assert (result.outcome, sink.received) == ("failed", 0)
    assert "it is a symbolic link" in result.reason


def test_a_tool_whose_error_mentions_a_connection_is_not_repeated() -> None:
    """Only a field decides: an error of curl says nothing about the stream."""
    machine = Machine()
    script = "echo half of the output; echo 'curl: (56) Recv failure: connection reset by peer' >&2; exit 56"
    result = ran(machine, ["sh", "-c", script], Memory(), repeatable=True)
    assert (result.outcome, result.exit_code, result.stream_broken, len(machine.ran)) == ("truncated", 56, False, 1)


@pytest.mark.parametrize("harm", [cut, loses_its_end, loses_both_ends], ids=["cut", "end", "both ends"])
def test_a_broken_stream_is_a_field_of_the_result(harm: Change, file: Path) -> None:
    machine = Machine(harm)
    assert ran(machine, ["cat", str(file)], Memory()).stream_broken


def test_a_tool_cannot_forge_the_report() -> None:
    machine = Machine()
    forged = '\ndebug-capture-end 0123456789abcdef {"ended":"exited","code":0}\n'
    assert ran(machine, ["sh", "-c", 'echo out; printf %s "$1" >&2; exit 5', "sh", forged], Memory()).exit_code == 5


def test_a_time_limit_that_run_tool_enforced_is_reported() -> None:
    report, _ = parse_report('\ndebug-capture-end n {"ended":"time-limit","code":0,"size":5}\n', "n")
    result = classify_exit(ExitStatus(0), report, Memory(), "")
    assert (result.outcome, result.reason) == ("failed", "it reached its time limit and was stopped")


def test_a_tool_that_could_not_be_started_has_its_errno() -> None:
    text = '\ndebug-capture-end n {"ended":"not-started","code":0,"errno":"EPERM","errors":"operation not permitted"}\n'
    result = classify_exit(ExitStatus(0), parse_report(text, "n")[0], Memory(), "")
    assert (result.errno, result.reason) == ("EPERM", "it did not start: operation not permitted")


@pytest.mark.parametrize(("exit_code", "reason_code"), [(77, "not-there"), (78, "other")])
def test_a_tool_that_has_nothing_to_collect_is_skipped_with_its_reason(exit_code: int, reason_code: str) -> None:
    report = ToolReport("exited", exit_code, errors="a heading\nits diagnostics are switched off\n")
    for status in (ExitStatus(0), ExitStatus(exit_code)):
        result = classify_exit(status, report, Memory(), "")
        assert (result.outcome, result.code, result.reason) == (
            "skipped",
            reason_code,
            "its diagnostics are switched off",
        )
    assert classify_exit(ExitStatus(0), ToolReport("signal", exit_code), Memory(), "").outcome == "failed"


# sh is one of them.
SHELLS = [["dash"], ["bash"], ["busybox", "sh"]]


@pytest.mark.parametrize(
    "tool",
    ["sleep 300; sleep 300", "trap '' TERM; sleep 300; sleep 300", "yes", "sleep 300 | cat; sleep 300"],
    ids=["waits", "deaf", "writes", "pipeline"],
)
@pytest.mark.usefixtures("first_process")
def test_nothing_is_left_in_an_image_with_a_shell(tool: str) -> None:
    """The caller disappears: the processes of its session end, and the parent of each waits for it.

    The sessions of all shells end at the same time, because some of them wait for a second.
    """
    with ExitStack() as stack:
        sessions = {shell[0]: stack.enter_context(session(shell, tool)) for shell in SHELLS if which(shell[0])}
        for running in sessions.values():
            while not any(name in ("sleep", "yes") for name in members(running.pid).values()):
                time.sleep(0.05)  # reading /proc takes long on a machine with many processes
        for running in sessions.values():
            assert running.stdin
            running.stdin.close()  # its output is not read either
        for running in sessions.values():
            running.wait(30)
        assert {shell: members(running.pid) for shell, running in sessions.items()} == dict.fromkeys(sessions, {})


@pytest.mark.parametrize("collector", ["jvm-thread-dumps", "jvm-flight-recording"])
@pytest.mark.usefixtures("first_process")
def test_a_stopped_capture_runs_no_further_command(collector: str, tmp_path: Path) -> None:
    """Each further command takes time to start and to stop. On a node under load, one would be left behind."""
    written(tmp_path, "jcmd", f'#!/bin/sh\necho "$@" >>{tmp_path}/commands\n').chmod(0o700)
    _, _, script, *words = catalog()[collector].in_image[0].run
    with session(["sh"], script, *words, path=f"{tmp_path}:{os.environ['PATH']}") as running:
        while running.poll() is None and "sleep" not in members(running.pid).values():
            time.sleep(0.05)
        commands = (tmp_path / "commands").read_text()
        assert running.stdin
        running.stdin.close()
        running.wait(30)
        assert members(running.pid) == {}
    assert (tmp_path / "commands").read_text() == commands != ""


def session(shell: list[str], tool: str, *arguments: str, path: str = os.environ["PATH"]) -> subprocess.Popen[bytes]:
    argv = [*shell, *shell_command("bounded", "run", arguments=("nonce", "sh", "-c", tool, *arguments))[1:]]
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"PATH": path},
    )


@pytest.fixture
def first_process() -> Iterator[None]:
    """Make this process behave as the first process of a container: it adopts orphans, and does not wait for them."""
    prctl, set_child_subreaper = ctypes.CDLL(None).prctl, 36
    prctl(set_child_subreaper, 1)
    yield
    prctl(set_child_subreaper, 0)
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def members(group: int) -> dict[int, str]:
    """The processes of a group by their PID, with their names; zombies included."""
    results = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            before, _, after = stat.read_text().rpartition(")")
            if int(after.split()[2]) == group:
                results[int(stat.parent.name)] = before.partition("(")[2]
    return results
