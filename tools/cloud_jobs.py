"""Create jobs/cloud/*.yaml from jobs/*.yaml: the jobs for Runbook Automation, which does not load plugins.

The steps of a job become one script that calls `debug-capture` on the Runner. One script, because two steps may run on
two replicas of a Runner, and only one of them has the spool. The script contains no value: Rundeck passes the options
in the environment as ``RD_OPTION_NAME``, and the command reads its settings from there.

Sources: Rundeck documentation, "Job YAML format", "Script steps"; `runnerSelector` has the keys of exported jobs.
"""

import re
import shlex
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from debugcapture.cli.commands import command
from debugcapture.cli.config import variable
from debugcapture.settings.declare import Declared, declared
from debugcapture.steps.providers import provider
from tools.yaml_text import read_yaml

ROOT: Final = Path(__file__).parent.parent
JOBS: Final = ROOT / "jobs"
CLOUD: Final = JOBS / "cloud"
PROPERTIES: Final = JOBS / "archive" / "files" / "etc" / "project.properties"
RUNNER_TAG: Final = "debug-capture"
_OPTION = re.compile(r"\$\{option\.(\w+)\}")
_STORED = re.compile(r"(?m)^project\.plugin\.WorkflowStep\.([\w-]+)\.(\w+)=(keys/project/PROJECT/.+)$")
_LATER = ("upload", "note")  # a capture with a store and an incident also uploads and notifies
Json = dict[str, Any]


def files() -> dict[Path, str]:
    """Return every file of jobs/cloud with its content."""
    return {CLOUD / file.name: _text(file) for file in sorted(JOBS.glob("*.yaml"))}


def cloud_job(job: Mapping[str, Any]) -> Json:
    """Return ``job`` without plugins. Raises ValueError if a script cannot do the same."""
    steps: list[Json] = job["sequence"]["commands"]
    identity = cloud_uuid(job["uuid"])
    cloud: Json = {}
    for key, value in job.items():
        match key:
            case "uuid" | "id":
                cloud[key] = identity
            case "options":
                cloud["options"] = [*value, *_secrets(steps)]
            case "sequence":
                cloud.setdefault("options", _secrets(steps))
                cloud["runnerSelector"] = _RUNNER
                cloud["sequence"] = {"keepgoing": False, "strategy": value["strategy"], "commands": [_script_step(job)]}
            case _:
                cloud[key] = value
    return cloud


def cloud_uuid(plugin_uuid: str) -> str:
    """Return the UUID of the cloud job for the plugin job ``plugin_uuid``. It is derived from it."""
    return str(uuid.uuid5(uuid.UUID(plugin_uuid), "runbook-automation"))


def script(job: Mapping[str, Any]) -> str:
    """Return the script that replaces the steps of ``job``."""
    steps: list[Json] = job["sequence"]["commands"]
    commands = _commands(steps)
    lines = ["#!/bin/sh", "# Every value is passed to the command as a variable; this shell does not interpret it."]
    for name, value in _settings(steps, commands).items():
        lines.append(f"export {variable(name)}={_quote(value)}")
    for secret in _secrets(steps):
        lines.append(f"export {variable(secret['name'])}={_quote('${option.' + secret['name'] + '}')}")
    # Rundeck's local executor mixes the lines of standard output and standard error, which could lose a value.
    lines.append(f"exec debug-capture {_words(commands, keep_going=job['sequence']['keepgoing'])} 2>&1")
    return "\n".join(lines) + "\n"


_RUNNER: Final = {
    "runnerFilterMode": "TAGS",
    "runnerFilterType": "TAG_FILTER_AND",
    "filter": RUNNER_TAG,
    # The Runner receives the secrets of the job, so the user who runs the job must not choose another Runner.
    "canChange": False,
}


def _script_step(job: Mapping[str, Any]) -> Json:
    """Return the only step. It has no node filter, so it runs on the Runner, like the job."""
    steps: list[Json] = job["sequence"]["commands"]
    step: Json = {
        "description": "; ".join(step["description"] for step in steps),
        "script": script(job),
        "scriptInterpreter": "/bin/sh",  # the Runner's folder for scripts may forbid execution
    }
    filters = list(_filters(steps))
    return step | ({"plugins": {"LogFilter": filters}} if filters else {})


def _filters(steps: Sequence[Json]) -> Iterator[Json]:
    """Yield the different log filters of all steps."""
    filters = []
    for log_filter in (plugin for step in steps for plugin in step.get("plugins", {}).get("LogFilter", [])):
        if log_filter not in filters:
            filters.append(log_filter)
            yield log_filter


def _commands(steps: Sequence[Json]) -> list[str]:
    """Return the commands that replace ``steps``."""
    names = [provider(step["type"]).command for step in steps]
    return [name for name in names if names[0] != "capture" or name not in _LATER]


def _words(commands: Sequence[str], *, keep_going: bool) -> str:
    if len(commands) == 1:
        return commands[0]
    return " ".join(["chain", *(["--keep-going"] if keep_going else []), *commands])


def _settings(steps: Sequence[Json], commands: Sequence[str]) -> dict[str, str]:
    """Return the settings of all steps, without data of earlier steps, which one command shares. Raises ValueError."""
    setting_names = {setting.name for name in commands for setting in command(name).declared}
    settings: dict[str, str] = {}
    for name, value in (pair for step in steps for pair in step["configuration"].items()):
        if "${data." in value or not value:
            continue
        if name == "open_job":
            value = cloud_uuid(value)  # noqa: PLW2901
        if name not in setting_names or settings.setdefault(name, value) != value:
            raise ValueError(f"a script cannot pass {name} = {value!r} to {', '.join(commands)}")
    return settings


def _quote(value: str) -> str:
    """Quote ``value`` for a shell and replace options by variables. Raises ValueError if that is not safe."""
    if not _OPTION.search(value):
        return shlex.quote(value)
    if set(_OPTION.sub("", value)) & set('"\\$`@'):
        raise ValueError(f"a shell would interpret {value!r}")
    return '"' + _OPTION.sub(lambda match: f"${{RD_OPTION_{match[1].upper()}-}}", value) + '"'


def _secrets(steps: Sequence[Json]) -> list[Json]:
    """Return the options that pass the secrets of ``steps`` from where the plugin's defaults have them."""
    used = {step["type"] for step in steps}
    paths = {name: path for step, name, path in _STORED.findall(PROPERTIES.read_text("utf-8")) if step in used}
    settings = {setting.name: setting for step in used for setting in declared(provider(step).settings)}
    return [_secret(settings[name], path) for name, path in paths.items() if settings[name].rule.secret]


def _secret(setting: Declared, path: str) -> Json:
    return {
        "name": setting.name,
        "label": setting.rule.title,
        "description": "From Key Storage. If the key does not exist, the Runner's configuration is used.",
        "secure": True,
        "valueExposed": True,  # required for scripts
        "storagePath": path.replace("PROJECT", "${job.project}"),
        "hidden": True,
    }


def _text(file: Path) -> str:
    jobs = [cloud_job(job) for job in read_yaml(file.read_text("utf-8"))]
    body = yaml.dump(jobs, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"# Generated by tools/cloud_jobs.py from jobs/{file.name}: edit there.\n{body}"


class _Dumper(yaml.CSafeDumper):
    """Writes multi-line text as a block."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's signature
        return True


def _represent(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent)
