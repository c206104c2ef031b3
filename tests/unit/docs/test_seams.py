"""Tests replace an object that they import, so that mypy checks its name. A path in a string can be out of date."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from lab.paths import REPO

REPLACING = ("setattr", "delattr")


def string_paths(source: str) -> Iterator[int]:
    """The lines in which a test replaces something that it names by a path in a string."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in REPLACING:
            target = node.args[0]
            if isinstance(target, ast.Constant | ast.JoinedStr):
                yield node.lineno


def test_paths_in_strings_are_recognized() -> None:
    source = 'monkeypatch.setattr("a.b.c", 1)\nmonkeypatch.setattr(b, "c", 1)\npatch.delattr("a.b")\n'
    assert list(string_paths(source)) == [1, 3]


def test_no_test_replaces_a_path_in_a_string() -> None:
    files = sorted((REPO / "tests").rglob("*.py"))
    assert len(files) > 100
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    replacing = {file: text for file, text in texts.items() if any(name in text for name in REPLACING)}
    assert [f"{file}:{line}" for file, text in replacing.items() for line in string_paths(text)] == []
