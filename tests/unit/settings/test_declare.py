"""declare.py: text from Rundeck becomes typed values, or one error that names everything wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.errors import BadInput
from debugcapture.settings.declare import DAY_S, Declared, Group, Rule, declared, problem_of, read, setting, written
from debugcapture.settings.encryption import EncryptionSettings
from debugcapture.settings.forms import CaptureStep
from debugcapture.settings.s3 import S3Settings
from debugcapture.steps.attach import AttachStep
from debugcapture.steps.execute import ExecStep
from debugcapture.steps.incident_note import NoteStep
from debugcapture.steps.providers import PROVIDERS, SERVICES
from debugcapture.steps.upload import UploadStep
from lab.paths import REPO

EXEC = {"pod": "web-0", "command": "true"}


def problem(step: type[Any], values: dict[str, str]) -> str:
    with pytest.raises(BadInput) as caught:
        read(step, values)
    return str(caught.value)


def test_blank_settings_take_their_defaults() -> None:
    step = read(ExecStep, EXEC | {"namespace": "", "time_limit_s": "  ", "verify_tls": ""})
    assert (step.target.namespace, step.command.time_limit_s, step.connection.verify_tls) == ("default", 300, True)


def test_values_get_their_types() -> None:
    values = EXEC | {"time_limit_s": "30", "verify_tls": "false", "image": "busybox:1", "profile": "sysadmin"}
    step = read(AttachStep, values)
    assert step.command.time_limit_s == 30
    assert step.connection.verify_tls is False
    assert step.debug.profile == "sysadmin"


def test_white_space_around_a_value_is_removed() -> None:
    assert read(ExecStep, EXEC | {"pod": " web-0\n"}).target.pod == "web-0"


@pytest.mark.parametrize(
    ("step", "name", "text", "message"),
    [
        (CaptureStep, "max_pods", "three", "max_pods must be a number from 1 to 100000, not 'three'"),
        (CaptureStep, "order", "best", "order must be one of unhealthy-first, newest, oldest, not 'best'"),
        (CaptureStep, "dry_run", "True", "dry_run must be true or false, not 'True'"),
    ],
)
def test_a_wrong_number_choice_or_switch_is_reported_with_the_valid_values(
    step: type[Any], name: str, text: str, message: str
) -> None:
    """Forms do not check them, because each may be ``${option.x}``."""
    assert message in problem(step, {"pod": "web-0", name: text})


@pytest.mark.parametrize("name", ["max_pods", "order", "dry_run", "pod", "when"])
@pytest.mark.parametrize("reference", ["${option.x}", "${data.a-b}", "${job.execid}"])
def test_a_reference_that_rundeck_did_not_replace_is_reported(name: str, reference: str) -> None:
    message = problem(CaptureStep, {"pod": "web-0", name: reference})
    assert f"not {reference!r}: Rundeck did not replace {reference}; check that the job has that" in message


def test_a_command_may_contain_its_own_references() -> None:
    assert read(ExecStep, EXEC | {"command": "echo ${option.x}"}).command.command == "echo ${option.x}"


def test_settings_of_other_steps_are_ignored() -> None:
    assert read(UploadStep, {"pod": "not/a/pod", "bundle": "/b"}).bundle.bundle == "/b"


@pytest.mark.parametrize(
    ("step", "name", "text"),
    [
        (ExecStep, "pod", "Web"),
        (ExecStep, "pod", "web/../x"),
        (ExecStep, "pod", "web\nx"),
        (ExecStep, "pod", "-web"),
        (ExecStep, "pod", "w" * 254),
        (ExecStep, "namespace", "a.b"),
        (ExecStep, "namespace", "n" * 64),
        (ExecStep, "container", "app;ls"),
        (ExecStep, "server", "http://10.0.0.1"),
        (ExecStep, "server", "10.0.0.1:6443"),
        (ExecStep, "verify_tls", "yes"),
        (UploadStep, "sftp_file_mode", "rw-r-----"),
        (UploadStep, "sftp_folder_mode", "789"),
        (ExecStep, "time_limit_s", "0"),
        (ExecStep, "time_limit_s", str(DAY_S + 1)),
        (ExecStep, "time_limit_s", "1.5"),
        (ExecStep, "time_limit_s", "-1"),
        (ExecStep, "time_limit_s", "9" * 5000),
        (AttachStep, "profile", "root"),
        (AttachStep, "image", "busybox; rm"),
        (CaptureStep, "collectors", "pod-snapshot,,jvm-thread-dump"),
        (CaptureStep, "debug_time_limit_s", "29"),
        (UploadStep, "store", "http://bucket"),
        (UploadStep, "store", "s3:///prefix"),
        (UploadStep, "store", "file://relative"),
        (UploadStep, "s3_endpoint", "https://host/path"),
        (UploadStep, "link_valid_s", str(7 * DAY_S + 1)),
        (NoteStep, "incident_id", "../users"),
        (NoteStep, "incident_id", "q1abcdef"),
        (NoteStep, "pagerduty_from", "nobody"),
        (NoteStep, "pagerduty_url", "http://api.pagerduty.com"),
        (NoteStep, "pagerduty_url", "http://127.0.0.1.evil.example"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else repr(value)[:40],
)
def test_wrong_value_is_refused_by_name(step: type[Any], name: str, text: str) -> None:
    assert f"{name} must be" in problem(step, {**EXEC, "bundle": "/b", name: text})


@pytest.mark.parametrize(
    ("step", "name", "text"),
    [
        (ExecStep, "pod", "web.example-0"),
        (ExecStep, "pod", "w" * 253),
        (ExecStep, "namespace", "n" * 63),
        (ExecStep, "server", "https://10.0.0.1:6443/k8s/clusters/c-1"),
        (ExecStep, "server", "https://[::1]:6443"),
        (ExecStep, "time_limit_s", "1"),
        (ExecStep, "time_limit_s", str(DAY_S)),
        (AttachStep, "image", "registry.example:5000/a/b@sha256:" + "0" * 64),
        (CaptureStep, "collectors", "pod-snapshot , jvm-thread-dump"),
        (UploadStep, "sftp_folder_mode", "2750"),
        (UploadStep, "sftp_file_mode", "server"),
        (UploadStep, "store", "s3://bucket"),
        (UploadStep, "store", "s3://bucket/a/b"),
        (UploadStep, "store", "file:///"),
        (UploadStep, "s3_endpoint", "http://127.0.0.1:9000/"),
        (NoteStep, "incident_id", "Q1ABCDEFGHIJKL"),
        (NoteStep, "pagerduty_url", "https://api.eu.pagerduty.com"),
        (NoteStep, "pagerduty_url", "http://127.0.0.1:8080"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else repr(value)[:40],
)
def test_a_valid_value_is_accepted(step: type[Any], name: str, text: str) -> None:
    read(step, {**EXEC, name: text})


def test_all_wrong_values_are_reported_together() -> None:
    message = problem(ExecStep, {"namespace": "NO", "time_limit_s": "soon"})
    assert all(name in message for name in ("namespace must be", "time_limit_s must be", "command is missing"))


def test_missing_value_is_reported_with_the_title_in_the_form() -> None:
    assert "command is missing (Command)" in problem(ExecStep, {"pod": "web-0"})


WITH_SECRETS = [
    provider
    for provider in (*PROVIDERS, *SERVICES)
    if any(setting.rule.secret for setting in declared(provider.settings))
]


@pytest.mark.parametrize("step", WITH_SECRETS, ids=lambda value: value.name)
def test_secrets_never_appear_in_an_error(step: Any) -> None:
    secrets = {setting.name: f"hunter2-{setting.name}" for setting in declared(step.settings) if setting.rule.secret}
    wrong = dict.fromkeys(["pod", "namespace", "store", "pagerduty_url", "verify_tls", "link_valid_s"], "?!")
    assert "hunter2" not in problem(step.settings, wrong | secrets)


@dataclass(frozen=True, kw_only=True)
class Vault(Group):
    title: ClassVar[str] = "Vault"
    pin: str = setting("", "PIN", "", pattern=r"\d{4}", allowed="four digits", secret=True)


@dataclass(frozen=True, kw_only=True)
class VaultStep:
    vault: Vault


def test_secret_of_the_wrong_form_is_not_shown() -> None:
    assert problem(VaultStep, {"pin": "hunter2"}).startswith("wrong settings: pin must be four digits, not its value.")


def test_control_characters_of_a_value_do_not_reach_the_log() -> None:
    assert problem(ExecStep, EXEC | {"pod": "a\nRUNDECK:DATA:x=1\x1b[2J"}).isprintable()


@pytest.mark.parametrize("step", PROVIDERS, ids=lambda value: value.name)
def test_declared_defaults_pass_their_own_rules(step: Any) -> None:
    values = {setting.name: setting.default for setting in declared(step.settings)}
    read(step.settings, values | EXEC)


def test_declared_has_kinds_and_choices() -> None:
    by_name = {setting.name: setting for setting in declared(AttachStep)}
    kinds = {name: by_name[name].kind for name in ("pod", "time_limit_s", "verify_tls", "profile")}
    assert kinds == {"pod": "text", "time_limit_s": "number", "verify_tls": "switch", "profile": "choice"}
    assert by_name["profile"].choices == ("restricted", "baseline", "general", "netadmin", "sysadmin")
    assert by_name["verify_tls"].default == "true"
    assert by_name["pod"].group == "Target"


@given(st.dictionaries(st.sampled_from([setting.name for setting in declared(CaptureStep)]), st.text()))
def test_any_text_is_either_read_or_refused(values: dict[str, str]) -> None:
    try:
        step = read(CaptureStep, values)
    except BadInput as error:
        assert str(error).isprintable()  # noqa: PT017 - both ends are right
    else:
        assert step.target.namespace


def test_text_that_is_not_utf_8_or_would_act_on_a_terminal_is_refused_in_one_line() -> None:
    values = {"namespace": "shop", "pod": "web-0", "command": "echo \udcff", "server": "https://a\x1b[31m"}
    with pytest.raises(BadInput) as caught:
        read(ExecStep, values)
    assert "command is not valid UTF-8 text" in str(caught.value)
    assert "server must be an https:// URL" in str(caught.value)
    assert str(caught.value).isprintable()


def test_settings_of_a_store_are_read_written_and_checked_like_all() -> None:
    values = {"store": "s3://b/p", "s3_region": "eu-1", "s3_lock_days": "7", "encrypt_to": "age1abc"}
    store = read(UploadStep, values).store
    assert (store.of(S3Settings).s3_region, store.of(S3Settings).s3_lock_days) == ("eu-1", 7)
    assert store.of(EncryptionSettings).encrypt_to == "age1abc"
    assert written(read(UploadStep, values)) == values
    assert "s3_region must be lower-case letters" in problem(UploadStep, {"s3_region": "EU!"})


@pytest.mark.parametrize(
    ("bounds", "text", "message"),
    [
        ({"least": 2}, "1", "n must be a number of 2 or more, not '1'"),
        ({"most": 0}, "1", "n must be a number from 0 to 0, not '1'"),
        ({"least": 2, "most": 5}, "6", "n must be a number from 2 to 5, not '6'"),
        ({}, "x", "n must be a number of 0 or more, not 'x'"),
        ({}, "7", ""),
    ],
)
def test_a_number_has_the_bounds_that_its_rule_has(bounds: dict[str, int], text: str, message: str) -> None:
    setting = Declared("n", "G", "number", (), "0", Rule("N", "", **bounds), set_once=False, detail=False)  # type: ignore[arg-type]
    assert problem_of(setting, text) == message


def test_only_cli_and_rundeck_read_the_environment() -> None:
    package = REPO / "contents" / "debugcapture"
    reads = re.compile(r"""["']RD_[A-Z]|f"RD_""")
    files = {str(file.relative_to(package)) for file in package.rglob("*.py") if reads.search(file.read_text())}
    assert files == {"cli/main.py", "rundeck.py", "runtime/process.py"}
