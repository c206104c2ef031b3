"""Runs commands on this machine instead of in a container, as an exec session does, and damages what they send."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from debugcapture.errors import Unreachable
from debugcapture.kube.exec_stream import Stdio
from debugcapture.kube.start_failures import with_start_failure
from debugcapture.model import ExitStatus, StartFailure
from tests.unit.clock import Clock

BROKEN = ExitStatus(None, "StreamBroken", "the connection ended before the command")
Change = Callable[[bytes, bytes, ExitStatus], tuple[bytes, bytes, ExitStatus]]


class Machine:
    """Each entry of ``changes`` damages one connection."""

    clock = Clock()

    def __init__(self, *changes: Change) -> None:
        self.changes, self.ran = list(changes), list[Sequence[str]]()

    def run(
        self,
        _place: object,
        argv: Sequence[str],
        stdio: Stdio,
        *,
        time_limit_s: float,
        **_: Any,
    ) -> ExitStatus:
        self.ran.append(argv)
        change = self.changes.pop(0) if self.changes else unchanged
        try:
            output, errors, status = change(*_session(argv, time_limit_s, stdio.holds_stdin))
        except FileNotFoundError:
            return ExitStatus(127, "NonZeroExitCode", "not found", StartFailure.NO_PROGRAM)
        for start in range(0, len(output), 65536):
            stdio.stdout(memoryview(output)[start : start + 65536])
        stdio.stderr(memoryview(errors))
        return status


def _session(argv: Sequence[str], time_limit_s: float, holds_stdin: bool) -> tuple[bytes, bytes, ExitStatus]:
    """A new session, as the container runtime starts it. Its standard input ends with the connection."""
    theirs, writer = os.pipe()
    try:
        with subprocess.Popen(
            argv,
            stdin=theirs if holds_stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as running:
            try:
                output, errors = running.communicate(timeout=min(time_limit_s, 30))
            except subprocess.TimeoutExpired:
                os.close(writer)
                writer = -1
                output, _ = running.communicate(timeout=30)
                return output, b"", ExitStatus(None, "TimeLimit", "it was still running at its time limit")
            return output, errors, with_start_failure(ExitStatus(running.returncode), argv[0], b"", has_output=True)
    finally:
        os.close(theirs)
        if writer >= 0:
            os.close(writer)


def unchanged(output: bytes, errors: bytes, status: ExitStatus) -> tuple[bytes, bytes, ExitStatus]:
    return output, errors, status


def cut(output: bytes, _errors: bytes, _status: ExitStatus) -> tuple[bytes, bytes, ExitStatus]:
    """The connection breaks."""
    return output[: len(output) // 2], b"", BROKEN


def loses_its_end(output: bytes, errors: bytes, status: ExitStatus) -> tuple[bytes, bytes, ExitStatus]:
    """The bug kubernetes#124571: the end of the output is missing, without an error."""
    return output[:-1000], errors, status


def loses_both_ends(output: bytes, _errors: bytes, status: ExitStatus) -> tuple[bytes, bytes, ExitStatus]:
    return output[:-1000], b"", status


def refuses(*_: object) -> tuple[bytes, bytes, ExitStatus]:
    raise Unreachable("cannot run a command", "the API server did not respond", "")


def silent(_output: bytes, _errors: bytes, _status: ExitStatus) -> tuple[bytes, bytes, ExitStatus]:
    """The connection breaks before the first byte."""
    return b"", b"", BROKEN
