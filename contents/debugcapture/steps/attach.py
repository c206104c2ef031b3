"""k8s-debug-attach: runs a command in a debug container that is attached to the target."""

from dataclasses import dataclass

from ..capture.debug_session import DebugSession, debug_options
from ..kube import exec_stream
from ..kube.client import Api, open_api
from ..model import ContainerRef, Outcome
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
        with DebugSession(api, target, (), options, context.report) as debug_session:
            ref = debug_session.attach(step.debug.profile).ref
            return _run(api, ref, argv, step.command.time_limit_s, context)


def _run(api: Api, ref: ContainerRef, argv: list[str], time_limit_s: int, context: RunContext) -> Outcome:
    """Run a command under run-tool, which ends it and its child processes when this step ends."""
    stdio = exec_stream.Stdio(context.stdout.write, context.stderr.write, holds_stdin=True)
    command = ["run-tool", "command", str(time_limit_s), *argv]
    status = api.run(ref, command, stdio, time_limit_s=time_limit_s)
    return finish(ref, argv[0], status, context)


STEP = Step(AttachStep, attach)
