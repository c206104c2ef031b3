"""Run programs in turn, and measure the wall time and the peak memory of each."""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SPAWN = Path(__file__).parent / "programs" / "spawn.py"


@dataclass(frozen=True)
class Program:
    """A command and the check of its output. ``before`` runs before each round and is not measured."""

    name: str
    command: Sequence[str | Path]
    is_correct: Callable[[Path], bool]
    environment: Mapping[str, str] | None = None
    before: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Measurement:
    """The wall times and the peak memory of one program."""

    name: str
    wall_s: tuple[float, ...]
    peak_mb: float
    ok: bool

    @property
    def median_s(self) -> float:
        """The median wall time, which slow rounds on a busy machine hardly change."""
        return statistics.median(self.wall_s)


@dataclass(frozen=True)
class _Round:
    wall_s: float
    peak_mb: float
    ok: bool


def side_by_side(subject: Program, baseline: Program, rounds: int) -> tuple[Measurement, Measurement]:
    """Run both programs ``rounds`` times, in turn, so that other load affects both. A first round is not counted.

    Both write and use bytecode, even if PYTHONDONTWRITEBYTECODE is set.
    """
    measured = in_turn((subject, baseline), rounds)
    return measured[0], measured[1]


def in_turn(programs: Sequence[Program], rounds: int) -> list[Measurement]:
    """Measure any number of programs as `side_by_side` does."""
    runs: dict[str, list[_Round]] = {program.name: [] for program in programs}
    for number in range(rounds + 1):
        for program in programs if number % 2 else reversed(programs):
            runs[program.name].append(_run(program))
    return [_measured(program, runs[program.name]) for program in programs]


def _run(program: Program) -> _Round:
    program.before()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        report, output = Path(scratch, "report"), Path(scratch, "output")
        environment = dict(os.environ if program.environment is None else program.environment)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        spawn: list[str | Path] = [sys.executable, "-I", "-S", SPAWN, report, output]
        subprocess.run([*spawn, *program.command], env=environment, check=True)
        wall_s, peak_mb, exit_code = report.read_text(encoding="ascii").split()
        return _Round(float(wall_s), float(peak_mb), exit_code == "0" and program.is_correct(output))


def _measured(program: Program, runs: list[_Round]) -> Measurement:
    counted = runs[1:]
    wall_s = tuple(run.wall_s for run in counted)
    return Measurement(program.name, wall_s, max(run.peak_mb for run in counted), all(run.ok for run in runs))
