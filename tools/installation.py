"""Plan an installation: compare the archive with the state of the server. This module sends no requests.

Rundeck's import would replace the settings of the project, including its node sources. So the settings are merged by
name instead. The import covers jobs, policies, and the webhook if it does not exist yet: importing it again would give
it a new URL.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from xml.etree import ElementTree

import yaml

from tools.yaml_text import read_yaml

PAGES: Final = ("readme.md", "motd.md")
_SOURCES = "resources.source."
Json = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """The name and group of a job."""

    name: str
    group: str


@dataclass(frozen=True)
class ArchiveContent:
    """The content of a project archive."""

    project: str
    jobs: Mapping[str, Job]  # by UUID
    properties: Mapping[str, str]  # properties with a value
    pages: Mapping[str, str]  # readme.md, motd.md
    policies: Mapping[str, str]  # by file name
    webhooks: Mapping[str, str]  # UUID → UUID of its job
    steps: frozenset[str]  # step plugins that the jobs use

    @property
    def keys(self) -> frozenset[str]:
        """Return the names of the keys in Key Storage that the settings read."""
        return frozenset(_key_of(value) for value in self.properties.values()) - {""}

    def settings(self, keys: frozenset[str]) -> dict[str, str]:
        """Return the properties for a project with ``keys``. A step fails if a setting names a missing key."""
        return {name: value for name, value in self.properties.items() if _key_of(value) in keys | {""}}

    @property
    def groups(self) -> dict[str, frozenset[str]]:
        """Return the groups of users that the policies name, with the UUIDs of the jobs that each may run."""
        documents: dict[str, set[str]] = {}
        for text in self.policies.values():
            policy = read_yaml(text)
            groups = policy["by"].get("group", [])
            for group in [groups] if isinstance(groups, str) else groups:
                documents.setdefault(group, set()).update(_runnable(policy, self.jobs))
        return {group: frozenset(jobs) for group, jobs in documents.items()}


@dataclass(frozen=True)
class State:
    """The state of a project on a server. All fields are blank if the project does not exist."""

    exists: bool = False
    properties: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)
    visibility: str = ""  # the server policy that lets the groups see the project
    keys: frozenset[str] = frozenset()  # names in the project's folder in Key Storage
    jobs: Mapping[str, Json] = field(default_factory=dict)  # by UUID, as the server exports them
    named: Mapping[str, Job] = field(default_factory=dict)  # all jobs in the groups of the archive, by UUID
    webhooks: Mapping[str, str] = field(default_factory=dict)  # UUID → token of its URL


@dataclass(frozen=True)
class Plan:
    """The changes to an existing project, in the order in which they are made."""

    keys: Mapping[str, Literal["POST", "PUT"]]
    visibility: str  # the policy to write; "" for none
    properties: Mapping[str, str]  # to set; the project keeps all others
    pages: Mapping[str, str]
    import_webhooks: bool


def read_archive(content: bytes) -> ArchiveContent:
    """Return the content of the project archive ``content``. Raises ValueError if it is not an archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {name: archive.read(name).decode() for name in archive.namelist()}
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise ValueError(f"not a project archive: {error}") from None
    named = re.search(r"(?m)^Rundeck-Archive-Project-Name: (.+?)\r?$", files.get("META-INF/MANIFEST.MF", ""))
    if not named:
        raise ValueError("not a project archive: its manifest names no project")
    inside = {name.partition("/")[2]: text for name, text in files.items()}
    documents = [ElementTree.fromstring(text) for name, text in inside.items() if name.startswith("jobs/")]  # noqa: S314
    hooks = read_yaml(inside.get("webhooks.yaml", "webhooks: []"))["webhooks"]
    return ArchiveContent(
        named[1],
        dict(map(_job_of, documents)),
        read_properties(inside.get("files/etc/project.properties", "")),
        {page: inside[f"files/{page}"] for page in PAGES if f"files/{page}" in inside},
        {name.rpartition("/")[2]: text for name, text in inside.items() if name.startswith("files/acls/")},
        {hook["uuid"]: read_yaml(hook["config"])["jobId"] for hook in hooks},
        frozenset(step.get("type", "") for document in documents for step in document.iter("step-plugin")),
    )


def read_properties(text: str) -> dict[str, str]:
    """Return the properties in ``text`` that have a value; a line is one property."""
    lines = (line.partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value.replace("\\\\", "\\") for name, _, value in lines if value}


def visibility_policy(archive: ArchiveContent) -> str:
    """Return the server policy that lets the groups see the project."""
    policy = {
        "description": f"Debug captures: these groups may see the project {archive.project}.",
        "context": {"application": "rundeck"},
        "for": {"project": [{"equals": {"name": archive.project}, "allow": ["read"]}]},
        "by": {"group": sorted(archive.groups)},
    }
    return yaml.safe_dump(policy, sort_keys=False, width=120)


