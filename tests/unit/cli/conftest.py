"""Fixtures of the command line."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from debugcapture.cli import help as usage
from debugcapture.cli import main as cli
from debugcapture.cli.commands import Command
from debugcapture.steps.execute import ExecStep
from debugcapture.steps.incident_note import NoteStep
from debugcapture.steps.shared import Step
from tests.unit.cli.support import Install, Run


@pytest.fixture(autouse=True)
def process_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`main` controls its process, but this process belongs to pytest."""
    monkeypatch.setattr(cli, "end_with_parent", lambda: None)
    handler, mask = signal.getsignal(signal.SIGTERM), os.umask(0o022)
    yield
    signal.signal(signal.SIGTERM, handler)
    os.umask(mask)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that makes ``run`` the command "test", and add others by their names."""

    def make(run: Run, *, streams: bool = False, settings: type[Any] = ExecStep, **more: Run) -> None:
        words = "command" if settings is ExecStep else ""
        commands = [Command("test", "Tests.", lambda: Step(settings, run), words=words, streams=streams)]
        commands += [Command(name, "Tests, too.", partial(Step, NoteStep, other)) for name, other in more.items()]
        for module in (cli, usage):
            monkeypatch.setattr(module, "COMMANDS", commands)
        monkeypatch.setattr(cli, "command", {command.name: command for command in commands}.__getitem__)

    return make
