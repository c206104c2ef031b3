"""Fill the defaults of the steps in a project archive, so that an import needs no manual configuration."""

import re
from collections.abc import Mapping

from debugcapture.settings.declare import Declared, problem_of
from debugcapture.steps.providers import provider
from tools.generate import form_settings

_STEP = r"(?m)^(project\.plugin\.(?:WorkflowStep|WorkflowNodeStep)\.([\w-]+)\.)"


def with_settings(properties: str, values: Mapping[str, str]) -> str:
    """Return ``properties`` with ``values`` as defaults of every step in them that has such a setting.

    Raises ValueError for a setting that no step has, a setting from Key Storage, or an invalid value.
    """
    lines = [line for line in properties.splitlines() if not (re.match(_STEP, line) and _setting_of(line) in values)]
    steps = dict(re.findall(_STEP, properties))
    settings = {
        prefix: {setting.name: setting for setting in form_settings(provider(step))} for prefix, step in steps.items()
    }
    for name, value in values.items():
        having = [prefix for prefix in steps if name in settings[prefix]]
        if not having:
            raise ValueError(f"unknown setting {name}")
        if problem := _problem(settings[having[0]][name], value):
            raise ValueError(problem)
        escaped = value.replace("\\", "\\\\")
        lines += [f"{prefix}{name}={escaped}" for prefix in having]
    return "\n".join(lines) + "\n"


def _setting_of(line: str) -> str:
    return line.partition("=")[0].rpartition(".")[2]


def _problem(setting: Declared, value: str) -> str:
    if setting.rule.secret:
        return f"{setting.name} is a secret: store it in Key Storage, not in an archive"
    if "\n" in value:
        return f"{setting.name} has several lines: set it in Rundeck"
    return problem_of(setting, value)
