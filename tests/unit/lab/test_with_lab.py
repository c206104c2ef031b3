"""lab/with_lab.py: the check and the command, without any part of the lab."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.with_lab import checked_run


def exiting(code: int, file: Path) -> list[str]:
    """A command that leaves ``file`` and exits with ``code``."""
    return [sys.executable, "-c", f"import pathlib; pathlib.Path({str(file)!r}).touch(); raise SystemExit({code})"]


@pytest.mark.parametrize(("check", "command", "expected"), [(0, 0, 0), (0, 3, 3), (2, 3, 2)])
def test_a_check_that_fails_stops_the_command(check: int, command: int, expected: int, tmp_path: Path) -> None:
    checked, started, ran = (tmp_path / name for name in ("checked", "started", "ran"))
    assert checked_run([*exiting(check, checked), "--", *exiting(command, ran)], started.touch) == expected
    assert (checked.exists(), started.exists(), ran.exists()) == (True, True, check == 0)


def test_a_command_needs_no_check(tmp_path: Path) -> None:
    assert checked_run(exiting(3, tmp_path / "ran"), (tmp_path / "started").touch) == 3
    assert (tmp_path / "started").exists()
