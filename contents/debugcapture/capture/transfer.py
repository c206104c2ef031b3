"""Copies the output of a tool, or a file, from a container, complete and verified.

An exec stream can lose its end without an error if the reader is slow (kubernetes/kubernetes#124571,
kubernetes/kubectl#1361). The container therefore reports how the tool ended, and the size and SHA-256 of what it sent
(tool_report.py). The copy of a file resumes where the stream broke.

In a debug container run-tool sends the report, in an image with a shell a shell script. This side keeps their standard
input open. When it closes, because this side has ended or given up, they stop the tool.
"""

import secrets
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from ..backoff import retried
from ..bundle.artifact import SizeLimitReachedError
from ..errors import CaptureError, CommandFailed, Unreachable
from ..kube import exec_stream
from ..kube.client import Api
from ..kube.ephemeral_container import base_of
from ..kube.exec_stream import run_short
from ..kube.frames import BROKEN_STREAM, TIME_LIMIT
from ..kube.scripts import shell_command
from ..manifest import ArtifactOutcome, Integrity, ReasonCode, Stored
from ..model import ContainerRef, ExitStatus, Report
from .job_progress import EMPTY_SHA256, JobProgress
from .tool_report import Ending, ToolReport, last_line, parse_report

PROGRAM = "run-tool"  # deploy/toolbox
# Larger than a report, which contains at most 4 KiB of the tool's errors, escaped.
_ERROR_TAIL_BYTES = 64 << 10
_RESUME_WAITS_S = (2, 4, 8, 16, 32)
# Exit code of a collector that does not apply to the target. automake uses 77 for "skipped".
NOT_APPLICABLE = 77
# Exit code of a collector whose process does not allow it, such as .NET without diagnostics. The last line of standard
# error contains the reason, and what to do.
NOT_POSSIBLE = 78
_SKIPPED_CODES: dict[int, ReasonCode] = {NOT_APPLICABLE: "not-there", NOT_POSSIBLE: "other"}
_RECONNECT_S = 1
WROTE_NOTHING = "it produced no output"
# A tool that fails by itself with less output has written a heading at most: jcmd prints the PID before it attaches.
_HEADING_BYTES = 16
_SIGNAL_EXIT_CODES = 128  # greater exit codes mean that a signal ended the tool
_GRACE_S = 30  # for run-tool to stop a tool at its time limit and to report it
_OVER_TIME = "it reached its time limit and was stopped"
_INTERRUPTED = "the stream broke"
_LOST_END = "the end of the output was lost with the connection"
_CODES: dict[str, ReasonCode] = {BROKEN_STREAM: "stream-broken", TIME_LIMIT: "time-limit"}
_ENDINGS: dict[Ending, ReasonCode] = {
    "exited": "exit-code",
    "signal": "exit-code",
    "time-limit": "time-limit",
    "reader-gone": "other",
    "stopped": "time-limit",
    "not-started": "other",
    "unreadable": "other",
}
# What supervises a tool: run-tool in a debug container, kube/scripts in an image with a shell, nothing in other images.
Runner = Literal["run-tool", "shell", "none"]


class Sink(Protocol):
    """Receives what a container sends."""

    @property
    def received(self) -> int:
        """Return the number of bytes received."""

    @property
    def received_sha256(self) -> str:
        """Return the SHA-256 of these bytes, in hex."""

    def write(self, piece: memoryview) -> None:
        """Receive ``piece``. Raises SizeLimitReachedError if it exceeds the limit."""

    def restart(self) -> None:
        """Discard what was received."""


@dataclass(frozen=True, slots=True)
class TransferResult:
    """The result of copying a tool's output, or a file."""

    outcome: ArtifactOutcome
    reason: str = ""
    integrity: Integrity = "unverified"
    stored: Stored | None = None
    """The file in the store, if the pod uploaded it."""
    code: ReasonCode = ""
    """The reason, for decisions."""
    exit_code: int | None = None
    """Exit code of the tool; None if it did not start, was stopped, or the code is unknown."""
    errno: str = ""
    """Why the tool could not start, if run-tool reports it: ENOENT, EACCES, EPERM, …"""
    errors: str = field(default="", compare=False)
    """End of the tool's standard error."""

    @property
    def stream_broken(self) -> bool:
        """Return whether the connection ended before the tool did, or lost the end of its output."""
        return self.code == "stream-broken"


