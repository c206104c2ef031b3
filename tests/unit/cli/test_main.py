"""main.py: how a command ends, and its output for users, scripts and Rundeck jobs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from debugcapture.cli import main as cli
from debugcapture.errors import NothingCaptured, NotStored
from debugcapture.model import Outcome
from debugcapture.runtime.context import RunContext
from debugcapture.steps.execute import ExecStep
from tests.unit.cli.support import CONTENTS, GOOD, Install, Recorder, failing, main, outcome

# --- how it ends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["text", "json"])
def test_the_exit_code_is_the_steps_own(output: str, install: Install) -> None:
    install(outcome(10))
    assert main("test", *GOOD, "--output", output) == 10


def test_an_error_is_one_line_with_its_exit_code(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(failing(NotStored("cannot store x", "two\nlines", "Do it.")))
    assert main("test", *GOOD) == 6
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "Error: cannot store x: two lines. Do it.\n")


@pytest.mark.parametrize("level", ["option", "log level", "not"])
def test_a_stack_trace_is_for_debug_only(level: str, install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(failing(ZeroDivisionError("x")))
    arguments = ["--debug"] if level == "option" else []
    environment = {"RD_JOB_LOGLEVEL": "DEBUG"} if level == "log level" else {}
    assert main("test", *GOOD, *arguments, **environment) == 1
    shown = capsys.readouterr().err
    assert "ZeroDivisionError: x. Please report this bug." in shown
    assert ("Traceback" in shown) is (level != "not")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tset"], "No such command 'tset'"),
        (["test", "--pot", "x"], "No such option '--pot'"),
        (["test", "--token", "hunter2"], "No such option '--token'"),
        (["chain", "tset"], "Unknown command 'tset'"),
    ],
)
def test_a_usage_error_is_one_line(
    arguments: list[str], message: str, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(failing(AssertionError("it ran")))
    assert main(*arguments) == 2
    shown = capsys.readouterr().err
    assert message in shown
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


def test_a_script_that_a_job_aborts_ends_although_only_its_shell_gets_the_signal(tmp_path: Path) -> None:
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
    """Return whether ``file`` exists within half a minute."""
    for _ in range(3000):
        if file.exists():
            return True
        time.sleep(0.01)
    return False


# --- what is printed -----------------------------------------------------------------------------------------------


def test_each_result_is_one_line(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(outcome(bundle="/b", link="", capture_id="c\n\x1b[2J"))
    main("test", *GOOD)
    assert capsys.readouterr().out == "bundle      /b\ncapture_id  c [2J\n"


def test_a_rundeck_job_gets_what_its_log_filter_reads(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(outcome(bundle="/b", link=""))
    main("test", *GOOD, RD_JOB_EXECID="7")
    assert capsys.readouterr().out == "RUNDECK:DATA:bundle=/b\n"


def test_the_evidence_says_which_job_or_who_made_it(install: Install) -> None:
    install(recorder := Recorder())
    main("test", *GOOD, USER="alice")
    main("test", *GOOD, USER="rundeck", RD_JOB_USERNAME="bob", RD_JOB_URL="https://rundeck/7")
    triggers = [run_context.trigger for run_context in recorder.contexts]
    assert triggers == [{"started_by": "alice"}, {"started_by": "bob", "execution": "https://rundeck/7"}]


def test_names_from_the_cluster_cannot_move_the_cursor(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_step: ExecStep, run_context: RunContext) -> Outcome:
        run_context.report("pod \x1b[2Jevil\r\u202e\x07\ttab\nline")
        return Outcome(0)

    install(run)
    main("test", *GOOD)
    assert capsys.readouterr().out == "pod [2Jevil    tab\nline\n"


def test_json_is_the_only_output_on_standard_output(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_step: ExecStep, run_context: RunContext) -> Outcome:
        run_context.report("progress")
        return Outcome(10, {"status": "partial"}, {"artifacts": [1]})

    install(run)
    assert main("test", *GOOD, "--output", "json", RD_JOB_EXECID="7") == 10
    output = capsys.readouterr()
    assert json.loads(output.out) == {
        "command": "test",
        "exit_code": 10,
        "data": {"status": "partial"},
        "result": {"artifacts": [1]},
    }
    assert output.err == "progress\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [(GOOD, "cannot store x: y"), (["--pod", "No"], "wrong settings: "), (["--config", "/no"], "cannot read the con")],
    ids=["failure", "settings", "configuration"],
)
def test_a_failure_is_also_a_json_document(
    options: list[str], message: str, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(failing(NotStored("cannot store x", "y")))
    code = main("test", "--output", "json", *options)
    output = capsys.readouterr()
    document = json.loads(output.out)
    assert document["exit_code"] == code
    assert code == (6 if options is GOOD else 2)
    assert document["error"].startswith(message)
    assert output.err == f"Error: {document['error']}\n"


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
    output = capfdbinary.readouterr()
    assert output.out == b"out\xff\n"
    assert set(output.err.splitlines()) == {b"progress", b"err"}


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


def test_a_chain_passes_on_the_same_data_as_rundeck(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    first = Recorder(Outcome(0, {"bundle": "/b", "capture_id": "20260102T120000Z-web-0-1a2b", "link": "https://x"}))
    install(first, other=(second := Recorder()))
    environment = {"DEBUG_CAPTURE_POD": "web-0", "DEBUG_CAPTURE_COMMAND": "true", "DEBUG_CAPTURE_BUNDLE": "/old"}
    assert main("chain", "test", "other", "--output", "json", **environment) == 0
    assert second.steps[0].bundle.bundle == "/b"
    assert second.steps[0].failure.capture_id == "20260102T120000Z-web-0-1a2b"
    documents = json.loads(capsys.readouterr().out)["result"]
    assert [(document["command"], document["exit_code"]) for document in documents] == [("test", 0), ("other", 0)]


@pytest.mark.parametrize("keep_going", [True, False])
def test_a_chain_ends_at_a_failure_unless_it_keeps_going(keep_going: bool, install: Install) -> None:
    install(failing(NothingCaptured("nothing from x", "y")), other=(second := Recorder(Outcome(8))))
    environment = {"DEBUG_CAPTURE_POD": "web-0", "DEBUG_CAPTURE_COMMAND": "true"}
    assert main("chain", *(["--keep-going"] if keep_going else []), "test", "other", **environment) == 5
    assert [step.failure.failure for step in second.steps] == (["nothing from x: y"] if keep_going else [])
