"""docs/reliability.md shows the rows of the table of faults; `python -m tests.faults.reliability` writes it again."""

from __future__ import annotations

import re

from debugcapture.errors import EXIT_PARTIAL
from lab.paths import REPO
from tests.faults.checker import ABORTED, RowResult
from tests.faults.reliability import BEGIN, END, PAGE, settled, shown, table
from tests.faults.row import KILLED
from tests.faults.soak import ResourceUse, SoakReport
from tests.faults.table import ROWS


def test_the_page_shows_all_rows_of_the_table() -> None:
    assert shown(PAGE.read_text()) == [(row.stage, row.fault, row.ended) for row in ROWS]


def test_the_generated_table_can_be_parsed() -> None:
    results = {row.id: RowResult("Error: a | b `c`", "partial: 1 artifact") for row in ROWS}
    written = table(ROWS, results)
    assert shown(f"text\n{BEGIN}{written}{END}more") == [(row.stage, row.fault, row.ended) for row in ROWS]
    assert "`Error: a \\| b 'c'`" in written


def test_a_resource_that_grows_is_a_leak() -> None:
    report = SoakReport(seed=1, uses=[ResourceUse(100, 1000, 10, 4, 3), ResourceUse(101, 1010, 12, 4, 3)])
    assert not report.leaks()
    report.uses.append(ResourceUse(190, 90000, 30, 40, 4))
    assert len(report.leaks()) == 5


def test_at_least_forty_rows_have_unique_names() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS) >= 40


def test_exit_codes_are_the_documented_ones() -> None:
    readme = (REPO / "README.md").read_text()
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)}
    assert {0, EXIT_PARTIAL, ABORTED} <= documented
    assert {row.exit_code for row in ROWS} <= documented | {KILLED}


def test_text_that_changes_between_runs_is_not_on_the_page() -> None:
    line = "Error: faults-0123abcd/web: kept in /tmp/pytest-of-root/pytest-1/x0/spool/20260101T000000Z-web-12ab"
    assert settled(line) == "Error: shop/web: kept in /var/lib/rundeck/spool/20261123T180231Z-web-3f9a"
