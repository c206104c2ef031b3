"""Runs a command of an operator in a container, and stops it if the step ends first.

The API cannot stop an exec: the command continues when the connection closes. If the image has a shell, it therefore
reports the PID of the command first, and a second exec stops that process and everything that it started.
Source: Kubernetes issue 115184; setns_init_linux.go of runc, which makes each exec the leader of a session.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..errors import CaptureError, CommandFailed
from ..model import ContainerRef, ExitStatus, Report
from ..text import number_in
from . import exec_stream
from .client import Api
from .scripts import shell_command

_PREAMBLE_BYTES: Final = 64 << 10  # most that a shell writes before the command starts
_GRACE_S: Final = 3  # from SIGTERM to SIGKILL
_END_LIMIT_S: Final = 10  # for both: Rundeck waits for an aborted job
_POLL_S: Final = 0.2
Sink = Callable[[memoryview], object]


@dataclass(frozen=True, slots=True)
class Command:
    """A command, its time limit, and the sinks of its output."""

    argv: tuple[str, ...]
    time_limit_s: int
    stdout: Sink
    stderr: Sink


@dataclass(frozen=True, slots=True)
class Started:
    """The process of the command."""

    pid: int
    """PID in the container."""
    began: str
    """Start time in clock ticks since boot (proc(5), field 22); "" if unknown. It shows whether a PID was reused."""


def run_command(api: Api, ref: ContainerRef, command: Command, report: Report) -> ExitStatus:
    """Run ``command`` in ``ref`` and return how it ended. Its output is passed through byte by byte.

    An abort, the time limit or a broken connection also stops the command in the container; the outcome is reported.
    Raises the errors of `Api.run`.
    """
    stderr = _AnnouncementFilter(secrets.token_hex(8), command.stderr)
    wrapped = shell_command("command", arguments=(stderr.nonce, *command.argv))
    try:
        status = _run(api, ref, wrapped, command, stderr.write)
        if (
            status.not_found and stderr.started is None
        ):  # no shell or no such program: the runtime returns the better error
            return _run(api, ref, command.argv, command, command.stderr)
    except BaseException:
        _end_command(api, ref, stderr.started, report)
        raise
    stderr.close()
    if status.code is None:
        _end_command(api, ref, stderr.started, report)
    return status


def _run(api: Api, ref: ContainerRef, argv: tuple[str, ...], command: Command, stderr: Sink) -> ExitStatus:
    stdio = exec_stream.Stdio(command.stdout, stderr)
    return api.run(ref, argv, stdio, time_limit_s=command.time_limit_s)


class _AnnouncementFilter:
    """A sink for standard error. It removes the line with the PID, and what the shell writes before it."""

    def __init__(self, nonce: str, sink: Sink) -> None:
        self.nonce, self._sink = nonce, sink
        self.started: Started | None = None
        self._head: bytearray | None = bytearray()  # None once the command has started
        self._line = re.compile(rb"debug-capture-command %s ([0-9]{1,9}) ([0-9]{0,20})\n" % nonce.encode())

    def write(self, piece: memoryview) -> None:
        if self._head is None:
            self._sink(piece)
            return
        self._head.extend(piece)
        match = self._line.search(self._head)
        if match:
            self.started = Started(int(match[1]), match[2].decode())
            del self._head[: match.end()]
        if match or len(self._head) > _PREAMBLE_BYTES:
            self.close()

    def close(self) -> None:
        """Pass on what was held back. Without a PID line, it is the error message."""
        head, self._head = self._head, None
        if head:
            self._sink(memoryview(head))


def _end_command(api: Api, ref: ContainerRef, started: Started | None, report: Report) -> None:
    """Stop the command and report the outcome. Never raises, so that the error that ends the step is not lost."""
    if started is None:
        report(f"the command may still be running in {ref}: without a shell in the image, it cannot be stopped")
        return
    try:
        remaining = _signal_until_ended(api, ref, started)
    except CaptureError as error:
        report(f"the command may still be running in {ref}: {error}")
        return
    report(
        f"{remaining} processes of the command are still running in {ref}"
        if remaining
        else f"stopped the command in {ref}"
    )


def _signal_until_ended(api: Api, ref: ContainerRef, started: Started) -> int:
    """Send SIGTERM, and SIGKILL after a grace period. Return how many processes of the command remain."""
    began = api.clock.monotonic()
    remaining = _signal(api, ref, started, "TERM")
    while remaining and (took_s := api.clock.monotonic() - began) < _END_LIMIT_S:
        api.clock.sleep(_POLL_S)
        remaining = _signal(api, ref, started, "KILL" if took_s >= _GRACE_S else "0")
    return remaining


def _signal(api: Api, ref: ContainerRef, started: Started, signal: str) -> int:
    """Send ``signal`` to the processes of the command and return how many there were. Raises CaptureError."""
    output = bytearray()
    argv = shell_command("end-command", arguments=(signal, str(started.pid), started.began))
    stdio = exec_stream.Stdio(output.extend, exec_stream.discard)
    status = api.run(ref, argv, stdio, time_limit_s=_END_LIMIT_S, closing=True)
    count = number_in(output.decode(errors="replace").strip())
    if count is None:
        raise CommandFailed(f"cannot stop the command in {ref}", status.message or f"exit code {status.code}")
    return count
