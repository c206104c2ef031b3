"""The lab's Rundeck engine: what it runs, rejects and reports. A small plugin replaces the real one."""

from __future__ import annotations

import os
import subprocess
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest

from lab.part import LabError
from lab.prerequisites import ensure_program
from lab.rundeck import NodeSource, PluginProbe, build, jvm, probe_plugin, run_job
from lab.rundeck.engine import NEW_PROJECT

PLUGIN_YAML = """
name: demo
version: 1.0.0
rundeckPluginVersion: "2.0"
rundeckCompatibilityVersion: 5.x
targetHostCompatibility: unix
author: lab
date: "2026-01-01"
url: http://localhost
providers:
- name: demo-step
  title: Demo step
  service: WorkflowStep
  plugin-type: script
  script-interpreter: sh
  script-file: step.sh
  config:
  - {name: say, type: String, title: Say, scope: Instance, default: nothing}
  - {name: exit, type: Integer, title: Exit code, default: "0"}
  - name: token
    type: String
    title: Token
    renderingOptions: {selectionAccessor: STORAGE_PATH, valueConversion: STORAGE_PATH_AUTOMATIC_READ}
- name: demo-node-step
  title: Demo node step
  service: WorkflowNodeStep
  plugin-type: script
  script-interpreter: sh
  script-file: step.sh
  config:
  - {name: say, type: String, title: Say}
  - {name: exit, type: Integer, title: Exit code, default: "0"}
- name: demo-nodes
  title: Demo nodes
  service: ResourceModelSource
  plugin-type: script
  resource-format: resourcejson
  script-interpreter: sh
  script-file: nodes.sh
"""

STEP = """
trap 'echo stopped; exit 9' TERM
printf '%s\\n' "$RD_CONFIG_SAY"
[ -z "$RD_CONFIG_TOKEN" ] || echo "token of ${#RD_CONFIG_TOKEN} characters"
case "$RD_CONFIG_SAY" in sleep) sleep 30 & wait $!;; esac
echo "to stderr" >&2
exit "$RD_CONFIG_EXIT"
"""

NODES = """echo '{"pod-a": {"hostname": "a", "tags": "shop"}, "pod-b": {"hostname": "b"}}'"""

JOB = """
- name: {name}
  group: lab
  uuid: 11111111-2222-3333-4444-5555555555{digits}
  options:
{options}
  sequence:
    keepgoing: false
    strategy: sequential
    pluginConfig:
      LogFilter:
      - type: mask-passwords
        config: {{replacement: '[SECURE]'}}
    commands:
{commands}
"""

KEEP_DATA = "plugins: {LogFilter: [{type: key-value-data, config: {}}]}"


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    zip_file = tmp_path_factory.mktemp("plugin") / "demo-1.0.0.zip"
    write_plugin(zip_file, STEP)
    return zip_file


def write_plugin(zip_file: Path, step: str) -> None:
    with zipfile.ZipFile(zip_file, "w") as archive:
        archive.writestr("demo-1.0.0/plugin.yaml", PLUGIN_YAML)
        archive.writestr("demo-1.0.0/contents/step.sh", step)
        archive.writestr("demo-1.0.0/contents/nodes.sh", NODES)


def job(tmp_path: Path, *commands: str, options: tuple[str, ...] = (), name: str = "demo", digits: int = 10) -> Path:
    file = tmp_path / f"{name}.yaml"
    listed = "\n".join(f"  - {option}" for option in options) or "    []"
    steps = "\n".join(f"    - {command}" for command in commands)
    file.write_text(JOB.format(name=name, digits=digits, options=listed, commands=steps))
    return file


def step(say: str, more: str = "", exit_code: int = 0) -> str:
    config = f"{{say: '{say}', exit: {exit_code}{', ' + more if more else ''}}}"
    return f"{{type: demo-step, nodeStep: false, configuration: {config}, {KEEP_DATA}}}"


def test_data_of_a_step_reaches_the_next_and_the_caller(plugin: Path, tmp_path: Path) -> None:
    file = job(tmp_path, step("RUNDECK:DATA:link = s3://x"), step("got ${data.link} from ${job.group}/${job.name}"))
    run = run_job(file, plugins=[plugin])
    assert run.succeeded
    assert run.data["link"] == "s3://x"
    assert "got s3://x from lab/demo" in run.output
    assert [s.exit_code for s in run.steps] == [0, 0]


