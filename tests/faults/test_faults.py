"""Each row of the table, provoked on the lab and checked by checker.py."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checker import RowResult, check
from tests.faults.row import Row
from tests.faults.table import DAEMONS, ROWS
from tests.faults.world import World


def provoked(row: Row) -> Any:
    """The row as a parameter of a test. Rows that stop a daemon run alone."""
    return pytest.param(row, id=row.id, marks=[pytest.mark.exclusive] if row in DAEMONS else [])


@pytest.mark.parametrize("row", [provoked(row) for row in ROWS])
def test_no_fault_loses_evidence_that_had_arrived(row: Row, world: World) -> None:
    row.provoke(world)
    ended = world.run()
    world.restore()
    remember(row, check(row, ended, world))


def remember(row: Row, result: RowResult) -> None:
    """Save the result for the page if tests/faults/reliability.py requests it."""
    file = os.environ.get("DEBUG_CAPTURE_SEEN")
    if file:
        with Path(file).open("a", encoding="utf-8") as out:
            out.write(json.dumps({"id": row.id, "line": result.line, "kept": result.evidence}) + "\n")
