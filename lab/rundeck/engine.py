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
from lab.rundeck.model import JobRun, NodeSource, PluginProbe, job_run, plugin_probe

Nodes = Mapping[str, Mapping[str, str]] | Path | NodeSource | None

JVM_FLAGS = (
    "-Xshare:auto",
    "-XX:TieredStopAtLevel=1",  # a run lasts seconds: the second compiler never pays
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
    loglevel: str = "INFO",
    abort_after_s: float | None = None,
    echo: bool = False,
    environment: Mapping[str, str] | None = None,
) -> JobRun:
    """Runs a job of an exported file through Rundeck's engine.

    `job` is a name, group/name or UUID and may be left out when the file holds one job. `keys` are Key Storage
    paths and their values. `nodes` are the project's: by name, a resource YAML file, or a plugin's node source;
    without any there is only `localhost`. `echo` prints log lines as they come. `environment` replaces the one
    that the server, and so each script, would have.
    """
    request = {
        "command": "run",
        "jobFile": str(job_file.resolve()),
        "job": job,
        "project": project,
        "options": dict(options or {}),
        "keys": dict(keys or {}),
        "projectProperties": dict(project_properties or {}),
        "loglevel": loglevel,
        "abortAfterMs": int((abort_after_s or 0) * 1000),
        "echo": echo,
        **_nodes(nodes),
    }
    return job_run(_ask(request, plugins, framework_properties, environment))


def probe_plugin(plugin: Path, rundeck_version: str | None = None) -> PluginProbe:
    """Has Rundeck judge the zip of a plugin, as that version of Rundeck, and make each of its providers."""
    return plugin_probe(_ask({"command": "probe", "rundeckVersion": rundeck_version}, [plugin], None, None))


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
    if isinstance(nodes, NodeSource):
        return {"nodes": {}, "nodeSource": nodes.provider, "nodeSourceConfig": dict(nodes.config)}
    if isinstance(nodes, Path):
        return {"nodes": {}, "nodeFile": str(nodes.resolve())}
    return {"nodes": {name: dict(node) for name, node in (nodes or {}).items()}}


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
    classpath = f"{build.built() / 'classes'}:{build.built() / 'lib'}/*"
    argv = [str(java), *JVM_FLAGS, "-cp", classpath, "lab.rundeck.Main"]
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
