"""main.py: where the values of a command come from, and which value wins."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from debugcapture.cli import help as usage
from debugcapture.cli.commands import COMMANDS
from tests.unit.cli.support import GOOD, Install, Recorder, failing, main


def test_an_option_has_priority_over_the_environment_and_that_over_the_configuration(
    install: Install, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("namespace: from-config\npod: from-config\ncontainer: from-config\n")
    install(recorder := Recorder())
    environment = {"DEBUG_CAPTURE_POD": "from-environment", "DEBUG_CAPTURE_NAMESPACE": "from-environment"}
    options = ["--config", str(config), "--namespace", "from-option", "--command", "true"]
    assert main("test", *options, **environment) == 0
    target = recorder.steps[0].target
    assert (target.namespace, target.pod, target.container) == ("from-option", "from-environment", "from-config")


def test_a_blank_variable_is_ignored_and_a_blank_option_is_the_default(install: Install, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("namespace: shop\ncontainer: app\n")
    install(recorder := Recorder())
    options = ["--config", str(config), "--container", "", *GOOD]
    assert main("test", *options, DEBUG_CAPTURE_NAMESPACE="") == 0
    assert (recorder.steps[0].target.namespace, recorder.steps[0].target.container) == ("shop", "")


@pytest.mark.parametrize("where", ["XDG_CONFIG_HOME", "HOME", "DEBUG_CAPTURE_CONFIG"])
def test_the_configuration_is_found(where: str, install: Install, tmp_path: Path) -> None:
    folder = tmp_path / ".config" if where == "HOME" else tmp_path
    config = folder / "debug-capture" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("namespace: shop\n")
    install(recorder := Recorder())
    value = str(config) if where == "DEBUG_CAPTURE_CONFIG" else str(tmp_path)
    assert main("test", *GOOD, **{where: value}) == 0
    assert recorder.steps[0].target.namespace == "shop"


def test_values_arrive_typed_and_a_switch_can_be_turned_off(install: Install) -> None:
    install(recorder := Recorder())
    assert main("test", *GOOD, "--time-limit-s", "7", "--no-verify-tls") == 0
    assert recorder.steps[0].command.time_limit_s == 7
    assert recorder.steps[0].connection.verify_tls is False


def test_words_after_the_options_are_the_command_including_quotes_and_dashes(install: Install) -> None:
    install(recorder := Recorder())
    assert main("test", "--pod", "web-0", "sh", "-c", "echo 'a b'; ls", "--config") == 0
    assert recorder.steps[0].command.command == """sh -c 'echo '"'"'a b'"'"'; ls' --config"""


def test_wrong_settings_run_nothing_and_are_reported_as_in_a_step(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(failing(AssertionError("it ran")))
    assert main("test", "--pod", "No Pod", "--time-limit-s", "0") == 2
    assert capsys.readouterr().err == (
        "Error: wrong settings: pod must be lower-case letters, digits, dashes and dots, not 'No Pod'; command is "
        "missing (Command); time_limit_s must be a number from 1 to 86400, not '0'. Nothing was changed. Correct the "
        "settings and run again.\n"
    )


def test_a_secret_is_read_from_its_file(install: Install, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("hunter2\n")
    token.chmod(0o600)
    install(recorder := Recorder())
    assert main("test", *GOOD, "--token-file", str(token)) == 0
    assert main("test", *GOOD, DEBUG_CAPTURE_TOKEN_FILE=str(token)) == 0
    assert main("test", *GOOD, DEBUG_CAPTURE_TOKEN="hunter2") == 0
    assert [step.connection.token for step in recorder.steps] == ["hunter2"] * 3


def test_no_secret_can_be_the_value_of_an_option() -> None:
    secrets = {setting.name for command in COMMANDS for setting in command.declared if setting.rule.secret}
    assert "token" in secrets
    for command in COMMANDS:
        options = {option for param in usage.CommandPage(command, None).params for option in param.opts}
        assert not options & {"--" + name.replace("_", "-") for name in secrets}


def test_one_secret_can_be_read_from_standard_input(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.write(write, b"hunter2\n")
    os.close(write)
    install(recorder := Recorder())
    with os.fdopen(read) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main("test", *GOOD, "--token-file", "-") == 0
    assert recorder.steps[0].connection.token == "hunter2"
    assert main("test", *GOOD, "--token-file", "-", "--ca-certificate-file", "-") == 2
