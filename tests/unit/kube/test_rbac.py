"""The manifests of deploy/rbac grant exactly the requests of the jobs, and a refusal names the right manifest."""

from __future__ import annotations

import pytest

from debugcapture.kube.rbac import JOBS, PERMISSIONS, SIZES, Permission, Size, grant_command, manifest_granting, role
from lab.paths import REPO
from tools.project_archive import jobs
from tools.yaml_text import read_documents

RBAC = REPO / "deploy" / "rbac"
Right = tuple[str, str, str]
OFF_CLUSTER = {"Send captures that are waiting", "Open a capture", "Renew links", "Check the installation"}


def rights(file: str, kind: str) -> set[Right]:
    """The permissions of the roles of ``kind`` in a manifest: group, resource, verb."""
    documents = read_documents((RBAC / file).read_text())
    rules = [rule for document in documents if document["kind"] == kind for rule in document["rules"]]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def requested_rights(size: Size, *scopes: str) -> set[Right]:
    rights = [
        permission for permission in PERMISSIONS if permission.purpose in SIZES[size] and permission.scope in scopes
    ]
    return {(permission.group, permission.resource, verb) for permission in rights for verb in permission.verbs}


@pytest.mark.parametrize("size", SIZES)
def test_each_size_grants_exactly_the_required_permissions(size: Size) -> None:
    assert rights(f"namespace/{size}.yaml", "Role") == requested_rights(size, "namespace")
    assert rights(f"cluster/{size}.yaml", "ClusterRole") == requested_rights(size, "namespace", "cluster")
    assert rights("account.yaml", "ClusterRole") == requested_rights(size, "cluster")


def test_each_size_includes_the_smaller_ones() -> None:
    read, capture, restart = (requested_rights(size, "namespace") for size in SIZES)
    assert read < capture < restart
    assert not {verb for _, _, verb in read} - {"get", "list", "watch"}
    assert not {resource for _, resource, _ in read} & {"pods/exec", "pods/ephemeralcontainers", "secrets"}
    assert rights("namespace/pods.yaml", "Role") == {("", "pods", "create"), ("", "pods", "delete")}


@pytest.mark.parametrize("file", sorted(RBAC.rglob("*.yaml")), ids=lambda file: file.name)
def test_every_role_is_bound_to_the_account_of_the_captures(file: str) -> None:
    documents = read_documents((RBAC / file).read_text())
    roles = {(document["kind"], document["metadata"]["name"]) for document in documents if "rules" in document}
    bindings = [document for document in documents if document["kind"].endswith("Binding")]
    assert {(binding["roleRef"]["kind"], binding["roleRef"]["name"]) for binding in bindings} == roles
    subject = {"kind": "ServiceAccount", "name": "debug-capture", "namespace": "debug-capture"}
    assert all(binding["subjects"] == [subject] for binding in bindings)


def test_every_job_that_goes_to_the_cluster_is_named() -> None:
    assert set(JOBS) == {job["name"] for job in jobs()} - OFF_CLUSTER


def test_every_job_is_covered_by_a_size() -> None:
    assert {name for name, purposes in JOBS.items() if set(purposes) <= set(SIZES["read"])} == {"Logs and events"}
    assert all(set(purposes) <= set(SIZES["capture-and-restart"]) for purposes in JOBS.values())


@pytest.mark.parametrize(
    ("verb", "resource", "group", "file"),
    [
        ("get", "pods/log", "", "namespace/read"),
        ("get", "pods/exec", "", "namespace/capture"),
        ("patch", "deployments/scale", "apps", "namespace/capture-and-restart"),
        ("create", "pods", "", "namespace/pods"),
    ],
)
def test_refusal_in_a_namespace_names_the_smallest_size(verb: str, resource: str, group: str, file: str) -> None:
    refusal = (
        f'pods "web-0" is forbidden: User "u" cannot {verb} resource "{resource}" in API group "{group}" '
        'in the namespace "shop"'
    )
    assert grant_command(refusal) == f"Grant it: kubectl apply -n shop -f deploy/rbac/{file}.yaml"


def test_refusal_for_the_cluster_names_the_account() -> None:
    refusal = 'nodes "a" is forbidden: User "u" cannot get resource "nodes" in API group "" at the cluster scope'
    assert grant_command(refusal) == "Grant it: kubectl apply -f deploy/rbac/account.yaml"


@pytest.mark.parametrize("refusal", ["no", 'cannot get resource "secrets" in API group "" in the namespace "shop"'])
def test_refusal_of_something_else_names_the_folder(refusal: str) -> None:
    assert grant_command(refusal) == "Grant it with one of the roles in deploy/rbac."


def test_every_file_that_is_named_is_there() -> None:
    assert all((REPO / manifest_granting(permission)).is_file() for permission in PERMISSIONS)


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("system:serviceaccount:ops:rundeck", {"kind": "ServiceAccount", "name": "rundeck", "namespace": "ops"}),
        ("jane", {"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}),
    ],
)
def test_the_role_grants_missing_permissions_to_the_account(user: str, subject: dict[str, str]) -> None:
    reading, running = ("get", "list"), ("get", "create")
    missing = [
        Permission("state, logs and events", "", "pods", reading),
        Permission("state, logs and events", "", "secrets", reading),
        Permission("commands in containers", "", "pods/exec", running),
    ]
    role_json, binding = read_documents(role(missing, "shop", user))
    assert role_json["metadata"] == binding["metadata"] == {"name": "debug-capture-missing", "namespace": "shop"}
    assert role_json["rules"] == [
        {"apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]},
    ]
    assert binding["subjects"] == [subject]
