"""The command line `debug-capture`: it runs the commands of commands.py and prints their results."""

import io
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import click

from .. import __version__
from ..errors import BadInput, CaptureError
from ..runtime.context import RunContext
from ..runtime.process import (
    RunResult,
    create_context,
    emit,
    end_with_parent,
    failure_result,
    prepare,
    print_failure,
    run,
    wants_debug,
    write_data,
)
from ..text import one_line
from .commands import COMMANDS, Command, command
from .config import STDIN, config_path, from_config, from_environment, read_config
from .help import NAME, ChainPage, Program, SettingOption
from .status_line import Screen

INTERRUPTED: Final = 130
CHAINED_DATA: Final = ("bundle", "capture_id", "failure", "namespace", "pod", "container")
# Limit of a command's output in a JSON document.
_MAX_OUTPUT_BYTES: Final = 1 << 20
_ENVIRONMENT: Final = "debugcapture.environment"


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Run the command line and return its exit code. ``arguments`` defaults to those of the process."""
    try:
        code = _program().main(
            args=None if arguments is None else list(arguments),
            prog_name=NAME,
            standalone_mode=False,
            obj={_ENVIRONMENT: environment},
        )
    except click.exceptions.NoArgsIsHelpError as error:
        emit(error.format_message(), sys.stderr)
        return error.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else NAME
        emit(f"Error: {one_line(error.format_message())} For more information, run {path} --help.", sys.stderr)
        return error.exit_code
    except click.Abort:
        emit("Error: interrupted.", sys.stderr)
        return INTERRUPTED
    return int(code or 0)


def _program() -> click.Group:
    about = "Captures the debug state of failing Kubernetes pods before a restart, and links it in the incident."
    program = Program(about, _callback, ChainPage(_chain))
    click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")(program)
    return program


@dataclass(frozen=True)
class _Session:
    """The settings that all commands of one call share."""

    environment: Mapping[str, str]
    config: Mapping[str, str]
    debug: bool
    as_json: bool

    def values(self, command: Command) -> dict[str, str]:
        """Return the values from the configuration and the environment. Raises BadInput."""
        settings = command.declared
        return from_config(settings, self.config) | from_environment(settings, self.environment)

    def context(self, screen: Screen) -> RunContext:
        """Return the context of the run, with the name of the user outside of Rundeck."""
        context = create_context(self.environment, screen.report)
        user = one_line(self.environment.get("LOGNAME") or self.environment.get("USER") or "")
        trigger = {"started_by": user, **context.trigger} if user else context.trigger
        return replace(context, trigger=trigger, follow=screen.follow)


def _session(ctx: click.Context, params: Mapping[str, Any]) -> _Session:
    """Return the session. Raises BadInput if the configuration is wrong."""
    environment: Mapping[str, str] = ctx.obj[_ENVIRONMENT]
    file = config_path(params["config"] or "", environment)
    config = read_config(file, [setting for command in COMMANDS for setting in command.declared]) if file else {}
    return _Session(environment, config, _debug(ctx, params), params["output"] == "json")


def _debug(ctx: click.Context, params: Mapping[str, Any]) -> bool:
    return params["debug"] or wants_debug(ctx.obj[_ENVIRONMENT])


def _callback(command: Command) -> Callable[..., int]:
    """Return the function that click calls for a command."""

    @click.pass_context
    def act(ctx: click.Context, /, **params: Any) -> int:
        return _finish(ctx, params, command.name, lambda: _run_single(ctx, command, params))

    return act


@click.pass_context
def _chain(ctx: click.Context, /, names: Sequence[str], keep_going: bool, **params: Any) -> int:
    unknown = [name for name in names if name not in {command.name for command in COMMANDS}]
    if unknown:
        raise click.UsageError(f"Unknown command {unknown[0]!r}.", ctx)
    return _finish(ctx, params, "chain", lambda: _run_chain(_session(ctx, params), names, keep_going=keep_going))


def _finish(ctx: click.Context, params: Mapping[str, Any], name: str, act: Callable[[], RunResult]) -> int:
    """Run ``act`` and return its exit code. With --output json, print the document."""
    prepare(debug=_debug(ctx, params))
    if _in_rundeck_job(ctx.obj[_ENVIRONMENT]):
        end_with_parent()
    try:
        result = act()
    except CaptureError as error:  # the configuration or a secret file is wrong
        result = failure_result(error)
        print_failure(result, debug=_debug(ctx, params))
    if params["output"] == "json":
        emit(json.dumps(_document(name, result), indent=2), sys.stdout)
    return result.exit_code


def _run_single(ctx: click.Context, command: Command, params: Mapping[str, Any]) -> RunResult:
    session = _session(ctx, params)
    return _run(session, command, session.values(command) | _option_values(ctx, command, params))


def _run_chain(session: _Session, names: Sequence[str], *, keep_going: bool) -> RunResult:
    """Run the commands one after the other. Each receives the data of the previous ones."""
    chained: dict[str, str] = {}
    documents: list[dict[str, Any]] = []
    exit_code = 0
    for step in map(command, names):
        setting_names = {setting.name for setting in step.declared}
        inputs = {key: chained[key] for key in chained.keys() & setting_names}
        result = _run(session, step, session.values(step) | inputs)
        output = {**result.data, "failure": result.failure}
        chained |= {name: output[name] for name in CHAINED_DATA if output.get(name)}
        documents.append(_document(step.name, result))
        exit_code = exit_code or result.exit_code
        if result.exit_code and not keep_going:
            break
    return RunResult(exit_code, document=documents)


def _option_values(ctx: click.Context, command: Command, params: Mapping[str, Any]) -> dict[str, str]:
    """Return the values from the command line. Raises BadInput if the file of a secret cannot be used."""
    options = [param for param in ctx.command.params if isinstance(param, SettingOption)]
    values = [(option, params[option.name]) for option in options if option.name and params[option.name] is not None]
    if sum(value == STDIN for option, value in values if option.setting.rule.secret) > 1:
        raise BadInput(
            "cannot read several secrets from standard input", "it can be read only once", "Use files instead."
        )
    flags = {option.setting.name: option.text(value) for option, value in values}
    words: Sequence[str] = params.get("words", ())
    return flags | {command.words: shlex.join(words)} if words else flags


def _run(session: _Session, command: Command, values: Mapping[str, str]) -> RunResult:
    """Run a command and print its result. The output of a streaming command is collected for a table or JSON."""
    quiet = session.as_json or command.streams
    with Screen(sys.stderr if quiet else sys.stdout) as screen:
        context = session.context(screen)
        stdout = _LimitedOutput(None if command.table else _MAX_OUTPUT_BYTES)
        stderr = _LimitedOutput(_MAX_OUTPUT_BYTES)
        if command.streams and (session.as_json or command.table):
            context = replace(context, stdout=stdout, stderr=stderr)
        result = run(command, values, context)
    print_failure(result, debug=session.debug)
    if command.table and not result.exit_code:
        return _print_table(command.table, stdout.getvalue().decode(), result, as_json=session.as_json)
    if command.streams and session.as_json:
        return replace(result, document=stdout.document("stdout") | stderr.document("stderr"))
    if not quiet:
        _print_data(result, session)
    return result


def _print_table(table: Callable[[str], str], text: str, result: RunResult, *, as_json: bool) -> RunResult:
    if not as_json:
        emit(table(text).rstrip(), sys.stdout)
    return replace(result, document=json.loads(text))


class _LimitedOutput(io.BytesIO):
    """Stores output up to a limit in bytes; without a limit if it is None."""

    def __init__(self, limit: int | None) -> None:
        super().__init__()
        self._limit, self._more = limit, False

    def write(self, data: Any, /) -> int:
        room = len(data) if self._limit is None else max(0, self._limit - self.tell())
        self._more = self._more or len(data) > room
        super().write(data[:room])
        return len(data)

    def document(self, name: str) -> dict[str, Any]:
        """Return the output as part of a JSON document."""
        return {name: self.getvalue().decode(errors="replace"), f"{name}_truncated": self._more}


def _document(name: str, result: RunResult) -> dict[str, Any]:
    document: dict[str, Any] = {"command": name, "exit_code": result.exit_code}
    if result.failure:
        document["error"] = result.failure
    if result.data:
        document["data"] = dict(result.data)
    if result.document is not None:
        document[_result_key(name)] = result.document
    return document


def _result_key(name: str) -> str:
    """Return the key of the result in the document of a command or chain."""
    return {command.name: command.result_key for command in COMMANDS}.get(name, "result")


def _in_rundeck_job(environment: Mapping[str, str]) -> bool:
    """Return whether a script of a Rundeck job runs this command."""
    return "RD_JOB_EXECID" in environment


def _print_data(result: RunResult, session: _Session) -> None:
    """Print the data of the run, for the later steps of a Rundeck job or for a user."""
    if _in_rundeck_job(session.environment):
        write_data(result.data, result.failure)
        return
    width = max((len(name) for name in result.data), default=0)
    for name, value in result.data.items():
        if value:
            emit(f"{name.ljust(width)}  {one_line(value)}", sys.stdout)


if __name__ == "__main__":
    raise SystemExit(main())