@dataclass(frozen=True, slots=True)
class Command:
    """A tool to run in a container."""

    ref: ContainerRef
    argv: tuple[str, ...]
    runner: Runner
    time_limit_s: int
    repeatable: bool = False
    """Whether the tool may run a second time if the connection breaks."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in a container, and the time limit for copying it."""

    ref: ContainerRef
    path: str
    runner: Runner
    time_limit_s: int


def run_tool(api: Api, command: Command, sink: Sink) -> TransferResult:
    """Run ``command`` and write its standard output to ``sink``.

    If the stream breaks, the output received so far is kept. A repeatable tool then runs once more; its output replaces
    the first one as soon as its first byte arrives.
    """
    first = _run_once(api, command, sink)
    if not (first.outcome == "truncated" and command.repeatable and first.stream_broken):
        return first
    replacement = _ReplacingSink(sink)
    try:
        second = _run_once(api, command, replacement)
    except CaptureError as error:
        return replace(first, reason=f"{first.reason}; running it again failed too: {error.reason}")
    return second if replacement.has_started else first


class _ReplacingSink:
    """A sink for a second attempt: its first byte discards what the first attempt wrote."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self.has_started = sink, False

    @property
    def received(self) -> int:
        return self._sink.received if self.has_started else 0

    @property
    def received_sha256(self) -> str:
        return self._sink.received_sha256 if self.has_started else EMPTY_SHA256

    def write(self, piece: memoryview) -> None:
        if not self.has_started:
            self.restart()
        self._sink.write(piece)

    def restart(self) -> None:
        self.has_started = True
        self._sink.restart()


def run_detached(
    api: Api, command: Command, output: str, report: Report, *, removes: bool = False
) -> tuple[str, TransferResult]:
    """Run ``command`` in a debug container, so that it outlives the connection. Return the output path and a result.

    ``output`` is the file that the tool writes, "" for its standard output. With ``removes``, the debug container
    deletes this file when it ends, because this process may be killed before it can. The result is complete if the tool
    succeeded; it says nothing about the file.
    """
    job = secrets.token_hex(4)
    path = output or f"{base_of(command.ref)}/jobs/{job}.out"
    removed_path = output if removes else ""
    argv = (PROGRAM, "start", base_of(command.ref), job, str(command.time_limit_s), removed_path, *command.argv)
    status, _, errors = run_short(api, command.ref, argv)
    if status.code != 0:
        reason = f"it did not start: {errors.strip() or status.message}"
        return path, TransferResult("failed", reason, code="other")
    tool_report = _wait_for_job(api, command, job, path, report)
    if isinstance(tool_report, TransferResult):
        return path, tool_report
    if tool_report.ended == "exited" and tool_report.code == 0:
        return path, TransferResult("complete", exit_code=0)
    return path, _not_applicable(tool_report) or _failed_result(tool_report, "failed")


class _Interrupted(Exception):  # noqa: N818 - see errors.py
    """A stream ended before the file did. Another one can resume there."""

    def __init__(self, result: TransferResult) -> None:
        super().__init__(result.reason)
        self.result = result


def fetch_file(api: Api, file: RemoteFile, sink: Sink, report: Report) -> TransferResult:
    """Copy ``file`` to ``sink``. The copy resumes if the stream breaks."""
    deadline = api.clock.monotonic() + file.time_limit_s

    def attempt() -> TransferResult:
        if api.clock.monotonic() >= deadline:
            return TransferResult("failed", "no time was left for it", code="time-limit")
        result, is_final = _fetch_once(api, file, sink, deadline)
        if not is_final:
            raise _Interrupted(result)
        return result

    def wait(error: Exception, wait_s: float) -> float | None:
        left_s = deadline - api.clock.monotonic()
        if not isinstance(error, _Interrupted) or left_s <= wait_s:
            return None
        report(f"{file.path}: {error.result.reason}; resuming after {sink.received:,} bytes")
        return wait_s

    try:
        return retried(attempt, _RESUME_WAITS_S, wait, api.clock.sleep)
    except _Interrupted as error:
        return error.result


def remove_file(api: Api, file: RemoteFile) -> None:
    """Remove ``file``, if it exists. Raises CommandFailed if that is not possible."""
    argv = (PROGRAM, "remove", file.path) if file.runner == "run-tool" else ("rm", "-f", file.path)
    status, _, errors = run_short(api, file.ref, argv)
    if status.code != 0:
        reason = last_line(errors) or status.message
        raise CommandFailed(f"{file.path} was not removed from {file.ref}", reason, "Delete it, or restart the pod.")


def classify_exit(status: ExitStatus, report: ToolReport | None, sink: Sink, errors: str) -> TransferResult:
    """Return the result of a tool. It is complete only if the exit code is 0 and all output arrived.

    Without a report, only ``status`` and ``errors``, the tool's standard error, are known.
    """
    if report is None:
        report = ToolReport("exited", -1 if status.code is None else status.code, errors=errors)
    code = None if status.code is None and report.code == -1 else report.code
    part: ArtifactOutcome = "truncated" if sink.received else "failed"
    if not_applicable := _not_applicable(report):
        return not_applicable
    if report.ended == "exited" and code is None:
        reason = ": ".join(filter(None, [status.message, report.last_error]))
        return TransferResult(part, reason, code=_CODES.get(status.reason, "other"))
    if not (report.ended == "exited" and code == 0):
        ended_itself = report.ended == "exited" and code is not None and code <= _SIGNAL_EXIT_CODES
        is_heading = ended_itself and sink.received <= _HEADING_BYTES
        return _failed_result(report, "failed" if is_heading else part)
    if report.sha256 and report.sha256 != sink.received_sha256:
        return TransferResult(part, _LOST_END, code="stream-broken", exit_code=0)
    if not sink.received:
        reason = ": ".join(filter(None, [WROTE_NOTHING, report.last_error]))
        return TransferResult("failed", reason, code="no-output", exit_code=0, errors=report.errors)
    return TransferResult("complete", integrity="verified" if report.sha256 else "unverified", exit_code=0)


def _not_applicable(report: ToolReport) -> TransferResult | None:
    """Return a skip with the tool's reason if there is nothing to collect for it; otherwise None."""
    reason_code = _SKIPPED_CODES.get(report.code) if report.ended == "exited" else None
    if reason_code is None:
        return None
    return TransferResult("skipped", report.last_error, code=reason_code, exit_code=report.code)


