"""The state of a Rundeck server: projects with jobs and policies, webhooks, keys, tokens and their users, runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.rundeck.engine import decide, run_job
from lab.rundeck.model import Access, Decision, JobRun, Question

README, MOTD = "readme.md", "motd.md"
_DISPLAYS = {README: "project.gui.readme.display", MOTD: "project.gui.motd.display"}
_ALL = ("adhoc", "job", "node", "project", "project_acl", "resource", "runner", "storage")
_EVERYTHING = "\n".join(f"  {kind}: [{{allow: '*'}}]" for kind in _ALL)
# The default policy of a Rundeck server: the group admin may do everything, in all projects and in the application.
ADMIN_POLICY = "\n---\n".join(
    f"description: Administrators may do everything\ncontext: {{{context}}}\nfor:\n{_EVERYTHING}\nby: {{group: admin}}"
    for context in ("project: '.*'", "application: rundeck")
)


@dataclass(frozen=True)
class User:
    """The owner of a token."""

    name: str
    groups: tuple[str, ...]

    @property
    def is_admin(self) -> bool:
        """Return whether the policies of the server allow everything to the user."""
        return "admin" in self.groups


ADMIN = User("admin", ("admin",))


@dataclass(frozen=True)
class Webhook:
    """A webhook. Its runs belong to its owner."""

    uuid: str
    name: str
    project: str
    event_plugin: str
    config: Mapping[str, str]
    enabled: bool
    owner: User
    token: str


@dataclass
class Project:
    """A project with its content from imports and the API."""

    name: str
    properties: dict[str, str]
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By UUID, as their YAML says."""
    policies: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    """readme.md and motd.md."""

    def shown(self, text: str) -> str:
        """Return the text on the project's page, which is empty unless the configuration enables it."""
        places = self.properties.get(_DISPLAYS[text], "none").split(",")
        return self.texts.get(text, "") if "projectHome" in places else ""


@dataclass(frozen=True)
class Execution:
    """A run of a job. Numbers start at 1."""

    number: int
    project: str
    job: str
    user: User
    run: Future[JobRun]

    @property
    def status(self) -> str:
        """Return the status in the terms of the API."""
        if not self.run.done():
            return "running"
        run = self.run.result()
        return "succeeded" if run.succeeded else "aborted" if run.aborted else "failed"


@dataclass
class State:
    """``libext`` contains the plugins, and ``folder`` the server's own files."""

    libext: Path
    folder: Path
    users: dict[str, User] = field(default_factory=dict)
    """By token."""
    keys: dict[str, str] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=lambda: {"admin.aclpolicy": ADMIN_POLICY})
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    """By UUID: there is one of each on a server."""
    executions: list[Execution] = field(default_factory=list)
    decided: dict[str, Decision] = field(default_factory=dict)
    """Earlier decisions of Rundeck's rules, by the question, because each decision starts a JVM."""

    @property
    def runs(self) -> list[JobRun]:
        """Return all runs so far. The server waits for each of them."""
        return [execution.run.result() for execution in self.executions]

    @property
    def plugins(self) -> list[Path]:
        """Return the zips in libext."""
        return sorted(self.libext.glob("*.zip"))

    def access(self, user: User, project: Project | None = None) -> Access:
        """Return ``user`` with the policies of the server and of ``project``."""
        return Access(user.name, user.groups, self.policies, project.policies if project else {})

    def decisions(
        self, user: User, project: Project, questions: Sequence[Question], beside: Sequence[Question] = ()
    ) -> list[Decision]:
        """Return the decisions of Rundeck's rules on ``questions``. ``beside`` are likely later questions."""
        access = self.access(user, project)

        def key(question: Question) -> str:
            return json.dumps([project.name, access.request(), question.request()], sort_keys=True)

        unknown = {key(question): question for question in (*questions, *beside) if key(question) not in self.decided}
        if unknown.keys() & set(map(key, questions)):
            answers = decide(project.name, access, list(unknown.values())).answers
            self.decided |= dict(zip(unknown, answers, strict=True))
        return [self.decided[key(question)] for question in questions]

    def project_of(self, job: str) -> Project | None:
        """Return the project of the job. A UUID is unique on a server."""
        return next((project for project in self.projects.values() if job in project.jobs), None)

    def written(self, name: str, jobs: list[dict[str, Any]]) -> Path:
        """Write a file with these jobs."""
        file = self.folder / name
        file.write_text(yaml.safe_dump(jobs, sort_keys=False))
        return file

    def run(self, project: Project, job: str, user: User, options: Mapping[str, str], number: int) -> JobRun:
        """Run a job in Rundeck's engine as ``user``."""
        return run_job(
            self.written(f"execution-{number}.yaml", list(project.jobs.values())),
            job=job,
            project=project.name,
            options=options,
            keys=self.keys,
            project_properties=project.properties,
            plugins=self.plugins,
            access=self.access(user, project),
        )
