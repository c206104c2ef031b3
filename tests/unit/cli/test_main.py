"""main.py: what a person, a script and a Rundeck job see of a command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from debugcapture.cli import help as usage
from debugcapture.cli import main as cli
from debugcapture.cli.commands import COMMANDS, Command
from debugcapture.errors import NothingCaptured, NotStored
from debugcapture.model import Outcome
from debugcapture.runtime.context import RunContext
from debugcapture.steps.execute import ExecStep
from debugcapture.steps.incident_note import NoteStep
from debugcapture.steps.shared import Step

CONTENTS = Path(cli.__file__).parents[1]
GOOD = ["--pod", "web-0", "--command", "true"]
Run = Callable[[Any, RunContext], Outcome]
Install = Callable[..., None]


@pytest.fixture(autouse=True)
def process_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`main` owns its process; this one is pytest's."""
    monkeypatch.setattr(cli, "end_with_parent", lambda: None)
    handler, mask = signal.getsignal(signal.SIGTERM), os.umask(0o022)
    yield
    signal.signal(signal.SIGTERM, handler)
    os.umask(mask)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that makes ``run`` the command "test", and others as they are named."""

    def make(run: Run, *, streams: bool = False, settings: type[Any] = ExecStep, **more: Run) -> None:
        words = "command" if settings is ExecStep else ""
        made = [Command("test", "Tests.", lambda: Step(settings, run), words=words, streams=streams)]
        made += [Command(name, "Tests, too.", partial(Step, NoteStep, other)) for name, other in more.items()]
        for module in (cli, usage):
            monkeypatch.setattr(module, "COMMANDS", made)
        monkeypatch.setattr(cli, "command", {one.name: one for one in made}.__getitem__)

    return make


def main(*arguments: str, **environment: str) -> int:
    return cli.main(arguments, {"HOME": "/nowhere", **environment})


def outcome(exit_code: int = 0, document: Any = None, **data: str) -> Run:
    return lambda _step, _caller: Outcome(exit_code, data, document)


def failing(error: Exception) -> Run:
    def run(_step: ExecStep, _caller: RunContext) -> Outcome:
        raise error

    return run


class Seen:
    """A command that keeps what it was given."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        self.steps: list[Any] = []
        self.contexts: list[RunContext] = []
        self.outcome = outcome or Outcome(0)

    def __call__(self, step: Any, run_context: RunContext) -> Outcome:
        self.steps.append(step)
        self.contexts.append(run_context)
        return self.outcome


# --- values --------------------------------------------------------------------------------------------------------


