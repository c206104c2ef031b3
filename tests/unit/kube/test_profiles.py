"""profiles.py: what a debug container may do."""

from __future__ import annotations

import typing
from copy import deepcopy

import pytest

from debugcapture.kube import profiles
from debugcapture.kube.profiles import security_context
from debugcapture.model import Json, User
from debugcapture.settings.debug_container import Profile

ALL: tuple[Profile, ...] = typing.get_args(Profile)


def test_restricted_meets_the_pod_security_standard() -> None:
    assert security_context("restricted", User(1000, 2000)) == {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
        "runAsUser": 1000,
        "runAsGroup": 2000,
    }


@pytest.mark.parametrize(
    ("profile", "context"),
    [
        ("baseline", {}),
        ("general", {"capabilities": {"add": ["SYS_PTRACE"]}}),
        ("netadmin", {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}}),
        ("sysadmin", {"privileged": True}),
    ],
)
def test_profile_is_that_of_kubectl_debug(profile: Profile, context: Json) -> None:
    assert security_context(profile, None) == context


@pytest.mark.parametrize("profile", ALL)
def test_every_profile_runs_as_the_target(profile: Profile) -> None:
    context = security_context(profile, User(7, 8))
    assert (context["runAsUser"], context["runAsGroup"]) == (7, 8)


@pytest.mark.parametrize("profile", ALL)
def test_root_never_switches_to_another_user(profile: Profile) -> None:
    context = security_context(profile, User(0, 0))
    assert "runAsNonRoot" not in context
    assert context["runAsUser"] == 0


def test_without_a_user_the_image_decides() -> None:
    assert "runAsUser" not in security_context("restricted", None)


@pytest.mark.parametrize("profile", ALL)
def test_table_is_not_changed_by_its_use(profile: Profile) -> None:
    before = deepcopy(profiles._CONTEXTS)
    security_context(profile, User(0, 0))["runAsUser"] = 5
    assert before == profiles._CONTEXTS


def test_only_sysadmin_is_privileged() -> None:
    assert [profile for profile in ALL if security_context(profile, User(1, 1)).get("privileged")] == ["sysadmin"]
