"""Each row of the table, provoked on the real thing and judged by the one checker."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.checker import check
from tests.faults.row import Row
from tests.faults.table import ROWS
from tests.faults.world import World


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_no_fault_costs_what_had_arrived(
    row: Row, world: World, record_property: Callable[[str, object], None]
) -> None:
    row.provoke(world)
    ended = world.run()
    world.mend()
    seen = check(row, ended, world)
    record_property("line", seen.line)
    record_property("kept", seen.kept)
