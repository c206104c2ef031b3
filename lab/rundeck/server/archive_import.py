"""`PUT /project/NAME/import`: what Rundeck imports from a project archive, and how it treats existing objects."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.rundeck.engine import decide
from lab.rundeck.project_import import imported, job_of, properties_of
from lab.rundeck.server.jobs import Duplicates, save_jobs
from lab.rundeck.server.state import MOTD, README, Project, State, User, Webhook

NODE_SOURCES = "resources.source."


@dataclass(frozen=True)
class Choices:
    """The parameters of the URL. Other content is not imported, and the response does not mention it."""

    config: bool = False
    node_sources: bool = False
    policies: bool = False
    webhooks: bool = False
    new_webhook_tokens: bool = False
    new_webhook_uuids: bool = False
    keep_job_uuids: bool = True

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Choices:
        """Read the parameters by their documented names. Others are ignored."""

        def chosen(name: str) -> bool:
            return query.get(name) == "true"

        return cls(
            config=chosen("importConfig"),
            node_sources=chosen("importNodesSources"),
            policies=chosen("importACL"),
            webhooks=chosen("importWebhooks"),
            new_webhook_tokens=chosen("whkRegenAuthTokens"),
            new_webhook_uuids=chosen("whkRegenUuid"),
            keep_job_uuids=query.get("jobUuidOption", "preserve") == "preserve",
        )


@dataclass
class Report:
    """The content that could not be imported. All other content was imported."""

    errors: list[str] = field(default_factory=list)
    policy_errors: list[str] = field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        """Return the response. Only its body reports failures: the status is always 200."""
        failed = bool(self.errors or self.policy_errors)
        answer: dict[str, Any] = {"import_status": "failed" if failed else "successful", "successful": not failed}
        answer |= {"errors": self.errors} if self.errors else {}
        return answer | ({"acl_errors": self.policy_errors} if self.policy_errors else {})


def import_archive(state: State, project: Project, archive: Path, choices: Choices, user: User) -> Report:
    """Import the content that ``choices`` select, as ``user``."""
    report = Report(errors=list(_jobs(state, project, archive, choices)))
    if choices.config:
        _configuration(project, archive, choices)
    if choices.policies:
        report.policy_errors = list(_policies(state, project, archive, user))
    if choices.webhooks:
        _webhooks(state, project, archive, choices, user)
    return report


def _jobs(state: State, project: Project, archive: Path, choices: Choices) -> Iterator[str]:
    files = imported(archive, "job")
    jobs = [job_of(text) for text in files.values()]
    places = list(files)
    for saved in save_jobs(state, project, jobs, Duplicates(keep_uuid=choices.keep_job_uuids)):
        if saved.error:
            place = places[saved.index - 1]
            yield f"Job at index [{saved.index}] at archive path: {place} had errors: {saved.error}"


def _configuration(project: Project, archive: Path, choices: Choices) -> None:
    """Replace all properties of the project. Node sources are only imported if a parameter requests it."""
    properties = properties_of("".join(imported(archive, "properties").values()))
    project.properties = {
        name: value for name, value in properties.items() if choices.node_sources or not name.startswith(NODE_SOURCES)
    }
    for text, kind in ((README, "readme"), (MOTD, "motd")):
        for content in imported(archive, kind).values():
            project.texts[text] = content


def _policies(state: State, project: Project, archive: Path, user: User) -> Iterator[str]:
    policies = {name.rpartition("/")[2]: text for name, text in imported(archive, "policy").items()}
    trial = Project(project.name, {}, policies=policies)
    invalid = decide(project.name, state.access(user, trial), ()).invalid
    project.policies |= {name: text for name, text in policies.items() if name not in invalid}
    for name, errors in invalid.items():
        yield f"files/acls/{name} could not be validated: {dict(errors)}"


def _webhooks(state: State, project: Project, archive: Path, choices: Choices, user: User) -> None:
    """Import webhooks by UUID: a webhook of another project moves to this one."""
    for text in imported(archive, "webhooks").values():
        for read in yaml.safe_load(text)["webhooks"]:
            identity = str(uuid.uuid4()) if choices.new_webhook_uuids else read["uuid"]
            existing = state.webhooks.get(identity)
            token = existing.token if existing and not choices.new_webhook_tokens else secrets.token_hex(16)
            roles = read.get("roles") or ",".join(user.groups)
            owner = User(read.get("user") or user.name, tuple(role.strip() for role in roles.split(",")))
            config = read["config"] if isinstance(read["config"], dict) else json.loads(read["config"])
            state.webhooks[identity] = Webhook(
                identity, read["name"], project.name, read["eventPlugin"], config, read["enabled"], owner, token
            )
