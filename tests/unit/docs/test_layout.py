"""docs/design.md promises that modules do not import each other in circles, also not by imports inside functions."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from lab.paths import REPO
from tests.unit.docs.code import code_in

PACKAGE = REPO / "contents" / "debugcapture"
MODULES = {".".join(file.relative_to(PACKAGE).with_suffix("").parts): file for file in sorted(PACKAGE.rglob("*.py"))}
pytestmark = pytest.mark.xdist_group("code")


def imports(module: str, file: Path) -> Iterator[str]:
    """The modules of the package that ``module`` imports anywhere."""
    for node in code_in(file).relative_imports:
        base = [*module.split(".")[: -node.level], *(node.module or "").split(".")]
        for name in (".".join(filter(None, [*base, alias.name])) for alias in node.names):
            yield from [name] if name in MODULES else [".".join(filter(None, base))]


def test_relative_imports_are_resolved(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("def f():\n    from ..kube.client import Api\n    from ..kube import jobs\n")
    assert list(imports("fleet.controller", file)) == ["kube.client", "kube.jobs"]


def test_there_are_no_import_cycles() -> None:
    graph = {module: {name for name in imports(module, file) if name in MODULES} for module, file in MODULES.items()}
    assert sum(map(len, graph.values())) > len(MODULES)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))
