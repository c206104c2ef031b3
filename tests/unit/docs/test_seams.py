"""Tests replace an object that they import, so that mypy checks its name. A path in a string can be out of date."""

from __future__ import annotations

import pytest

from lab.paths import REPO
from tests.unit.docs.code import code_in, code_of

pytestmark = pytest.mark.xdist_group("code")


def test_paths_in_strings_are_recognized() -> None:
    source = 'monkeypatch.setattr("a.b.c", 1)\nmonkeypatch.setattr(b, "c", 1)\npatch.delattr("a.b")\n'
    assert code_of(source).string_paths == [1, 3]


def test_no_test_replaces_a_path_in_a_string() -> None:
    files = sorted((REPO / "tests").rglob("*.py"))
    assert len(files) > 100
    assert [f"{file}:{line}" for file in files for line in code_in(file).string_paths] == []
