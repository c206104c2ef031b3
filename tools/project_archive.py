"""A Rundeck project archive: all jobs, the webhook, access policies, the project's page and the steps' defaults.

Rundeck reads the jobs of an archive only as XML, which is made from the YAML in jobs/. The archive for Runbook
Automation has jobs/cloud instead, and neither steps' defaults nor nodes. Sources: Rundeck documentation, "Project
archive", "job-v20 XML" and "job-yaml".
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tools.archive import source_date, write_zip
from tools.cloud_jobs import CLOUD, cloud_uuid
from tools.dropdowns import PLUGIN, TOKEN, with_dropdowns
from tools.project_ids import id_in, job_in
from tools.project_settings import with_settings
from tools.vendored import ROOT
from tools.yaml_text import read_yaml

JOBS = ROOT / "jobs"
PARTS = JOBS / "archive"
PROPERTIES = PARTS / "files" / "etc" / "project.properties"
WEBHOOKS = PARTS / "webhooks.yaml"
PLACEHOLDER = "PROJECT"
_DELIMITER = ","
_PROJECT_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*")
_SECURE = ("hidden", "secure", "valueExposed", "storagePath")
_FLAGS = ("executionEnabled", "multipleExecutions", "nodeFilterEditable", "scheduleEnabled")
_OPTION = ("name", "label", "description", "required", "enforced", "value", "values", "regex")
_DROPDOWN = ("optionValuesPluginType", "valuesUrl", "configRemoteUrl")
_TEXTS = ("defaultTab", "description", "group", "id", "loglevel", "name", "timeout", "uuid")


def is_project_name(text: str) -> bool:
    """Return whether ``text`` is a valid name of a project and a valid part of a path in Key Storage."""
    return _PROJECT_NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Edition:
    """The variant of an archive."""

    project: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """Values for all steps that have these settings."""
    dropdowns: str = ""
    """The source of the values in dropdowns (see `with_dropdowns`); "" for no dropdowns."""
    cloud: bool = False
    """For Runbook Automation: without the plugin, the settings of its steps, and its dropdowns."""


def write_project_archive(goal: Path, edition: Edition) -> None:
    """Write the archive of ``edition`` to ``goal``. Raises ValueError for settings that no step has."""
    top = f"rundeck-{edition.project}"
    files = {f"{top}/jobs/job-{job['uuid']}.xml": job_xml(job) for job in jobs_of(edition)}
    for part in PARTS.rglob("*"):
        if part.is_file():
            files[f"{top}/{part.relative_to(PARTS)}"] = _part_of(edition, part).encode()
    write_zip(goal, {"META-INF/MANIFEST.MF": _manifest(edition.project), **files})


def jobs_of(edition: Edition) -> Iterator[dict[str, Any]]:
    """Yield every job of the archive of ``edition``, with its UUID in that project."""
    source = "" if edition.cloud and edition.dropdowns == PLUGIN else edition.dropdowns
    token = TOKEN.replace(PLACEHOLDER, edition.project)
    for job in jobs(CLOUD if edition.cloud else JOBS):
        yield job_in(edition.project, with_dropdowns(job, source, token) if source else job)


def job_list(edition: Edition) -> str:
    """Return a line with UUID and name for each job of the archive of ``edition``."""
    return "".join(f"{job['uuid']} {job['name']}\n" for job in jobs_of(edition))


def _part_of(edition: Edition, part: Path) -> str:
    """Return the content of a file of jobs/archive for the project of ``edition``."""
    content = part.read_text(encoding="utf-8")
    if part == PROPERTIES:
        content = _adapt_for_cloud(content) if edition.cloud else with_settings(content, edition.settings)
    content = _with_ids(content, edition) if part == WEBHOOKS else content
    return content.replace(PLACEHOLDER, edition.project)


def jobs(folder: Path = JOBS) -> Iterator[dict[str, Any]]:
    """Yield every job in the YAML files of ``folder``."""
    for file in sorted(folder.glob("*.yaml")):
        yield from read_yaml(file.read_text(encoding="utf-8"))


def _adapt_for_cloud(properties: str) -> str:
    """Return ``properties`` without settings of plugins and nodes, which Runbook Automation does not use."""
    return "".join(line for line in properties.splitlines(keepends=True) if line.startswith("project.gui."))


def _with_ids(webhooks: str, edition: Edition) -> str:
    """Return webhooks.yaml with the UUIDs that the webhook and its job have in the project of ``edition``."""
    for hook in read_yaml(webhooks)["webhooks"]:
        webhooks = webhooks.replace(hook["uuid"], id_in(edition.project, hook["uuid"]))
    for job in jobs():
        identity = cloud_uuid(job["uuid"]) if edition.cloud else job["uuid"]
        webhooks = webhooks.replace(job["uuid"], id_in(edition.project, identity))
    return webhooks


def job_xml(job: Mapping[str, Any]) -> bytes:
    """Return one job as a document of Rundeck's. Raises ValueError for a key that the XML cannot express."""
    _check_keys(job, *_FLAGS, *_TEXTS, "options", "runnerSelector", "schedule", "sequence")
    top = Element("joblist")
    element = SubElement(top, "job")
    for name in _TEXTS:
        _text(element, name, job[name])
    for name in _FLAGS:
        _text(element, name, _flag(job[name]))
    _choices(element, job)
    sequence = job["sequence"]
    _check_keys(sequence, "keepgoing", "strategy", "commands")
    steps = SubElement(element, "sequence", keepgoing=_flag(sequence["keepgoing"]), strategy=str(sequence["strategy"]))
    for command in sequence["commands"]:
        _command(steps, command)
    indent(top)
    return bytes(tostring(top, encoding="utf-8", xml_declaration=True)) + b"\n"


