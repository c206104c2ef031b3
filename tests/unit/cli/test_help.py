"""help.py: the options of each command, its help, and the completion of a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from debugcapture.cli.commands import COMMANDS, Command
from debugcapture.settings.s3 import S3Settings
from tests.unit.cli.support import CONTENTS, main


@pytest.mark.parametrize("command", COMMANDS, ids=lambda value: value.name)
def test_every_setting_has_an_option_with_its_help(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command.name, "--help-all") == 0
    shown = " ".join(capsys.readouterr().out.split())
    for setting in command.declared:
        flag = "--" + setting.name.replace("_", "-") + ("-file" if setting.rule.secret else "")
        assert f" {flag} " in shown
        assert setting.group in shown
        assert f"[{setting.default}]" in shown.replace("- ", "-") or not setting.default  # a line may end at a dash
    assert "Exit codes:" in shown


def test_help_folds_what_the_form_folds(capsys: pytest.CaptureFixture[str]) -> None:
    main("capture", "--help")
    shown = capsys.readouterr().out
    assert f"--s3-endpoint and {len(fields(S3Settings)) - 1} more" in " ".join(shown.split())
    assert "--s3-kms-key" not in shown
    assert "debug-capture capture --namespace shop --workload checkout" in shown


def completed(*words: str, **environment: str) -> list[str]:
    """The completions of the last of ``words`` in bash."""
    process = subprocess.run(
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
    return [line.partition(",")[2] for line in process.stdout.splitlines()]


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
    process = subprocess.run(
        [sys.executable, "-m", "debugcapture.cli.main"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CONTENTS), "_DEBUG_CAPTURE_COMPLETE": f"{shell}_source"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert f"_DEBUG_CAPTURE_COMPLETE={shell}_complete" in process.stdout
    assert "debug-capture" in process.stdout


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
    process = subprocess.run(
        ["bash", "--norc", "-c", lines],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(CONTENTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    function, offered = process.stdout.splitlines()
    assert function.endswith("_debug_capture_completion debug-capture")
    assert offered == "capture captures"
