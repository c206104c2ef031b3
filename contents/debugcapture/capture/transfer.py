"""Bring what a tool writes, or a file, out of a container, whole.

No exec stream is trusted: its end can be missing without an error when the reader is slow
(kubernetes/kubernetes#124571, kubernetes/kubectl#1361). So the far side reports at the end how the tool ended, and the
size and SHA-256 of what it sent (tool_report.py); a file is fetched on from where the stream broke off.

In a debug container run-tool does that, in the target's own image a shell script, where it has a shell. Both are given
a standard input that is held: its end tells them that this side has gone, or has given up, and they end the tool.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from ..backoff import retried
from ..bundle.artifact import SizeLimitReachedError
from ..errors import CaptureError, CommandFailed, Unreachable
from ..kube import exec_stream
from ..kube.client import Api
from ..kube.ephemeral_container import BASE
from ..kube.exec_stream import run_short
from ..kube.frames import BROKEN_STREAM, TIME_LIMIT
from ..kube.scripts import shell_command
from ..model import ArtifactOutcome, ContainerRef, ExitStatus, Integrity, ReasonCode, Stored
from ..text import number_in
from .tool_report import Ending, ToolReport, last_line, parse_report

PROGRAM = "run-tool"  # deploy/toolbox
_ERROR_TAIL_BYTES = 64 << 10  # more than a report has: at most 4 KiB of the tool's errors, escaped
_WAITS_S = (2, 4, 8, 16, 32)  # before a file that broke off is asked for again
NOTHING_THERE = 77  # what a collector ends with where there is nothing of its kind; automake uses it for "skipped"
_LONGEST_LINE = 80  # of what a waiting command says
_AGAIN_S = 1
WROTE_NOTHING = "it produced no output"
_NOTHING_SHA256 = hashlib.sha256().hexdigest()
_GRACE_S = 30  # for run-tool to end a tool at its limit, and to report it
_OVER_TIME = "it reached its time limit and was stopped"
_BROKE_OFF = "the stream broke"
_LOST_END = "the end of the output was lost with the connection"
_CODES: dict[str, ReasonCode] = {BROKEN_STREAM: "stream-broken", TIME_LIMIT: "time-limit"}
_ENDINGS: dict[Ending, ReasonCode] = {
    "exited": "exit-code",
    "signal": "exit-code",
    "time-limit": "time-limit",
    "reader-gone": "other",
    "not-started": "other",
    "unreadable": "other",
}
Say = Callable[[str], None]
# Who runs a tool: run-tool in a debug container, a script of ours in an image with a shell, nobody in one without.
Runner = Literal["run-tool", "shell", "none"]


class Sink(Protocol):
    """Takes what arrives."""

    @property
    def received(self) -> int:
        """Return how many bytes have arrived."""

    @property
    def received_sha256(self) -> str:
        """Return their checksum, in hex."""

    def write(self, piece: memoryview) -> None:
        """Take ``piece``; raises SizeLimitReachedError when it does not fit."""

    def restart(self) -> None:
        """Forget what has arrived."""


@dataclass(frozen=True, slots=True)
class TransferResult:
    """What became of a tool's output, or of a file."""

    outcome: ArtifactOutcome
    reason: str = ""
    integrity: Integrity = "unverified"
    stored: Stored | None = None  # where the pod has sent it itself
    code: ReasonCode = ""  # the reason, for programs
    exit_code: int | None = None  # of the tool; None where it was not started, did not end by itself, or nobody knows
    errno: str = ""  # why it could not be started, where run-tool says so: ENOENT, EACCES, EPERM, …
    errors: str = field(default="", compare=False)  # the end of what the tool wrote to its standard error

    @property
    def stream_broken(self) -> bool:
        """Tell whether the connection ended before the tool did, or lost the end of its output."""
        return self.code == "stream-broken"


