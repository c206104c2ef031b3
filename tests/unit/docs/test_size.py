"""DEVELOPMENT.md promises that no module has more than 400 lines, and no function more than 40."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from lab.paths import REPO

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 40
MODULES = sorted((REPO / "contents").rglob("*.py"))


def long_functions(source: str) -> list[str]:
    """Return the functions that are too long, as NAME: LINES lines."""
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {function.name: (function.end_lineno or 0) - function.lineno + 1 for function in functions}
    return [f"{name}: {lines} lines" for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES]


def test_the_length_of_a_function_is_that_from_its_first_to_its_last_line() -> None:
    body = "\n".join(f"    x = {number}" for number in range(MAX_FUNCTION_LINES - 1))
    assert long_functions(f"def fits():\n{body}\n") == []
    assert long_functions(f"class A:\n  def long(self):\n{body}\n    return x\n") == ["long: 41 lines"]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(REPO)))
def test_module_and_its_functions_are_short(module: Path) -> None:
    source = module.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MAX_MODULE_LINES
    assert long_functions(source) == []


def test_the_page_names_the_limits() -> None:
    page = (REPO / "DEVELOPMENT.md").read_text(encoding="utf-8")
    assert f"at most {MAX_MODULE_LINES} lines" in page
    assert f"at most {MAX_FUNCTION_LINES} lines" in page
