"""auth.py: the address and the credentials of the cluster, and errors that contain no secret."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from debugcapture.errors import BadInput
from debugcapture.kube import auth as module
from debugcapture.kube.auth import connect
from debugcapture.kube.proxy import Proxy
from debugcapture.settings.cluster import ConnectionSettings
from tests.unit.builders import written
from tests.unit.kube.access import NOWHERE, Pair, config, encoded, of_content, of_file, self_signed


def test_token_of_a_kubeconfig_is_the_bearer() -> None:
    connection = of_content(config())
    assert connection.server == "https://10.0.0.1:6443"
    assert connection.authorization() == "Bearer t0ken"
    assert connection.tls.verify_mode == ssl.CERT_REQUIRED
    assert connection.tls.check_hostname


def test_a_slash_at_the_end_of_the_server_is_removed() -> None:
    assert of_content(config({"server": "https://10.0.0.1/k8s/"})).server == "https://10.0.0.1/k8s"


@pytest.mark.parametrize("name", ["token", "ca_certificate", "kubeconfig_content"])
def test_a_key_that_rundeck_did_not_read_is_reported(name: str) -> None:
    values: dict[str, Any] = {"server": "https://10.0.0.1", "token": "t", name: "keys/project/ops/a-key"}
    with pytest.raises(BadInput, match=f"cannot use {name}: it is the path keys/project/ops/a-key in Key Storage"):
        connect(ConnectionSettings(**values), {})


def test_token_file_is_read_again_for_each_request(tmp_path: Path) -> None:
    token = written(tmp_path, "token", "one\n")
    connection = of_file(tmp_path, config(user={"tokenFile": str(token), "token": "old"}))
    assert connection.authorization() == "Bearer one"
    token.write_text("two")
    assert connection.authorization() == "Bearer two"


def test_only_the_clusters_own_ca_is_trusted(pair: Pair) -> None:
    connection = of_content(config({"certificate-authority-data": encoded(pair.certificate)}))
    (ca,) = connection.tls.get_ca_certs()
    assert ca["subject"] == ((("commonName", "test"),),)


def test_client_certificate_needs_no_header_and_leaves_no_file(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    loaded: list[str] = []

    def load(context: ssl.SSLContext, path: str) -> None:
        assert Path(path).stat().st_mode & 0o077 == 0
        loaded.append(Path(path).read_text())
        original(context, path)

    original = ssl.SSLContext.load_cert_chain
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load)
    user = {"client-certificate-data": encoded(pair.certificate), "client-key-data": encoded(pair.key)}
    assert of_content(config(user=user)).authorization() == ""
    assert pair.certificate in loaded[0]
    assert pair.key in loaded[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "settings"),
    [(config({"insecure-skip-tls-verify": True}), {}), (config(), {"verify_tls": False})],
    ids=["kubeconfig", "setting"],
)
def test_verification_can_be_turned_off(content: dict[str, Any], settings: dict[str, Any]) -> None:
    connection = of_content(content, **settings)
    assert connection.tls.verify_mode == ssl.CERT_NONE
    assert not connection.tls.check_hostname


def test_server_name_and_proxy_of_the_cluster_are_kept() -> None:
    connection = of_content(config({"tls-server-name": "kubernetes", "proxy-url": "http://proxy:3128"}))
    assert (connection.server_name, connection.proxy) == ("kubernetes", Proxy("proxy", 3128))


def test_certificate_with_another_key_is_refused(pair: Pair) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    user = {"client-certificate-data": encoded(pair.certificate), "client-key-data": encoded(other.decode())}
    with pytest.raises(BadInput, match="invalid certificate"):
        of_content(config(user=user))


@pytest.mark.parametrize(
    "ca",
    ["not PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"],
    ids=["text", "broken"],
)
def test_wrong_ca_is_refused(ca: str) -> None:
    settings = ConnectionSettings(server="https://10.0.0.1", token="t", ca_certificate=ca)
    with pytest.raises(BadInput, match="invalid certificate: it is not valid PEM"):
        connect(settings, NOWHERE)


@pytest.mark.parametrize("token", ["two words", "two\nlines", "not-äscii", "bell\x07"])
def test_token_that_would_break_the_header_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(BadInput, match="invalid token") as caught:
        connect(ConnectionSettings(server="https://10.0.0.1", token=token), NOWHERE)
    assert token.split("\n")[0] not in str(caught.value)


def test_url_and_token_are_enough() -> None:
    connection = connect(ConnectionSettings(server="https://10.0.0.1:6443/", token="t0ken\n"), NOWHERE)
    assert connection.server == "https://10.0.0.1:6443"
    assert connection.authorization() == "Bearer t0ken"


@pytest.mark.parametrize(
    ("settings", "missing"),
    [({"server": "https://10.0.0.1"}, "token"), ({"token": "hunter2"}, "server")],
    ids=["no token", "no server"],
)
def test_url_needs_a_token_and_a_token_a_url(settings: dict[str, str], missing: str) -> None:
    with pytest.raises(BadInput, match=f"{missing} is missing") as caught:
        connect(ConnectionSettings(**settings), NOWHERE)  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: Pair) -> Path:
    folder = tmp_path / "serviceaccount"
    written(folder, "token", "pod-token")
    written(folder, "ca.crt", pair.certificate)
    monkeypatch.setattr(module, "SERVICE_ACCOUNT", folder)
    return folder


@pytest.mark.parametrize(
    ("environment", "server"),
    [
        ({"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "6443"}, "https://10.96.0.1:6443"),
        ({"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, "https://10.96.0.1:443"),
        ({"KUBERNETES_SERVICE_HOST": "fd00::1"}, "https://[fd00::1]:443"),
    ],
    ids=["IPv4", "default port", "IPv6"],
)
def test_pod_connects_as_its_service_account(environment: dict[str, str], server: str, service_account: Path) -> None:
    connection = connect(ConnectionSettings(), environment)
    assert connection.server == server
    assert connection.authorization() == "Bearer pod-token"
    written(service_account, "token", "renewed")
    assert connection.authorization() == "Bearer renewed"


def test_the_service_account_is_used_only_inside_a_cluster(service_account: Path) -> None:
    assert service_account.exists()
    with pytest.raises(BadInput, match="Rundeck does not run in a pod"):
        connect(ConnectionSettings(), NOWHERE)


def test_settings_have_priority_over_the_environment(service_account: Path, tmp_path: Path) -> None:
    inside = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
    file = written(tmp_path, "file", yaml.safe_dump(config({"server": "https://file"})))
    own = ConnectionSettings(server="https://url", token="t")
    from_file = ConnectionSettings(server="https://url", token="t", kubeconfig=str(file))
    kubeconfig = yaml.safe_dump(config({"server": "https://content"}))
    content = ConnectionSettings(kubeconfig=str(file), kubeconfig_content=kubeconfig)
    assert service_account.exists()
    chosen = [connect(settings, inside).server for settings in (content, from_file, own)]
    assert chosen == ["https://content", "https://file", "https://url"]


def test_the_kubeconfig_of_the_user_has_the_lowest_priority(tmp_path: Path) -> None:
    file = written(tmp_path, "config", yaml.safe_dump(config()))
    assert connect(ConnectionSettings(), {"KUBECONFIG": str(file)}).server == "https://10.0.0.1:6443"


def test_missing_connection_settings_are_reported() -> None:
    with pytest.raises(BadInput, match="no kubeconfig, URL or token is set") as caught:
        connect(ConnectionSettings(), NOWHERE)
    assert "/nonexistent/config does not exist" in str(caught.value)


def test_token_file_that_is_gone_is_bad_input(tmp_path: Path) -> None:
    connection = of_file(tmp_path, config(user={"tokenFile": "gone"}))
    with pytest.raises(BadInput, match=f"cannot read {tmp_path / 'gone'}"):
        connection.authorization()


def exec_plugin(folder: Path, script: str) -> dict[str, Any]:
    program = written(folder, "plugin", f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    kind = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": kind, "command": str(program), "interactiveMode": "Never"}}


def test_credential_plugin_gives_the_token(tmp_path: Path, pair: Pair) -> None:
    answer = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"fresh"}}'
    ca = {"certificate-authority-data": encoded(pair.certificate)}
    connection = of_content(config(ca, exec_plugin(tmp_path, f"echo '{answer}'")))
    assert connection.server == "https://10.0.0.1:6443"
    assert connection.authorization() == "Bearer fresh"
    assert connection.tls.verify_mode == ssl.CERT_REQUIRED


PLUGIN_ANSWER = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"fresh"}}'


def test_only_the_clusters_own_ca_is_trusted_with_a_credential_plugin(
    tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EKS, GKE and AKS are reached with a plugin. A public CA must not be able to vouch for their API servers."""
    monkeypatch.setenv("SSL_CERT_FILE", str(written(tmp_path, "public.pem", self_signed("public").certificate)))
    user = exec_plugin(tmp_path, f"echo '{PLUGIN_ANSWER}'")
    connection = of_content(config({"certificate-authority-data": encoded(pair.certificate)}, user))
    (ca,) = connection.tls.get_ca_certs()
    assert ca["subject"] == ((("commonName", "test"),),)