@dataclass(frozen=True, slots=True)
class Command:
    """A tool to run: where, by whom, for how long."""

    place: ContainerRef
    argv: tuple[str, ...]
    runner: Runner
    time_limit_s: int
    repeatable: bool = False  # it may be run a second time, where the connection broke


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in a container, and how long taking it may last."""

    place: ContainerRef
    path: str
    runner: Runner
    time_limit_s: int


def run_tool(api: Api, command: Command, sink: Sink) -> TransferResult:
    """Run ``command`` and take its standard output.

    What a broken stream left is kept; a tool that may be run again is, once, when the end is missing. What it writes
    then takes the place of what had arrived, from its first byte on.
    """
    first = _run_once(api, command, sink)
    if not (first.outcome == "truncated" and command.repeatable and first.stream_broken):
        return first
    anew = _Anew(sink)
    try:
        again = _run_once(api, command, anew)
    except CaptureError as error:
        return replace(first, reason=f"{first.reason}; running it again failed too: {error.why}")
    return again if anew.begun else first


class _Anew:
    """A sink that forgets what it has when the first byte of another try arrives, and not before."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self.begun = sink, False

    @property
    def received(self) -> int:
        return self._sink.received if self.begun else 0

    @property
    def received_sha256(self) -> str:
        return self._sink.received_sha256 if self.begun else _NOTHING_SHA256

    def write(self, piece: memoryview) -> None:
        if not self.begun:
            self.restart()
        self._sink.write(piece)

    def restart(self) -> None:
        self.begun = True
        self._sink.restart()


def run_detached(
    api: Api, command: Command, output: str, say: Say, *, removes: bool = False
) -> tuple[str, TransferResult]:
    """Run ``command`` in a debug container so that it outlives the connection; return the file that it wrote.

    ``output`` is that file, or "" for the tool's standard output. With ``removes`` it is gone when the debug container
    ends, at the latest: this process may be killed before it removes it. The result is complete where the tool ended
    well, which says nothing of the file.
    """
    job = secrets.token_hex(4)
    written = output or f"{BASE}/jobs/{job}.out"
    removed = output if removes else ""
    start = (PROGRAM, "start", BASE, job, str(command.time_limit_s), removed, *command.argv)
    status, _, errors = run_short(api, command.place, start)
    if status.code != 0:
        return written, TransferResult("failed", f"it did not start: {errors.strip() or status.message}", code="other")
    report = _wait(api, command, job, written, say)
    if report is None:
        return written, TransferResult("failed", "it did not respond until its time limit", code="time-limit")
    if report.ended == "exited" and report.code == 0:
        return written, TransferResult("complete", exit_code=0)
    return written, _ended_badly(report, "failed")


class _BrokeOff(Exception):  # noqa: N818 - see errors.py
    """A stream ended before the file did; another may go on where it was."""

    def __init__(self, result: TransferResult) -> None:
        super().__init__(result.reason)
        self.result = result


def fetch_file(api: Api, file: RemoteFile, sink: Sink, say: Say) -> TransferResult:
    """Take ``file``; a stream that breaks is taken up where it broke off."""
    deadline = time.monotonic() + file.time_limit_s

    def attempt() -> TransferResult:
        if time.monotonic() >= deadline:
            return TransferResult("failed", "no time was left for it", code="time-limit")
        result, final = _fetch_once(api, file, sink, deadline)
        if not final:
            raise _BrokeOff(result)
        return result

    def wait(error: Exception, wait_s: float) -> float | None:
        left_s = deadline - time.monotonic()
        if not isinstance(error, _BrokeOff) or left_s <= wait_s:
            return None
        say(f"{file.path}: {error.result.reason}; resuming after {sink.received:,} bytes")
        return wait_s

    try:
        return retried(attempt, _WAITS_S, wait)
    except _BrokeOff as error:
        return error.result


