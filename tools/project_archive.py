"""A Rundeck project archive: all jobs, the webhook, access policies, the project's page and the steps' defaults.

Rundeck reads jobs of an archive as XML only; the YAML of jobs/ is the source. Sources: Rundeck documentation, "Project
archive", "job-v20 XML" and "job-yaml".
"""

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import yaml

from tools.archive import source_date, write_zip
from tools.dropdowns import TOKEN, with_dropdowns
from tools.vendored import ROOT

JOBS = ROOT / "jobs"
PARTS = JOBS / "archive"
PLACEHOLDER = "PROJECT"
_DELIMITER = ","
_PROJECT_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*")
_FLAGS = ("executionEnabled", "multipleExecutions", "nodeFilterEditable", "scheduleEnabled")
_OPTION = ("name", "label", "description", "required", "enforced", "value", "values", "regex", "hidden")
_DROPDOWN = ("optionValuesPluginType", "valuesUrl", "configRemoteUrl")
_TEXTS = ("defaultTab", "description", "group", "id", "loglevel", "name", "timeout", "uuid")


def is_project_name(text: str) -> bool:
    """Tell whether Rundeck would take ``text`` as the name of a project, and a path of Key Storage would."""
    return _PROJECT_NAME.fullmatch(text) is not None


def write_project_archive(goal: Path, project: str, dropdowns: str = "") -> None:
    """Write the archive of ``project`` to ``goal``, the jobs with ``dropdowns`` from there (`with_dropdowns`)."""
    top = f"rundeck-{project}"
    files: dict[str, bytes] = {}
    for job in jobs():
        document = job_xml(with_dropdowns(job, dropdowns) if dropdowns else job).decode()
        files[f"{top}/jobs/job-{job['uuid']}.xml"] = document.replace(
            TOKEN, TOKEN.replace(PLACEHOLDER, project)
        ).encode()
    for part in PARTS.rglob("*"):
        if part.is_file():
            content = part.read_text(encoding="utf-8").replace(PLACEHOLDER, project)
            files[f"{top}/{part.relative_to(PARTS)}"] = content.encode()
    write_zip(goal, {"META-INF/MANIFEST.MF": _manifest(project), **files})


def jobs() -> Iterator[dict[str, Any]]:
    """Yield every job of jobs/, as its YAML says."""
    for file in sorted(JOBS.glob("*.yaml")):
        yield from yaml.safe_load(file.read_text(encoding="utf-8"))


def job_xml(job: Mapping[str, Any]) -> bytes:
    """Return one job as a document of Rundeck's. Raises ValueError for a key that it would lose."""
    _only(job, *_FLAGS, *_TEXTS, "options", "schedule", "sequence")
    top = Element("joblist")
    element = SubElement(top, "job")
    for name in _TEXTS:
        _text(element, name, job[name])
    for name in _FLAGS:
        _text(element, name, _flag(job[name]))
    if "schedule" in job:
        _only(job["schedule"], "crontab")
        SubElement(element, "schedule", crontab=job["schedule"]["crontab"])
    if job.get("options"):
        options = SubElement(SubElement(element, "context"), "options", preserveOrder="true")
        for option in job["options"]:
            _option(options, option)
    sequence = job["sequence"]
    _only(sequence, "keepgoing", "strategy", "commands")
    steps = SubElement(element, "sequence", keepgoing=_flag(sequence["keepgoing"]), strategy=str(sequence["strategy"]))
    for command in sequence["commands"]:
        _command(steps, command)
    indent(top)
    return bytes(tostring(top, encoding="utf-8", xml_declaration=True)) + b"\n"


def _option(options: Element, option: Mapping[str, Any]) -> None:
    _only(option, *_OPTION, *_DROPDOWN)
    element = SubElement(options, "option", name=option["name"])
    for name in ("value", "regex", "valuesUrl"):
        if name in option:
            element.set(name, str(option[name]))
    for name, attribute in (("required", "required"), ("enforced", "enforcedvalues"), ("hidden", "hidden")):
        if name in option:
            element.set(attribute, _flag(option[name]))
    if "values" in option:
        element.set("values", _joined(option))
        element.set("valuesListDelimiter", _DELIMITER)
    for name in ("description", "label", "optionValuesPluginType"):
        if name in option:
            _text(element, name, option[name])
    _remote(element, option.get("configRemoteUrl", {}))


def _remote(option: Element, source: Mapping[str, str]) -> None:
    _only(source, "authenticationType", "tokenStoragePath")
    element = SubElement(option, "configRemoteUrl") if source else option
    for name, value in source.items():
        _text(element, name, value)


def _joined(option: Mapping[str, Any]) -> str:
    if any(_DELIMITER in value for value in option["values"]):
        raise ValueError(f"No XML is known for a value of {option['name']} with {_DELIMITER} in it")
    return _DELIMITER.join(option["values"])


def _command(steps: Element, command: Mapping[str, Any]) -> None:
    _only(command, "description", "nodeStep", "type", "configuration", "plugins")
    element = SubElement(steps, "command")
    _text(element, "description", command["description"])
    if "plugins" in command:
        _only(command["plugins"], "LogFilter")
        plugins = SubElement(element, "plugins")
        for log_filter in command["plugins"]["LogFilter"]:
            _only(log_filter, "type", "config")
            config = SubElement(SubElement(plugins, "LogFilter", type=log_filter["type"]), "config")
            for name, value in log_filter["config"].items():
                _text(config, name, value)
    step = SubElement(element, "node-step-plugin" if command["nodeStep"] else "step-plugin", type=command["type"])
    configuration = SubElement(step, "configuration")
    for name, value in command["configuration"].items():
        SubElement(configuration, "entry", key=name, value=value)


def _only(source: Mapping[str, Any], *known: str) -> None:
    if unknown := set(source) - set(known):
        raise ValueError(f"No XML is known for {', '.join(sorted(unknown))} of {source.get('name', 'a step')}")


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


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
