"""Run one provider as a Rundeck step: settings from the environment, progress and data to the log, an exit code.

Source: Rundeck documentation, "Script plugin development" (RD_* variables), "Key Value Data" log filter.
"""

import os
import sys
from collections.abc import Mapping

from .runtime.process import complain, create_context, emit, prepare, run, wants_debug, write_data
from .settings.declare import declared
from .steps.providers import Provider, provider


def main(name: str, environment: Mapping[str, str] = os.environ) -> int:
    """Run the provider ``name`` and return the step's exit code.

    A user sees one line of an error; the stack trace is for the log level DEBUG.
    """
    debug = wants_debug(environment)
    prepare(debug=debug)
    step = provider(name)
    messages = sys.stderr if step.streams else sys.stdout
    context = create_context(environment, lambda line: emit(line, messages))
    ended = run(step, step_values(step, environment), context)
    complain(ended, debug=debug)
    if not step.streams:
        write_data(ended.data, ended.failure)
    return ended.exit_code


def step_values(step: Provider, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what Rundeck says for the settings of a step: property ``name`` arrives as ``RD_CONFIG_NAME``.

    What the form of a node step leaves blank, the node's attributes say: ``RD_NODE_ATTRIBUTE``.
    """
    names = {setting.name: f"RD_CONFIG_{setting.name.upper()}" for setting in declared(step.settings)}
    values = {name: environment[variable] for name, variable in names.items() if variable in environment}
    of_node = {name: environment.get(f"RD_NODE_{attribute.upper()}", "") for name, attribute in step.from_node.items()}
    return of_node | {name: value for name, value in values.items() if value or name not in of_node}
