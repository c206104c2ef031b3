"""plugin.yaml: the forms in Rundeck match the settings of the steps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from debugcapture.rundeck import step_values
from debugcapture.settings.declare import declared, read
from debugcapture.steps.execute import ExecStep
from debugcapture.steps.providers import PROVIDERS, Provider, provider
from tools import cloud_jobs, generate, rbac
from tools.yaml_text import read_yaml

PLUGIN_YAML = generate.ROOT / "plugin.yaml"
PLUGIN: dict[str, Any] = read_yaml(PLUGIN_YAML.read_text(encoding="utf-8"))
SECRET = {
    "selectionAccessor": "STORAGE_PATH",
    "valueConversion": "STORAGE_PATH_AUTOMATIC_READ",
    "storage-path-root": "keys",
}

each_provider = pytest.mark.parametrize("step", PROVIDERS, ids=lambda value: value.name)


def form(step: Provider) -> list[dict[str, Any]]:
    (described,) = [entry for entry in PLUGIN["providers"] if entry["name"] == step.name]
    config: list[dict[str, Any]] = described["config"]
    return config


def test_generated_files_are_up_to_date() -> None:
    files = generate.files()
    assert {file: file.read_text(encoding="utf-8") for file in files} == files


@pytest.mark.parametrize("path", rbac.manifests())
def test_manifest_is_up_to_date(path: str) -> None:
    assert (generate.ROOT / path).read_text(encoding="utf-8") == rbac.manifests()[path]


def test_no_manifest_is_left_that_is_not_generated() -> None:
    files = {str(file.relative_to(generate.ROOT)) for file in (generate.ROOT / "deploy" / "rbac").rglob("*.yaml")}
    assert files == set(rbac.manifests())


@pytest.mark.parametrize("content", [None, "name: old\n"], ids=["missing", "stale"])
def test_stale_file_is_reported_and_written(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    goal = tmp_path / "resources" / "plugin.yaml"
    if content:
        goal.parent.mkdir()
        goal.write_text(content)
    monkeypatch.setattr(generate, "files", lambda: {goal: "name: new\n"})
    monkeypatch.setattr(cloud_jobs, "CLOUD", tmp_path / "cloud")  # stray files are removed
    assert generate.main(["--check"]) == 1
    assert "plugin.yaml is out of date" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


def test_rundeck_reads_no_aliases() -> None:
    events = yaml.parse(PLUGIN_YAML.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    assert not [event for event in events if isinstance(event, yaml.AliasEvent)]


def test_every_provider_is_offered() -> None:
    assert [entry["name"] for entry in PLUGIN["providers"]] == [provider.name for provider in PROVIDERS]
    assert all(provider(step.name) is step for step in PROVIDERS)


@each_provider
def test_provider_has_its_script(step: Provider) -> None:
    (entry,) = [entry for entry in PLUGIN["providers"] if entry["name"] == step.name]
    script = generate.ROOT / "contents" / entry["script-file"]
    assert f'start.run("{step.name}"' in script.read_text(encoding="utf-8")


def test_every_script_has_its_provider() -> None:
    scripts = {file.stem for file in (generate.ROOT / "contents").glob("k8s-debug-*.py")}
    assert scripts == {provider.name for provider in PROVIDERS}


@each_provider
def test_property_names_and_their_variables_are_unique(step: Provider) -> None:
    names = [entry["name"] for entry in form(step)]
    variables = [name.upper().replace("-", "_").replace(".", "_") for name in names]
    assert len(set(names)) == len(names)
    assert len(set(variables)) == len(variables)


@each_provider
def test_every_property_reaches_its_setting(step: Provider) -> None:
    names = [entry["name"] for entry in form(step) if entry["name"] != "interpreter"]
    environment = {f"RD_CONFIG_{name.upper()}": f"of {name}" for name in names}
    of_node = dict.fromkeys(step.from_node, "")
    assert step_values(step, environment) == of_node | {name: f"of {name}" for name in names}
    left_out = {setting.name for setting in declared(step.settings)} - set(names)
    assert left_out == (without_keys(step) if step.lists_values else left_out if step.on_nodes else set())
    assert left_out or not step.on_nodes


def without_keys(step: Provider) -> set[str]:
    """A dropdown cannot have secrets, because Rundeck does not read Key Storage for it."""
    return {setting.name for setting in declared(step.settings) if setting.rule.secret or setting.name == "server"}


def test_node_step_takes_its_pod_from_the_node() -> None:
    attributes = {
        "RD_NODE_NAMESPACE": "shop",
        "RD_NODE_POD": "web-0",
        "RD_NODE_CONTAINER": "",
        "RD_CONFIG_COMMAND": "id",
    }
    step = read(ExecStep, step_values(provider("k8s-debug-exec-node"), attributes))
    assert (step.target.namespace, step.target.pod, step.target.container) == ("shop", "web-0", "")


@each_provider
def test_every_secret_and_nothing_else_is_read_from_key_storage(step: Provider) -> None:
    secrets = {setting.name for setting in declared(step.settings) if setting.rule.secret}
    if step.lists_values:
        secrets = set()  # it gets none
    for entry in form(step):
        options = entry["renderingOptions"]
        assert (options.items() >= SECRET.items()) is (entry["name"] in secrets)
        assert entry["name"] not in secrets or "default" not in entry


@pytest.mark.parametrize(
    "name", ["kubeconfig_content", "token", "ca_certificate", "s3_access_key", "s3_secret_key", "pagerduty_token"]
)
def test_every_secret_is_declared_as_a_secret(name: str) -> None:
    settings = [setting for step in PROVIDERS for setting in declared(step.settings) if setting.name == name]
    assert settings
    assert all(setting.rule.secret for setting in settings)


@each_provider
def test_the_author_of_a_job_cannot_choose_the_interpreter(step: Provider) -> None:
    (interpreter,) = [entry for entry in form(step) if entry["name"] == "interpreter"]
    assert interpreter["scope"] == "Project"


@each_provider
def test_property_is_explained_and_its_default_is_one_of_its_values(step: Provider) -> None:
    for entry in form(step):
        assert entry["title"]
        assert entry["description"]
        if entry["type"] == "FreeSelect":
            assert entry["values"]
            assert entry.get("default") in (None, *entry["values"])


@each_provider
def test_a_job_can_fill_each_property_from_an_option(step: Provider) -> None:
    """A server validates the text ``${option.x}``. Only these types have no validator that rejects it."""
    assert {entry["type"] for entry in form(step)} <= {"String", "FreeSelect"}


@each_provider
def test_settings_with_choices_offer_them(step: Provider) -> None:
    offered = {entry["name"]: tuple(entry.get("values", ())) for entry in form(step)}
    for setting in generate.form_settings(step):
        choices = ("true", "false") if setting.kind == "switch" else setting.choices
        assert offered[setting.name] == choices


@each_provider
def test_settings_that_are_set_once_are_folded_last_and_left_to_the_project(step: Provider) -> None:
    *fields, _interpreter = form(step)
    folded = [entry["renderingOptions"].get("grouping") == "secondary" for entry in fields]
    assert folded == sorted(folded)
    for entry in fields[folded.count(False) :]:
        assert "default" not in entry  # Rundeck would store it with the step, and the project's would never count
        assert not entry["required"]


@each_provider
def test_group_of_the_form_is_folded_or_not(step: Provider) -> None:
    groups = {(entry["renderingOptions"]["groupName"], "grouping" in entry["renderingOptions"]) for entry in form(step)}
    assert len({name for name, _ in groups}) == len(groups)  # one folded property folds all of its group


def test_docstrings_are_not_part_of_the_form() -> None:
    """A step's form is data: an interpreter that drops docstrings makes the same one."""
    code = "from tools import generate; print(generate.text(), end='')"
    environment = {**os.environ, "PYTHONOPTIMIZE": "2"}
    words = [sys.executable, "-c", code]
    process = subprocess.run(words, env=environment, cwd=generate.ROOT, capture_output=True, text=True, check=True)
    assert process.stdout == PLUGIN_YAML.read_text(encoding="utf-8")


def test_a_blank_field_describes_its_default() -> None:
    (limit,) = [entry for entry in form(provider("k8s-debug-upload")) if entry["name"] == "spool_limit_mib"]
    assert limit["description"].endswith("Blank: 20480.")
    assert "default" not in limit


def test_setting_that_steps_share_is_the_same_everywhere() -> None:
    definitions: dict[str, dict[str, Any]] = {}
    for entry in (entry for listed in PROVIDERS for entry in form(listed)):
        shared = {key: value for key, value in entry.items() if key != "renderingOptions"}  # its group may differ
        assert definitions.setdefault(entry["name"], shared) == shared
