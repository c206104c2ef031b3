"""DEVELOPMENT.md promises that no module has more than 400 lines, and no function more than 40."""

from __future__ import annotations

import pytest

from lab.paths import REPO
from tests.unit.docs.code import Code, code_in, code_of

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 40
FOLDERS = ("benchmarks", "contents", "lab", "tests", "tools")
pytestmark = pytest.mark.xdist_group("code")


def long_functions(code: Code) -> list[str]:
    """Return the functions that are too long, as NAME: LINES lines."""
    return [f"{name}: {lines} lines" for name, lines in code.functions if lines > MAX_FUNCTION_LINES]


def test_the_length_of_a_function_is_that_from_its_first_to_its_last_line() -> None:
    body = "\n".join(f"    x = {number}" for number in range(MAX_FUNCTION_LINES - 1))
    assert long_functions(code_of(f"def fits():\n{body}\n")) == []
    assert long_functions(code_of(f"class A:\n  def long(self):\n{body}\n    return x\n")) == ["long: 41 lines"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_modules_and_their_functions_are_short(folder: str) -> None:
    too_long = []
    for module in sorted((REPO / folder).rglob("*.py")):
        code, name = code_in(module), module.relative_to(REPO)
        lines = len(code.text.splitlines())
        too_long += [f"{name}: {lines} lines"] if lines > MAX_MODULE_LINES else []
        too_long += [f"{name}: {function}" for function in long_functions(code)]
    assert too_long == []


def test_the_page_names_the_limits() -> None:
    page = (REPO / "DEVELOPMENT.md").read_text(encoding="utf-8")
    assert f"at most {MAX_MODULE_LINES} lines" in page
    assert f"at most {MAX_FUNCTION_LINES} lines" in page
