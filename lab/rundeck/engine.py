"""One Java process for each question to Rundeck's engine: a request on its standard input, a report in a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.part import LabError
from lab.prerequisites import ensure_program
from lab.rundeck import build
from lab.rundeck.model import (
    Access,
    InvalidStep,
    JobRun,
    NodeSource,
    PluginProbe,
    ProjectNodes,
    Question,
    Verdicts,
    invalid_steps,
    job_run,
    plugin_probe,
    verdicts,
)

Nodes = Mapping[str, Mapping[str, str]] | Path | NodeSource | None

NEW_PROJECT = {"resources.source.1.type": "local"}
"""What the server gives a new project: the server itself is its node. Without a source of nodes no job runs."""

JVM_FLAGS = (
    "-Xshare:auto",
    "-Xlog:disable",  # a warning about the archive of classes would go to standard output, where the log is
    "-XX:TieredStopAtLevel=1",  # a run takes seconds: the second compiler does not pay off
    "-XX:+UseSerialGC",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
)


def run_job(  # noqa: PLR0913 (each is a field of Rundeck's own form, and all but one may be left out)
    job_file: Path,
    *,
    job: str | None = None,
    project: str = "lab",
    options: Mapping[str, str] | None = None,
    keys: Mapping[str, str] | None = None,
    project_properties: Mapping[str, str] | None = None,
    framework_properties: Mapping[str, str] | None = None,
    plugins: Sequence[Path] = (),
    nodes: Nodes = None,
    access: Access | None = None,
    loglevel: str = "INFO",
    abort_after_s: float | None = None,
    echo: bool = False,
    environment: Mapping[str, str] | None = None,
) -> JobRun:
    """Runs a job of an exported file through Rundeck's engine.

    `job` is a name, group/name or UUID and may be left out when the file holds one job. `keys` are Key Storage
    paths and their values. `project_properties` are those of a new project unless they are given. `nodes` come
    beside those of the project's own sources: by name, a resource YAML file, or a plugin's node source. `access` is
    who runs the job, and the policies; without it nothing is checked. `echo` prints log lines as they come.
    `environment` replaces the one that the server, and so each script, would have.
    """
    properties = dict(NEW_PROJECT if project_properties is None else project_properties)
    if isinstance(nodes, NodeSource):
        properties |= nodes.properties(_next_source(properties))
    request = {
        "command": "run",
        "jobFile": str(job_file.resolve()),
        "job": job,
        "project": project,
        "options": dict(options or {}),
        "keys": dict(keys or {}),
        "projectProperties": properties,
        "access": access and access.request(),
        "loglevel": loglevel,
        "abortAfterMs": int((abort_after_s or 0) * 1000),
        "echo": echo,
        **_nodes(nodes),
    }
    return job_run(_ask(request, plugins, framework_properties, environment))


def probe_plugin(plugin: Path, rundeck_version: str | None = None) -> PluginProbe:
    """Lets Rundeck validate the zip of a plugin as that version of Rundeck, and create each of its providers."""
    return plugin_probe(_ask({"command": "probe", "rundeckVersion": rundeck_version}, [plugin], None, None))


def check_jobs(files: Sequence[Path], plugins: Sequence[Path]) -> tuple[InvalidStep, ...]:
    """The steps of these job files that the server would refuse to save or import: Rundeck's own validators."""
    request = {"command": "check", "jobFiles": [str(file.resolve()) for file in files]}
    return invalid_steps(_ask(request, plugins, None, None))


def decide(project: str, access: Access, questions: Sequence[Question]) -> Verdicts:
    """The decision of the policies on each of ``questions`` by Rundeck's own rules, and the invalid policies."""
    request = {
        "command": "access",
        "project": project,
        "access": access.request(),
        "questions": [question.request() for question in questions],
    }
    return verdicts(_ask(request, (), None, None))


def project_nodes(
    project: str, properties: Mapping[str, str], access: Access, keys: Mapping[str, str], plugins: Sequence[Path]
) -> ProjectNodes:
    """The nodes of the project's sources, which read Key Storage with the permissions of the project."""
    request = {
        "command": "nodes",
        "project": project,
        "projectProperties": dict(properties),
        "access": access.request(),
        "keys": dict(keys),
    }
    answer = _ask(request, plugins, None, None)
    return ProjectNodes(answer["nodes"], answer["errors"])


def option_values(
    provider: str,
    plugin: Path,
    *,
    project_properties: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[tuple[str, str]]:
    """The names and values that an OptionValues provider of the plugin gives for a job's form.

    There are none where its script fails: the server then writes the script's standard error to its own log.
    """
    request = {
        "command": "values",
        "project": "lab",
        "provider": provider,
        "projectProperties": dict(project_properties or {}),
    }
    return [(name, value) for name, value in _ask(request, [plugin], None, environment)["values"]]


def _nodes(nodes: Nodes) -> dict[str, Any]:
    if isinstance(nodes, Path):
        return {"nodes": {}, "nodeFile": str(nodes.resolve())}
    named = {} if nodes is None or isinstance(nodes, NodeSource) else nodes
    return {"nodes": {name: dict(node) for name, node in named.items()}}


def _next_source(properties: Mapping[str, str]) -> int:
    number = 1
    while f"resources.source.{number}.type" in properties:
        number += 1
    return number


def _ask(
    request: dict[str, Any],
    plugins: Sequence[Path],
    framework_properties: Mapping[str, str] | None,
    environment: Mapping[str, str] | None,
) -> dict[str, Any]:
    if not build.is_built():
        raise LabError("Rundeck's engine is not built: python -m lab up rundeck")
    with tempfile.TemporaryDirectory(prefix="lab-rundeck-") as scratch:
        report = Path(scratch) / "report.json"
        request |= {
            "base": str(Path(scratch).resolve() / "base"),
            "report": str(report),
            "plugins": [str(_existing(plugin)) for plugin in plugins],
            "frameworkProperties": dict(framework_properties or {}),
        }
        _java(json.dumps(request), Path(scratch) / "stderr", environment)
        answer: dict[str, Any] = json.loads(report.read_bytes())
        return answer


def _existing(plugin: Path) -> Path:
    if not plugin.is_file():
        raise LabError(f"There is no plugin zip {plugin}: ./build.sh makes it")
    return plugin.resolve()


def _java(request: str, stderr: Path, environment: Mapping[str, str] | None) -> None:
    """Runs the engine to its end and copies its standard output, the echoed log, as it comes."""
    java = ensure_program("java", "openjdk-17-jdk-headless")
    archive = f"-XX:SharedArchiveFile={build.class_archive()}"
    argv = [str(java), *JVM_FLAGS, archive, "-cp", build.classpath(), "lab.rundeck.Main"]
    env = dict(os.environ if environment is None else environment)
    with (
        stderr.open("wb") as log,
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=env) as jvm,
    ):
        assert jvm.stdin is not None  # noqa: S101 (what PIPE means, for mypy)
        assert jvm.stdout is not None  # noqa: S101
        jvm.stdin.write(request)
        jvm.stdin.close()
        for line in jvm.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
    if jvm.returncode != 0:
        raise LabError(f"Rundeck's engine failed ({jvm.returncode}): {_last_words(stderr)}")


def _last_words(stderr: Path) -> str:
    lines = stderr.read_text(errors="replace").splitlines()
    return next((line for line in lines if "Exception" in line or "Error" in line), "no message")
