"""The results of a run or a probe: plain data, no behavior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class StepResult:
    """The result of a step. `number` counts from 1 in the sequence of the job."""

    number: int
    success: bool
    exit_code: int | None
    reason: str
    message: str
    wall_s: float
    """With its error handler, if that ran."""


@dataclass(frozen=True)
class JobRun:
    """An execution of a job, or the reason why it was rejected."""

    succeeded: bool
    refused: str | None
    """Why Rundeck did not start the run: a wrong option, a missing job."""
    steps: tuple[StepResult, ...]
    """Steps that ran. Steps after a failed one are missing."""
    output: tuple[str, ...]
    """All log lines in order, after the log filters."""
    errors: tuple[str, ...]
    """The ERROR lines among them: the standard error of scripts, and Rundeck's own errors."""
    data: Mapping[str, str]
    """`${data.*}` at the end, as a later step would see it."""
    wall_s: float
    """From the start of the first step to the end, without the start of the engine."""
    aborted: bool = False
    rendered: tuple[str, ...] = ()
    """What a browser shows rendered: the documents that the filter render-datatype took out of the output."""
    thrown: str = ""
    """The exception that ended the workflow before its steps, such as NodesetEmptyException."""
    node_errors: Mapping[str, str] = field(default_factory=dict)
    """Why sources of nodes failed, by name. Rundeck continues with the nodes of the others."""


@dataclass(frozen=True)
class NodeSource:
    """A ResourceModelSource provider of the plugin, and its configuration."""

    provider: str
    config: Mapping[str, str] = field(default_factory=dict)

    def properties(self, number: int) -> dict[str, str]:
        """Return the properties of source ``number`` of a project."""
        prefix = f"resources.source.{number}."
        config = {f"{prefix}config.{name}": value for name, value in self.config.items()}
        return {f"{prefix}type": self.provider, **config}


@dataclass(frozen=True)
class Access:
    """The user, and all policies of the server and the project, as text by file."""

    user: str
    groups: tuple[str, ...]
    server_policies: Mapping[str, str] = field(default_factory=dict)
    project_policies: Mapping[str, str] = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """Return the object in the format of the engine."""
        return {
            "user": self.user,
            "groups": list(self.groups),
            "serverPolicies": dict(self.server_policies),
            "projectPolicies": dict(self.project_policies),
        }


@dataclass(frozen=True)
class Question:
    """A permission check: are all ``actions`` on a resource allowed, in the project or in the ``application``?"""

    resource: Mapping[str, str]
    """Its properties; ``type`` is `job`, `node`, `storage`, `project`, `resource` and the like."""
    actions: tuple[str, ...]
    as_project: bool = False
    """The project itself asks (`urn: project:NAME`), as it does for its node sources."""
    application: bool = False

    def request(self) -> dict[str, Any]:
        """Return the object in the format of the engine."""
        return {
            "resource": dict(self.resource),
            "actions": list(self.actions),
            "asProject": self.as_project,
            "application": self.application,
        }


@dataclass(frozen=True)
class Decision:
    """Rundeck's decision on a question."""

    authorized: bool
    refused: tuple[str, ...]
    """Each refused action with Rundeck's reason."""


@dataclass(frozen=True)
class Decisions:
    """The answers, in the order of the questions."""

    answers: tuple[Decision, ...]
    invalid: Mapping[str, Mapping[str, tuple[str, ...]]]
    """The errors of invalid policies, by file and place."""


@dataclass(frozen=True)
class ProjectNodes:
    """The nodes that the sources of a project returned."""

    nodes: Mapping[str, Mapping[str, str]]
    """Attributes by name of the node."""
    errors: Mapping[str, str]
    """Why a source failed, by its name."""


@dataclass(frozen=True)
class InvalidStep:
    """A step that the server would reject. ``number`` counts from 1."""

    job: str
    """Its group and name."""
    uuid: str
    number: int
    type: str
    errors: Mapping[str, str]
    """By property."""


@dataclass(frozen=True)
class Provider:
    """A provider with Rundeck's description. `error` has the reason if Rundeck could not create it."""

    service: str
    name: str
    title: str
    description: str
    properties: tuple[Mapping[str, Any], ...]
    error: str | None
    resources: tuple[str, ...] = ()
    """Files of the plugin's resources that the server may show with this provider."""


@dataclass(frozen=True)
class PluginProbe:
    """The result of Rundeck's validation of a plugin zip."""

    state: str
    """VALID, INCOMPATIBLE or INVALID."""
    messages: tuple[str, ...]
    name: str
    version: str
    rundeck_version: str
    """The version that validated it."""
    providers: tuple[Provider, ...]
    pictures: Mapping[str, tuple[int, int]]
    """Width and height by file."""
    texts: Mapping[str, Mapping[str, str]]
    """The texts of each file of messages, read as the server reads them: as UTF-8."""
    texts_as_latin1: Mapping[str, Mapping[str, str]]
    """The same, read with the default encoding of Java properties."""

    @property
    def valid(self) -> bool:
        """Return whether the metadata is valid and each provider could be created."""
        return self.state == "VALID" and bool(self.providers) and not any(p.error for p in self.providers)


def job_run(report: Mapping[str, Any]) -> JobRun:
    """Read the engine's report of a run."""
    log = report.get("log", ())
    return JobRun(
        succeeded=report.get("succeeded", False),
        refused=report.get("refused"),
        steps=tuple(StepResult(**step) for step in report.get("steps", ())),
        output=tuple(line["message"] for line in log),
        errors=tuple(line["message"] for line in log if line["level"] == "ERROR"),
        data=report.get("data", {}),
        wall_s=report.get("wall_ms", 0) / 1000,
        aborted=report.get("aborted", False),
        rendered=tuple(report.get("rendered", ())),
        thrown=report.get("thrown", ""),
        node_errors=report.get("node_errors", {}),
    )


def invalid_steps(report: Mapping[str, Any]) -> tuple[InvalidStep, ...]:
    """Read the engine's report on job files."""
    return tuple(InvalidStep(**step) for step in report["invalid"])


def decisions(report: Mapping[str, Any]) -> Decisions:
    """Read the engine's decisions about access."""
    return Decisions(
        tuple(Decision(answer["authorized"], tuple(answer["refused"])) for answer in report["answers"]),
        {
            file: {place: tuple(errors) for place, errors in places.items()}
            for file, places in report["invalid"].items()
        },
    )


def plugin_probe(report: Mapping[str, Any]) -> PluginProbe:
    """Read the engine's report on a zip."""
    return PluginProbe(
        state=report["state"],
        messages=tuple(report["messages"]),
        name=report.get("name") or "",
        version=report.get("version") or "",
        rundeck_version=report["rundeck_version"],
        providers=tuple(_provider(p) for p in report["providers"]),
        pictures={name: (width, height) for name, (width, height) in report.get("pictures", {}).items()},
        texts=report.get("texts", {}),
        texts_as_latin1=report.get("textsAsLatin1", {}),
    )


def _provider(report: Mapping[str, Any]) -> Provider:
    return Provider(
        service=report["service"],
        name=report["name"],
        title=report.get("title") or "",
        description=report.get("description") or "",
        properties=tuple(report.get("properties", ())),
        error=report.get("error"),
        resources=tuple(report.get("resources", ())),
    )