def _failed_result(report: ToolReport, outcome: ArtifactOutcome) -> TransferResult:
    """Return the result of a tool that did not end with exit code 0."""
    code = report.code if report.ended == "exited" else None
    ending = {
        "exited": f"exit code {report.code}",
        "signal": f"it was ended by {report.signal}",
        "time-limit": _OVER_TIME,
        "reader-gone": "it was stopped because nothing read its output",
        "stopped": "it was stopped because its debug container ended",
        "not-started": "it did not start",
        "unreadable": "its output file cannot be read",
    }[report.ended]
    message = "" if report.ended == "time-limit" else report.last_error
    reason = ": ".join(filter(None, [ending, message]))
    reason_code = _ENDINGS[report.ended]
    return TransferResult(outcome, reason, code=reason_code, exit_code=code, errno=report.errno, errors=report.errors)


def _run_once(api: Api, command: Command, sink: Sink) -> TransferResult:
    nonce = secrets.token_hex(8)
    limit_s = command.time_limit_s + (_GRACE_S if command.runner == "run-tool" else 0)
    session = _ExecSession(command.ref, _tool_argv(command, nonce), limit_s, holds_stdin=command.runner != "none")
    try:
        status, stderr = _stream(api, session, sink)
    except SizeLimitReachedError as limit:
        return TransferResult("truncated", str(limit), code="size-limit")
    report, errors = parse_report(stderr, nonce)
    if command.runner != "none" and report is None and status.code == 0:
        return TransferResult("truncated" if sink.received else "failed", _LOST_END, code="stream-broken")
    result = classify_exit(status, report, sink, errors)
    if result.outcome == "failed" and sink.received:
        sink.restart()
    return result


def _tool_argv(command: Command, nonce: str) -> tuple[str, ...]:
    if command.runner == "run-tool":
        return (PROGRAM, "run", nonce, str(command.time_limit_s), *command.argv)
    if command.runner == "shell":
        return shell_command("bounded", "run", arguments=(nonce, *command.argv))
    return command.argv