def test_a_credential_plugin_gives_its_token_to_https_only(tmp_path: Path) -> None:
    marker = tmp_path / "called"
    user = exec_plugin(tmp_path, f"touch {marker}; echo '{PLUGIN_ANSWER}'")
    with pytest.raises(BadInput, match="is not an https:// URL"):
        of_content(config({"server": "http://10.0.0.1:6443"}, user))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("cluster", "settings"),
    [({"insecure-skip-tls-verify": True}, {}), ({}, {"verify_tls": False})],
    ids=["kubeconfig", "setting"],
)
def test_verification_can_be_turned_off_with_a_credential_plugin(
    cluster: dict[str, Any], settings: dict[str, Any], tmp_path: Path
) -> None:
    user = exec_plugin(tmp_path, f"echo '{PLUGIN_ANSWER}'")
    connection = of_content(config(cluster, user), **settings)
    assert connection.tls.verify_mode == ssl.CERT_NONE


def test_a_credential_plugin_may_give_a_client_certificate(
    tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = {"clientCertificateData": pair.certificate, "clientKeyData": pair.key}
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": credential}
    file = written(tmp_path, "answer.json", json.dumps(answer))
    loaded: list[str] = []
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", lambda _context, path: loaded.append(Path(path).read_text()))
    connection = of_content(config(user=exec_plugin(tmp_path, f"cat {file}")))
    assert connection.authorization() == ""
    assert loaded == [f"{pair.certificate}\n{pair.key}\n"]


@pytest.mark.parametrize("paths", [":{}", "{}:", "{}/gone::{}"])
def test_empty_and_missing_entries_of_kubeconfig_are_ignored(paths: str, tmp_path: Path) -> None:
    file = written(tmp_path, "config", yaml.safe_dump(config()))
    connection = connect(ConnectionSettings(), {"KUBECONFIG": paths.format(file, file)})
    assert connection.server == "https://10.0.0.1:6443"


def test_base64_may_have_line_breaks_and_the_scheme_capitals(pair: Pair) -> None:
    lines = base64.encodebytes(pair.certificate.encode()).decode()
    connection = of_content(config({"certificate-authority-data": lines, "server": "HTTPS://10.0.0.1:6443/"}))
    assert connection.server == "https://10.0.0.1:6443"
    assert len(connection.tls.get_ca_certs()) == 1


@pytest.mark.parametrize("env", [[{"value": "x"}], ["A=b"], 7], ids=str)
def test_a_credential_plugin_with_damaged_variables_is_bad_input(env: Any, tmp_path: Path) -> None:
    user = exec_plugin(tmp_path, f"echo '{PLUGIN_ANSWER}'")
    user["exec"]["env"] = env
    with pytest.raises(BadInput, match="does not have the structure that kubeconfigs have"):
        of_content(config(user=user))


def test_user_and_password_become_basic_authentication() -> None:
    connection = of_content(config(user={"username": "u", "password": "p"}))
    assert connection.authorization() == f"Basic {encoded('u:p')}"


def test_a_ca_may_have_comments_in_any_language(pair: Pair) -> None:
    commented = ConnectionSettings(server="https://x", token="t", ca_certificate=f"# Főtanúsítvány\n{pair.certificate}")
    assert connect(commented, NOWHERE).tls.cert_store_stats()["x509"] == 1


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:1"}, Proxy("p", 1)),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "other.example,cluster.example"}, None),
    ],
    ids=["none", "set", "excluded"],
)
def test_the_environments_proxy_is_used(environment: dict[str, str], proxy: Proxy | None) -> None:
    settings = ConnectionSettings(server="https://cluster.example:6443", token="t")
    assert connect(settings, environment).proxy == proxy


def test_the_clusters_own_proxy_comes_before_that_of_the_environment() -> None:
    text = yaml.safe_dump(config({"proxy-url": "http://own:3128"}))
    environment = {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.1"}
    assert connect(ConnectionSettings(kubeconfig_content=text), environment).proxy == Proxy("own", 3128)