def remove_file(api: Api, file: RemoteFile) -> None:
    """Remove ``file``; one that is not there is no error. Raises CommandFailed when that cannot be done."""
    argv = (PROGRAM, "remove", file.path) if file.runner == "run-tool" else ("rm", "-f", file.path)
    status, _, errors = run_short(api, file.place, argv)
    if status.code != 0:
        why = last_line(errors) or status.message
        raise CommandFailed(f"{file.path} was not removed from {file.place}", why, "Delete it, or restart the pod.")


def judge(status: ExitStatus, report: ToolReport | None, sink: Sink, errors: str) -> TransferResult:
    """Return what became of a tool: only exit code 0 with a whole output is complete.

    Without a report, the status is all that is known; ``errors`` is what the tool wrote to its standard error then.
    """
    if report is None:
        report = ToolReport("exited", -1 if status.code is None else status.code, errors=errors)
    code = None if status.code is None and report.code == -1 else report.code
    part: ArtifactOutcome = "truncated" if sink.received else "failed"
    if report.ended == "exited" and code == NOTHING_THERE:
        return TransferResult("skipped", report.last_error, code="not-there", exit_code=code)
    if report.ended == "exited" and code is None:
        reason = ": ".join(filter(None, [status.message, report.last_error]))
        return TransferResult(part, reason, code=_CODES.get(status.reason, "other"))
    if not (report.ended == "exited" and code == 0):
        return _ended_badly(report, part)
    if report.sha256 and report.sha256 != sink.received_sha256:
        return TransferResult(part, _LOST_END, code="stream-broken", exit_code=0)
    if not sink.received:
        reason = ": ".join(filter(None, [WROTE_NOTHING, report.last_error]))
        return TransferResult("failed", reason, code="no-output", exit_code=0, errors=report.errors)
    return TransferResult("complete", integrity="verified" if report.sha256 else "unverified", exit_code=0)


def _ended_badly(report: ToolReport, outcome: ArtifactOutcome) -> TransferResult:
    """Return the result of a tool that did not end with exit code 0."""
    code = report.code if report.ended == "exited" else None
    why = {
        "exited": f"exit code {report.code}",
        "signal": f"it was ended by {report.signal}",
        "time-limit": _OVER_TIME,
        "reader-gone": "it was stopped because nothing read its output",
        "not-started": "it did not start",
        "unreadable": "its output file cannot be read",
    }[report.ended]
    said = "" if report.ended == "time-limit" else report.last_error
    reason = ": ".join(filter(None, [why, said]))
    ending = _ENDINGS[report.ended]
    return TransferResult(outcome, reason, code=ending, exit_code=code, errno=report.errno, errors=report.errors)


def _run_once(api: Api, command: Command, sink: Sink) -> TransferResult:
    nonce = secrets.token_hex(8)
    limit_s = command.time_limit_s + (_GRACE_S if command.runner == "run-tool" else 0)
    session = _Session(command.place, _wrapped(command, nonce), limit_s, held=command.runner != "none")
    try:
        status, said = _stream(api, session, sink)
    except SizeLimitReachedError as limit:
        return TransferResult("truncated", str(limit), code="size-limit")
    report, errors = parse_report(said, nonce)
    if command.runner != "none" and report is None and status.code == 0:
        return TransferResult("truncated" if sink.received else "failed", _LOST_END, code="stream-broken")
    return judge(status, report, sink, errors)


def _wrapped(command: Command, nonce: str) -> tuple[str, ...]:
    if command.runner == "run-tool":
        return (PROGRAM, "run", nonce, str(command.time_limit_s), *command.argv)
    if command.runner == "shell":
        return shell_command("bounded", "run", arguments=(nonce, *command.argv))
    return command.argv


def _fetch_once(api: Api, file: RemoteFile, sink: Sink, deadline: float) -> tuple[TransferResult, bool]:
    """Return what became of it, and whether that is final: another try would change nothing."""
    nonce = secrets.token_hex(8)
    session = _Session(file.place, _sending(file, nonce, sink.received), deadline - time.monotonic(), held=True)
    try:
        status, said = _stream(api, session, sink)
    except SizeLimitReachedError as limit:
        return TransferResult("truncated", str(limit), code="size-limit"), True
    except Unreachable as error:
        return _broken(sink, error.why), False
    report, errors = parse_report(said, nonce)
    if report is None and status.code:
        return TransferResult("failed", f"cannot read {file.path}: {last_line(errors)}", code="other"), True
    return (_broken(sink, _BROKE_OFF), False) if report is None else _compared(file, report, sink)


