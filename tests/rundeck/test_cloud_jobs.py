"""The jobs for Runbook Automation, run by Rundeck's engine with only the wheel on the Runner.

They do what the jobs with the plugin do, so their tests are the same, with this module's `project`.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from lab.demo import running_pod
from lab.project import lab_project
from lab.runner import CLOUD_JOBS, Runner, installed
from tests.rundeck.every_job import *  # noqa: F403 - the tests, and the fixtures that they ask for
from tests.rundeck.test_jobs import SHOP, Start, all_ended
from tests.side_by_side import Once


@pytest.fixture(scope="session")
def programs(wheel: Path, once: Once) -> Path:
    return Path(once("installed", lambda: str(installed(wheel))))


@pytest.fixture
def project(wheel: Path, programs: Path, tmp_path: Path) -> Runner:
    """The lab's settings on a Runner, with a spool and a store prefix of this test."""
    own = Runner(lab_project(wheel, sys.executable).settings, programs)
    return own.changed(spool=str(tmp_path / "spool"), store=f"{own.settings['store']}/{secrets.token_hex(4)}")


def test_an_abort_ends_the_debug_container(project: Runner, own_service: Start) -> None:
    checkout = own_service("checkout")
    options = checkout.options | {"command": "sleep 300", "time_limit_s": "300"}
    run = project.run("toolbox-command.yaml", options, abort_after_s=20)
    assert run.aborted
    assert all_ended(checkout, 1)


def test_no_secret_is_in_the_log(project: Runner) -> None:
    pod = running_pod("orders")
    run = project.run("capture-pod.yaml", {"namespace": SHOP, "pod": pod})
    assert run.succeeded, run.errors
    log = "\n".join(run.output)
    secret = [project.settings[name] for name in ("token", "s3_secret_key", "pagerduty_token")]
    assert not [value for value in secret if value in log]


def test_the_wheel_brings_its_own_command(programs: Path) -> None:
    process = subprocess.run([programs / "debug-capture", "--version"], capture_output=True, text=True, check=True)
    assert process.stdout.startswith("debug-capture ")
