"""Time and memory to explain large evidence."""

import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.evidence import write_evidence
from benchmarks.measure import Program, in_turn
from benchmarks.result import Ratio, Result

ROUNDS = 3
GOAL_S, GOAL_MB = 3.0, 200.0
EXPLAIN = "from debugcapture.cli.main import main; main()"
# A usual first look at a log that is too long to read.
COUNT_LINES = 'cut -c26- "$1" | sort | uniq -c | sort -rn | head'
TITLE = """\
explain: the command debug-capture explain on one large file of each kind, with the start of Python. For comparison,
cut, sort and uniq count the identical lines of the same log, without explaining anything."""


def run() -> Result:
    """Measure each kind of evidence, and a shell command that counts the lines of the log."""
    with TemporaryDirectory(prefix="bench-") as folder:
        files = write_evidence(Path(folder))
        programs = [
            Program(
                kind, [sys.executable, "-c", EXPLAIN, "explain", path], partial(_starts_with, ("[warning]", "[info]"))
            )
            for kind, path in files.items()
        ]
        log = files["100 MB of log"]
        counting = Program("sort, uniq", ["/bin/sh", "-c", COUNT_LINES, "sh", log], partial(_has_lines, 10))
        *measured, line_count = in_turn([*programs, counting], ROUNDS)
    slowest = max(measured, key=lambda kind: kind.median_s)
    largest = max(measured, key=lambda kind: kind.peak_mb)
    ratios = (
        Ratio("explain", f"slowest ({slowest.name}) / {GOAL_S:.0f} s", slowest.median_s, GOAL_S, "s", 1.0),
        Ratio("explain-memory", f"largest ({largest.name}) / {GOAL_MB:.0f} MB", largest.peak_mb, GOAL_MB, "MB", 1.0),
    )
    return Result(TITLE, slowest, line_count, ratios, others=tuple(kind for kind in measured if kind is not slowest))


def _has_lines(count: int, output: Path) -> bool:
    return len(output.read_text(encoding="utf-8").splitlines()) == count


def _starts_with(words: tuple[str, ...], output: Path) -> bool:
    return output.read_text(encoding="utf-8").lstrip().startswith(words)
