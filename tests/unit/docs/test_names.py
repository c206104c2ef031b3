"""Variables and functions are named after what they hold or do: docs/glossary.md lists the names to avoid."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from lab.paths import REPO

FOLDERS = ("benchmarks", "contents", "lab", "tests", "tools")
GLOSSARY = (REPO / "docs" / "glossary.md").read_text(encoding="utf-8")


def avoided_names() -> set[str]:
    sentence = re.search(r"(?s)Code also avoids names that say nothing: (.*?)\.", GLOSSARY)
    assert sentence
    return set(re.findall(r"`(\w+)`", sentence[1]))


AVOIDED = avoided_names()


def names(source: str) -> Iterator[tuple[int, str]]:
    """Each line and name of a variable, parameter, attribute, function or class that ``source`` defines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name


def test_every_kind_of_name_is_checked() -> None:
    source = "def kept(told, *asked):\n    self.found = [one for one in told]\n    whole: int = 1\n"
    assert {name for _, name in names(source)} == {"kept", "whole", "told", "asked", "found", "one"} <= AVOIDED


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_are_not_on_the_list_of_vague_names(folder: str) -> None:
    modules = sorted((REPO / folder).rglob("*.py"))
    assert modules
    assert [
        f"{module.relative_to(REPO)}:{line} {name}"
        for module in modules
        for line, name in names(module.read_text(encoding="utf-8"))
        if name.strip("_") in AVOIDED
    ] == []
