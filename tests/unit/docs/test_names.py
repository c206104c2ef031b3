"""Variables and functions are named after what they hold or do: docs/glossary.md lists the names to avoid."""

from __future__ import annotations

import re

import pytest

from lab.paths import REPO
from tests.unit.docs.code import code_in, code_of

FOLDERS = ("benchmarks", "contents", "lab", "tests", "tools")
GLOSSARY = (REPO / "docs" / "glossary.md").read_text(encoding="utf-8")


def avoided_names() -> set[str]:
    sentence = re.search(r"(?s)Code also avoids names that say nothing: (.*?)\.", GLOSSARY)
    assert sentence
    return set(re.findall(r"`(\w+)`", sentence[1]))


AVOIDED = avoided_names()
pytestmark = pytest.mark.xdist_group("code")


def test_every_kind_of_name_is_checked() -> None:
    source = "def kept(told, *asked):\n    self.found = [one for one in told]\n    whole: int = 1\n"
    names = {name for _, name in code_of(source).names}
    assert names == {"kept", "whole", "told", "asked", "found", "one"} <= AVOIDED


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_are_not_on_the_list_of_vague_names(folder: str) -> None:
    modules = sorted((REPO / folder).rglob("*.py"))
    assert modules
    assert [
        f"{module.relative_to(REPO)}:{line} {name}"
        for module in modules
        for line, name in code_in(module).names
        if name.strip("_") in AVOIDED
    ] == []