def test_a_failed_step_ends_the_job_and_reports_why(plugin: Path, tmp_path: Path) -> None:
    run = run_job(job(tmp_path, step("one", exit_code=7), step("two")), plugins=[plugin])
    assert not run.succeeded
    assert run.refused is None
    (failed,) = run.steps
    assert (failed.exit_code, failed.reason) == (7, "NonZeroResultCode")
    assert "to stderr" in run.errors
    assert "two" not in run.output


def test_keepgoing_runs_the_rest_and_keeps_the_numbers(plugin: Path, tmp_path: Path) -> None:
    file = job(tmp_path, step("one", exit_code=7), step("two"))
    file.write_text(file.read_text().replace("keepgoing: false", "keepgoing: true"))
    run = run_job(file, plugins=[plugin])
    assert not run.succeeded
    assert [(s.number, s.exit_code) for s in run.steps] == [(1, 7), (2, 0)]


def test_an_error_handler_sees_the_result(plugin: Path, tmp_path: Path) -> None:
    handler = "{type: demo-step, keepgoingOnSuccess: true, configuration: {say: 'after ${result.reason}'}}"
    first = step("one", exit_code=7)[:-1] + f", errorhandler: {handler}}}"
    run = run_job(job(tmp_path, first, step("two")), plugins=[plugin])
    assert run.succeeded
    assert "after NonZeroResultCode" in run.output
    assert "two" in run.output


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("{name: pod, required: true}", "", "Option 'pod' is required."),
        ("{name: pod, regex: '[a-z]+'}", "A1", "Option 'pod' doesn't match regular expression [a-z]+, value: A1"),
        ("{name: pod, enforced: true, values: [a, b]}", "c", "was not in the allowed values: [a, b]"),
        ("{name: pod, enforced: true, multivalued: true, delimiter: ',', values: [a, b]}", "a,c", "were not all in"),
        ("{name: pod, secure: true, required: true, storagePath: keys/none}", "", "could not be read: keys/none"),
    ],
)
def test_a_wrong_option_refuses_the_run(tmp_path: Path, option: str, value: str, message: str) -> None:
    run = run_job(job(tmp_path, step("x"), options=(option,)), options={"pod": value})
    assert run.refused is not None
    assert run.refused.startswith("Job options were not valid: ")
    assert message in run.refused
    assert not run.steps


def test_defaults_fill_options_and_several_values_stay_joined(plugin: Path, tmp_path: Path) -> None:
    options = ("{name: a, value: x}", "{name: b, value: 'p,q', multivalued: true, delimiter: ','}")
    run = run_job(job(tmp_path, step("${option.a} ${option.b}"), options=options), plugins=[plugin])
    assert "x p,q" in run.output


def test_secrets_come_from_key_storage_and_are_masked(plugin: Path, tmp_path: Path) -> None:
    options = ("{name: key, secure: true, valueExposed: true, storagePath: keys/lab/key, hidden: true}",)
    commands = step("say ${option.key}", more="token: keys/lab/token")
    keys = {"keys/lab/key": "tops3cret", "keys/lab/token": "12345"}
    run = run_job(job(tmp_path, commands, options=options), keys=keys, plugins=[plugin])
    assert "say [SECURE]" in run.output
    assert "token of 5 characters" in run.output


def test_a_missing_key_fails_the_step(plugin: Path, tmp_path: Path) -> None:
    run = run_job(job(tmp_path, step("x", more="token: keys/none")), plugins=[plugin])
    assert run.steps[0].reason == "ConfigurationFailure"


def test_a_project_sets_defaults(plugin: Path, tmp_path: Path) -> None:
    command = "{type: demo-step, nodeStep: false, configuration: {}}"
    properties = {**NEW_PROJECT, "project.plugin.WorkflowStep.demo-step.say": "from the project"}
    run = run_job(job(tmp_path, command), project_properties=properties, plugins=[plugin])
    assert "from the project" in run.output


def test_exec_script_export_and_job_reference(plugin: Path, tmp_path: Path) -> None:
    parent = job(
        tmp_path,
        "{exec: 'echo run ${option.a}'}",
        "{script: 'echo script @option.a@', scriptInterpreter: sh}",
        "{jobref: {group: lab, name: child, useName: 'true', args: '-a ${option.a}-child'}}",
        step("child said ${export.word}"),
        options=("{name: a, value: A}",),
    )
    export = "{type: export-var, configuration: {group: export, export: word, value: '${option.a}'}}"
    child = job(tmp_path, export, options=("{name: a, required: true}",), name="child", digits=20)
    parent.write_text(parent.read_text() + child.read_text())
    run = run_job(parent, job="lab/demo", plugins=[plugin])
    assert run.succeeded, run.output
    assert {"run A", "script A", "child said A-child"} <= set(run.output)


