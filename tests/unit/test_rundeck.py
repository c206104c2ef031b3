"""rundeck.py: the output of a step for a user, the log and later steps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from debugcapture import rundeck
from debugcapture.errors import NothingCaptured, NotStored
from debugcapture.model import Outcome
from debugcapture.runtime.context import RunContext
from debugcapture.steps.execute import ExecStep
from debugcapture.steps.providers import PROVIDERS, Provider, provider
from debugcapture.steps.shared import Step

CONTENTS = Path(rundeck.__file__).parents[1]
GOOD = {"RD_CONFIG_POD": "web-0", "RD_CONFIG_COMMAND": "true"}


Run = Callable[[ExecStep, RunContext], Outcome]


Install = Callable[..., None]


@pytest.fixture(autouse=True)
def process_as_before() -> Iterator[None]:
    """`main` controls its process, but this process belongs to pytest."""
    handler, mask = signal.getsignal(signal.SIGTERM), os.umask(0o022)
    yield
    signal.signal(signal.SIGTERM, handler)
    os.umask(mask)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that makes ``run`` the step "test"."""

    def make(run: Run, *, streams: bool = False) -> None:
        step = Provider("test", "Test", "", lambda: Step(ExecStep, run), streams=streams)
        monkeypatch.setattr(rundeck, "provider", {"test": step}.__getitem__)

    return make


def outcome(exit_code: int = 0, **data: str) -> Run:
    return lambda _step, _caller: Outcome(exit_code, data)


def failing(error: Exception) -> Run:
    def run(_step: ExecStep, _caller: RunContext) -> Outcome:
        raise error

    return run


def test_exit_code_is_the_steps_own(install: Install) -> None:
    install(outcome(10))
    assert rundeck.main("test", GOOD) == 10


def test_settings_arrive_typed(install: Install) -> None:
    steps: list[ExecStep] = []

    def run(step: ExecStep, _caller: RunContext) -> Outcome:
        steps.append(step)
        return Outcome(0)

    install(run)
    rundeck.main("test", GOOD | {"RD_CONFIG_TIME_LIMIT_S": "7", "RD_CONFIG_VERIFY_TLS": "false"})
    assert (steps[0].target.pod, steps[0].command.time_limit_s) == ("web-0", 7)
    assert steps[0].connection.verify_tls is False