def _sending(file: RemoteFile, nonce: str, offset: int) -> tuple[str, ...]:
    if file.runner == "run-tool":
        return (PROGRAM, "fetch", nonce, str(offset), file.path)
    return shell_command("bounded", "fetch", arguments=(nonce, file.path, str(offset)))


def _compared(file: RemoteFile, report: ToolReport, sink: Sink) -> tuple[TransferResult, bool]:
    """Return what became of a file that was sent to its end, as the far side says, and whether that is final."""
    if report.ended == "unreadable":
        why = f"cannot read {file.path}: {report.last_error}"
        return TransferResult("truncated" if sink.received else "failed", why, code="other", errno=report.errno), True
    if sink.received == report.size and report.sha256 in ("", sink.received_sha256):
        return TransferResult("complete", integrity="verified" if report.sha256 else "unverified"), True
    if report.size is not None and sink.received < report.size:
        return _broken(sink, _BROKE_OFF), False
    sink.restart()
    return TransferResult("failed", "it changes while it is being read", code="other"), False


def _broken(sink: Sink, why: str) -> TransferResult:
    return TransferResult("truncated" if sink.received else "failed", why, code="stream-broken")


@dataclass(frozen=True, slots=True)
class _Session:
    """An exec session."""

    place: ContainerRef
    argv: tuple[str, ...]
    time_limit_s: float
    held: bool  # its standard input stays open until this side ends it


def _stream(api: Api, session: _Session, sink: Sink) -> tuple[ExitStatus, str]:
    errors = bytearray()

    def keep_tail(piece: memoryview) -> None:
        errors.extend(piece)
        del errors[:-_ERROR_TAIL_BYTES]

    status = exec_stream.run(
        api,
        session.place,
        session.argv,
        stdout=sink.write,
        stderr=keep_tail,
        time_limit_s=session.time_limit_s,
        holds_stdin=session.held,
    )
    return status, errors.decode(errors="replace")


def _wait(api: Api, command: Command, job: str, file: str, say: Say) -> ToolReport | None:
    """Return the job's report, or None at the time limit; a connection that breaks is made again."""
    deadline, nonce = time.monotonic() + command.time_limit_s + _GRACE_S, secrets.token_hex(8)
    argv = (PROGRAM, "wait", nonce, BASE, job, str(command.time_limit_s), file)
    while (left_s := deadline - time.monotonic()) > 0:
        try:
            status, said = _stream(api, _Session(command.place, argv, left_s, held=True), _Progress(file, say))
        except Unreachable as error:
            status, said = ExitStatus(None, BROKEN_STREAM, error.why), ""
        report, _ = parse_report(said, nonce)
        if report or status.reason != BROKEN_STREAM:
            return report
        say(f"{file}: {status.message}; the tool continues, and its result is requested again")
        time.sleep(_AGAIN_S)
    return None


class _Progress:
    """A sink for what a waiting command says: how far the file has grown."""

    received, received_sha256 = 0, _NOTHING_SHA256  # nothing of it is kept

    def __init__(self, file: str, say: Say) -> None:
        self._file, self._say, self._cut = file, say, ""

    def write(self, piece: memoryview) -> None:
        *lines, cut = (self._cut + bytes(piece).decode(errors="replace")).split("\n")
        self._cut = cut[-_LONGEST_LINE:]
        for line in lines:
            word, _, rest = line.partition(" ")
            number = number_in(rest)
            if word == "bytes" and number is not None:
                self._say(f"{self._file}: {number:,} bytes so far")

    def restart(self) -> None:
        """Nothing is kept."""
