"""Runs a provider as a Rundeck step: settings from the environment, progress and data in the log, an exit code.

Source: Rundeck documentation, "Script plugin development" (RD_* variables), "Key Value Data" log filter.
"""

import gc
import os
import sys
from collections.abc import Mapping

from .runtime.process import create_context, emit, prepare, print_failure, run, wants_debug, write_data
from .settings.declare import declared
from .steps.providers import Provider, provider


def main(name: str, environment: Mapping[str, str] = os.environ) -> int:
    """Run the provider ``name`` and return the step's exit code.

    An error is one line in the log. The log level DEBUG adds its stack trace.
    """
    debug = wants_debug(environment)
    prepare(debug=debug)
    step = provider(name)
    messages = sys.stderr if step.streams else sys.stdout
    context = create_context(environment, lambda line: emit(line, messages))
    values = step_values(step, environment)
    # The modules of the step are loaded, and live as long as the process: the collector need not look at them again.
    gc.freeze()
    gc.enable()
    result = run(step, values, context)
    print_failure(result, debug=debug)
    if not step.streams:
        write_data(result.data, result.failure)
    return result.exit_code


def step_values(step: Provider, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a step's settings by name. Rundeck passes property ``name`` as ``RD_CONFIG_NAME``.

    If the form of a node step leaves a setting blank, its value is the node attribute: ``RD_NODE_ATTRIBUTE``.
    """
    names = {setting.name: f"RD_CONFIG_{setting.name.upper()}" for setting in declared(step.settings)}
    values = {name: environment[variable] for name, variable in names.items() if variable in environment}
    node_values = {
        name: environment.get(f"RD_NODE_{attribute.upper()}", "") for name, attribute in step.from_node.items()
    }
    return node_values | {name: value for name, value in values.items() if value or name not in node_values}
