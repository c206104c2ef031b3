"""How a step (rundeck.py) or a command (cli/) starts, reports and ends."""

import io
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Protocol, TextIO

from ..errors import CaptureError
from ..model import Outcome, Report
from ..settings.declare import read
from ..text import one_line
from .context import RunContext
from .exit_codes import NOTHING_CAPTURED, exit_code
from .log_lines import data_line, log_text

ABORTED = 128 + signal.SIGTERM
_PARENT_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run, whether it failed or not."""

    exit_code: int
    data: Mapping[str, str] = field(default_factory=dict)
    """Values for later steps."""
    document: Any = None
    """See Outcome."""
    failure: str = ""
    """The error in one line; "" without an error."""
    trace: str = ""
    """The stack trace of the error."""


class Program(Protocol):
    """A step or a command."""

    @property
    def settings(self) -> type[Any]:
        """Return a dataclass of groups of settings."""

    @property
    def run(self) -> Callable[[Any, RunContext], Outcome]:
        """Return the function that runs it."""

    @property
    def failure_code(self) -> int:
        """Return the exit code for errors that have no own one; see exit_codes.py."""


def run(program: Program, values: Mapping[str, str], context: RunContext) -> RunResult:
    """Run ``program`` with its settings filled from ``values`` (setting name → text)."""
    try:
        outcome = program.run(read(program.settings, values), context)
    except BrokenPipeError:
        return RunResult(ABORTED)
    except Exception as error:  # noqa: BLE001 - users get one line instead of a stack trace
        return failure_result(error, program.failure_code)
    return RunResult(outcome.exit_code, outcome.data, outcome.document)


def failure_result(error: Exception, otherwise: int = NOTHING_CAPTURED) -> RunResult:
    """Return the result of a run that failed with ``error``. For ``otherwise``, see `exit_code`."""
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, CaptureError):
        return RunResult(exit_code(error, otherwise), error.data, failure=str(error), trace=trace)
    line = f"{type(error).__name__}: {one_line(error)}. Please report this bug."
    return RunResult(1, failure=line, trace=trace)


def print_failure(result: RunResult, *, debug: bool) -> None:
    """Print the failure in one line, and with ``debug`` its stack trace."""
    if result.failure:
        emit(f"Error: {result.failure}", sys.stderr)
    if debug and result.trace:
        emit(log_text(result.trace), sys.stderr)


def prepare(*, debug: bool) -> None:
    """Prepare the process: private files, cleanup after SIGTERM, and output for any locale."""
    if not debug:
        # Libraries log stack traces of errors that the step reports in one line.
        logging.getLogger().addHandler(logging.NullHandler())
    os.umask(0o077)  # only this user may read the evidence
    signal.signal(signal.SIGTERM, _abort)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Independent of the locale of the server.
            stream.reconfigure(encoding="utf-8", errors="replace")


def end_with_parent() -> None:
    """End like an aborted step when the parent process ends.

    Rundeck aborts a script by killing the shell that started it, and the script receives no signal.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_POLL_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def wants_debug(environment: Mapping[str, str]) -> bool:
    """Return whether the log level of the job is DEBUG, which shows stack traces."""
    return environment.get("RD_JOB_LOGLEVEL") == "DEBUG"


def create_context(environment: Mapping[str, str], report: Report) -> RunContext:
    """Return the context of this run: that of a Rundeck job if there are ``RD_JOB_*`` variables, or that of a user."""
    trigger = {
        "started_by": environment.get("RD_JOB_USERNAME", ""),
        "job": environment.get("RD_JOB_NAME", ""),
        "execution": environment.get("RD_JOB_URL", ""),
    }
    return RunContext(
        report=lambda line: report(log_text(line)),
        stdout=sys.stdout.buffer,
        stderr=sys.stderr.buffer,
        spool=default_spool(environment),
        run_id=environment.get("RD_JOB_EXECID") or f"{time.time():.0f}",
        trigger={key: one_line(value) for key, value in trigger.items() if value},
    )


def default_spool(environment: Mapping[str, str]) -> Path:
    """Return the spool of this Rundeck server, or without Rundeck, that of this user."""
    base = environment.get("RD_RUNDECK_BASE")
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base, "var", "debug-captures") if base else Path(state, "debug-captures")


def write_data(data: Mapping[str, str], failure: str = "") -> None:
    """Pass ``data`` to later steps of the job. The log filter needs one line per value, and ignores empty values."""
    for key, value in {**data, "failure": failure}.items():
        if value:
            emit(data_line(key, value), sys.stdout)


def emit(text: str, stream: TextIO) -> None:
    """Print without a buffer. After an abort, Rundeck closes the pipe; the process continues with its cleanup."""
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, stream.fileno())


def _abort(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Raise SystemExit, so that debug containers are stopped and the bundle is closed."""
    # Rundeck sends the signal every second, which would interrupt the cleanup.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(ABORTED)
