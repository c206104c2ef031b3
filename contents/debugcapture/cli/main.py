"""The command line `debug-capture`: it runs the commands of commands.py, and prints what comes of them."""

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
    Ended,
    complain,
    create_context,
    emit,
    end_with_parent,
    failed,
    prepare,
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
_KEPT_MOST_BYTES: Final = 1 << 20  # of a command's output, where it becomes part of a JSON document
_ENVIRONMENT: Final = "debugcapture.environment"


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Run the command line and return its exit code; ``arguments`` are those of the process unless given."""
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
    program = Program(about, _act, ChainPage(_chain))
    click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")(program)
    return program


@dataclass(frozen=True)
class _Session:
    """What is the same for all commands of one call."""

    environment: Mapping[str, str]
    config: Mapping[str, str]
    debug: bool
    as_json: bool

    def values(self, command: Command) -> dict[str, str]:
        """Return what configuration and environment say. Raises BadInput."""
        settings = command.declared
        return from_config(settings, self.config) | from_environment(settings, self.environment)

    def context(self, screen: Screen) -> RunContext:
        """Return who calls: a Rundeck job, or the user."""
        context = create_context(self.environment, screen.report)
        user = one_line(self.environment.get("LOGNAME") or self.environment.get("USER") or "")
        trigger = {"started_by": user, **context.trigger} if user else context.trigger
        return replace(context, trigger=trigger, follow=screen.follow)


def _session(ctx: click.Context, params: Mapping[str, Any]) -> _Session:
    """Return the session, with the process made ready for it. Raises BadInput for a wrong configuration."""
    environment: Mapping[str, str] = ctx.obj[_ENVIRONMENT]
    file = config_path(params["config"] or "", environment)
    config = read_config(file, [setting for command in COMMANDS for setting in command.declared]) if file else {}
    return _Session(environment, config, _debug(ctx, params), params["output"] == "json")


def _debug(ctx: click.Context, params: Mapping[str, Any]) -> bool:
    return params["debug"] or wants_debug(ctx.obj[_ENVIRONMENT])


def _act(command: Command) -> Callable[..., int]:
    """Return what click calls for a command."""

    @click.pass_context
    def act(ctx: click.Context, /, **params: Any) -> int:
        return _finish(ctx, params, command.name, lambda: _alone(ctx, command, params))

    return act


@click.pass_context
def _chain(ctx: click.Context, /, names: Sequence[str], keep_going: bool, **params: Any) -> int:
    unknown = [name for name in names if name not in {command.name for command in COMMANDS}]
    if unknown:
        raise click.UsageError(f"Unknown command {unknown[0]!r}.", ctx)
    return _finish(ctx, params, "chain", lambda: _together(_session(ctx, params), names, keep_going=keep_going))


def _finish(ctx: click.Context, params: Mapping[str, Any], name: str, act: Callable[[], Ended]) -> int:
    """Do what a command does, and return its exit code; for JSON, print the document."""
    prepare(debug=_debug(ctx, params))
    if _in_a_job(ctx.obj[_ENVIRONMENT]):
        end_with_parent()
    try:
        ended = act()
    except CaptureError as error:  # before anything has begun
        ended = failed(error)
        complain(ended, debug=_debug(ctx, params))
    if params["output"] == "json":
        emit(json.dumps(_document(name, ended), indent=2), sys.stdout)
    return ended.exit_code


def _alone(ctx: click.Context, command: Command, params: Mapping[str, Any]) -> Ended:
    session = _session(ctx, params)
    return _run(session, command, session.values(command) | _flags(ctx, command, params))


def _together(session: _Session, names: Sequence[str], *, keep_going: bool) -> Ended:
    """Run commands one after the other, each with what those before it hand on."""
    handed: dict[str, str] = {}
    documents, code = [], 0
    for step in map(command, names):
        setting_names = {setting.name for setting in step.declared}
        ended = _run(session, step, session.values(step) | {key: handed[key] for key in handed.keys() & setting_names})
        output = {**ended.data, "failure": ended.failure}
        handed |= {name: output[name] for name in CHAINED_DATA if output.get(name)}
        documents.append(_document(step.name, ended))
        code = code or ended.exit_code
        if ended.exit_code and not keep_going:
            break
    return Ended(code, document=documents)


def _flags(ctx: click.Context, command: Command, params: Mapping[str, Any]) -> dict[str, str]:
    """Return what the command line says. Raises BadInput for a secret's file that is no use."""
    options = [param for param in ctx.command.params if isinstance(param, SettingOption)]
    values = [(option, params[option.name]) for option in options if option.name and params[option.name] is not None]
    if sum(value == STDIN for option, value in values if option.setting.rule.secret) > 1:
        raise BadInput(
            "cannot read several secrets from standard input", "it can be read only once", "Use files instead."
        )
    flags = {option.setting.name: option.text(value) for option, value in values}
    words: Sequence[str] = params.get("words", ())
    return flags | {command.words: shlex.join(words)} if words else flags