def test_data_is_passed_on_in_single_lines(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(outcome(bundle="/b", summary="two\nRUNDECK:DATA:bundle=/etc\x1b[2J", blank=""))
    rundeck.main("test", GOOD)
    assert capsys.readouterr().out.splitlines() == [
        "RUNDECK:DATA:bundle=/b",
        "RUNDECK:DATA:summary=two RUNDECK:DATA:bundle=/etc[2J",
    ]


def test_error_is_one_line_with_its_exit_code(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(failing(NotStored("cannot store x", "two\nlines", "Do it.")))
    assert rundeck.main("test", GOOD) == 6
    output = capsys.readouterr()
    assert output.err == "Error: cannot store x: two lines. Do it.\n"
    assert output.out == "RUNDECK:DATA:failure=cannot store x: two lines. Do it.\n"


def test_failure_of_a_streaming_step_keeps_its_output_clean(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(failing(NothingCaptured("x", "y")), streams=True)
    assert rundeck.main("test", GOOD) == 5
    assert capsys.readouterr().out == ""


def test_a_defect_is_one_line(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(failing(ZeroDivisionError("division\nby zero")))
    assert rundeck.main("test", GOOD) == 1
    assert capsys.readouterr().err == "Error: ZeroDivisionError: division by zero. Please report this bug.\n"


@pytest.mark.parametrize("level", ["NORMAL", "VERBOSE", "DEBUG", ""])
def test_stack_trace_is_for_debug_only(level: str, install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(failing(ZeroDivisionError("x")))
    rundeck.main("test", GOOD | {"RD_JOB_LOGLEVEL": level})
    assert ("Traceback" in capsys.readouterr().err) is (level == "DEBUG")


def test_bad_settings_run_nothing(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(failing(AssertionError("it ran")))
    assert rundeck.main("test", {"RD_CONFIG_POD": "No Pod"}) == 2
    assert "pod must be" in capsys.readouterr().err


@pytest.mark.parametrize("streams", [True, False], ids=["streams", "outputs data"])
def test_progress_does_not_mix_with_a_commands_output(
    streams: bool, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_step: ExecStep, run_context: RunContext) -> Outcome:
        run_context.report("progress")
        run_context.stdout.write(b"output\n")
        run_context.stdout.flush()
        return Outcome(0)

    install(run, streams=streams)
    rundeck.main("test", GOOD)
    output = capsys.readouterr()
    assert ("progress" in output.err) is streams
    assert ("progress" in output.out) is not streams
    assert "output" in output.out


def test_the_caller_has_the_user_and_the_job(install: Install) -> None:
    callers: list[RunContext] = []

    def run(_step: ExecStep, run_context: RunContext) -> Outcome:
        callers.append(run_context)
        return Outcome(0)

    install(run)
    environment = {
        "RD_JOB_USERNAME": "alice",
        "RD_JOB_URL": "https://rundeck/7\nx",
        "RD_JOB_NAME": "",
        "RD_JOB_EXECID": "7",
        "RD_RUNDECK_BASE": "/home/rundeck",
    }
    rundeck.main("test", GOOD | environment)
    assert callers[0].trigger == {"started_by": "alice", "execution": "https://rundeck/7 x"}
    assert callers[0].run_id == "7"
    assert callers[0].spool == Path("/home/rundeck/var/debug-captures")


def test_files_are_private_from_the_start(install: Install, tmp_path: Path) -> None:
    def run(_step: ExecStep, _caller: RunContext) -> Outcome:
        (tmp_path / "file").touch()
        return Outcome(0)

    install(run)
    rundeck.main("test", GOOD)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_abort_cleans_up_and_ends(install: Install) -> None:
    cleaned: list[bool] = []

    def run(_step: ExecStep, _caller: RunContext) -> Outcome:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            cleaned.append(True)
        return Outcome(0)

    install(run)
    with pytest.raises(SystemExit) as caught:
        rundeck.main("test", GOOD)
    assert caught.value.code == 143
    assert cleaned == [True]


def test_unknown_step_is_reported_as_a_defect() -> None:
    with pytest.raises(KeyError):
        rundeck.main("no-such-step", {})


def test_script_with_bad_input_ends_with_one_line_and_exit_code_2() -> None:
    settings = {"RD_CONFIG_POD": "Bad Pöd", "RD_CONFIG_COMMAND": "true", "RD_CONFIG_TOKEN": "hunter2"}
    process = subprocess.run(
        [sys.executable, "-I", str(CONTENTS / "k8s-debug-exec.py")],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", **settings},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr == (
        "Error: wrong settings: pod must be lower-case letters, digits, dashes and dots, not 'Bad Pöd'. "
        "Nothing was changed. Correct the settings and run again.\n"
    )


# A step whose reader has disappeared: the pipe is closed before it writes.
DOCTOR = "k8s-debug-doctor"
CLOSED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from debugcapture import rundeck
from debugcapture.model import Outcome
from debugcapture.steps.execute import ExecStep
from debugcapture.steps.providers import Provider
from debugcapture.steps.shared import Step

def run(step, run_context):
    run_context.report("first")
    run_context.report("second")
    open(sys.argv[2], "w").close()  # the clean-up
    return Outcome(0, {"bundle": "/b"})

rundeck.provider = {"test": Provider("test", "", "", lambda: Step(ExecStep, run))}.__getitem__
read, write = os.pipe()
os.close(read)
os.dup2(write, 1)
sys.exit(rundeck.main("test", {"RD_CONFIG_POD": "p", "RD_CONFIG_COMMAND": "c"}))
"""


def test_closed_output_does_not_stop_the_clean_up(tmp_path: Path) -> None:
    cleaned = tmp_path / "cleaned"
    process = subprocess.run(
        [sys.executable, "-c", CLOSED, str(CONTENTS), str(cleaned)], capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert cleaned.exists()


# A step during which a library logs an error.
LOGGING = """
import logging, sys
sys.path.insert(0, sys.argv[1])
from debugcapture import rundeck
from debugcapture.model import Outcome
from debugcapture.steps.execute import ExecStep
from debugcapture.steps.providers import Provider
from debugcapture.steps.shared import Step

def run(step, run_context):
    logging.getLogger("a.library").error("Traceback")
    return Outcome(0, {})

rundeck.provider = {"test": Provider("test", "", "", lambda: Step(ExecStep, run))}.__getitem__
environment = {"RD_CONFIG_POD": "p", "RD_CONFIG_COMMAND": "c", "RD_JOB_LOGLEVEL": sys.argv[2]}
sys.exit(rundeck.main("test", environment))
"""


@pytest.mark.parametrize(("level", "shown"), [("INFO", ""), ("DEBUG", "Traceback\n")])
def test_messages_of_libraries_have_the_level_debug(level: str, shown: str) -> None:
    words = [sys.executable, "-c", LOGGING, str(CONTENTS), level]
    process = subprocess.run(words, capture_output=True, text=True, check=True)
    assert process.stderr == shown


LISTS = ("k8s-debug-pods", *(provider.name for provider in PROVIDERS if provider.lists_values))
STEPS = [provider for provider in PROVIDERS if provider.name not in (DOCTOR, *LISTS)]


@pytest.mark.parametrize("step", STEPS, ids=lambda value: value.name)
def test_every_step_explains_blank_settings_or_does_nothing(step: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    code = rundeck.main(step.name, {})
    output = capsys.readouterr()
    does_nothing = provider(step.name).name in ("k8s-debug-upload", "k8s-debug-incident-note")
    assert code == (0 if does_nothing else 2)
    assert any(message in output.err for message in ("is missing", "is set")) is not does_nothing


def test_a_missing_connection_is_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert rundeck.main(DOCTOR, {}) == 10
    assert "Correct the cluster connection settings" in capsys.readouterr().out
    assert rundeck.main("k8s-debug-pods", {}) == 2
    assert "Correct the cluster connection settings" in capsys.readouterr().err


def test_a_stack_trace_quotes_no_kubeconfig(capsys: pytest.CaptureFixture[str]) -> None:
    broken = {"RD_CONFIG_KUBECONFIG_CONTENT": "token: !hunter2 x", "RD_JOB_LOGLEVEL": "DEBUG"}
    assert rundeck.main("k8s-debug-exec", GOOD | broken) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "hunter2" not in shown


def test_a_secret_with_a_line_break_works_and_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    incident = {"RD_CONFIG_INCIDENT_ID": "Q1ABCDEF", "RD_CONFIG_PAGERDUTY_TOKEN": "hunter2\n", "RD_CONFIG_BUNDLE": "/x"}
    assert rundeck.main("k8s-debug-incident-note", incident) == 2
    shown = capsys.readouterr()
    assert "is not a bundle" in shown.err
    assert "hunter2" not in shown.out + shown.err
