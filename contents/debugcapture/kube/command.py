"""Run an operator's command in a container's own image, and end it there when the step is ended before it.

The API has no way to end an exec: when its connection is closed, the command goes on. So the image's shell, where there
is one, says which process becomes the command; a second exec then ends that process and all that it has started.
Source: Kubernetes issue 115184; setns_init_linux.go of runc, which makes each exec the leader of a session.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..errors import CaptureError, CommandFailed
from ..model import ContainerRef, ExitStatus
from ..text import number_in
from . import exec_stream
from .client import Api
from .scripts import shell_command

_PREAMBLE_BYTES: Final = 64 << 10  # of what a shell says before the command; more is none of its
_GRACE_S: Final = 3  # for a command to end by itself after SIGTERM
_END_LIMIT_S: Final = 10  # for all of it: a job that is aborted is waited for
_POLL_S: Final = 0.2
Sink = Callable[[memoryview], object]


@dataclass(frozen=True, slots=True)
class Command:
    """A command, its time limit in seconds, and where its output goes."""

    argv: tuple[str, ...]
    time_limit_s: int
    stdout: Sink
    stderr: Sink


@dataclass(frozen=True, slots=True)
class Started:
    """The process that became the command."""

    pid: int  # as the container counts
    began: str  # when, in ticks since the machine's start; "" where /proc does not say


def run_command(api: Api, place: ContainerRef, command: Command, say: Callable[[str], None]) -> ExitStatus:
    """Run ``command`` in ``place`` and return how it ended; its output arrives byte by byte.

    Whatever ends this call before the command has ended, an abort, the time limit, a connection that breaks, ends the
    command as well; ``say`` is told what became of it. Raises what `exec_stream.run` does.
    """
    stderr = _Announced(secrets.token_hex(8), command.stderr)
    wrapped = shell_command("command", arguments=(stderr.nonce, *command.argv))
    try:
        status = _run(api, place, wrapped, command, stderr.write)
        if status.not_found and stderr.started is None:  # no shell, or no such program: the runtime's error tells
            return _run(api, place, command.argv, command, command.stderr)
    except BaseException:
        _end(api, place, stderr.started, say)
        raise
    stderr.close()
    if status.code is None:
        _end(api, place, stderr.started, say)
    return status


def _run(api: Api, place: ContainerRef, argv: tuple[str, ...], command: Command, stderr: Sink) -> ExitStatus:
    limit_s = command.time_limit_s
    return exec_stream.run(api, place, argv, stdout=command.stdout, stderr=stderr, time_limit_s=limit_s)


class _Announced:
    """A sink for standard error: it takes the shell's announcement out, with whatever the shell said before it."""

    def __init__(self, nonce: str, sink: Sink) -> None:
        self.nonce, self._sink = nonce, sink
        self.started: Started | None = None
        self._head: bytearray | None = bytearray()  # None: what comes is the command's
        self._line = re.compile(rb"debug-capture-command %s ([0-9]{1,9}) ([0-9]{0,20})\n" % nonce.encode())

    def write(self, piece: memoryview) -> None:
        if self._head is None:
            self._sink(piece)
            return
        self._head.extend(piece)
        found = self._line.search(self._head)
        if found:
            self.started = Started(int(found[1]), found[2].decode())
            del self._head[: found.end()]
        if found or len(self._head) > _PREAMBLE_BYTES:
            self.close()

    def close(self) -> None:
        """Hand out what was held back: without an announcement it is all there is to know."""
        head, self._head = self._head, None
        if head:
            self._sink(memoryview(head))


def _end(api: Api, place: ContainerRef, started: Started | None, say: Callable[[str], None]) -> None:
    """End the command, and say whether that went well. It is never raised: what ends the step counts more."""
    if started is None:
        say(f"the command may still be running in {place}: without a shell in the image, it cannot be stopped")
        return
    try:
        left = _ended(api, place, started)
    except CaptureError as error:
        say(f"the command may still be running in {place}: {error}")
        return
    say(f"{left} processes of the command are still running in {place}" if left else f"stopped the command in {place}")


def _ended(api: Api, place: ContainerRef, started: Started) -> int:
    """Return how many of the command's processes are left after SIGTERM, and after a grace SIGKILL."""
    began = time.monotonic()
    left = _signal(api, place, started, "TERM")
    while left and (took_s := time.monotonic() - began) < _END_LIMIT_S:
        time.sleep(_POLL_S)
        left = _signal(api, place, started, "KILL" if took_s >= _GRACE_S else "0")
    return left


def _signal(api: Api, place: ContainerRef, started: Started, signal: str) -> int:
    """Send ``signal`` to the command's processes, and return how many there were. Raises CaptureError."""
    output = bytearray()
    argv = shell_command("end-command", arguments=(signal, str(started.pid), started.began))
    status = exec_stream.run(
        api, place, argv, stdout=output.extend, stderr=lambda _: None, time_limit_s=_END_LIMIT_S, closing=True
    )
    count = number_in(output.decode(errors="replace").strip())
    if count is None:
        raise CommandFailed(f"cannot stop the command in {place}", status.message or f"exit code {status.code}")
    return count
