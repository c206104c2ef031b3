"""The options of `debug-capture`, which come from the settings, and its help, with the groups of Rundeck's forms.

Options only carry text. `settings.read` validates it, as for a Rundeck step.
Source: click documentation, "Advanced Patterns", "Shell Completion".
"""

import os
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from ..runtime.process import default_spool
from ..settings.declare import Declared
from .commands import COMMANDS, Command
from .config import file_of, read_secret

NAME: Final = "debug-capture"
_EXIT_CODES: Final = (
    ("0", "complete"),
    ("2", "a setting is wrong or missing; nothing was changed"),
    ("3", "the namespace, pod or container does not exist"),
    ("4", "access denied: credentials, RBAC or Pod Security"),
    ("5", "nothing was captured, or a server was unreachable"),
    ("6", "not stored: the capture is in the spool"),
    ("7", "stored, but the note could not be added"),
    ("8", "not restarted: the gate is closed, the change was rejected, or the rollout did not succeed"),
    ("10", "partial: some evidence could not be captured; for the doctor: a check failed"),
    ("other", "exec and attach: the exit code of the command"),
)
_VALUES: Final = (
    "Values come from, in this order: the option, the environment (DEBUG_CAPTURE_NAMESPACE for "
    "--namespace), and the configuration file (--config, DEBUG_CAPTURE_CONFIG, "
    "~/.config/debug-capture/config.yaml or /etc/debug-capture/config.yaml), which contains one "
    "setting per line (namespace: shop). A secret comes from the environment (DEBUG_CAPTURE_TOKEN) "
    "or from a file (--token-file, DEBUG_CAPTURE_TOKEN_FILE, token_file in the configuration), but "
    "never from the value of an option. The file - is standard input."
)


class _Text(click.ParamType[str]):
    """Any text. The choices are for the help and the completion."""

    name = "text"

    def __init__(self, setting: Declared) -> None:
        self._choices = setting.choices
        self.name = "number" if setting.kind == "number" else "text"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:  # noqa: ARG002 - click's
        return "|".join(self._choices) or None

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's
        param: click.Parameter,  # noqa: ARG002 - click's
        incomplete: str,
    ) -> list[CompletionItem]:
        return [CompletionItem(choice) for choice in self._choices if choice.startswith(incomplete)]


class SettingOption(click.Option):
    """The option of one setting. That of a secret is a file, and that of a switch has a negative form."""

    def __init__(self, setting: Declared) -> None:
        self.setting = setting
        name, flag = setting.name, "--" + setting.name.replace("_", "-")
        about = setting.rule.description + (f" [{setting.default}]" if setting.default else "")
        if setting.rule.secret:
            about = about.replace("Key Storage", "this file")
            super().__init__([f"{flag}-file", file_of(name)], type=click.Path(allow_dash=True), help=about)
        elif setting.kind == "switch":
            super().__init__([f"{flag}/--no{flag[1:]}", name], default=None, help=about)
        else:
            super().__init__([flag, name], type=_Text(setting), help=about)

    def text(self, value: Any) -> str:
        """Return ``value`` as the text of the setting. Raises BadInput if a file cannot be used."""
        if self.setting.rule.secret:
            return read_secret(self.setting.name, value)
        return str(value).lower() if isinstance(value, bool) else str(value)


def general() -> list[click.Parameter]:
    """Return the options of all commands."""
    output = "json: print one document to standard output, and everything else to standard error. [text]"
    return [
        click.Option(["--config"], type=click.Path(), help="Configuration file to use instead of the default ones."),
        click.Option(["--output"], type=click.Choice(["text", "json"]), default="text", help=output),
        click.Option(["--debug"], is_flag=True, help="Show the stack trace of an error."),
    ]


class _Page(click.Command):
    """A command whose help ends with examples and exit codes."""

    examples: tuple[str, ...] = ()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        _end(formatter, self.examples)


