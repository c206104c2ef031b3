"""The archive on a server with Rundeck's checks: each problem of the first installation on a real server."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import lab.kubernetes
from debugcapture import __version__
from lab.demo import running_pod
from lab.paths import REPO
from lab.rundeck import server
from lab.rundeck.engine import check_jobs, project_nodes
from lab.rundeck.model import Question
from lab.rundeck.server import ADMIN, State, User
from lab.rundeck.server.state import MOTD, README
from tests.docs.blocks import PAGES, blocks
from tests.rundeck.installed import (
    ENGINEER,
    FIRST,
    HOOK,
    MAY_RUN,
    OPERATOR,
    SECOND,
    Api,
    archive_of,
    import_yaml,
    imported,
)
from tools.project_archive import jobs

JOBS = REPO / "jobs"
KEYS = f"keys/project/{FIRST}/debug-capture"
PROVIDERS = yaml.safe_load((REPO / "plugin.yaml").read_text())["providers"]
NAMES = {job["name"] for job in jobs()}


@pytest.fixture(scope="module")
def installation(slim_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[State, dict[str, Any]]:
    return imported(slim_zip, tmp_path_factory.mktemp("rundeck"), FIRST, SECOND)


@pytest.fixture
def state(installation: tuple[State, dict[str, Any]]) -> State:
    return installation[0]


def test_every_job_is_imported_into_a_first_and_a_second_project(
    installation: tuple[State, dict[str, Any]],
) -> None:
    state, answers = installation
    assert answers == {name: {"import_status": "successful", "successful": True} for name in (FIRST, SECOND)}
    for project in state.projects.values():
        assert {job["name"] for job in project.jobs.values()} == NAMES


def test_every_job_is_imported_from_its_yaml(slim_zip: Path, tmp_path: Path) -> None:
    state, _ = imported(slim_zip, tmp_path)
    answer = import_yaml(Api(state), FIRST)
    assert answer["failed"] == []
    assert {job["name"] for job in answer["succeeded"]} == NAMES


def test_every_property_of_every_step_accepts_an_option(slim_zip: Path, tmp_path: Path) -> None:
    steps = [provider for provider in PROVIDERS if provider["service"] in ("WorkflowStep", "WorkflowNodeStep")]
    assert len(steps) > 5
    file = tmp_path / "jobs.yaml"
    file.write_text(yaml.safe_dump([_job_of_options(step) for step in steps]))
    assert {step.type: step.errors for step in check_jobs([file], [slim_zip])} == {}


def _job_of_options(provider: dict[str, Any]) -> dict[str, Any]:
    configuration = {entry["name"]: "${option.x}" for entry in provider["config"]}
    is_node_step = provider["service"] == "WorkflowNodeStep"
    step = {"type": provider["name"], "nodeStep": is_node_step, "configuration": configuration}
    return {"name": provider["name"], "sequence": {"commands": [step]}}


def test_the_project_has_its_server_as_a_node(state: State) -> None:
    for name in (FIRST, SECOND):
        status, nodes = Api(state).ask("GET", f"/project/{name}/resources")
        assert (status, set(nodes)) == (200, {"localhost"})


@pytest.mark.parametrize("user", MAY_RUN, ids=lambda user: user.name)
def test_each_group_sees_its_jobs(user: User, state: State) -> None:
    status, jobs = Api(state, user).ask("GET", f"/project/{FIRST}/jobs")
    assert (status, len(jobs)) == (200, MAY_RUN[user])


@pytest.mark.parametrize(
    ("user", "job", "options"),
    [
        (OPERATOR, "Send captures that are waiting", {}),
        (ENGINEER, "Send captures that are waiting", {}),
        (HOOK, "Capture from an incident", {"incident_id": "Q1ABCDEFGHIJKL", "event_type": "pagey.ping"}),
    ],
    ids=lambda value: value.name if isinstance(value, User) else "",
)
def test_each_group_runs_its_jobs(user: User, job: str, options: dict[str, str], state: State, tmp_path: Path) -> None:
    _interpreted(state, tmp_path)
    status, execution = Api(state, user).run(job, options)
    assert status == 200, execution
    run = state.runs[execution["id"] - 1]
    assert run.succeeded, (run.refused, run.thrown, run.errors)


def _interpreted(state: State, spool: Path) -> None:
    """Let the steps run with the tests' Python, and keep captures in a spool of the test."""
    for provider in PROVIDERS:
        prefix = f"project.plugin.{provider['service']}.{provider['name']}."
        state.projects[FIRST].properties |= {f"{prefix}interpreter": sys.executable, f"{prefix}spool": str(spool)}


@pytest.mark.parametrize(
    ("user", "job"),
    [(OPERATOR, "Run a command in a pod"), (OPERATOR, "Capture, then restart"), (HOOK, "Thread dump")],
    ids=lambda value: value.name if isinstance(value, User) else value,
)
def test_no_group_runs_jobs_of_other_groups(user: User, job: str, state: State) -> None:
    before = len(state.executions)
    assert Api(state, user).run(job, {})[0] == 403
    assert len(state.executions) == before