def test_an_option_counts_before_the_environment_and_that_before_the_configuration(
    install: Install, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("namespace: from-config\npod: from-config\ncontainer: from-config\n")
    install(seen := Seen())
    environment = {"DEBUG_CAPTURE_POD": "from-environment", "DEBUG_CAPTURE_NAMESPACE": "from-environment"}
    options = ["--config", str(config), "--namespace", "from-option", "--command", "true"]
    assert main("test", *options, **environment) == 0
    target = seen.steps[0].target
    assert (target.namespace, target.pod, target.container) == ("from-option", "from-environment", "from-config")


def test_a_blank_variable_is_none_and_a_blank_option_is_the_default(install: Install, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("namespace: shop\ncontainer: app\n")
    install(seen := Seen())
    options = ["--config", str(config), "--container", "", *GOOD]
    assert main("test", *options, DEBUG_CAPTURE_NAMESPACE="") == 0
    assert (seen.steps[0].target.namespace, seen.steps[0].target.container) == ("shop", "")


@pytest.mark.parametrize("where", ["XDG_CONFIG_HOME", "HOME", "DEBUG_CAPTURE_CONFIG"])
def test_the_configuration_is_found(where: str, install: Install, tmp_path: Path) -> None:
    folder = tmp_path / ".config" if where == "HOME" else tmp_path
    config = folder / "debug-capture" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("namespace: shop\n")
    install(seen := Seen())
    value = str(config) if where == "DEBUG_CAPTURE_CONFIG" else str(tmp_path)
    assert main("test", *GOOD, **{where: value}) == 0
    assert seen.steps[0].target.namespace == "shop"


def test_values_arrive_typed_and_a_switch_can_be_turned_off(install: Install) -> None:
    install(seen := Seen())
    assert main("test", *GOOD, "--time-limit-s", "7", "--no-verify-tls") == 0
    assert seen.steps[0].command.time_limit_s == 7
    assert seen.steps[0].connection.verify_tls is False


def test_words_behind_the_options_are_the_command_quotes_and_dashes_and_all(install: Install) -> None:
    install(seen := Seen())
    assert main("test", "--pod", "web-0", "sh", "-c", "echo 'a b'; ls", "--config") == 0
    assert seen.steps[0].command.command == """sh -c 'echo '"'"'a b'"'"'; ls' --config"""


def test_wrong_settings_run_nothing_and_are_told_as_a_step_tells_them(
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
    install(seen := Seen())
    assert main("test", *GOOD, "--token-file", str(token)) == 0
    assert main("test", *GOOD, DEBUG_CAPTURE_TOKEN_FILE=str(token)) == 0
    assert main("test", *GOOD, DEBUG_CAPTURE_TOKEN="hunter2") == 0
    assert [step.connection.token for step in seen.steps] == ["hunter2"] * 3


def test_no_secret_can_be_the_value_of_an_option() -> None:
    secrets = {one.name for command in COMMANDS for one in command.declared if one.rule.secret}
    assert "token" in secrets
    for command in COMMANDS:
        options = {option for param in usage.CommandPage(command, None).params for option in param.opts}
        assert not options & {"--" + name.replace("_", "-") for name in secrets}


def test_one_secret_can_come_by_standard_input(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.write(write, b"hunter2\n")
    os.close(write)
    install(seen := Seen())
    with os.fdopen(read) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main("test", *GOOD, "--token-file", "-") == 0
    assert seen.steps[0].connection.token == "hunter2"
    assert main("test", *GOOD, "--token-file", "-", "--ca-certificate-file", "-") == 2


# --- how it ends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["text", "json"])
def test_the_exit_code_is_the_steps_own(output: str, install: Install) -> None:
    install(outcome(10))
    assert main("test", *GOOD, "--output", output) == 10


def test_an_error_is_one_line_with_its_exit_code(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(failing(NotStored("cannot store x", "two\nlines", "Do it.")))
    assert main("test", *GOOD) == 6
    seen = capsys.readouterr()
    assert (seen.out, seen.err) == ("", "Error: cannot store x: two lines. Do it.\n")


@pytest.mark.parametrize("asked", ["option", "log level", "not"])
def test_a_stack_trace_is_for_debug_only(asked: str, install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(failing(ZeroDivisionError("x")))
    arguments = ["--debug"] if asked == "option" else []
    environment = {"RD_JOB_LOGLEVEL": "DEBUG"} if asked == "log level" else {}
    assert main("test", *GOOD, *arguments, **environment) == 1
    shown = capsys.readouterr().err
    assert "ZeroDivisionError: x. Please report this bug." in shown
    assert ("Traceback" in shown) is (asked != "not")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tset"], "No such command 'tset'"),
        (["test", "--pot", "x"], "No such option '--pot'"),
        (["test", "--token", "hunter2"], "No such option '--token'"),
        (["chain", "tset"], "Unknown command 'tset'"),
    ],
)
def test_a_wrong_call_is_one_line(
    arguments: list[str], told: str, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(failing(AssertionError("it ran")))
    assert main(*arguments) == 2
    shown = capsys.readouterr().err
    assert told in shown
    assert "hunter2" not in shown
    assert len(shown.splitlines()) == 1


def test_without_arguments_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 2
    assert "Commands:\n  capture " in capsys.readouterr().err


def test_an_interrupt_cleans_up_and_ends(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    cleaned: list[bool] = []

    def run(_step: ExecStep, _caller: RunContext) -> Outcome:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            cleaned.append(True)
        return Outcome(0)

    install(run)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background command ignores it
    try:
        assert main("test", *GOOD) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert cleaned == [True]
    assert capsys.readouterr().err.splitlines()[-1] == "Error: interrupted."


def test_an_abort_ends_as_a_step_does(install: Install) -> None:
    def run(_step: ExecStep, _caller: RunContext) -> Outcome:
        signal.raise_signal(signal.SIGTERM)
        return Outcome(0)

    install(run)
    with pytest.raises(SystemExit) as caught:
        main("test", *GOOD)
    assert caught.value.code == 143


# A command in a script of a job, which takes long; standard output is closed when its shell has been ended.
LONG = """
import pathlib, sys, time
sys.path.insert(0, sys.argv[1])
from debugcapture.cli import help, main
from debugcapture.cli.commands import Command
from debugcapture.cli.watch import CapturesStep
from debugcapture.steps.shared import Step

def run(step, run_context):
    try:
        pathlib.Path("begun").touch()
        for _ in range(600):
            time.sleep(0.1)
            run_context.report("progress")
    finally:
        pathlib.Path("cleaned").touch()

main.COMMANDS = help.COMMANDS = [Command("test", "", lambda: Step(CapturesStep, run))]
sys.exit(main.main(["test"]))
"""


def test_a_script_that_a_job_aborts_ends_although_only_its_shell_is_told(tmp_path: Path) -> None:
    words = [sys.executable, "-c", LONG, str(CONTENTS)]
    shell = ["sh", "-c", '"$@"; true', "sh", *words]  # as Rundeck's local executor calls a script
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "RD_JOB_EXECID": "7"}
    with subprocess.Popen(shell, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as job:
        assert _comes(tmp_path / "begun")
        job.terminate()
        job.wait()
        assert job.stdout
        job.stdout.close()
    assert _comes(tmp_path / "cleaned")


def _comes(file: Path) -> bool:
    """Whether ``file`` is there within half a minute."""
    for _ in range(300):
        if file.exists():
            return True
        time.sleep(0.1)
    return False


# --- what is printed -----------------------------------------------------------------------------------------------


def test_what_comes_of_it_is_a_line_each(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(outcome(bundle="/b", link="", capture_id="c\n\x1b[2J"))
    main("test", *GOOD)
    assert capsys.readouterr().out == "bundle      /b\ncapture_id  c [2J\n"


def test_a_rundeck_job_gets_what_its_log_filter_reads(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(outcome(bundle="/b", link=""))
    main("test", *GOOD, RD_JOB_EXECID="7")
    assert capsys.readouterr().out == "RUNDECK:DATA:bundle=/b\n"


def test_the_evidence_says_which_job_or_who_made_it(install: Install) -> None:
    install(seen := Seen())
    main("test", *GOOD, USER="alice")
    main("test", *GOOD, USER="rundeck", RD_JOB_USERNAME="bob", RD_JOB_URL="https://rundeck/7")
    triggers = [run_context.trigger for run_context in seen.contexts]
    assert triggers == [{"started_by": "alice"}, {"started_by": "bob", "execution": "https://rundeck/7"}]


def test_names_from_the_cluster_cannot_move_the_cursor(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_step: ExecStep, run_context: RunContext) -> Outcome:
        run_context.report("pod \x1b[2Jevil\r\u202e\x07\ttab\nline")
        return Outcome(0)

    install(run)
    main("test", *GOOD)
    assert capsys.readouterr().out == "pod [2Jevil    tab\nline\n"


def test_json_is_one_document_on_standard_output_and_all_else_is_not(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_step: ExecStep, run_context: RunContext) -> Outcome:
        run_context.report("progress")
        return Outcome(10, {"status": "partial"}, {"artifacts": [1]})

    install(run)
    assert main("test", *GOOD, "--output", "json", RD_JOB_EXECID="7") == 10
    seen = capsys.readouterr()
    assert json.loads(seen.out) == {
        "command": "test",
        "exit_code": 10,
        "data": {"status": "partial"},
        "result": {"artifacts": [1]},
    }
    assert seen.err == "progress\n"


@pytest.mark.parametrize(
    ("options", "told"),
    [(GOOD, "cannot store x: y"), (["--pod", "No"], "wrong settings: "), (["--config", "/no"], "cannot read the con")],
    ids=["failure", "settings", "configuration"],
)
def test_a_failure_is_a_document_too(
    options: list[str], told: str, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(failing(NotStored("cannot store x", "y")))
    code = main("test", "--output", "json", *options)
    seen = capsys.readouterr()
    document = json.loads(seen.out)
    assert document["exit_code"] == code
    assert code == (6 if options is GOOD else 2)
    assert document["error"].startswith(told)
    assert seen.err == f"Error: {document['error']}\n"


def output_of_a_command(_step: ExecStep, run_context: RunContext) -> Outcome:
    run_context.report("progress")
    run_context.stdout.write(b"out\xff\n")
    run_context.stdout.flush()
    run_context.stderr.write(b"err\n")
    run_context.stderr.flush()
    return Outcome(7)


def test_the_output_of_a_command_stays_as_it_is(install: Install, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    install(output_of_a_command, streams=True)
    assert main("test", *GOOD, RD_JOB_EXECID="7") == 7
    seen = capfdbinary.readouterr()
    assert seen.out == b"out\xff\n"
    assert set(seen.err.splitlines()) == {b"progress", b"err"}


def test_the_output_of_a_command_is_part_of_a_document_up_to_a_limit(
    install: Install, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "_MAX_OUTPUT_BYTES", 4)
    install(output_of_a_command, streams=True)
    assert main("test", "--output", "json", *GOOD) == 7
    assert json.loads(capsys.readouterr().out)["result"] == {
        "stdout": "out\ufffd",
        "stdout_truncated": True,
        "stderr": "err\n",
        "stderr_truncated": False,
    }


# --- chains --------------------------------------------------------------------------------------------------------


def test_a_chain_hands_on_what_rundecks_data_would(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    first = Seen(Outcome(0, {"bundle": "/b", "capture_id": "20260102T120000Z-web-0-1a2b", "link": "https://x"}))
    install(first, other=(second := Seen()))
    environment = {"DEBUG_CAPTURE_POD": "web-0", "DEBUG_CAPTURE_COMMAND": "true", "DEBUG_CAPTURE_BUNDLE": "/old"}
    assert main("chain", "test", "other", "--output", "json", **environment) == 0
    assert second.steps[0].bundle.bundle == "/b"
    assert second.steps[0].failure.capture_id == "20260102T120000Z-web-0-1a2b"
    documents = json.loads(capsys.readouterr().out)["result"]
    assert [(one["command"], one["exit_code"]) for one in documents] == [("test", 0), ("other", 0)]


@pytest.mark.parametrize("keep_going", [True, False])
def test_a_chain_ends_at_a_failure_unless_it_keeps_going(keep_going: bool, install: Install) -> None:
    install(failing(NothingCaptured("nothing from x", "y")), other=(second := Seen(Outcome(8))))
    environment = {"DEBUG_CAPTURE_POD": "web-0", "DEBUG_CAPTURE_COMMAND": "true"}
    assert main("chain", *(["--keep-going"] if keep_going else []), "test", "other", **environment) == 5
    assert [step.failure.failure for step in second.steps] == (["nothing from x: y"] if keep_going else [])


# --- help and completion -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", COMMANDS, ids=lambda one: one.name)
def test_every_setting_has_an_option_with_its_help(one: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(one.name, "--help-all") == 0
    shown = " ".join(capsys.readouterr().out.split())
    for setting in one.declared:
        flag = "--" + setting.name.replace("_", "-") + ("-file" if setting.rule.secret else "")
        assert f" {flag} " in shown
        assert setting.group in shown
        assert f"[{setting.default}]" in shown.replace("- ", "-") or not setting.default  # a line may end at a dash
    assert "Exit codes:" in shown


def test_help_folds_what_the_form_folds(capsys: pytest.CaptureFixture[str]) -> None:
    main("capture", "--help")
    shown = capsys.readouterr().out
    assert "--s3-endpoint and 15 more" in " ".join(shown.split())
    assert "--s3-kms-key" not in shown
    assert "debug-capture capture --namespace shop --workload checkout" in shown


def completed(*words: str, **environment: str) -> list[str]:
    """What bash is offered for the last of ``words``."""
    done = subprocess.run(
        [sys.executable, "-m", "debugcapture.cli.main"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CONTENTS),
            "_DEBUG_CAPTURE_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["debug-capture", *words]),
            "COMP_CWORD": str(len(words)),
            **environment,
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_commands_options_and_choices_are_completed() -> None:
    assert completed("ca") == ["capture", "captures"]
    assert completed("capture", "--s3-k") == ["--s3-kms-key"]
    assert completed("capture", "--order", "n") == ["newest"]
    assert completed("chain", "res") == ["restart"]


def test_captures_of_the_spool_are_completed(tmp_path: Path) -> None:
    names = ["20260101T120000Z-a-1a2b", "20260102T120000Z-a-1a2b"]
    for name in names:
        (tmp_path / "debug-captures" / name).mkdir(parents=True)
        (tmp_path / "debug-captures" / name / "manifest.json").touch()
    assert completed("watch", "2026", XDG_STATE_HOME=str(tmp_path)) == names[::-1]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "debugcapture.cli.main"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CONTENTS), "_DEBUG_CAPTURE_COMPLETE": f"{shell}_source"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert f"_DEBUG_CAPTURE_COMPLETE={shell}_complete" in done.stdout
    assert "debug-capture" in done.stdout


def test_bash_completes_by_its_script(tmp_path: Path) -> None:
    program = tmp_path / "debug-capture"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m debugcapture.cli.main "$@"\n')
    program.chmod(0o700)
    lines = """
    eval "$(_DEBUG_CAPTURE_COMPLETE=bash_source debug-capture)"
    complete -p debug-capture
    COMP_WORDS=(debug-capture capt) COMP_CWORD=1
    _debug_capture_completion debug-capture
    echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", lines],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(CONTENTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    function, offered = done.stdout.splitlines()
    assert function.endswith("_debug_capture_completion debug-capture")
    assert offered == "capture captures"
