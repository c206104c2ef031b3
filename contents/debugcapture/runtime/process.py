"""What both faces share, the steps of rundeck.py and the commands of cli/: how a program begins, reports and ends."""

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
class Ended:
    """How a run ended, and what it hands on, whether it failed or not."""

    exit_code: int
    data: Mapping[str, str] = field(default_factory=dict)
    document: Any = None  # see Outcome
    failure: str = ""  # the error's line
    trace: str = ""  # its stack trace


class Program(Protocol):
    """A step or a command."""

    @property
    def settings(self) -> type[Any]:
        """Return a dataclass of groups of settings."""

    @property
    def run(self) -> Callable[[Any, RunContext], Outcome]:
        """Return the function that does it."""

    @property
    def failure_code(self) -> int:
        """Return the exit code for a cause that has none of its own; see exit_codes.py."""


def run(program: Program, values: Mapping[str, str], context: RunContext) -> Ended:
    """Run ``program`` with its settings filled from ``values`` (setting name → text), and return how it ended."""
    try:
        outcome = program.run(read(program.settings, values), context)
    except BrokenPipeError:
        return Ended(ABORTED)
    except Exception as error:  # noqa: BLE001 - the one place: a user gets a line, not a stack trace
        return failed(error, program.failure_code)
    return Ended(outcome.exit_code, outcome.data, outcome.document)


def failed(error: Exception, otherwise: int = NOTHING_CAPTURED) -> Ended:
    """Return how a run ends that ``error`` ended; ``otherwise`` see `exit_code`."""
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, CaptureError):
        return Ended(exit_code(error, otherwise), error.data, failure=str(error), trace=trace)
    line = f"{type(error).__name__}: {one_line(error)}. Please report this bug."
    return Ended(1, failure=line, trace=trace)


def complain(ended: Ended, *, debug: bool) -> None:
    """Tell the user about a failure in one line; the stack trace is for ``debug``."""
    if ended.failure:
        emit(f"Error: {ended.failure}", sys.stderr)
    if debug and ended.trace:
        emit(log_text(ended.trace), sys.stderr)


def prepare(*, debug: bool) -> None:
    """Make the process ready: private files, a clean end by signal, output that any locale can take."""
    if not debug:
        logging.getLogger().addHandler(
            logging.NullHandler()
        )  # libraries log whole stack traces of what we tell in a line
    os.umask(0o077)  # evidence is for this user only
    signal.signal(signal.SIGTERM, _abort)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")  # whatever the server's locale is


def end_with_parent() -> None:
    """End as at an abort when the parent goes.

    Rundeck aborts a script by ending the shell that it puts before it; the script itself would never hear of it.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_POLL_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def wants_debug(environment: Mapping[str, str]) -> bool:
    """Tell whether the job's log level asks for stack traces."""
    return environment.get("RD_JOB_LOGLEVEL") == "DEBUG"


def create_context(environment: Mapping[str, str], report: Report) -> RunContext:
    """Return who runs this: a Rundeck job, as far as its ``RD_JOB_*`` variables tell, or somebody else."""
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
    """Return the spool of this Rundeck, or of this user where there is none."""
    base = environment.get("RD_RUNDECK_BASE")
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base, "var", "debug-captures") if base else Path(state, "debug-captures")


def write_data(data: Mapping[str, str], failure: str = "") -> None:
    """Give ``data`` to a job's later steps; the log filter takes one line each and no empty value."""
    for key, value in {**data, "failure": failure}.items():
        if value:
            emit(data_line(key, value), sys.stdout)


def emit(text: str, stream: TextIO) -> None:
    """Print at once. After an abort Rundeck has closed the pipe: the program goes on to clean up."""
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, stream.fileno())


def _abort(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End as after an error, so that debug containers are ended and the bundle is closed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Rundeck asks again each second, and would cut the end short
    raise SystemExit(ABORTED)
