"""installation.py: the state of a server and an archive become changes, and problems with their remedies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tools.installation import (
    ArchiveContent,
    Job,
    State,
    changes,
    differences,
    duplicates,
    missing_keys,
    plan,
    read_archive,
    read_properties,
    visibility_policy,
)
from tools.project_archive import Edition, jobs, write_project_archive
from tools.project_ids import id_in
from tools.yaml_text import read_yaml

KEYS = {"token", "ca-certificate", "s3-access-key", "s3-secret-key", "pagerduty-token"}
LOCAL = {"resources.source.1.type": "local"}
ALL = {id_in("ops", job["uuid"]): job for job in jobs()}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> ArchiveContent:
    file = tmp_path_factory.mktemp("archive") / "ops.rdproject.jar"
    values = {"server": "https://10.0.0.1:6443", "environment": r"A=C:\temp"}
    write_project_archive(file, Edition("ops", values))
    return read_archive(file.read_bytes())


def installed(archive: ArchiveContent, properties: Mapping[str, str] = LOCAL) -> State:
    """The state of a server after the installation."""
    return State(
        exists=True,
        properties={**archive.properties, **properties},
        pages=archive.pages,
        policies=archive.policies,
        visibility=visibility_policy(archive),
        keys=archive.keys,
        jobs={identity: {"uuid": identity, "name": job.name} for identity, job in archive.jobs.items()},
        named=archive.jobs,
        webhooks=dict.fromkeys(archive.webhooks, "its-token"),
    )


def named(identities: frozenset[str]) -> set[str]:
    return {ALL[identity]["name"] for identity in identities}


def test_the_content_of_an_archive_is_read_completely(archive: ArchiveContent) -> None:
    assert archive.project == "ops"
    assert archive.jobs == {identity: Job(job["name"], job["group"]) for identity, job in ALL.items()}
    assert archive.properties["project.plugin.WorkflowStep.k8s-debug-doctor.server"] == "https://10.0.0.1:6443"
    assert archive.properties["project.plugin.WorkflowStep.k8s-debug-attach.environment"] == r"A=C:\temp"
    assert all(archive.properties.values())
    assert set(archive.pages) == {"readme.md", "motd.md"}
    assert archive.steps == {step["type"] for job in jobs() for step in job["sequence"]["commands"]}
    (job,) = archive.webhooks.values()
    assert archive.jobs[job].name == "Capture from an incident"


def test_the_groups_may_run_what_the_policies_say(archive: ArchiveContent) -> None:
    groups = archive.groups
    assert named(groups["debug-capture-engineers"]) == {job["name"] for job in jobs()}
    assert named(groups["debug-capture-webhook"]) == {"Capture from an incident"}
    operators = named(groups["debug-capture-operators"])
    assert "Heap dump" in operators
    assert not operators & {"Capture, then restart", "Run a command in a pod", "Run a toolbox command"}
    assert len(groups) == 3  # the node source's policy names a project, no group


@pytest.mark.parametrize("content", [b"", b"PK", b"<html>", b"\x00" * 64])
def test_other_files_than_archives_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a project archive"):
        read_archive(content)


def test_properties_without_value_and_comments_are_ignored() -> None:
    assert read_properties("# a=b\na=\nb=c=d\\\\e\n\n") == {"b": r"c=d\e"}


def test_a_new_project_gets_everything(archive: ArchiveContent) -> None:
    todo = plan(State(exists=True, properties=LOCAL), archive, archive.keys)
    assert todo.keys == dict.fromkeys(sorted(KEYS), "POST")
    assert todo.properties == {name: value for name, value in archive.properties.items() if name not in LOCAL}
    assert todo.pages == archive.pages
    assert todo.import_webhooks
    policy = read_yaml(todo.visibility)
    assert policy["for"] == {"project": [{"equals": {"name": "ops"}, "allow": ["read"]}]}
    assert policy["by"]["group"] == ["debug-capture-engineers", "debug-capture-operators", "debug-capture-webhook"]


def test_a_second_installation_changes_nothing(archive: ArchiveContent) -> None:
    state = installed(archive)
    todo = plan(state, archive, frozenset())
    assert (todo.keys, todo.visibility, todo.properties, todo.pages, todo.import_webhooks) == ({}, "", {}, {}, False)
    assert list(changes(state, state, archive, todo)) == []
    assert list(differences(state, archive)) == []
    assert list(duplicates(state, archive)) == []


def test_blank_settings_of_the_archive_do_not_remove_settings_of_the_project(archive: ArchiveContent) -> None:
    own = {
        "project.description": "Ours",
        "project.plugin.WorkflowStep.k8s-debug-capture.image": "registry/toolbox:1",  # blank in the archive
    }
    todo = plan(installed(archive, {**LOCAL, **own}), archive, frozenset())
    assert todo.properties == {}


def test_a_changed_setting_is_set_and_reported_with_its_old_value(archive: ArchiveContent) -> None:
    name = "project.plugin.WorkflowStep.k8s-debug-capture.server"
    before = installed(archive, {**LOCAL, name: "https://old:6443"})
    todo = plan(before, archive, frozenset())
    assert todo.properties == {name: "https://10.0.0.1:6443"}
    lines = list(changes(before, installed(archive), archive, todo))
    assert lines == [f"~ setting {name} = https://10.0.0.1:6443 (was https://old:6443)"]


@pytest.mark.parametrize(
    ("sources", "added"),
    [
        ({}, LOCAL),
        (LOCAL, {}),
        ({"resources.source.1.type": "k8s-debug-pods", "resources.source.1.config.namespaces": "shop"}, {}),
        ({"resources.source.2.type": "file"}, {}),
    ],
)
def test_node_sources_are_kept_and_one_is_added_if_there_is_none(
    sources: Mapping[str, str], added: Mapping[str, str], archive: ArchiveContent
) -> None:
    properties = {name: value for name, value in archive.properties.items() if name not in LOCAL}
    state = replace(installed(archive), properties={**properties, **sources})
    assert plan(state, archive, frozenset()).properties == added


def test_an_existing_key_is_written_again(archive: ArchiveContent) -> None:
    state = replace(installed(archive), keys=frozenset({"token"}))
    todo = plan(state, archive, frozenset({"token", "ca-certificate"}))
    assert todo.keys == {"ca-certificate": "POST", "token": "PUT"}
    after = replace(state, keys=state.keys | {"ca-certificate"})
    assert list(changes(state, after, archive, todo)) == ["+ key ca-certificate stored", "~ key token updated"]


def test_no_setting_names_a_missing_key(archive: ArchiveContent) -> None:
    """A step fails if its setting names a key that the project lacks, even if the step does not need the key."""
    todo = plan(State(exists=True, properties=LOCAL, keys=frozenset({"token"})), archive, frozenset({"s3-access-key"}))
    paths = {value for value in todo.properties.values() if value.startswith("keys/")}
    assert paths == {f"keys/project/ops/debug-capture/{name}" for name in ("token", "s3-access-key")}
    after = replace(
        installed(archive), keys=frozenset({"token", "s3-access-key"}), properties={**LOCAL, **todo.properties}
    )
    assert list(differences(after, archive)) == []
    lines = list(missing_keys(after, archive))
    assert [line.split(":")[0] for line in lines] == [f"- key {key} is missing" for key in sorted(KEYS - after.keys)]


def test_an_existing_webhook_is_not_imported_again(archive: ArchiveContent) -> None:
    """It would get a new URL, and PagerDuty would call the old one."""
    state = installed(archive)
    assert not plan(state, archive, frozenset()).import_webhooks
    other = replace(state, webhooks={"11111111-2222-3333-4444-555555555555": "x"})
    assert plan(other, archive, frozenset()).import_webhooks


def test_pages_differ_by_more_than_their_last_line_break(archive: ArchiveContent) -> None:
    state = replace(installed(archive), pages={"readme.md": archive.pages["readme.md"].rstrip(), "motd.md": "Ours"})
    assert plan(state, archive, frozenset()).pages == {"motd.md": archive.pages["motd.md"]}


def test_each_change_is_reported_from_the_new_state_of_the_server(archive: ArchiveContent) -> None:
    after = installed(archive)
    first, *others = after.jobs
    edited = {**after.jobs, first: {**after.jobs[first], "description": "edited"}}
    before = replace(after, jobs={first: edited[first]}, policies={}, webhooks={}, visibility="old")
    lines = list(changes(before, after, archive, plan(before, archive, frozenset())))
    assert f"~ job {ALL[first]['name']}" in lines
    assert {f"+ job {ALL[other]['name']}" for other in others} <= set(lines)
    assert {f"+ policy {name}" for name in archive.policies} <= set(lines)
    assert len([line for line in lines if line.startswith("+ webhook ")]) == 1
    assert any(re.match(r"~ policy of the server: .*debug-capture-webhook", line) for line in lines)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jobs": {}}, "job Heap dump is not in the project: import the archive again"),
        ({"policies": {}}, "policy operators.aclpolicy is not in the project"),
        ({"pages": {}}, "motd.md differs from the archive: check it in"),
        ({"webhooks": {}}, "is not in the project: the token needs permission to administer"),
        ({"properties": LOCAL}, "setting project.gui.motd.display is '', not 'projectHome'"),
    ],
)
def test_objects_that_are_missing_afterwards_are_reported_with_a_remedy(
    change: dict[str, Any], message: str, archive: ArchiveContent
) -> None:
    assert any(message in line for line in differences(replace(installed(archive), **change), archive))


def test_a_job_of_the_same_name_with_another_id_is_reported(archive: ArchiveContent) -> None:
    (heap_dump,) = [job for job in archive.jobs.values() if job.name == "Heap dump"]
    others = {"of-old": heap_dump, "of-users": Job("Ours", heap_dump.group)}
    state = replace(installed(archive), named={**archive.jobs, **others})
    assert list(duplicates(state, archive)) == [
        "job Heap dump exists a second time, as of-old: delete it if nothing refers to it"
    ]


def test_the_cloud_archive_can_be_read_too(tmp_path: Path) -> None:
    file = tmp_path / "cloud.rdproject.jar"
    write_project_archive(file, Edition("ops", cloud=True))
    archive = read_archive(file.read_bytes())
    assert len(archive.jobs) == len(ALL)
    assert all(name.startswith("project.gui.") for name in archive.properties)
    assert not archive.steps