def plan(state: State, archive: ArchiveContent, keys: frozenset[str]) -> Plan:
    """Return the changes from ``state`` to the state in ``archive``. ``keys`` are the names of the secrets to store."""
    has_nodes = any(name.startswith(_SOURCES) for name in state.properties)
    properties = {
        name: value
        for name, value in archive.settings(state.keys | keys).items()
        if state.properties.get(name) != value and not (has_nodes and name.startswith(_SOURCES))
    }
    visibility = visibility_policy(archive)
    return Plan(
        keys={name: "PUT" if name in state.keys else "POST" for name in sorted(keys)},
        visibility="" if state.visibility == visibility else visibility,
        properties=properties,
        pages={page: text for page, text in archive.pages.items() if not _same(state.pages.get(page, ""), text)},
        import_webhooks=not archive.webhooks.keys() <= state.webhooks.keys(),
    )


def changes(before: State, after: State, archive: ArchiveContent, todo: Plan) -> Iterator[str]:
    """Yield a line for each difference between ``before`` and ``after``."""
    for key in sorted(todo.keys.keys() & after.keys):
        yield f"+ key {key} stored" if todo.keys[key] == "POST" else f"~ key {key} updated"
    if before.visibility != after.visibility:
        yield f"{_sign(before.visibility)} policy of the server: {', '.join(archive.groups)} may see the project"
    for name, value in sorted(after.properties.items()):
        if (was := before.properties.get(name, "")) != value:
            yield f"{_sign(was)} setting {name} = {value}{f' (was {was})' if was else ''}"
    yield from _describe_change("page", before.pages, after.pages)
    yield from _describe_change("policy", before.policies, after.policies)
    yield from _describe_change("job", _index_by_name(before), _index_by_name(after))
    yield from _describe_change("webhook", dict.fromkeys(before.webhooks), dict.fromkeys(after.webhooks))


def _describe_change(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(new):
        if name not in old:
            yield f"+ {kind} {name}"
        elif old[name] != new[name]:
            yield f"~ {kind} {name}"


def missing_keys(after: State, archive: ArchiveContent) -> Iterator[str]:
    """Yield a line for each key that is not stored. No setting refers to such a key."""
    for key in sorted(archive.keys - after.keys):
        yield f"- key {key} is missing: no step uses it until you install with --key {key}=…"


def differences(after: State, archive: ArchiveContent) -> Iterator[str]:
    """Yield each difference from the archive, with its remedy."""
    for identity in archive.jobs.keys() - after.jobs.keys():
        name = archive.jobs[identity].name
        yield f"job {name} is not in the project: import the archive again, and check the messages of the import"
    for name in archive.policies.keys() - after.policies.keys():
        yield f"policy {name} is not in the project: check Project Settings → Access Control"
    for identity in archive.webhooks.keys() - after.webhooks.keys():
        yield f"webhook {identity} is not in the project: the token needs permission to administer the project"
    yield from _wrong_texts(after, archive)


def _wrong_texts(after: State, archive: ArchiveContent) -> Iterator[str]:
    for name, value in archive.settings(after.keys).items():
        if after.properties.get(name) != value and not name.startswith(_SOURCES):
            yield f"setting {name} is {after.properties.get(name, '')!r}, not {value!r}: check Edit Configuration"
    for page, text in archive.pages.items():
        if not _same(after.pages.get(page, ""), text):
            yield f"{page} differs from the archive: check it in Project Settings"


def duplicates(after: State, archive: ArchiveContent) -> Iterator[str]:
    """Yield jobs with the name of a job of the archive and another UUID, for example from a manual import."""
    own_jobs = set(archive.jobs.values())
    for identity, job in after.named.items():
        if identity not in archive.jobs and job in own_jobs:
            yield f"job {job.name} exists a second time, as {identity}: delete it if nothing refers to it"


def _key_of(value: str) -> str:
    """Return the name of the key if ``value`` is a path in Key Storage, otherwise ""."""
    return value.rpartition("/")[2] if value.startswith("keys/") else ""


def _job_of(document: ElementTree.Element) -> tuple[str, Job]:
    (job,) = document
    return job.findtext("uuid", ""), Job(job.findtext("name", ""), job.findtext("group", ""))


def _runnable(policy: Json, jobs: Mapping[str, Job]) -> set[str]:
    rules = [rule for rule in policy["for"].get("job", []) if "run" in rule["allow"]]
    return {identity for identity, job in jobs.items() if any(_fits(rule, job) for rule in rules)}


def _fits(rule: Json, job: Job) -> bool:
    equal = all(getattr(job, name) == value for name, value in rule.get("equals", {}).items())
    return equal and all(re.fullmatch(value, getattr(job, name)) for name, value in rule.get("match", {}).items())


def _index_by_name(state: State) -> dict[str, Json]:
    return {job["name"]: job for job in state.jobs.values()}


def _same(text: str, other: str) -> bool:
    return text.strip() == other.strip()  # a server may add or remove the final line break


def _sign(before: str) -> str:
    return "~" if before else "+"
