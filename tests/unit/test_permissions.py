"""What the code asks for is what deploy/ grants."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from debugcapture.permissions import OPTIONAL, PERMISSIONS, Permission, role

DEPLOY = Path(__file__).parents[2] / "deploy"


def granted(file: str) -> set[tuple[str, str, str]]:
    documents = yaml.safe_load_all((DEPLOY / file).read_text())
    rules = [rule for one in documents if one["kind"] == "ClusterRole" for rule in one["rules"]]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("file", ["rbac.yaml", "rbac-pods.yaml"])
def test_what_is_asked_for_is_what_is_granted(file: str) -> None:
    asked = {
        (one.group, one.resource, verb)
        for one in PERMISSIONS
        if OPTIONAL.get(one.purpose, "deploy/rbac.yaml") == f"deploy/{file}"
        for verb in one.verbs
    }
    assert asked == granted(file)


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("system:serviceaccount:ops:rundeck", {"kind": "ServiceAccount", "name": "rundeck", "namespace": "ops"}),
        ("jane", {"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}),
    ],
)
def test_role_grants_what_is_missing_to_whom_it_is_missing(user: str, subject: dict[str, str]) -> None:
    missing = [Permission("every capture", "", "pods", ("get", "list")), PERMISSIONS[1], PERMISSIONS[3]]
    made, binding = yaml.safe_load_all(role(missing, "shop", user))
    assert made["metadata"] == binding["metadata"] == {"name": "debug-capture-missing", "namespace": "shop"}
    assert made["rules"] == [
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]},
    ]
    assert binding["subjects"] == [subject]
