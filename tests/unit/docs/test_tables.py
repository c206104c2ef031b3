"""Tables of the docs match the code. Write them again with DEBUG_CAPTURE_WRITE_DOCS=1."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from debugcapture.collectors.catalog import catalog, choose, load, presets
from debugcapture.kube.rbac import OPTIONAL, PERMISSIONS, manifest_granting
from lab.paths import REPO

DOCS = REPO / "docs"


def catalog_table() -> str:
    head = "| Collector | Title | Runtime | Target | Needs | |\n| --- | --- | --- | --- | --- | --- |\n"
    return head + "".join(
        f"| `{collector.id}` | {collector.title} | {collector.runtime} | {collector.invasive} | "
        f"{', '.join(collector.needs)} | {'unproved' if collector.unproved else ''} |\n"
        for collector in catalog().values()
    )


def preset_table() -> str:
    head = "| Preset | Purpose | Collectors |\n| --- | --- | --- |\n"
    return head + "".join(
        f"| `{preset.name}` | {preset.title} | {', '.join(preset.collectors)} |\n" for preset in presets().values()
    )


def rule_table() -> str:
    head = "| Purpose | Resource | Verbs | Level | |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(
        f"| {permission.purpose} | `{permission.resource}{'.' if permission.group else ''}{permission.group}` | "
        f"{', '.join(permission.verbs)} | {Path(manifest_granting(permission)).stem} | "
        f"{'optional' if permission.purpose in OPTIONAL else ''} |\n"
        for permission in PERMISSIONS
    )


@pytest.mark.parametrize(
    ("page", "name", "table"),
    [
        ("collectors.md", "presets", preset_table()),
        ("collectors.md", "catalog", catalog_table()),
        ("permissions.md", "rules", rule_table()),
    ],
)
def test_the_page_shows_the_existing_parts(page: str, name: str, table: str) -> None:
    begin, end = f"<!-- {name}: written by tests/unit/docs/test_tables.py -->\n", f"<!-- /{name} -->\n"
    head, rest = (DOCS / page).read_text().split(begin)
    shown, tail = rest.split(end)
    if os.environ.get("DEBUG_CAPTURE_WRITE_DOCS"):
        (DOCS / page).write_text(head + begin + table + end + tail)
        return
    assert shown == table


def test_the_example_on_the_page_is_a_valid_collector(tmp_path: Path) -> None:
    text = (DOCS / "write-a-collector.md").read_text()
    (entry,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    file = tmp_path / "collectors.yaml"
    file.write_text(entry)
    (collector,) = load(file)
    assert collector in choose(f"standard, {collector.id}", str(file)).collectors
    assert f"collectors: standard, {collector.id}" in text
