"""How soon large evidence is explained."""

import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.evidence import write_evidence
from benchmarks.measure import Program, in_turn
from benchmarks.result import Ratio, Result

ROUNDS = 3
MOST_S, MOST_MB = 3.0, 200.0
EXPLAIN = "from debugcapture.cli.main import main; main()"
# What a person does first with a log that is too long to read.
COUNT_LINES = 'cut -c26- "$1" | sort | uniq -c | sort -rn | head'
TITLE = """\
explain: the command debug-capture explain on one large file of each kind, with the start of Python. Theirs counts the
identical lines of the same log with cut, sort and uniq, and explains nothing."""


def run() -> Result:
    """Measure each kind of evidence, and the time to count the lines of the log by hand."""
    with TemporaryDirectory(prefix="bench-") as folder:
        files = write_evidence(Path(folder))
        ours = [
            Program(
                kind, [sys.executable, "-c", EXPLAIN, "explain", path], partial(_starts_with, ("[warning]", "[info]"))
            )
            for kind, path in files.items()
        ]
        log = files["100 MB of log"]
        counted = Program("sort, uniq", ["/bin/sh", "-c", COUNT_LINES, "sh", log], partial(_has_lines, 10))
        *measured, by_hand = in_turn([*ours, counted], ROUNDS)
    slowest = max(measured, key=lambda kind: kind.median_s)
    largest = max(measured, key=lambda kind: kind.peak_mb)
    ratios = (
        Ratio("explain", f"our slowest ({slowest.name}) over {MOST_S:.0f} s", slowest.median_s, MOST_S, "s", 1.0),
        Ratio(
            "explain-memory", f"our largest ({largest.name}) over {MOST_MB:.0f} MB", largest.peak_mb, MOST_MB, "MB", 1.0
        ),
    )
    return Result(TITLE, slowest, by_hand, ratios, others=tuple(kind for kind in measured if kind is not slowest))


def _has_lines(count: int, output: Path) -> bool:
    return len(output.read_text(encoding="utf-8").splitlines()) == count


def _starts_with(words: tuple[str, ...], output: Path) -> bool:
    return output.read_text(encoding="utf-8").lstrip().startswith(words)
