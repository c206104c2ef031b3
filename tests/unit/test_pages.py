"""docs/collectors.md shows the catalog as it is. Write it anew with DEBUG_CAPTURE_WRITE_DOCS=1."""

from __future__ import annotations

import os

import pytest

from debugcapture.collectors.catalog import catalog, presets
from lab.paths import REPO

PAGE = REPO / "docs" / "collectors.md"


def catalog_table() -> str:
    head = "| Collector | What | Runtime | Target | Needs | |\n| --- | --- | --- | --- | --- | --- |\n"
    return head + "".join(
        f"| `{one.id}` | {one.title} | {one.runtime} | {one.invasive} | {', '.join(one.needs)} | "
        f"{'unproved' if one.unproved else ''} |\n"
        for one in catalog().values()
    )


def preset_table() -> str:
    head = "| Preset | For | Collectors |\n| --- | --- | --- |\n"
    return head + "".join(
        f"| `{one.name}` | {one.title} | {', '.join(one.collectors)} |\n" for one in presets().values()
    )


@pytest.mark.parametrize(("name", "table"), [("presets", preset_table()), ("catalog", catalog_table())])
def test_page_shows_what_there_is(name: str, table: str) -> None:
    begin, end = f"<!-- {name}: written by tests/unit/test_pages.py -->\n", f"<!-- /{name} -->\n"
    head, rest = PAGE.read_text().split(begin)
    shown, tail = rest.split(end)
    if os.environ.get("DEBUG_CAPTURE_WRITE_DOCS"):
        PAGE.write_text(head + begin + table + end + tail)
        return
    assert shown == table
