"""What the tests of the command line share: commands that record their calls, and the program itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from debugcapture.cli import main as cli
from debugcapture.model import Outcome
from debugcapture.runtime.context import RunContext
from debugcapture.steps.execute import ExecStep

CONTENTS = Path(cli.__file__).parents[1]
GOOD = ["--pod", "web-0", "--command", "true"]
Run = Callable[[Any, RunContext], Outcome]
Install = Callable[..., None]


def main(*arguments: str, **environment: str) -> int:
    return cli.main(arguments, {"HOME": "/nowhere", **environment})


def outcome(exit_code: int = 0, document: Any = None, **data: str) -> Run:
    return lambda _step, _caller: Outcome(exit_code, data, document)


def failing(error: Exception) -> Run:
    def run(_step: ExecStep, _caller: RunContext) -> Outcome:
        raise error

    return run


class Recorder:
    """A command that records its arguments."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        self.steps: list[Any] = []
        self.contexts: list[RunContext] = []
        self.outcome = outcome or Outcome(0)

    def __call__(self, step: Any, run_context: RunContext) -> Outcome:
        self.steps.append(step)
        self.contexts.append(run_context)
        return self.outcome
