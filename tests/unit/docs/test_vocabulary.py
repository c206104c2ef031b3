"""Forms, jobs, messages, documentation, and the code around the package avoid the words that docs/glossary.md lists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from debugcapture.settings.declare import declared
from debugcapture.steps.providers import PROVIDERS, Provider
from lab.paths import REPO
from tests.unit.docs.code import code_in, code_of
from tools.yaml_text import read_yaml

GLOSSARY = REPO / "docs" / "glossary.md"
PAGES = sorted({*REPO.glob("*.md"), *(REPO / "docs").glob("*.md"), *(REPO / "jobs").rglob("*.md")} - {GLOSSARY})
CODE = sorted((REPO / "contents" / "debugcapture").rglob("*.py"))
_TABLE = re.compile(r"(?m)^\| instead of \| write \|\n\| --- \| --- \|\n((?:\|.*\n)+)")


def avoided() -> list[str]:
    table = _TABLE.search(GLOSSARY.read_text(encoding="utf-8"))
    assert table
    return [word.strip() for row in table[1].splitlines() for word in row.split("|")[1].split(",")]


pytestmark = pytest.mark.xdist_group("code")
AVOIDED = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, avoided()))})(?![\w-])", re.IGNORECASE)


def used(text: str) -> list[str]:
    return AVOIDED.findall(text)


def test_words_are_listed() -> None:
    assert len(avoided()) > 10
    assert used("It is told by whoever asks.") == ["told", "whoever"]
    assert used("a placeholder, tolderol") == []


def test_the_literals_of_a_module_are_messages_and_its_docstrings_are_not() -> None:
    source = '"""Module."""\n\ndef f():\n    """Return."""\n    return f"a {x} b" + "c"\n'
    assert sorted(code_of(source).literals) == [" b", "a ", "c"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_page(page: Path) -> None:
    assert used(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(REPO)))
def test_messages_of_a_module(file: Path) -> None:
    assert [text for text in code_in(file).literals if used(text)] == []


@pytest.mark.parametrize("folder", ["benchmarks", "contents", "lab", "tests", "tools"])
def test_names_comments_and_texts_of_code(folder: str) -> None:
    quoting = {REPO / "tests/unit/docs/test_names.py", REPO / "tests/unit/docs/test_vocabulary.py"}
    texts = {file: code_in(file).text for file in sorted({*(REPO / folder).rglob("*.py")} - quoting)}
    assert texts
    assert {str(file): words for file, text in texts.items() if (words := used(text.replace("_", " ")))} == {}


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_form(provider: Provider) -> None:
    rules = [setting.rule for setting in declared(provider.settings)]
    texts = [text for rule in rules for text in (rule.title, rule.description)]
    assert [text for text in texts if used(text)] == []


@pytest.mark.parametrize("file", sorted((REPO / "jobs").glob("*.yaml")), ids=lambda file: file.stem)
def test_job(file: Path) -> None:
    (job,) = read_yaml(file.read_text(encoding="utf-8"))
    assert used(yaml.safe_dump(job)) == []
