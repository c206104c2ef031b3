"""config.py: configuration files and the files of secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from debugcapture.cli.commands import COMMANDS
from debugcapture.cli.config import config_path, from_config, from_environment, read_config, read_secret
from debugcapture.errors import BadInput
from debugcapture.settings.declare import declared, read
from debugcapture.settings.forms import CaptureStep

REPO = Path(__file__).parents[3]
SETTINGS = declared(CaptureStep)


def config(tmp_path: Path, text: str) -> dict[str, str]:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return read_config(file, SETTINGS)


def test_values_stay_as_they_are_written(tmp_path: Path) -> None:
    text = "s3_bucket_owner: 012345678901\nverify_tls: false\nmax_pods: 5\nencrypt_to: |\n  age1x\n  age1y\n"
    assert config(tmp_path, text) == {
        "s3_bucket_owner": "012345678901",
        "verify_tls": "false",
        "max_pods": "5",
        "encrypt_to": "age1x\nage1y\n",
    }


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_configuration_is_valid(text: str, tmp_path: Path) -> None:
    assert config(tmp_path, text) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("namespce: shop\n", "unknown setting 'namespce'"),
        (
            "token: hunter2\n",
            "token is a secret: write it to a separate file, and set token_file to the path of that file",
        ),
        ("namespace_file: x\n", "unknown setting 'namespace_file'"),
        ("namespace: [hunter2]\n", "namespace must be a single value"),
        ("hunter2\n", "it is not a list of NAME: VALUE lines"),
        ("- hunter2\n", "it is not a list of NAME: VALUE lines"),
        ("a: 'hunter2\n", "in line"),
    ],
)
def test_a_wrong_configuration_is_refused_without_its_content(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        config(tmp_path, text)
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'a'; unknown setting 'b'"):
        config(tmp_path, "a: 1\nb: 2\n")


def test_a_configuration_names_the_files_of_secrets(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("hunter2")
    token.chmod(0o440)
    assert from_config(SETTINGS, {"token_file": str(token), "namespace": "shop"}) == {
        "namespace": "shop",
        "token": "hunter2",
    }


def test_a_variable_with_the_secret_itself_needs_no_file() -> None:
    environment = {"DEBUG_CAPTURE_TOKEN": "hunter2", "DEBUG_CAPTURE_TOKEN_FILE": "/nowhere", "OTHER": "x"}
    assert from_environment(SETTINGS, environment) == {"token": "hunter2"}


def test_a_secret_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("hunter2")
    token.chmod(0o644)
    with pytest.raises(BadInput, match=r"every user of this machine can read it \(mode 644\).*chmod o-r") as caught:
        read_secret("token", str(token))
    assert "hunter2" not in str(caught.value)
    assert read_secret("ca_certificate", str(token)) == "hunter2"  # a certificate is not a secret


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_secret_that_cannot_be_read_is_reported(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)
    with pytest.raises(BadInput, match="cannot read .*token for token"):
        read_secret("token", str(file))


def test_a_named_configuration_must_exist(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the file does not exist"):
        config_path(str(tmp_path / "none"), {})
    assert config_path("", {"HOME": "/", "XDG_CONFIG_HOME": str(tmp_path)}) is None


def test_the_documented_configuration_of_the_runner_is_valid() -> None:
    settings = [setting for command in COMMANDS for setting in command.declared]
    sample = read_config(REPO / "deploy" / "runner" / "config.yaml", settings)
    step = read(CaptureStep, from_config(SETTINGS, sample))
    assert step.store.store.startswith("s3://")
    assert step.connection.server.startswith("https://")