class CommandPage(_Page):
    """A command whose help has the groups of the form. --help lists only the names of folded groups."""

    def __init__(self, command: Command, callback: Any) -> None:
        self.examples = command.examples
        text = "Show the folded options as well."
        params: list[click.Parameter] = [SettingOption(setting) for setting in command.declared]
        params += [
            *general(),
            click.Option(
                ["--help-all"], is_flag=True, is_eager=True, expose_value=False, callback=_show_all, help=text
            ),
        ]
        if command.words:
            complete = _captures if command.words == "capture_id" else None
            metavar = f"[{command.words.upper()}]"
            params.append(click.Argument(["words"], nargs=-1, metavar=metavar, shell_complete=complete))
        # Options after the name of a program belong to that program.
        context_settings = {"allow_interspersed_args": command.words != "command"}
        super().__init__(
            command.name, help=command.description, params=params, callback=callback, context_settings=context_settings
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by group."""
        folded = []
        settings = [param for param in self.params if isinstance(param, SettingOption)]
        for group, options in groupby(settings, key=lambda option: option.setting.group):
            group_options = list(options)
            if group_options[0].setting.detail and not ctx.meta.get(_EVERYTHING):
                more = f" and {len(group_options) - 1} more" if group_options[1:] else ""
                folded.append((group, f"{group_options[0].opts[0]}{more}"))
            else:
                _section(formatter, group, _records(group_options, ctx))
        others = [param for param in self.get_params(ctx) if isinstance(param, click.Option) and param not in settings]
        _section(formatter, "General", _records(others, ctx))
        _section(formatter, "Listed by --help-all", folded)


class ChainPage(_Page):
    """The command that runs other commands."""

    examples = ("chain find-target capture", "chain --keep-going capture restart")

    def __init__(self, callback: Any) -> None:
        about = (
            "Runs several commands one after the other in one process, as the steps of a Rundeck job. Each "
            "command receives the outputs of the previous ones: bundle, capture ID, failure, pod. The "
            "settings come from the environment and the configuration. The exit code is the first one that "
            "is not 0."
        )
        params = [
            click.Argument(["names"], nargs=-1, required=True, metavar="COMMAND...", shell_complete=_commands),
            click.Option(["--keep-going"], is_flag=True, help="Run the later commands even if an earlier one fails."),
            *general(),
        ]
        super().__init__("chain", help=about, params=params, callback=callback)


class Program(click.Group):
    """The commands, in the order in which they are used. The page of a command is created on demand."""

    def __init__(self, about: str, callback_of: Callable[[Command], Any], chain: ChainPage) -> None:
        super().__init__(NAME, help=about)
        self._callback_of, self._chain = callback_of, chain

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Return the names of the commands."""
        return [*(command.name for command in COMMANDS), str(self._chain.name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Return the page of a command; None if it does not exist."""
        if cmd_name == self._chain.name:
            return self._chain
        matching = next((command for command in COMMANDS if command.name == cmd_name), None)
        return CommandPage(matching, self._callback_of(matching)) if matching else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the first sentence of each description."""
        about = {
            **{command.name: command.description for command in COMMANDS},
            str(self._chain.name): self._chain.help or "",
        }
        rows = [(name, text.partition(". ")[0].rstrip(".")) for name, text in about.items()]
        _section(formatter, "Commands", rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write examples, the sources of values, and exit codes."""
        _end(formatter, ("doctor --namespaces shop", "capture --namespace shop --workload checkout", "watch"))


_EVERYTHING: Final = "debugcapture.everything"


def _show_all(ctx: click.Context, _param: click.Parameter, is_set: bool) -> None:
    if is_set:
        ctx.meta[_EVERYTHING] = True
        click.echo(ctx.get_help())
        ctx.exit()


def _end(formatter: click.HelpFormatter, examples: Sequence[str]) -> None:
    if examples:
        with formatter.section("Examples"):
            for example in examples:
                formatter.write(f"{'':>{formatter.current_indent}}{NAME} {example}\n")
    with formatter.section("Values"):
        formatter.write_text(_VALUES)
    _section(formatter, "Exit codes", _EXIT_CODES)


def _section(formatter: click.HelpFormatter, title: str, rows: Sequence[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)


def _records(options: Sequence[click.Parameter], ctx: click.Context) -> list[tuple[str, str]]:
    return [record for option in options if (record := option.get_help_record(ctx))]


def _captures(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the ID of a capture in the default spool."""
    manifests = default_spool(os.environ).glob(f"{incomplete}*/manifest.json")
    return [CompletionItem(file.parent.name) for file in sorted(manifests, reverse=True)]


def _commands(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(command.name) for command in COMMANDS if command.name.startswith(incomplete)]
