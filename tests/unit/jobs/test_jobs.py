"""jobs/*.yaml: Rundeck's requirements for an imported job, and an operator's requirements for a form.

Source of the rules: Rundeck's validation of options and schedules (ScheduledExecutionService, Option), and its
documentation, "Job YAML format".
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from debugcapture.settings.declare import declared
from debugcapture.settings.forms import CaptureStep
from debugcapture.steps.providers import provider
from tools.yaml_text import read_yaml

JOBS = {
    file.stem: job
    for file in sorted((Path(__file__).parents[3] / "jobs").glob("*.yaml"))
    for job in read_yaml(file.read_text())
}
CLOUD = [
    job
    for file in sorted((Path(__file__).parents[3] / "jobs/cloud").glob("*.yaml"))
    for job in read_yaml(file.read_text())
]
OUTPUTS = {
    "k8s-debug-capture": {"capture_id", "bundle", "status", "summary", "finding", "link", "failure"},
    "k8s-debug-upload": {"link", "failure"},
}
EXPECTED = {
    "Capture debug state of a service", "Capture debug state of a pod", "Capture from an incident", "Thread dump",
    "Heap dump", "Network capture", "Logs and events", "Run a diagnostic command", "Run a toolbox command",
    "Run a command in a pod", "Capture, then restart", "Capture, then roll back", "Capture before memory runs out",
    "Send captures that are waiting", "Open a capture", "Renew links", "Check the installation",
}  # fmt: skip

each_job = pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)


def options(job: dict[str, Any]) -> list[dict[str, Any]]:
    options: list[dict[str, Any]] = job.get("options", [])
    return options


def steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    commands: list[dict[str, Any]] = job["sequence"]["commands"]
    return commands


def test_all_jobs_are_in_one_group() -> None:
    assert {job["name"] for job in JOBS.values()} == EXPECTED
    assert {job["group"] for job in JOBS.values()} == {"Kubernetes Debug Capture"}
    assert len({job["uuid"] for job in JOBS.values()}) == len(JOBS)


@each_job
def test_the_job_and_its_options_have_descriptions(job: dict[str, Any]) -> None:
    first, blank, *more = job["description"].splitlines()
    assert 20 < len(first) <= 120
    assert blank == ""
    assert more
    for option in options(job):
        assert option["label"]
        assert option["description"].endswith(".")


@pytest.mark.parametrize("job", [*JOBS.values(), *CLOUD], ids=[*JOBS, *(f"{name}-cloud" for name in JOBS)])
def test_rundeck_accepts_its_options(job: dict[str, Any]) -> None:
    for option in options(job):
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", option["name"])
        if option.get("hidden"):
            assert re.match("keys/", option["storagePath"]) if option.get("secure") else "value" in option
        if option.get("secure"):
            assert not set(option) & {"enforced", "multivalued", "regex", "value"}
        elif option.get("enforced"):
            assert "regex" not in option  # it would not be asked
            assert option["values"]
            assert option.get("value", option["values"][0]) in option["values"]
        else:
            assert re.fullmatch(option["regex"], option.get("value", "")) or "value" not in option
            assert not re.fullmatch(option["regex"], "x\ny")
            assert not option.get("required") or not re.fullmatch(option["regex"], "")


@each_job
def test_a_scheduled_job_needs_no_options_and_is_disabled_initially(job: dict[str, Any]) -> None:
    if "schedule" in job:
        assert len(job["schedule"]["crontab"].split()) == 7  # seconds first, years last
        assert not job["scheduleEnabled"]
        assert all("value" in option for option in options(job) if option.get("required"))


@each_job
def test_steps_are_configured_by_settings_they_have(job: dict[str, Any]) -> None:
    named = {option["name"] for option in options(job)}
    outputs_of: set[str] = set()
    for step in steps(job):
        settings = {setting.name for setting in declared(provider(step["type"]).settings)}
        assert set(step["configuration"]) <= settings
        assert all(isinstance(value, str) for value in step["configuration"].values())
        for value in step["configuration"].values():
            assert set(re.findall(r"\$\{option\.(\w+)\}", value)) <= named
            assert set(re.findall(r"\$\{data\.(\w+)\}", value)) <= outputs_of
        filters = {log_filter["type"] for log_filter in step.get("plugins", {}).get("LogFilter", [])}
        outputs_of |= OUTPUTS.get(step["type"], set()) if "key-value-data" in filters else set()
        assert ("render-datatype" in filters) == (step["configuration"].get("rendered") == "true")


@each_job
def test_steps_that_print_the_output_of_a_container_have_no_filter_that_interprets_it(
    job: dict[str, Any],
) -> None:
    for step in steps(job):
        assert not (provider(step["type"]).streams and step.get("plugins"))


@each_job
def test_each_option_is_used(job: dict[str, Any]) -> None:
    used = set(re.findall(r"\$\{option\.(\w+)\}", yaml.safe_dump(steps(job))))
    assert {option["name"] for option in options(job)} - used <= {"confirm"}


def test_the_default_for_a_partial_capture_suits_the_jobs() -> None:
    """No job fails because of a partial capture, and no job needs a setting for that."""
    default = next(setting for setting in declared(CaptureStep) if setting.name == "fail_when_partial").default
    values = [
        step["configuration"]["fail_when_partial"]
        for job in JOBS.values()
        for step in steps(job)
        if "fail_when_partial" in step.get("configuration", {})
    ]
    assert default == "false"
    assert default not in values
