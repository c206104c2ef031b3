"""jobs/cloud: the same jobs without plugins, and scripts that no option's value can break out of."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from debugcapture.cli.commands import command
from debugcapture.cli.config import from_environment
from tests.unit.jobs.test_jobs import JOBS, options
from tools import cloud_jobs, generate
from tools.yaml_text import read_yaml

CLOUD = {file.stem: job for file in sorted(cloud_jobs.CLOUD.glob("*.yaml")) for job in read_yaml(file.read_text())}
SAME = ("name", "group", "description", "loglevel", "timeout", "schedule", "scheduleEnabled", "multipleExecutions")
EVIL = """$(touch x) `touch x`; "touch x" 'touch x' & ${HOME} @option.token@ \\ x"""
# A replacement for the command, which records its arguments.
RECORDER = """#!/usr/bin/env python3
import json, os, sys
variables = {name: value for name, value in os.environ.items() if name.startswith("DEBUG_CAPTURE_")}
json.dump([sys.argv[1:], variables], open(os.environ["RECORD"], "w"))
"""

each_job = pytest.mark.parametrize("name", CLOUD)


def script_of(job: dict[str, Any]) -> str:
    (step,) = job["sequence"]["commands"]
    script: str = step["script"]
    return script


def test_jobs_of_the_cloud_are_up_to_date() -> None:
    assert {file.name: text for file, text in cloud_jobs.files().items()} == {
        file.name: file.read_text(encoding="utf-8") for file in cloud_jobs.CLOUD.iterdir()
    }


def test_a_stale_and_a_stray_job_are_reported_and_fixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cloud_jobs, "CLOUD", tmp_path)
    (tmp_path / "old.yaml").touch()
    assert generate.main(["--check"]) == 1
    output = capsys.readouterr().err
    assert "old.yaml is out of date" in output
    assert "heap-dump.yaml is out of date" in output
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    assert {file.name for file in tmp_path.iterdir()} == {f"{name}.yaml" for name in JOBS}


@each_job
def test_the_form_is_the_same(name: str) -> None:
    cloud_job, theirs = CLOUD[name], JOBS[name]
    assert {key: cloud_job.get(key) for key in SAME} == {key: theirs.get(key) for key in SAME}
    shown = [option for option in options(cloud_job) if not option.get("secure")]
    assert shown == options(theirs)


def test_each_job_has_its_own_id() -> None:
    identities = {job["uuid"] for job in (*CLOUD.values(), *JOBS.values())}
    assert len(identities) == 2 * len(JOBS)
    assert all(job["id"] == job["uuid"] for job in CLOUD.values())


@each_job
def test_secrets_come_from_key_storage_without_an_option(name: str) -> None:
    for option in options(CLOUD[name]):
        if option.get("secure"):
            assert option["hidden"]
            assert option["valueExposed"]
            assert option["storagePath"].startswith("keys/project/${job.project}/debug-capture/")
            assert "required" not in option  # the Runner's configuration may have it instead


@each_job
def test_it_runs_on_the_runner_of_the_tag(name: str) -> None:
    assert CLOUD[name]["runnerSelector"]["filter"] == "debug-capture"
    # The Runner gets the secrets of the job.
    assert CLOUD[name]["runnerSelector"]["canChange"] is False
    assert "nodefilters" not in CLOUD[name]


@each_job
def test_no_value_is_in_the_script_and_none_can_become_a_command(name: str, tmp_path: Path) -> None:
    job = CLOUD[name]
    script = script_of(job)
    assert "${option" not in script
    assert "@" not in script  # Rundeck would put values into it
    program = tmp_path / "debug-capture"
    program.write_text(RECORDER)
    program.chmod(0o700)
    values = {f"RD_OPTION_{option['name'].upper()}": EVIL for option in options(job)}
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RECORD": str(tmp_path / "record"), **values}
    subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, env=environment, check=True)
    arguments, variables = json.loads((tmp_path / "record").read_text())
    assert not (tmp_path / "x").exists()
    assert EVIL not in arguments
    used = {option["name"] for option in options(job)} - {"confirm"}
    assert sum(EVIL in value for value in variables.values()) == len(used)


@each_job
def test_errors_come_on_the_same_stream_as_the_output(name: str, tmp_path: Path) -> None:
    """Rundeck's local executor joins lines from both outputs if they arrive at the same time."""
    program = tmp_path / "debug-capture"
    program.write_text("#!/bin/sh\necho 'RUNDECK:DATA:link=x'\necho 'Error: y' >&2\n")
    program.chmod(0o700)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    process = subprocess.run(
        ["/bin/sh", "-c", script_of(CLOUD[name])], capture_output=True, env=environment, check=True
    )
    assert (process.stdout, process.stderr) == (b"RUNDECK:DATA:link=x\nError: y\n", b"")


@each_job
def test_each_variable_is_a_setting_of_the_command(name: str) -> None:
    exported = {line.split("=")[0].removeprefix("export ") for line in script_of(CLOUD[name]).splitlines()[2:-1]}
    words = script_of(CLOUD[name]).splitlines()[-1].removeprefix("exec debug-capture ").removesuffix(" 2>&1").split()
    commands = [word for word in words if word not in ("chain", "--keep-going")]
    settings = [setting for name in commands for setting in command(name).declared]
    assert set(from_environment(settings, dict.fromkeys(exported, "x"))) == {
        variable.removeprefix("DEBUG_CAPTURE_").lower() for variable in exported
    }


def step(kind: str, **configuration: str) -> dict[str, Any]:
    return {"description": "Do", "nodeStep": False, "type": kind, "configuration": configuration}


def job(*steps: dict[str, Any], keepgoing: bool = False) -> dict[str, Any]:
    return {"uuid": JOBS["heap-dump"]["uuid"], "sequence": {"keepgoing": keepgoing, "commands": list(steps)}}


def test_a_capture_replaces_later_steps_and_a_chain_runs_the_others() -> None:
    steps = [step(f"k8s-debug-{name}") for name in ("capture", "upload", "incident-note", "restart")]
    assert cloud_jobs.script(job(*steps[:3])).endswith("exec debug-capture capture 2>&1\n")
    assert cloud_jobs.script(job(*steps, keepgoing=True)).endswith("chain --keep-going capture restart 2>&1\n")
    assert cloud_jobs.script(job(steps[1])).endswith("exec debug-capture upload 2>&1\n")


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([step("k8s-debug-exec", command="echo `${option.x}`")], "a shell would interpret"),
        ([step("k8s-debug-exec", command="@${option.x}")], "a shell would interpret"),
        ([step("k8s-debug-exec", store="s3://b")], "cannot pass store"),
        ([step("k8s-debug-exec", pod="a"), step("k8s-debug-attach", pod="b")], "cannot pass pod = 'b'"),
    ],
)
def test_jobs_that_a_script_cannot_replace_are_refused(steps: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cloud_jobs.script(job(*steps))