def test_node_steps_run_on_the_nodes_of_a_source(plugin: Path, tmp_path: Path) -> None:
    command = "{type: demo-node-step, nodeStep: true, configuration: {say: 'on ${node.name}'}}"
    file = job(tmp_path, command)
    file.write_text(file.read_text() + "  nodefilters: {filter: 'name: pod-.*'}\n")
    run = run_job(file, nodes=NodeSource("demo-nodes"), plugins=[plugin])
    assert {"on pod-a", "on pod-b"} <= set(run.output)


def test_abort_stops_the_script(plugin: Path, tmp_path: Path) -> None:
    run = run_job(job(tmp_path, step("sleep")), plugins=[plugin], abort_after_s=5)
    assert run.aborted
    assert not run.succeeded
    assert "Execution interrupted with code: 9" in run.output  # that of the trap


def test_runs_of_one_process_share_nothing_but_the_plugin(
    plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jvm, "_idle", defaultdict(list))
    commands = ("{exec: 'printenv FIRST SECOND'}", step("by default", more="token: keys/first"))
    file = job(tmp_path, *commands)
    file.write_text(file.read_text().replace("keepgoing: false", "keepgoing: true"))
    path, plugins = {"PATH": os.environ["PATH"]}, [plugin]
    keys, environment = {"keys/first": "12345"}, path | {"FIRST": "of the first"}
    first = run_job(file, plugins=plugins, echo=True, keys=keys, environment=environment)
    assert {"of the first", "token of 5 characters"} <= set(first.output)
    second = run_job(file, plugins=plugins, echo=True, environment=path | {"SECOND": "of the second"})
    (processes,) = jvm._idle.values()
    assert len(processes) == 1
    assert "of the second" in second.output
    assert "of the first" not in second.output
    assert second.steps[1].reason == "ConfigurationFailure"  # there is no key
    echoed = capfd.readouterr().out
    assert [echoed.count(f"of the {run}\n") for run in ("first", "second")] == [1, 1]
    processes.pop().close()


def test_a_process_ends_with_an_aborted_run(plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jvm, "_idle", defaultdict(list))
    assert run_job(job(tmp_path, step("sleep")), plugins=[plugin], abort_after_s=5).aborted
    assert not any(jvm._idle.values())


def test_a_plugin_that_has_changed_is_loaded_again(plugin: Path, tmp_path: Path) -> None:
    changed = tmp_path / plugin.name
    file = job(tmp_path, step("x"))
    for reply in ("earlier", "later, with more words"):
        write_plugin(changed, f"echo {reply}")
        assert list(run_job(file, plugins=[changed]).output) == [reply]


def test_after_a_failure_of_the_engine_the_next_run_succeeds(plugin: Path, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"Rundeck's engine failed \(1\): .*NoSuchFileException: .*/none.yaml"):
        run_job(tmp_path / "none.yaml", plugins=[plugin])
    assert run_job(job(tmp_path, step("x")), plugins=[plugin]).succeeded


def test_java_accepts_the_archive_of_classes() -> None:
    java = ensure_program("java", "openjdk-17-jdk-headless")
    archive = f"-XX:SharedArchiveFile={build.class_archive()}"
    # With -Xshare:on, Java fails where it would otherwise ignore the archive.
    run = subprocess.run([java, "-Xshare:on", archive, "-cp", build.classpath(), "-version"], capture_output=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_probe_creates_every_provider(plugin: Path) -> None:
    probe = probe_plugin(plugin)
    assert probe.valid
    assert {p.name for p in probe.providers} == {"demo-step", "demo-node-step", "demo-nodes"}
    say = next(p for p in provider_named(probe, "demo-step") if p["name"] == "say")
    assert say["default"] == "nothing"


def provider_named(probe: PluginProbe, name: str) -> tuple[dict[str, object], ...]:
    return tuple(dict(p) for provider in probe.providers if provider.name == name for p in provider.properties)


def test_probe_reports_as_another_version(plugin: Path) -> None:
    assert probe_plugin(plugin, "6.1.0").state == "VALID"
    assert probe_plugin(plugin, "4.17.0").state == "INCOMPATIBLE"
