"""Read a project archive as Rundeck's import does, with the documented patterns and names."""

from __future__ import annotations

import fnmatch
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from lab.part import LabError

IMPORTED = {
    "job": "*/jobs/job-*.xml",
    "properties": "*/files/etc/project.properties",
    "readme": "*/files/readme.md",
    "motd": "*/files/motd.md",
    "policy": "*/files/acls/*.aclpolicy",
    "webhooks": "*/webhooks.yaml",
}


def imported(archive: Path, kind: str) -> dict[str, str]:
    """Return the entries that Rundeck reads for ``kind``. In its patterns, * does not match a slash."""
    pattern = IMPORTED[kind]
    with zipfile.ZipFile(archive) as zipped:
        names = [name for name in zipped.namelist() if name.count("/") == pattern.count("/")]
        return {name: zipped.read(name).decode() for name in names if fnmatch.fnmatchcase(name, pattern)}


def job_of(document: str) -> dict[str, Any]:
    """Convert the XML of a job to the map of its YAML, as Rundeck's codec does."""
    (job,) = ElementTree.fromstring(document)  # noqa: S314 - the file is from this repository's build
    read: dict[str, Any] = {
        element.tag: _convert(element.text or "") for element in job if not len(element) and not element.attrib
    }
    if (schedule := job.find("schedule")) is not None:
        read["schedule"] = dict(schedule.attrib)
    if (selector := job.find("runnerSelector")) is not None:
        read["runnerSelector"] = {element.tag: _convert(element.text or "") for element in selector}
    if (options := job.find("context/options")) is not None:
        if options.get("preserveOrder") != "true":
            raise LabError(f"{read['name']}: Rundeck would sort the options")
        read["options"] = [_option_of(option) for option in options]
    sequence = job.find("sequence")
    if sequence is None:
        raise LabError(f"{read['name']}: a job without steps")
    read["sequence"] = {name: _convert(value) for name, value in sequence.attrib.items()}
    read["sequence"]["commands"] = [_command_of(element) for element in sequence]
    return read


def properties_of(text: str) -> dict[str, str]:
    """Read Java properties without continuation lines. A blank value is missing, as in Rundeck's form."""
    lines = [line.partition("=") for line in text.splitlines() if line and not line.startswith("#")]
    return {name: value.replace("\\\\", "\\") for name, _, value in lines if value}


def _option_of(option: ElementTree.Element) -> dict[str, Any]:
    read: dict[str, Any] = dict(option.attrib) | {element.tag: element.text for element in option}
    if "values" in read:
        read["values"] = read["values"].split(read.pop("valuesListDelimiter"))
    if "enforcedvalues" in read:
        read["enforced"] = read.pop("enforcedvalues")
    flags = ("required", "enforced", "hidden", "secure", "valueExposed")
    return {name: _convert(value) if name in flags else value for name, value in read.items()}


def _command_of(command: ElementTree.Element) -> dict[str, Any]:
    read: dict[str, Any] = {"description": command.findtext("description"), **_step_of(command)}
    if filters := command.findall("plugins/LogFilter"):
        read["plugins"] = {
            "LogFilter": [{"type": element.get("type"), "config": _config_of(element)} for element in filters]
        }
    return read


def _config_of(log_filter: ElementTree.Element) -> dict[str, str | None] | None:
    """Return the configuration of a log filter. It is missing if empty, and the server then omits the filter."""
    return {element.tag: element.text for element in log_filter.findall("config/*")} or None


def _step_of(command: ElementTree.Element) -> dict[str, Any]:
    if (script := command.findtext("script")) is not None:
        return {"script": script, "scriptInterpreter": command.findtext("scriptinterpreter")}
    (step,) = [element for element in command if element.tag.endswith("step-plugin")]
    return {
        "nodeStep": step.tag == "node-step-plugin",
        "type": step.get("type"),
        "configuration": {entry.get("key"): entry.get("value") for entry in step.findall("configuration/entry")},
    }


def _convert(text: str) -> str | bool:
    return {"true": True, "false": False}.get(text, text)
