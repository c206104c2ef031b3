"""Provoke every fault on the lab, and write docs/reliability.md: `python -m tests.faults.reliability`.

The table is between two comments of the page. The text around it is written by hand. Words after the command (an
expression for pytest's -k) select rows. The results of the other rows come from build/, and stay on the page.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE, SEEN = ROOT / "docs" / "reliability.md", ROOT / "build" / "reliability.jsonl"
BEGIN, END = "<!-- table: written by python -m tests.faults.reliability -->\n", "<!-- /table -->\n"
HEAD = "| Stage | Fault | Exit code | Message | What is kept |\n| --- | --- | --- | --- | --- |\n"
sys.path[:0] = [str(ROOT), str(ROOT / "contents")]

from tests.faults.checker import RowResult  # noqa: E402
from tests.faults.row import Row  # noqa: E402
from tests.faults.table import ROWS  # noqa: E402

# Texts that differ in each run, and their replacements on the page.
_VOLATILE = (
    (r"faults-[0-9a-f]{8}", "shop"),
    (r"\S*/pytest-of-[^/\s]+/pytest-\d+/(?:popen-gw\d+/)?[^/\s]+", "/var/lib/rundeck"),
    (r"\d{8}T\d{6}Z-([a-z0-9-]+)-[0-9a-f]{4}", r"20261123T180231Z-\1-3f9a"),
    (r"\?X-Amz-\S*", ""),
    (r"debug-capture-[0-9a-f]{6}", "debug-capture-5d2c1f"),
    (r"faults/[0-9a-f]{12}", "debug-captures"),
    (r"QFAULTS[0-9A-F]{6}", "Q1ABCDEFGHIJKL"),
    (r"notes/[0-9a-f]{32}", "notes/…"),
    (r"(?<=127\.0\.0\.1:)\d{4,5}", "6443"),
    (r"web-[0-9a-f]{8,10}-[a-z0-9]{5}", "web-7d9f8-x2x4k"),
    (r"0x[0-9a-f]{8,}", "0x…"),
)  # fmt: skip


def main(only: list[str]) -> int:
    """Run the table; return pytest's exit code."""
    SEEN.parent.mkdir(exist_ok=True)
    if not only:
        SEEN.unlink(missing_ok=True)
    names = ["-k", " or ".join(only)] if only else []
    command = [sys.executable, "-m", "pytest", "-q", "tests/faults/test_faults.py", *names]
    exit_code = subprocess.run(command, cwd=ROOT, env={**os.environ, "DEBUG_CAPTURE_SEEN": str(SEEN)}).returncode
    results = seen_in(SEEN.read_text(encoding="utf-8")) if SEEN.exists() else {}
    missing = [row.id for row in ROWS if row.id not in results]
    if missing:
        print(f"not written, never seen well: {', '.join(missing)}")
        return exit_code or 1
    write(table(ROWS, results))
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return exit_code


def seen_in(text: str) -> dict[str, RowResult]:
    """Return the latest result of each row. ``text`` has one JSON object per line."""
    lines = [json.loads(line) for line in text.splitlines()]
    return {line["id"]: RowResult(line["line"], line["kept"]) for line in lines}


def table(rows: Iterable[Row], results: Mapping[str, RowResult]) -> str:
    """Return the table of the page."""
    return HEAD + "".join(_table_row(row, results[row.id]) for row in rows)


def _table_row(row: Row, result: RowResult) -> str:
    return f"| {row.stage} | {row.fault} | {row.ended} | {_code(result.line)} | {_cell(result.evidence)} |\n"


def shown(page: str) -> list[tuple[str, str, str]]:
    """Return the stage, the fault and the exit code of each row on ``page``."""
    body = page.partition(BEGIN)[2].partition(END)[0].removeprefix(HEAD)
    cells = [[cell.strip() for cell in line.split(" | ")] for line in body.splitlines()]
    return [(row[0].removeprefix("| "), row[1], row[2]) for row in cells]


def write(rows: str) -> None:
    """Put the table into the page."""
    head, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    tail = rest.split(END)[1]
    PAGE.write_text(head + BEGIN + rows + END + tail, encoding="utf-8")


def settled(text: str) -> str:
    """Return ``text`` without the parts that differ in each run."""
    for pattern, stands in _VOLATILE:
        text = re.sub(pattern, stands, text)
    return text


def _cell(text: str) -> str:
    return settled(text).replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{_cell(text).replace('`', chr(39))}`"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