@pytest.mark.parametrize("user", MAY_RUN, ids=lambda user: user.name)
def test_each_group_may_use_the_keys_and_the_node(user: User, state: State) -> None:
    key = Question({"type": "storage", "path": f"{KEYS}/token", "name": "token"}, ("read",))
    node = Question({"type": "node", "nodename": "localhost"}, ("read", "run"))
    other = Question({"type": "storage", "path": f"keys/project/{FIRST}/other", "name": "other"}, ("read",))
    decisions = state.decisions(user, state.projects[FIRST], [key, node, other])
    assert [verdict.authorized for verdict in decisions] == [True, True, False]


def test_the_webhook_of_each_project_starts_the_job_of_that_project(state: State) -> None:
    assert sorted(hook.project for hook in state.webhooks.values()) == [FIRST, SECOND]
    for hook in state.webhooks.values():
        assert state.projects[hook.project].jobs[hook.config["jobId"]]["name"] == "Capture from an incident"


def test_the_webhook_starts_the_job_as_its_owner(state: State, tmp_path: Path) -> None:
    _interpreted(state, tmp_path)
    (hook,) = [webhook for webhook in state.webhooks.values() if webhook.project == FIRST]
    state.webhooks[hook.uuid] = dataclasses.replace(hook, owner=HOOK)
    event = {"event": {"event_type": "pagey.ping"}}
    status, answer = Api(state).ask("POST", f"/webhook/{hook.token}", event)
    assert status == 200, answer
    execution = state.executions[int(answer["executionId"]) - 1]
    assert (execution.user, execution.job) == (HOOK, hook.config["jobId"])
    run = execution.run.result()
    assert run.succeeded, (run.refused, run.thrown, run.errors)


def test_no_log_filter_is_lost_in_the_import(state: State) -> None:
    for job in state.projects[FIRST].jobs.values():
        filters = [
            log_filter
            for command in job["sequence"]["commands"]
            for log_filter in command.get("plugins", {}).get("LogFilter", [])
        ]
        assert [log_filter["type"] for log_filter in filters if log_filter["config"] is None] == [], job["name"]


def test_the_start_page_and_the_message_of_the_day_are_shown(state: State) -> None:
    for project in state.projects.values():
        assert project.shown(README)
        assert project.shown(MOTD)


def test_node_steps_have_the_defaults_of_their_steps(state: State) -> None:
    properties = state.projects[FIRST].properties
    node_steps = [provider["name"] for provider in PROVIDERS if provider["service"] == "WorkflowNodeStep"]
    assert len(node_steps) == 3
    for node_step in node_steps:
        step = node_step.removesuffix("-node")
        for name in ("token", "ca_certificate"):
            expected = properties[f"project.plugin.WorkflowStep.{step}.{name}"]
            assert properties.get(f"project.plugin.WorkflowNodeStep.{node_step}.{name}") == expected


def test_the_node_source_reads_its_keys_as_the_project(state: State, tmp_path: Path) -> None:
    cluster = lab.kubernetes.endpoint()
    keys = {f"{KEYS}/token": cluster.capture_token_file.read_text().strip()}
    keys[f"{KEYS}/ca-certificate"] = cluster.ca_file.read_text()
    config = {"interpreter": sys.executable, "server": cluster.server, "namespaces": "shop", "spool": str(tmp_path)}
    config |= {"token": f"{KEYS}/token", "ca_certificate": f"{KEYS}/ca-certificate"}
    source = {f"resources.source.2.config.{name}": value for name, value in config.items()}
    project = state.projects[FIRST]
    properties = {**project.properties, "resources.source.2.type": "k8s-debug-pods", **source}
    nodes = project_nodes(FIRST, properties, state.access(ADMIN, project), keys, state.plugins)
    assert nodes.errors == {}
    assert "localhost" in nodes.nodes
    assert running_pod("orders") in {node.get("pod") for node in nodes.nodes.values()}


def test_the_documented_import_by_curl_notices_that_it_failed(tmp_path: Path) -> None:
    """Without the plugin, the server rejects every job with HTTP 200, so the block must fail."""
    (block,) = [block.text for page in PAGES for block in blocks(page) if block.runs and "/import?" in block.text]
    (tmp_path / "dist").mkdir()
    archive_of(FIRST, tmp_path / "dist").rename(tmp_path / f"dist/kubernetes-debug-capture-{__version__}.rdproject.jar")
    for name in ("token", "ca-certificate"):
        (tmp_path / name).write_text("secret")
    variables = dict.fromkeys(("RUNDECK_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PAGERDUTY_TOKEN"), "x")
    state = State(tmp_path / "libext", tmp_path, {"x": ADMIN})
    with server.listening(state) as url:
        env = {**variables, "RUNDECK": url, "PATH": os.environ["PATH"]}
        process = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=tmp_path, env=env, capture_output=True)
    assert len(state.projects[FIRST].policies) > 1  # the import took place
    assert state.projects[FIRST].jobs == {}
    assert process.returncode != 0
    assert b"invalid steps" in process.stderr


def test_a_second_import_changes_nothing(state: State) -> None:
    before = json.dumps(state.projects[FIRST].jobs, sort_keys=True)
    archive = (state.folder / f"{FIRST}.jar").read_bytes()
    path = f"/project/{FIRST}/import?jobUuidOption=preserve"
    assert Api(state).ask("PUT", path, archive, "application/zip")[1]["successful"] is True
    assert json.dumps(state.projects[FIRST].jobs, sort_keys=True) == before