def _run(session: _Session, command: Command, values: Mapping[str, str]) -> Ended:
    """Run a command, and show what comes of it; what a streaming one prints is kept where it is to look otherwise."""
    quiet = session.as_json or command.streams
    with Screen(sys.stderr if quiet else sys.stdout) as screen:
        context = session.context(screen)
        kept = _Kept(None if command.table else _KEPT_MOST_BYTES), _Kept(_KEPT_MOST_BYTES)
        if command.streams and (session.as_json or command.table):
            context = replace(context, stdout=kept[0], stderr=kept[1])
        ended = run(command, values, context)
    complain(ended, debug=session.debug)
    if command.table and not ended.exit_code:
        return _listed(command.table, kept[0].getvalue().decode(), ended, as_json=session.as_json)
    if command.streams and session.as_json:
        return replace(ended, document=kept[0].document("stdout") | kept[1].document("stderr"))
    if not quiet:
        _tell(ended, session)
    return ended


def _listed(table: Callable[[str], str], text: str, ended: Ended, *, as_json: bool) -> Ended:
    if not as_json:
        emit(table(text).rstrip(), sys.stdout)
    return replace(ended, document=json.loads(text))


class _Kept(io.BytesIO):
    """Keeps output up to a limit."""

    def __init__(self, limit: int | None) -> None:
        super().__init__()
        self._limit, self._more = limit, False

    def write(self, data: Any, /) -> int:
        room = len(data) if self._limit is None else max(0, self._limit - self.tell())
        self._more = self._more or len(data) > room
        super().write(data[:room])
        return len(data)

    def document(self, name: str) -> dict[str, Any]:
        """Return it as part of a JSON document."""
        return {name: self.getvalue().decode(errors="replace"), f"{name}_truncated": self._more}


def _document(name: str, ended: Ended) -> dict[str, Any]:
    document: dict[str, Any] = {"command": name, "exit_code": ended.exit_code}
    if ended.failure:
        document["error"] = ended.failure
    if ended.data:
        document["data"] = dict(ended.data)
    if ended.document is not None:
        document[_result_key(name)] = ended.document
    return document


def _result_key(name: str) -> str:
    """Return the key of the result of a command, or of a chain of them."""
    return {command.name: command.result_key for command in COMMANDS}.get(name, "result")


def _in_a_job(environment: Mapping[str, str]) -> bool:
    """Tell whether a script of a Rundeck job calls."""
    return "RD_JOB_EXECID" in environment


def _tell(ended: Ended, session: _Session) -> None:
    """Hand on what the run gives: to a Rundeck job's later steps, or to a person."""
    if _in_a_job(session.environment):
        write_data(ended.data, ended.failure)
        return
    width = max((len(name) for name in ended.data), default=0)
    for name, value in ended.data.items():
        if value:
            emit(f"{name.ljust(width)}  {one_line(value)}", sys.stdout)


if __name__ == "__main__":
    raise SystemExit(main())
