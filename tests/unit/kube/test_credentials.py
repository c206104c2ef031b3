"""credentials.py: a credential plugin that fails is named, with its own words, and never becomes an anonymous user."""

from __future__ import annotations

import base64
import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from debugcapture.errors import BadInput, Unreachable
from debugcapture.kube.credentials import CredentialPlugin, provider_authorization
from debugcapture.kube.kubeconfig import Section
from tests.unit.builders import written

VERSION = "client.authentication.k8s.io/v1"
CLUSTER = Section({"server": "https://10.0.0.1:6443"}, Path())


def answer(**status: str) -> str:
    return json.dumps({"apiVersion": VERSION, "kind": "ExecCredential", "status": status})


def plugin(folder: Path, script: str, **other: Any) -> CredentialPlugin:
    written(folder, "bin/plugin", f"#!/bin/sh\n{script}\n").chmod(0o700)
    entry = {"apiVersion": VERSION, "command": "bin/plugin", "interactiveMode": "Never", **other}
    return CredentialPlugin(Section({"exec": entry}, folder), CLUSTER)


def test_a_relative_command_is_beside_the_kubeconfig(tmp_path: Path) -> None:
    assert plugin(tmp_path, f"echo '{answer(token='fresh')}'").authorization() == "Bearer fresh"


@pytest.mark.parametrize(("lives", "calls"), [(timedelta(hours=1), 1), (timedelta(seconds=5), 2)])
def test_a_token_is_used_until_it_expires(lives: timedelta, calls: int, tmp_path: Path) -> None:
    expires = f"{datetime.now(timezone.utc) + lives:%Y-%m-%dT%H:%M:%SZ}"
    credential = plugin(
        tmp_path, f"echo call >>{tmp_path}/calls; echo '{answer(token='t', expirationTimestamp=expires)}'"
    )
    assert [credential.authorization() for _ in range(2)] == ["Bearer t"] * 2
    assert len((tmp_path / "calls").read_text().split()) == calls


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'Unable to locate credentials' >&2; exit 255", "process returned 255. Unable to locate credentials"),
        ("echo 'Traceback:' >&2; echo '  File x' >&2; echo 'No region' >&2; exit 1", "process returned 1. No region."),
        ("echo ready", "failed to decode process output"),
        ("echo '[]'", "missing key"),
        (f"echo '{answer()}'", "neither a token nor a certificate"),
        ('echo \'{"apiVersion":"v9","kind":"ExecCredential","status":{}}\'', "does not match"),
    ],
    ids=["its own words", "a stack trace", "no JSON", "a list", "empty status", "another version"],
)
def test_a_plugin_that_fails_is_named_with_its_own_words(script: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the credential plugin bin/plugin failed") as caught:
        plugin(tmp_path, script).authorization()
    assert reason in str(caught.value)


def test_a_plugin_that_is_not_installed_is_named_with_its_hint(tmp_path: Path) -> None:
    entry = {"apiVersion": VERSION, "command": "no-such-plugin", "installHint": "Install it from\nexample.com"}
    with pytest.raises(BadInput, match="it cannot be run: No such file or directory. Install it from example.com"):
        CredentialPlugin(Section({"exec": entry}, tmp_path), CLUSTER).authorization()


@pytest.mark.parametrize("entry", [{"command": "x"}, {"apiVersion": VERSION}, {"apiVersion": VERSION, "command": 7}])
def test_an_incomplete_entry_is_bad_input(entry: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="its credential plugin has no"):
        CredentialPlugin(Section({"exec": entry}, tmp_path), CLUSTER)


@pytest.mark.parametrize(("name", "successor"), [("gcp", "gke-gcloud-auth-plugin"), ("azure", "kubelogin")])
def test_a_provider_that_kubernetes_has_removed_names_its_successor(name: str, successor: str) -> None:
    user = Section({"auth-provider": {"name": name, "config": {"access-token": "hunter2"}}}, Path())
    with pytest.raises(BadInput, match=f"removed the auth-provider {name}.*{successor}") as caught:
        provider_authorization(user, CLUSTER)
    assert "hunter2" not in str(caught.value)


def oidc(expires: int) -> Section:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expires}).encode()).decode().rstrip("=")
    config = {
        "id-token": f"e30.{claims}.x",
        "refresh-token": "r",
        "client-id": "k",
        "client-secret": "s",
        "idp-issuer-url": "https://127.0.0.1:9",
    }
    return Section({"auth-provider": {"name": "oidc", "config": config}}, Path())


def test_an_oidc_token_that_is_valid_is_used() -> None:
    assert provider_authorization(oidc(4102444800), CLUSTER)().startswith("Bearer e30.")


def test_an_issuer_that_cannot_be_reached_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    with pytest.raises(Unreachable, match="cannot get credentials from the identity provider"):
        provider_authorization(oidc(1), CLUSTER)
