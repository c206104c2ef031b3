"""k8s-debug-exec: runs a command in the target."""

from dataclasses import dataclass

from ..kube.client import open_api
from ..kube.command import Command, run_command
from ..model import Outcome
from ..runtime.context import RunContext
from ..settings.cluster import ConnectionSettings
from ..settings.command import CommandSettings
from ..settings.target import TargetSettings
from ..targets.selection import check_target, target_name
from .command import finish, only_target, read_command, require_running
from .shared import Step, about


@dataclass(frozen=True, kw_only=True)
class ExecStep:
    """Settings of `execute`."""

    connection: ConnectionSettings
    target: TargetSettings
    command: CommandSettings


def execute(step: ExecStep, context: RunContext) -> Outcome:
    """Run a command in the target, and pass its output through byte for byte. Its exit code is that of the step.

    If the step is aborted, the command ends too.
    """
    with about(target_name(step.target)):
        argv = read_command(step.command)
        check_target(step.target)
        api = open_api(step.connection)
        target = only_target(api, step.target, context)
        require_running(target, "run a command in")
        command = Command(tuple(argv), step.command.time_limit_s, context.stdout.write, context.stderr.write)
        return finish(target.ref, argv[0], run_command(api, target.ref, command, context.report), context)


STEP = Step(ExecStep, execute)