def _choices(element: Element, job: Mapping[str, Any]) -> None:
    """Write when, where and with which options ``job`` runs."""
    if "schedule" in job:
        _check_keys(job["schedule"], "crontab")
        SubElement(element, "schedule", crontab=job["schedule"]["crontab"])
    if "runnerSelector" in job:
        selector = SubElement(element, "runnerSelector")
        for name, value in job["runnerSelector"].items():
            _text(selector, name, _plain(value))
    if job.get("options"):
        options = SubElement(SubElement(element, "context"), "options", preserveOrder="true")
        for option in job["options"]:
            _option(options, option)


def _option(options: Element, option: Mapping[str, Any]) -> None:
    _check_keys(option, *_OPTION, *_SECURE, *_DROPDOWN)
    element = SubElement(options, "option", name=option["name"])
    for name in ("value", "regex", "storagePath", "valuesUrl"):
        if name in option:
            element.set(name, str(option[name]))
    for name in ("required", "enforced", "hidden", "secure", "valueExposed"):
        if name in option:
            element.set({"enforced": "enforcedvalues"}.get(name, name), _flag(option[name]))
    if "values" in option:
        element.set("values", _join(option))
        element.set("valuesListDelimiter", _DELIMITER)
    for name in ("description", "label", "optionValuesPluginType"):
        if name in option:
            _text(element, name, option[name])
    _remote(element, option.get("configRemoteUrl", {}))


def _remote(option: Element, source: Mapping[str, str]) -> None:
    _check_keys(source, "authenticationType", "tokenStoragePath")
    element = SubElement(option, "configRemoteUrl") if source else option
    for name, value in source.items():
        _text(element, name, value)


def _join(option: Mapping[str, Any]) -> str:
    if any(_DELIMITER in value for value in option["values"]):
        raise ValueError(f"cannot write a value of {option['name']} that contains {_DELIMITER} as XML")
    return _DELIMITER.join(option["values"])


def _command(steps: Element, command: Mapping[str, Any]) -> None:
    _check_keys(
        command, *("description", "nodeStep", "type", "configuration", "plugins"), "script", "scriptInterpreter"
    )
    element = SubElement(steps, "command")
    _text(element, "description", command["description"])
    if "plugins" in command:
        _check_keys(command["plugins"], "LogFilter")
        plugins = SubElement(element, "plugins")
        for log_filter in command["plugins"]["LogFilter"]:
            _check_keys(log_filter, "type", "config")
            if not log_filter["config"]:
                raise ValueError("Rundeck omits a log filter without a configuration: add one")
            config = SubElement(SubElement(plugins, "LogFilter", type=log_filter["type"]), "config")
            for name, value in log_filter["config"].items():
                _text(config, name, value)
    if "script" in command:
        _text(element, "script", command["script"])
        _text(element, "scriptinterpreter", command["scriptInterpreter"])
        return
    step = SubElement(element, "node-step-plugin" if command["nodeStep"] else "step-plugin", type=command["type"])
    configuration = SubElement(step, "configuration")
    for name, value in command["configuration"].items():
        SubElement(configuration, "entry", key=name, value=value)


def _check_keys(source: Mapping[str, Any], *keys: str) -> None:
    if unknown := set(source) - set(keys):
        raise ValueError(f"cannot write {', '.join(sorted(unknown))} of {source.get('name', 'a step')} as XML")


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _plain(value: str | bool) -> str:
    return _flag(value) if isinstance(value, bool) else value


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _manifest(project: str) -> bytes:
    exported = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(source_date()))
    return (
        "Manifest-Version: 1.0\r\n"
        "Rundeck-Archive-Format-Version: 1.0\r\n"
        f"Rundeck-Archive-Project-Name: {project}\r\n"
        f"Rundeck-Archive-Export-Date: {exported}\r\n\r\n"
    ).encode()
