"""Rules of Rundeck's server that the lab's engine applies too: configurations, runs without a node, access."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from lab.rundeck import run_job
from lab.rundeck.engine import check_jobs, decide
from lab.rundeck.model import Access, Question

PLUGIN_YAML = """
name: types
version: 1.0.0
rundeckPluginVersion: "2.0"
rundeckCompatibilityVersion: 5.x
targetHostCompatibility: unix
author: lab
date: "2026-01-01"
url: http://localhost
providers:
- name: types-step
  title: Types
  service: WorkflowStep
  plugin-type: script
  script-interpreter: sh
  script-file: step.sh
  config:
  - {name: string, type: String, title: String, scope: Instance}
  - {name: free, type: FreeSelect, title: FreeSelect, values: [a, b], scope: Instance}
  - {name: select, type: Select, title: Select, values: [a, b], scope: Instance}
  - {name: options, type: Options, title: Options, values: [a, b], scope: Instance}
  - {name: integer, type: Integer, title: Integer, scope: Instance}
  - {name: long, type: Long, title: Long, scope: Instance}
  - {name: boolean, type: Boolean, title: Boolean, scope: Instance}
  - {name: server_only, type: Integer, title: Of the server, scope: Project}
  - name: token
    type: String
    title: Token
    scope: Instance
    renderingOptions: {selectionAccessor: STORAGE_PATH, valueConversion: STORAGE_PATH_AUTOMATIC_READ}
"""

JOB = """
- name: a job
  group: lab
  uuid: 11111111-2222-3333-4444-555555555555
  sequence:
    commands:
    - type: types-step
      nodeStep: false
      configuration: {CONFIGURATION}
"""

RUN = "job: [{equals: {group: lab, name: a job}, allow: [read, run]}]"
NODE = "node: [{allow: [read, run]}]"
KEY = "storage: [{match: {path: keys/project/lab/.+}, allow: [read]}]"


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    zip_file = tmp_path_factory.mktemp("plugin") / "types-1.0.0.zip"
    with zipfile.ZipFile(zip_file, "w") as archive:
        archive.writestr("types-1.0.0/plugin.yaml", PLUGIN_YAML)
        archive.writestr("types-1.0.0/contents/step.sh", 'echo "token of ${#RD_CONFIG_TOKEN} characters"')
    return zip_file


def job(folder: Path, configuration: str = "") -> Path:
    file = folder / "job.yaml"
    file.write_text(JOB.replace("CONFIGURATION", configuration))
    return file


def policy(*rules: str, by: str = "group: operators") -> dict[str, str]:
    """A project's policy of one file."""
    return {"one.aclpolicy": f"description: a test's\nfor: {{{', '.join(rules)}}}\nby: {{{by}}}\n"}


def operator(*rules: str) -> Access:
    return Access("olga", ("operators",), {}, policy(*rules))


def test_a_reference_to_an_option_is_for_texts_and_open_lists_alone(plugin: Path, tmp_path: Path) -> None:
    names = ("string", "free", "select", "options", "integer", "long", "boolean", "server_only")
    configuration = ", ".join(f"{name}: '${{option.x}}'" for name in names)
    (step,) = check_jobs([job(tmp_path, configuration)], [plugin])
    assert (step.job, step.number, step.type) == ("lab/a job", 1, "types-step")
    assert step.errors.keys() == {"select", "options", "integer", "long", "boolean"}


def test_a_valid_configuration_is_not_refused(plugin: Path, tmp_path: Path) -> None:
    configuration = "string: x, free: c, select: b, integer: '1', long: '2', boolean: 'true'"
    assert check_jobs([job(tmp_path, configuration)], [plugin]) == ()


def test_a_step_of_no_plugin_is_refused(tmp_path: Path) -> None:
    (step,) = check_jobs([job(tmp_path)], [])
    assert step.errors == {"": "no plugin has this step"}


def test_a_project_without_a_source_of_nodes_runs_nothing(plugin: Path, tmp_path: Path) -> None:
    run = run_job(job(tmp_path), plugins=[plugin], project_properties={})
    assert not run.succeeded
    assert run.steps == ()
    assert run.thrown.endswith("NodesetEmptyException: No matched nodes: MultiNodeSelector{nodenames=[localhost]}")


def test_a_filter_without_matching_nodes_runs_nothing(plugin: Path, tmp_path: Path) -> None:
    file = job(tmp_path)
    file.write_text(file.read_text() + "  nodefilters: {filter: 'tags: none'}\n")
    run = run_job(file, plugins=[plugin])
    assert "NodesetEmptyException" in run.thrown


def test_user_who_may_run_the_job_but_not_on_the_node_runs_nothing(plugin: Path, tmp_path: Path) -> None:
    file = job(tmp_path)
    for rules in ((RUN,), (RUN, "node: [{allow: [run]}]")):
        run = run_job(file, plugins=[plugin], access=operator(*rules))
        assert "NodesetEmptyException" in run.thrown
    assert run_job(file, plugins=[plugin], access=operator(RUN, NODE)).succeeded


def test_user_who_may_not_run_the_job_is_refused(plugin: Path, tmp_path: Path) -> None:
    run = run_job(job(tmp_path), plugins=[plugin], access=operator(NODE))
    assert (run.refused or "").startswith('Not authorized for action "Run" for Job ID 11111111-')


def test_a_secret_is_read_with_the_permissions_of_the_user_who_runs_the_job(plugin: Path, tmp_path: Path) -> None:
    file, keys = job(tmp_path, "token: keys/project/lab/token"), {"keys/project/lab/token": "12345"}
    refused = run_job(file, plugins=[plugin], project="lab", keys=keys, access=operator(RUN, NODE))
    assert [step.reason for step in refused.steps] == ["ConfigurationFailure"]
    run = run_job(file, plugins=[plugin], project="lab", keys=keys, access=operator(RUN, NODE, KEY))
    assert "token of 5 characters" in run.output


def test_a_projects_policy_opens_no_keys_of_another_and_names_no_context() -> None:
    path = {"type": "storage", "path": "keys/project/other/token", "name": "token"}
    decisions = decide("lab", Access("olga", ("operators",), {}, policy(KEY)), [Question(path, ("read",))])
    assert [answer.authorized for answer in decisions.answers] == [False]
    own = {name: text + "context: {project: lab}\n" for name, text in policy(KEY).items()}
    assert decide("lab", Access("olga", ("operators",), {}, own), []).invalid.keys() == {"one.aclpolicy"}


def test_the_project_itself_reads_keys_only_by_its_own_name() -> None:
    path = Question({"type": "storage", "path": "keys/project/lab/token", "name": "token"}, ("read",), as_project=True)
    questions = {
        by: decide("lab", Access("olga", ("operators",), {}, policy(KEY, by=by)), [path]).answers[0].authorized
        for by in ("group: operators", "urn: 'project:lab'", "urn: 'project:other'")
    }
    assert questions == {"group: operators": False, "urn: 'project:lab'": True, "urn: 'project:other'": False}
