"""Runs a check and a command in one exec of a debug container. The command starts once the caller approves the check.

An exec takes 60 to 80 ms. A second one would delay the first byte of a command in a new debug container by a fifth.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import Aborted, CaptureError, NotAllowed
from ..model import ContainerRef, ExitStatus
from .command import Command
from .ephemeral_container import ready_command, says_not_ready
from .exec_stream import Runner, Sink, Stdio

_CHECK_LIMIT_BYTES = 4 << 20
_ERRORS_LIMIT_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class CheckedRun:
    """What a check printed, and how the command ended."""

    check_output: str
    """Cut at 4 MiB."""
    status: ExitStatus | None
    """None if the command was not approved, and therefore did not run."""


def run_approved(
    runner: Runner, ref: ContainerRef, check: tuple[str, ...], approve: Callable[[str], bool], command: Command
) -> CheckedRun | None:
    """Run ``check`` in ``ref``, and then ``command`` if ``approve`` returns True for the output of the check.

    Returns None if the container is not ready yet; nothing has run then. Errors of the command's sinks are raised.
    Raises NotAllowed or Aborted, and once the command was approved, the other errors of `Api.run`.
    """
    session = _Session(secrets.token_hex(8), approve, command)
    argv = ("run-tool", "approved", session.nonce, str(len(check)), *check, *command.argv)
    stdio = Stdio(session.write, session.write_error, holds_stdin=True, reply=session.reply)
    try:
        status = runner.run(ref, ready_command(ref, argv), stdio, time_limit_s=command.time_limit_s)
    except _NotApproved:
        return CheckedRun(session.check_output, None)
    except (NotAllowed, Aborted):
        raise
    except CaptureError:
        if session.is_approved:
            raise
        return None
    if says_not_ready(status) and not session.is_approved:
        return None
    session.flush_errors()
    return CheckedRun(session.check_output, status)


class _NotApproved(Exception):
    """Ends the exec. run-tool ends without an approval, and the command does not run."""


class _Session:
    """The sinks of the exec: first the output of the check up to a line with the nonce, then that of the command.

    What arrives on standard error before the approval is held back: it is that of run-tool while the container starts.
    """

    def __init__(self, nonce: str, approve: Callable[[str], bool], command: Command) -> None:
        self.nonce, self._approve = nonce, approve
        self._stdout: Sink = command.stdout
        self._stderr: Sink = command.stderr
        self._mark, self._recent = f"\n{nonce}\n".encode(), b""
        self._output, self._errors = bytearray(), bytearray()
        self.is_approved, self._reply = False, b""

    @property
    def check_output(self) -> str:
        return bytes(self._output).partition(self._mark)[0].decode(errors="replace")

    def write(self, piece: memoryview) -> None:
        if self.is_approved:
            self._stdout(piece)
            return
        self._output.extend(piece[: _CHECK_LIMIT_BYTES - len(self._output)])
        self._recent += bytes(piece)
        if self._mark in self._recent:
            if not self._approve(self.check_output):
                raise _NotApproved
            self.is_approved, self._reply = True, b"\n"
        self._recent = self._recent[-len(self._mark) :]

    def reply(self) -> bytes:
        reply, self._reply = self._reply, b""
        return reply

    def write_error(self, piece: memoryview) -> None:
        if self.is_approved:
            self._stderr(piece)
        else:
            self._errors.extend(piece[: _ERRORS_LIMIT_BYTES - len(self._errors)])

    def flush_errors(self) -> None:
        if self._errors and not self.is_approved:
            self._stderr(memoryview(self._errors))
