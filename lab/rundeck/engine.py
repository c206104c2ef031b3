"""Requests to Rundeck's engine: to run jobs, and to check plugins, jobs, policies and nodes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from lab.part import LabError
from lab.rundeck import build
from lab.rundeck.jvm import leased
from lab.rundeck.model import (
    Access,
    Decisions,
    InvalidStep,
    JobRun,
    NodeSource,
    PluginProbe,
    ProjectNodes,
    Question,
    decisions,
    invalid_steps,
    job_run,
    plugin_probe,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

Nodes = Mapping[str, Mapping[str, str]] | Path | NodeSource | None

NEW_PROJECT = {"resources.source.1.type": "local"}
"""What the server gives a new project: the server itself is its node. Without a source of nodes no job runs."""


class RunOptions(TypedDict, total=False):
    """The choices of a user who runs a job. Every field is optional."""

    job: str | None
    """Name, group/name or UUID. Needed only if the file has more than one job."""
    loglevel: str
    """`INFO` by default."""
    nodes: Nodes
    """In addition to the nodes of the project: by name, a resource YAML file, or the node source of a plugin."""
    abort_after_s: float | None
    echo: bool
    """Print the log lines as they arrive."""


class RunSetup(RunOptions, total=False):
    """The options of a run, and the server and project that it runs in."""

    options: Mapping[str, str]
    """The values of the job's options."""
    project: str
    keys: Mapping[str, str]
    """Key Storage: each path and its value."""
    project_properties: Mapping[str, str]
    """By default, those of a new project."""
    framework_properties: Mapping[str, str]
    plugins: Sequence[Path]
    access: Access | None
    """The user who runs the job, and the policies. Without it, Rundeck checks nothing."""
    environment: Mapping[str, str]
    """Replaces the environment of the server, and so of each script."""


def run_job(job_file: Path, **setup: Unpack[RunSetup]) -> JobRun:
    """Run a job of an exported file in Rundeck's engine."""
    properties = dict(setup.get("project_properties", NEW_PROJECT))
    nodes, access = setup.get("nodes"), setup.get("access")
    if isinstance(nodes, NodeSource):
        properties |= nodes.properties(_next_source(properties))
    request = {
        "command": "run",
        "jobFile": str(job_file.resolve()),
        "job": setup.get("job"),
        "project": setup.get("project", "lab"),
        "options": dict(setup.get("options", {})),
        "keys": dict(setup.get("keys", {})),
        "projectProperties": properties,
        "access": access and access.request(),
        "loglevel": setup.get("loglevel", "INFO"),
        "abortAfterMs": int((setup.get("abort_after_s") or 0) * 1000),
        "echo": setup.get("echo", False),
        **_nodes(nodes),
    }
    server = setup.get("framework_properties"), setup.get("environment")
    return job_run(_send_request(request, setup.get("plugins", ()), *server))


def probe_plugin(plugin: Path, rundeck_version: str | None = None) -> PluginProbe:
    """Validate the zip of a plugin for that version of Rundeck, and create each of its providers."""
    return plugin_probe(_send_request({"command": "probe", "rundeckVersion": rundeck_version}, [plugin], None, None))


def check_jobs(files: Sequence[Path], plugins: Sequence[Path]) -> tuple[InvalidStep, ...]:
    """Return the steps of these job files that Rundeck's validators reject when a job is saved or imported."""
    request = {"command": "check", "jobFiles": [str(file.resolve()) for file in files]}
    return invalid_steps(_send_request(request, plugins, None, None))


def decide(project: str, access: Access, questions: Sequence[Question]) -> Decisions:
    """Return the decision of the policies on each of ``questions`` by Rundeck's rules, and the invalid policies."""
    request = {
        "command": "access",
        "project": project,
        "access": access.request(),
        "questions": [question.request() for question in questions],
    }
    return decisions(_send_request(request, (), None, None))


def project_nodes(
    project: str, properties: Mapping[str, str], access: Access, keys: Mapping[str, str], plugins: Sequence[Path]
) -> ProjectNodes:
    """Return the nodes of the project's sources, which read Key Storage with the permissions of the project."""
    request = {
        "command": "nodes",
        "project": project,
        "projectProperties": dict(properties),
        "access": access.request(),
        "keys": dict(keys),
    }
    answer = _send_request(request, plugins, None, None)
    return ProjectNodes(answer["nodes"], answer["errors"])


def option_values(
    provider: str,
    plugin: Path,
    *,
    project_properties: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[tuple[str, str]]:
    """Return the names and values of an OptionValues provider of the plugin for the form of a job.

    The result is empty if its script fails. The server then writes the standard error of the script to its own log.
    """
    request = {
        "command": "values",
        "project": "lab",
        "provider": provider,
        "projectProperties": dict(project_properties or {}),
    }
    return [(name, value) for name, value in _send_request(request, [plugin], None, environment)["values"]]


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


def _send_request(
    request: dict[str, Any],
    plugins: Sequence[Path],
    framework_properties: Mapping[str, str] | None,
    environment: Mapping[str, str] | None,
) -> dict[str, Any]:
    if not build.is_built():
        raise LabError("Rundeck's engine is not built: python -m lab up rundeck")
    with tempfile.TemporaryDirectory(prefix="lab-rundeck-") as scratch:
        request |= {
            "base": str(Path(scratch).resolve() / "base"),
            "report": str(Path(scratch) / "report.json"),
            "plugins": [str(_require_existing(plugin)) for plugin in plugins],
            "frameworkProperties": dict(framework_properties or {}),
            "environment": dict(os.environ if environment is None else environment),
        }
        with leased(request["environment"]) as jvm:
            return jvm.answer(request)


def _require_existing(plugin: Path) -> Path:
    if not plugin.is_file():
        raise LabError(f"There is no plugin zip {plugin}: ./build.sh makes it")
    return plugin.resolve()
