"""Functions that the steps exec and attach share."""

import shlex

from ..errors import BadInput, CommandFailed, NotRunning
from ..kube.client import Api
from ..model import ContainerRef, ExitStatus, Outcome, Target
from ..runtime.context import RunContext
from ..settings.command import CommandSettings
from ..settings.target import TargetSettings
from ..targets.selection import select_pods


def read_command(settings: CommandSettings) -> list[str]:
    """Return the program and its arguments. Raises BadInput if the command is empty or a quote is not closed."""
    try:
        argv = shlex.split(settings.command)
    except ValueError as error:
        raise BadInput(f"cannot read the command {settings.command!r}", str(error), "Close the quotes.") from error
    if not argv or "\0" in settings.command:
        raise BadInput("cannot read the command", "it is empty" if not argv else "it contains a NUL character")
    return argv


def only_target(api: Api, settings: TargetSettings, context: RunContext) -> Target:
    """Return the first target that the settings select, and report the selection."""
    selected, remarks = select_pods(api, settings, 1)
    for line in remarks:
        context.report(line)
    return selected[0].target


def require_running(target: Target, verb: str) -> None:
    """Raise NotRunning if ``target`` does not run. ``verb`` is the action in the message: "attach to"."""
    if not target.is_running:
        raise NotRunning(
            f"cannot {verb} {target} (container {target.container})",
            f"it is not running: {target.state}",
            "Capture it instead: the logs and the state of the previous run are available.",
        )


def finish(place: ContainerRef, program: str, status: ExitStatus, context: RunContext) -> Outcome:
    """Return the exit code of a command as that of the step. Raises CommandFailed if the command has none."""
    context.stdout.flush()
    context.stderr.flush()
    if status.code is None:
        raise _not_run(place, program, status)
    if status.code:
        context.report(f"{program} in {place} ended with exit code {status.code}")
    return Outcome(status.code)


def _not_run(place: ContainerRef, program: str, status: ExitStatus) -> CommandFailed:
    action = f"cannot run {program} in {place}"
    if status.not_found:
        return CommandFailed(
            action, "the container does not contain this program", "Run it in a debug container instead."
        )
    return CommandFailed(action, status.message or status.reason)
