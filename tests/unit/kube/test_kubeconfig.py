"""kubeconfig.py: one file or several; a mistake is named, and no secret is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from debugcapture.errors import BadInput
from debugcapture.kube.auth import connect
from debugcapture.settings.cluster import ConnectionSettings
from tests.unit.builders import written
from tests.unit.kube.access import NOWHERE, Pair, config, encoded, of_content, of_file


def test_json_is_a_kubeconfig_too() -> None:
    assert of_content(str(config()).replace("'", '"')).server == "https://10.0.0.1:6443"


def test_files_are_named_relative_to_the_kubeconfig(tmp_path: Path, pair: Pair) -> None:
    written(tmp_path, "pki/ca.crt", pair.certificate)
    written(tmp_path, "pki/token", "t0ken")
    content = config({"certificate-authority": "pki/ca.crt"}, {"tokenFile": "pki/token"})
    connection = of_file(tmp_path, content)
    assert connection.authorization() == "Bearer t0ken"
    assert len(connection.tls.get_ca_certs()) == 1


def test_named_context_is_chosen_before_the_current_one() -> None:
    content = config()
    content["contexts"].append({"name": "other", "context": {"cluster": "c", "user": "nobody"}})
    content["users"].append({"name": "nobody", "user": {}})
    assert of_content(content, context="other").authorization() == ""
    assert of_content(content).authorization() == "Bearer t0ken"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"current-context": "gone"}, "it does not contain the context 'gone'; available contexts: main"),
        ({"current-context": None}, "it does not contain the context ''; available contexts: main"),
        ({"contexts": None}, "it does not contain the context 'main'; available contexts: none"),
        ({"clusters": []}, "it does not contain the cluster 'c'; available clusters: none"),
        ({"users": [{"name": "v", "user": {}}]}, "it does not contain the user 'u'; available users: v"),
        ({"users": [{"name": "u", "user": None}]}, "it does not contain the user 'u'; available users: u"),
        ({"clusters": [{"name": "c", "cluster": {"server": "http://10.0.0.1"}}]}, "is not an https:// URL"),
        ({"clusters": [{"name": "c", "cluster": {}}]}, "server '' is not an https:// URL"),
    ],
    ids=["no such", "none current", "no contexts", "no cluster", "no user", "empty user", "http", "no server"],
)
def test_a_kubeconfig_with_a_missing_context_lists_the_existing_ones(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match="invalid kubeconfig") as caught:
        of_content(config() | change)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("token: 'hunter2\n", "is not YAML"),
        ("a: !hunter2 b", "is not YAML"),
        ("\ttoken: hunter2", "is not YAML"),
        ("hunter2", "contains no clusters"),
        ("[hunter2]", "contains no clusters"),
        ("token: hunter2", "contains no clusters"),
    ],
    ids=["open quote", "tag", "tab", "a word", "a list", "another mapping"],
)
def test_bad_kubeconfig_does_not_leak_its_content(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        of_content(text)
    assert "hunter2" not in str(caught.value)
    assert "the kubeconfig content" in str(caught.value)


@pytest.mark.parametrize(
    "value", ["aHVudGVy!Mg==", "aHVudGVyMsO8", "aHüntGVy"], ids=["no base64", "no ASCII", "not even text in ASCII"]
)
def test_bad_key_data_is_named_and_not_shown(value: str, pair: Pair) -> None:
    user = {"client-certificate-data": encoded(pair.certificate), "client-key-data": value}
    with pytest.raises(BadInput, match="client-key-data is not base64-encoded PEM") as caught:
        of_content(config(user=user))
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file or directory"), (b"\xff\xfe", "it is not text")],
    ids=["missing", "binary"],
)
def test_kubeconfig_that_cannot_be_read_is_named(content: bytes | None, message: str, tmp_path: Path) -> None:
    file = tmp_path / "config"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadInput, match=message) as caught:
        connect(ConnectionSettings(kubeconfig=str(file)), NOWHERE)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"contexts": ["main"]},
        {"contexts": "main"},
        {"users": {"u": {}}},
        {"users": [{"name": "main", "user": {"token": 12345}}]},
        {"clusters": [{"name": "main", "cluster": {"server": "https://x", "certificate-authority-data": 5}}]},
    ],
)
def test_a_kubeconfig_of_another_form_is_bad_input(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="invalid kubeconfig"):
        of_content(config() | change)


def test_the_first_kubeconfig_of_a_list_that_exists_counts(tmp_path: Path) -> None:
    file = written(tmp_path, "config", yaml.safe_dump(config()))
    access = connect(ConnectionSettings(), {"KUBECONFIG": f"/nonexistent:{file}"})
    assert access.server == of_content(config()).server


def test_kubeconfigs_of_a_list_are_merged_and_the_first_entry_counts(tmp_path: Path) -> None:
    other = config({"server": "https://10.0.0.2:6443"}, {"tokenFile": "token"})
    other["contexts"] = [{"name": "prod", "context": {"cluster": "c2", "user": "u2"}}]
    other["clusters"][0]["name"], other["users"][0]["name"] = "c2", "u2"
    written(tmp_path, "b/token", "of-b")
    files = [written(tmp_path, "a/config", yaml.safe_dump(config() | {"current-context": ""}))]
    files.append(written(tmp_path, "b/config", yaml.safe_dump(other | {"current-context": "prod"})))
    environment = {"KUBECONFIG": ":".join(map(str, files))}
    current = connect(ConnectionSettings(), environment)
    assert (current.server, current.authorization()) == ("https://10.0.0.2:6443", "Bearer of-b")
    named = connect(ConnectionSettings(context="main"), environment)
    assert (named.server, named.authorization()) == ("https://10.0.0.1:6443", "Bearer t0ken")


@pytest.mark.parametrize("content", ["", "apiVersion: v1\nkind: Config\n"], ids=["empty", "no clusters"])
def test_a_list_without_any_cluster_is_bad_input(content: str, tmp_path: Path) -> None:
    files = [written(tmp_path, name, content) for name in ("a", "b")]
    with pytest.raises(BadInput, match="contain no clusters"):
        connect(ConnectionSettings(), {"KUBECONFIG": ":".join(map(str, files))})
