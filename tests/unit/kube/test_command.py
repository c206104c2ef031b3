"""command.py: the output and exit code of a command are unchanged, and no process remains after an abort.

The wrapper and the script that ends a command run here, on this machine, by each shell that images have.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from debugcapture.errors import NotAllowed
from debugcapture.kube.client import Api
from debugcapture.kube.command import Command, run_command
from debugcapture.kube.exec_stream import Stdio
from debugcapture.kube.start_failures import with_start_failure
from debugcapture.model import ContainerRef, ExitStatus, StartFailure
from tests.unit.builders import PLACE
from tests.unit.clock import Clock

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]
BROKEN = ExitStatus(None, "StreamBroken", "the connection ended before the command")
NO_PROGRAM = ExitStatus(None, "InternalError", 'exec: "x": executable file not found in $PATH', StartFailure.NO_PROGRAM)
LINGERS = "sh -c 'sleep 600; echo never' \"$0\" & echo begun; wait"


class Fast(Clock):
    """A clock that is ten times as fast during waits, and passes ``skipped_s`` in the first one."""

    skipped_s = 0.0

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / 10)
        super().sleep(seconds + self.skipped_s)
        self.skipped_s = 0.0


class Machine:
    """A container whose shell is ``shell``, "" for none: it runs programs here, each as the leader of a session."""

    def __init__(self, shell: str) -> None:
        self.clock = Fast()
        self._shell = shell
        self.ran: list[Sequence[str]] = []
        self.started: list[subprocess.Popen[bytes]] = []
        self.breaks = False  # whether the stream of the command breaks after its first output
        self.refuses = False  # whether nothing more can be started

    def run(self, _place: ContainerRef, argv: Sequence[str], stdio: Stdio, **limits: Any) -> ExitStatus:
        if self.refuses and self.ran:
            raise NotAllowed("cannot run a command", "forbidden")
        self.ran.append(argv)
        words = list(argv)
        if argv[0] == "sh" and argv[3:4] == ("debug-capture",):
            if not self._shell:
                return NO_PROGRAM
            words = (["busybox"] if self._shell == "busybox" else []) + [
                "sh" if self._shell == "busybox" else self._shell,
                *argv[1:],
            ]
        if not shutil.which(words[0]):
            return NO_PROGRAM
        environment = {"PATH": os.environ["PATH"], "HOME": "/"}
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=environment,
        )
        self.started.append(process)
        try:
            return self._pumped(process, stdio.stdout, stdio.stderr, closing=limits.get("closing", False))
        finally:
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()

    def _pumped(self, process: subprocess.Popen[bytes], stdout: Any, stderr: Any, *, closing: bool) -> ExitStatus:
        assert process.stdout
        assert process.stderr
        line = b"" if closing else process.stderr.readline()
        for start in range(0, len(line), 7):  # as a network may cut it
            stderr(memoryview(line)[start : start + 7])
        output = process.stdout.fileno()
        for piece in iter(lambda: os.read(output, 65536), b""):
            stdout(memoryview(piece))
            if self.breaks and not closing:
                return BROKEN
        rest = process.stderr.read()
        if rest:
            stderr(memoryview(rest))
        return with_start_failure(ExitStatus(process.wait()), "sh", b"", has_output=True)


class Log:
    """The output in the log of a step."""

    def __init__(self) -> None:
        self.stdout, self.stderr, self.log_lines = bytearray(), bytearray(), list[str]()
        self.aborted_by: BaseException | None = None
        self.machine: Machine | None = None

    def write(self, piece: memoryview) -> None:
        self.stdout.extend(piece)
        if self.aborted_by and b"begun" in self.stdout:
            raise self.aborted_by

    def run(self, *argv: str) -> ExitStatus:
        command = Command(argv, 30, self.write, self.stderr.extend)
        return run_command(cast("Api", self.machine), PLACE, command, self.log_lines.append)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def machine(log: Log) -> Iterator[Callable[[str], Machine]]:
    machines: list[Machine] = []

    def use(shell: str) -> Machine:
        machines.append(Machine(shell))
        log.machine = machines[-1]
        return machines[-1]

    yield use
    for container in machines:
        for process in container.started:
            if process.poll() is None:
                os.killpg(process.pid, 9)
            process.wait()


Use = Callable[[str], Machine]
each_shell = pytest.mark.parametrize("shell", SHELLS)


def processes_of(tag: str) -> list[str]:
    """The command lines on this machine that have ``tag`` in their environment or arguments, zombies left out."""
    pids = []
    for file in Path("/proc").glob("[0-9]*"):
        try:
            if tag.encode() in (file / "cmdline").read_bytes() and "\nState:\tZ" not in (file / "status").read_text():
                pids.append((file / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return pids


@each_shell
def test_output_errors_and_exit_code_are_those_of_the_command(shell: str, machine: Use, log: Log) -> None:
    machine(shell)
    status = log.run("sh", "-c", r"printf 'a\0b\377'; printf 'e1\ne2' >&2; exit 7")
    assert (bytes(log.stdout), bytes(log.stderr), status.code, log.log_lines) == (b"a\0b\xff", b"e1\ne2", 7, [])


@each_shell
def test_arguments_arrive_as_they_are(shell: str, machine: Use, log: Log) -> None:
    machine(shell)
    words = ("a  b", "*", "$(id)", "'", '"', "x\ny", "", "-n")
    assert log.run("printf", "[%s]", *words).code == 0
    assert log.stdout.decode() == "".join(f"[{word}]" for word in words)


@each_shell
def test_the_command_sees_the_environment_that_the_runtime_gives_it(shell: str, machine: Use, log: Log) -> None:
    machine(shell)
    log.run("env")
    names = set(re.findall(r"^(\w+)=", log.stdout.decode(), re.MULTILINE))
    assert names - {"_", "SHLVL"} == {"PATH", "HOME"}  # bash and busybox always set _ and SHLVL


@each_shell
def test_standard_input_is_empty(shell: str, machine: Use, log: Log) -> None:
    machine(shell)
    assert log.run("wc", "-c").code == 0
    assert log.stdout.split() == [b"0"]


def test_a_shell_builtin_does_not_replace_the_tool_of_the_image(machine: Use, log: Log, tmp_path: Path) -> None:
    machine("busybox")
    (tmp_path / "ls").write_text("#!/bin/sh\necho the image has its own\n")
    (tmp_path / "ls").chmod(0o755)
    os.environ["PATH"], before = f"{tmp_path}:{os.environ['PATH']}", os.environ["PATH"]
    try:
        log.run("ls")
    finally:
        os.environ["PATH"] = before
    assert log.stdout == b"the image has its own\n"


@pytest.mark.parametrize("shell", ["", *SHELLS])
def test_a_missing_program_is_reported_as_the_runtime_does(shell: str, machine: Use, log: Log) -> None:
    test_machine = machine(shell)
    status = log.run("no-such-program", "x")
    assert (status, bytes(log.stderr)) == (NO_PROGRAM, b"")
    assert test_machine.ran[-1] == ("no-such-program", "x")


def test_an_image_without_a_shell_runs_the_command_as_it_is_once(machine: Use, log: Log) -> None:
    test_machine = machine("")
    assert log.run("printf", "x").code == 0
    assert (bytes(log.stdout), test_machine.ran[-1]) == (b"x", ("printf", "x"))
    assert [argv[0] for argv in test_machine.ran] == ["sh", "printf"]


@each_shell
@pytest.mark.parametrize("abort", [SystemExit(143), BrokenPipeError()])
def test_an_abort_ends_the_command_and_what_it_has_started(
    shell: str, abort: BaseException, machine: Use, log: Log
) -> None:
    machine(shell)
    log.aborted_by, tag = abort, f"tag-{os.urandom(4).hex()}"
    other = subprocess.Popen(["sh", "-c", LINGERS, tag], stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        with pytest.raises(type(abort)):
            log.run("sh", "-c", LINGERS, tag)
        assert log.log_lines == [f"stopped the command in {PLACE}"]
        assert len(processes_of(tag)) == 2  # the same command of another user, and its children
        assert other.poll() is None
    finally:
        os.killpg(other.pid, 9)
        other.wait()


@each_shell
def test_a_command_that_ignores_sigterm_is_killed(shell: str, machine: Use, log: Log) -> None:
    machine(shell).clock.skipped_s = 2.5  # most of the time from SIGTERM to SIGKILL
    log.aborted_by, tag = SystemExit(143), f"tag-{os.urandom(4).hex()}"
    with pytest.raises(SystemExit):
        log.run("sh", "-c", "trap '' TERM; echo begun; while :; do sleep 0.05; done", tag)
    assert log.log_lines == [f"stopped the command in {PLACE}"]
    assert processes_of(tag) == []


@each_shell
def test_a_connection_that_breaks_ends_the_command(shell: str, machine: Use, log: Log) -> None:
    test_machine, tag = machine(shell), f"tag-{os.urandom(4).hex()}"
    test_machine.breaks = True
    assert log.run("sh", "-c", LINGERS, tag) == BROKEN
    assert log.log_lines == [f"stopped the command in {PLACE}"]
    assert processes_of(tag) == []


def test_a_command_that_may_still_run_is_reported(machine: Use, log: Log) -> None:
    test_machine, tag = machine("dash"), f"tag-{os.urandom(4).hex()}"
    test_machine.refuses, log.aborted_by = True, SystemExit(143)
    with pytest.raises(SystemExit):
        log.run("sh", "-c", "echo begun; sleep 0.5", tag)
    assert log.log_lines == [f"the command may still be running in {PLACE}: cannot run a command: forbidden"]


def test_without_a_shell_a_command_cannot_be_ended_and_that_is_reported(machine: Use, log: Log) -> None:
    machine("")
    log.aborted_by = SystemExit(143)
    with pytest.raises(SystemExit):
        log.run("sh", "-c", "echo begun; sleep 0.2")
    assert log.log_lines == [
        f"the command may still be running in {PLACE}: without a shell in the image, it cannot be stopped"
    ]