def _fetch_once(api: Api, file: RemoteFile, sink: Sink, deadline: float) -> tuple[TransferResult, bool]:
    """Return the result, and whether it is final; if not, another attempt can resume."""
    nonce = secrets.token_hex(8)
    limit_s = deadline - api.clock.monotonic()
    session = _ExecSession(file.ref, _fetch_argv(file, nonce, sink.received), limit_s, holds_stdin=True)
    try:
        status, stderr = _stream(api, session, sink)
    except SizeLimitReachedError as limit:
        return TransferResult("truncated", str(limit), code="size-limit"), True
    except Unreachable as error:
        return _broken_result(sink, error.reason), False
    report, errors = parse_report(stderr, nonce)
    if report is None and status.code:
        return TransferResult("failed", f"cannot read {file.path}: {last_line(errors)}", code="other"), True
    return (_broken_result(sink, _INTERRUPTED), False) if report is None else _verify(file, report, sink)


def _fetch_argv(file: RemoteFile, nonce: str, offset: int) -> tuple[str, ...]:
    if file.runner == "run-tool":
        return (PROGRAM, "fetch", nonce, str(offset), file.path)
    return shell_command("bounded", "fetch", arguments=(nonce, file.path, str(offset)))


def _verify(file: RemoteFile, report: ToolReport, sink: Sink) -> tuple[TransferResult, bool]:
    """Compare what arrived with the report. Return the result, and whether it is final."""
    if report.ended == "unreadable":
        reason = f"cannot read {file.path}: {report.last_error}"
        outcome: ArtifactOutcome = "truncated" if sink.received else "failed"
        return TransferResult(outcome, reason, code="other", errno=report.errno), True
    if sink.received == report.size and report.sha256 in ("", sink.received_sha256):
        return TransferResult("complete", integrity="verified" if report.sha256 else "unverified"), True
    if report.size is not None and sink.received < report.size:
        return _broken_result(sink, _INTERRUPTED), False
    sink.restart()
    return TransferResult("failed", "it changes while it is being read", code="other"), False


def _broken_result(sink: Sink, reason: str) -> TransferResult:
    return TransferResult("truncated" if sink.received else "failed", reason, code="stream-broken")


@dataclass(frozen=True, slots=True)
class _ExecSession:
    """One command in a container, by exec."""

    ref: ContainerRef
    argv: tuple[str, ...]
    time_limit_s: float
    holds_stdin: bool
    """Whether its standard input stays open until this side closes it."""


def _stream(api: Api, session: _ExecSession, sink: Sink) -> tuple[ExitStatus, str]:
    """Run ``session`` and return its status and the end of its standard error."""
    errors = bytearray()

    def keep_tail(piece: memoryview) -> None:
        errors.extend(piece)
        del errors[:-_ERROR_TAIL_BYTES]

    stdio = exec_stream.Stdio(sink.write, keep_tail, holds_stdin=session.holds_stdin)
    status = api.run(session.ref, session.argv, stdio, time_limit_s=session.time_limit_s)
    return status, errors.decode(errors="replace")


def _wait_for_job(api: Api, command: Command, job: str, file: str, report: Report) -> ToolReport | TransferResult:
    """Return the report of the job, or a failure at the time limit or if the container cannot run commands any more.

    Ask again if the connection breaks, or if it loses the report, which is the end of the output (kubernetes#124571).
    """
    deadline, nonce = api.clock.monotonic() + command.time_limit_s + _GRACE_S, secrets.token_hex(8)
    argv = (PROGRAM, "wait", nonce, base_of(command.ref), job, str(command.time_limit_s), file)
    while (left_s := deadline - api.clock.monotonic()) > 0:
        try:
            session = _ExecSession(command.ref, argv, left_s, holds_stdin=True)
            status, stderr = _stream(api, session, JobProgress(file, report))
        except Unreachable as error:
            status, stderr = ExitStatus(None, BROKEN_STREAM, error.reason), ""
        tool_report, _ = parse_report(stderr, nonce)
        if tool_report:
            return tool_report
        if status.code is None and status.reason not in (BROKEN_STREAM, TIME_LIMIT):
            return TransferResult("failed", status.message, code="other")
        report(f"{file}: {_LOST_END if status.code == 0 else status.message}; the result is requested again")
        api.clock.sleep(_RECONNECT_S)
    return TransferResult("failed", "it did not respond until its time limit", code="time-limit")
