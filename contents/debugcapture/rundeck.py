"""Run one provider as a Rundeck step: settings from the environment, progress and data to the log, an exit code.

Source: Rundeck documentation, "Script plugin development" (RD_* variables), "Key Value Data" log filter.
"""

import io
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

from .errors import CaptureError, one_line
from .log import data_line, log_text
from .providers import Provider, provider
from .settings import declared, read
from .steps import Caller

ABORTED = 128 + signal.SIGTERM


def main(name: str, environment: Mapping[str, str] = os.environ) -> int:
    """Run the provider ``name`` and return the step's exit code.

    A user sees one line of an error; the stack trace is for the log level DEBUG.
    """
    debug = environment.get("RD_JOB_LOGLEVEL") == "DEBUG"
    _prepare(debug=debug)
    one = provider(name)
    messages = sys.stderr if one.streams else sys.stdout
    try:
        outcome = one.run(read(one.settings, step_values(one, environment)), _caller(environment, messages))
    except BrokenPipeError:
        return ABORTED
    except Exception as error:  # noqa: BLE001 - the one place: a user gets a line, not a stack trace
        return _failed(error, one, debug=debug)
    _hand_on(outcome.data)
    return outcome.exit_code


def step_values(one: Provider, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what Rundeck says for the settings of a step: property ``name`` arrives as ``RD_CONFIG_NAME``.

    What the form of a node step leaves blank, the node's attributes say: ``RD_NODE_ATTRIBUTE``.
    """
    names = {setting.name: f"RD_CONFIG_{setting.name.upper()}" for setting in declared(one.settings)}
    values = {name: environment[variable] for name, variable in names.items() if variable in environment}
    of_node = {name: environment.get(f"RD_NODE_{attribute.upper()}", "") for name, attribute in one.from_node.items()}
    return of_node | {name: value for name, value in values.items() if value or name not in of_node}


def _prepare(*, debug: bool) -> None:
    if not debug:
        logging.getLogger().addHandler(
            logging.NullHandler()
        )  # libraries log whole stack traces of what we tell in a line
    os.umask(0o077)  # evidence is for this user only
    signal.signal(signal.SIGTERM, _abort)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")  # whatever the server's locale is


def _caller(environment: Mapping[str, str], messages: TextIO) -> Caller:
    trigger = {
        "started_by": environment.get("RD_JOB_USERNAME", ""),
        "job": environment.get("RD_JOB_NAME", ""),
        "execution": environment.get("RD_JOB_URL", ""),
    }
    return Caller(
        say=lambda line: _print(log_text(line), messages),
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


def _hand_on(data: Mapping[str, str]) -> None:
    """Give ``data`` to later steps; the log filter takes one line each and no empty value."""
    for key, value in data.items():
        if value:
            _print(data_line(key, value), sys.stdout)


def _failed(error: Exception, one: Provider, *, debug: bool) -> int:
    """Tell the user about ``error`` in one line and return its exit code."""
    known = isinstance(error, CaptureError)
    line = str(error) if known else f"{type(error).__name__}: {one_line(error)}. Please report this defect."
    _print(f"Error: {line}", sys.stderr)
    if not one.streams:
        _hand_on({**(error.data if isinstance(error, CaptureError) else {}), "failure": line})
    if debug:
        _print(log_text("".join(traceback.format_exception(error))), sys.stderr)
    return error.exit_code if isinstance(error, CaptureError) else 1


def _print(text: str, stream: TextIO) -> None:
    """Print at once. After an abort Rundeck has closed the pipe: the step goes on to clean up."""
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, stream.fileno())


def _abort(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End as after an error, so that debug containers are ended and the bundle is closed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Rundeck asks again each second, and would cut the end short
    raise SystemExit(ABORTED)
