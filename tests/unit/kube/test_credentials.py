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


def plugin(folder: Path, script: str, limit_s: float = 30) -> CredentialPlugin:
    written(folder, "bin/plugin", f"#!/bin/sh\n{script}\n").chmod(0o700)
    entry = {"apiVersion": VERSION, "command": "bin/plugin", "interactiveMode": "Never"}
    return CredentialPlugin(Section({"exec": entry}, folder), CLUSTER, limit_s)


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
        ("kill -9 $$", "process returned -9"),
        ("echo ready", "it printed no JSON"),
        ("echo '[]'", "it printed no ExecCredential"),
        (f'echo \'{{"apiVersion":"{VERSION}","kind":"ExecCredential"}}\'', "it printed no ExecCredential"),
        (f"echo '{answer(token='')}'", "neither a token nor a certificate"),
        (f"echo '{answer(token='t', expirationTimestamp='soon')}'", "is not a time"),
        (f"echo '{answer()}'", "neither a token nor a certificate"),
        ('echo \'{"apiVersion":"v9","kind":"ExecCredential","status":{}}\'', "it answers in version v9, not client"),
    ],
    ids=[
        "its own words",
        "a stack trace",
        "a signal",
        "no JSON",
        "a list",
        "no status",
        "empty token",
        "no time",
        "empty status",
        "another version",
    ],  # fmt: skip
)
def test_a_plugin_that_fails_is_reported_with_its_message(script: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the credential plugin bin/plugin failed") as caught:
        plugin(tmp_path, script).authorization()
    assert reason in str(caught.value)


def test_a_plugin_that_waits_for_a_login_ends_with_what_it_started(tmp_path: Path) -> None:
    credential = plugin(
        tmp_path, f"echo 'Open https://login.example.com' >&2; sleep 60 & echo $! >{tmp_path}/pid; wait"
    )
    credential._limit_s = 0.5  # noqa: SLF001
    with pytest.raises(BadInput, match=r"it did not end within 0.5 s. Open https://login.example.com"):
        credential.authorization()
    child = Path("/proc") / (tmp_path / "pid").read_text().strip()
    deadline = time.monotonic() + 5
    while child.exists() and "State:\tZ" not in (child / "status").read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not child.exists() or "State:\tZ" in (child / "status").read_text()


def test_a_plugin_cannot_read_the_standard_input_of_the_step(tmp_path: Path) -> None:
    assert plugin(tmp_path, f"cat; echo '{answer(token='t')}'").authorization() == "Bearer t"


@pytest.mark.parametrize("time_text", ["2999-01-01T00:00:00.123456789Z", "2999-01-01T00:00:00+02:00"])
def test_a_time_may_have_nanoseconds_or_a_zone(time_text: str, tmp_path: Path) -> None:
    script = f"echo call >>{tmp_path}/calls; echo '{answer(token='t', expirationTimestamp=time_text)}'"
    credential = plugin(tmp_path, script)
    assert [credential.authorization() for _ in range(2)] == ["Bearer t"] * 2
    assert (tmp_path / "calls").read_text() == "call\n"


def test_a_token_with_a_line_break_at_its_end_is_a_valid_header(tmp_path: Path) -> None:
    file = written(tmp_path, "answer.json", answer(token="t\n"))
    assert plugin(tmp_path, f"cat {file}").authorization() == "Bearer t"


def test_a_plugin_gets_its_variables_and_the_cluster(tmp_path: Path) -> None:
    written(tmp_path, "bin/plugin", f'#!/bin/sh\necho "$KUBERNETES_EXEC_INFO" >{tmp_path}/info\n'
            f'echo \'{answer(token="_")}\' | sed "s/_/$OWN/"\n').chmod(0o700)  # fmt: skip
    written(tmp_path, "ca.crt", "PEM")
    variables = [{"name": "OWN", "value": 7}]
    entry = {"apiVersion": VERSION, "command": "bin/plugin", "provideClusterInfo": True, "env": variables}
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}
    values = {"server": "https://10.0.0.1:6443", "certificate-authority": "ca.crt", "extensions": [extension]}
    credential = CredentialPlugin(Section({"exec": entry}, tmp_path), Section(values, tmp_path))
    assert credential.authorization() == "Bearer 7"
    info = json.loads((tmp_path / "info").read_text())
    assert info["spec"] == {
        "interactive": False,
        "cluster": {
            "server": "https://10.0.0.1:6443",
            "certificate-authority-data": base64.b64encode(b"PEM").decode(),
            "config": {"audience": "a"},
        },
    }


def test_a_plugin_that_is_not_installed_is_named_with_its_hint(tmp_path: Path) -> None:
    entry = {"apiVersion": VERSION, "command": "no-such-plugin", "installHint": "Install it from\nexample.com"}
    with pytest.raises(BadInput, match="it cannot be run: No such file or directory. Install it from example.com"):
        CredentialPlugin(Section({"exec": entry}, tmp_path), CLUSTER).authorization()


@pytest.mark.parametrize("entry", [{"command": "x"}, {"apiVersion": VERSION}, {"apiVersion": VERSION, "command": 7}])
def test_an_incomplete_entry_is_bad_input(entry: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="its credential plugin has no"):
        CredentialPlugin(Section({"exec": entry}, tmp_path), CLUSTER)


@pytest.mark.parametrize(
    ("name", "successor"),
    [
        ("gcp", "gke-gcloud-auth-plugin"),
        ("azure", "kubelogin"),
        ("openstack", "client-keystone-auth"),
    ],
)
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
