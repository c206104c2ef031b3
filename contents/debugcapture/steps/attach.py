"""k8s-debug-attach: runs a command in a debug container that is attached to the target."""

from dataclasses import dataclass

from ..capture.debug_session import DebugSession, debug_options
from ..kube.client import open_api
from ..kube.command import Command
from ..model import Outcome
from ..runtime.context import RunContext
from ..settings.cluster import ConnectionSettings
from ..settings.command import CommandSettings
from ..settings.debug_container import DebugContainerSettings
from ..settings.target import TargetSettings
from ..targets.selection import check_target, target_name
from .command import finish, only_target, read_command, require_running
from .shared import Step, about


@dataclass(frozen=True, kw_only=True)
class AttachStep:
    """Settings of `attach`."""

    connection: ConnectionSettings
    target: TargetSettings
    command: CommandSettings
    debug: DebugContainerSettings


def attach(step: AttachStep, context: RunContext) -> Outcome:
    """Run a command in a debug container attached to the target; see `execute`."""
    with about(target_name(step.target)):
        argv = read_command(step.command)
        check_target(step.target)
        options = debug_options(step.debug, step.command.time_limit_s + 60)
        api = open_api(step.connection)
        target = only_target(api, step.target, context)
        require_running(target, "attach to")
        # run-tool ends the command and its child processes when this step ends.
        limit_s = step.command.time_limit_s
        supervised = ("run-tool", "command", str(limit_s), *argv)
        command = Command(supervised, limit_s, context.stdout.write, context.stderr.write)
        with DebugSession(api, target, (), options, context.report) as debug_session:
            ref, status = debug_session.run(step.debug.profile, command)
            return finish(ref, argv[0], status, context)


STEP = Step(AttachStep, attach)
