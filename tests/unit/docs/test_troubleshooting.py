"""docs/troubleshooting.md quotes the current errors: this test finds a text that was changed in the code."""

from __future__ import annotations

import functools
import re

import pytest

from debugcapture import errors
from debugcapture.runtime.exit_codes import exit_code
from lab.paths import REPO
from tests.unit.docs.code import code_in

PAGE = (REPO / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
# Messages of other programs.
OF_OTHERS = {'Cannot run program "python3": error=2', 'cannot get resource "pods/log" in API group ""'}
QUOTED = re.findall(r"(?m)^\| `([^`]+)` \|", PAGE)
# Where a line combines what failed, why, and what to do.
_SEAM = re.compile(r"…|: |\. |\(|\)")
pytestmark = pytest.mark.xdist_group("code")


@functools.cache
def texts() -> frozenset[str]:
    """Return every literal of the code, and each part of a literal with values in it."""
    files = [*(REPO / "contents").glob("*.py"), *(REPO / "contents" / "debugcapture").rglob("*.py")]
    literals = {literal for file in files for literal in code_in(file).literals}
    return frozenset(literals | {part for text in literals for part in text.split("%s")})


def pieces(line: str) -> list[str]:
    pattern = line
    for words in OF_OTHERS:
        pattern = pattern.replace(words, "…")
    parts = [part.strip(" .,;") for part in _SEAM.split(pattern)]
    return [part for part in parts if len(part) > 3]


@pytest.mark.parametrize("line", QUOTED)
def test_each_quoted_message_is_one_of_the_code(line: str) -> None:
    assert [piece for piece in pieces(line) if not any(piece in text for text in texts())] == []


def test_lines_are_quoted() -> None:
    assert len(QUOTED) > 30
    assert len([line for line in QUOTED if not pieces(line)]) == 1


def test_every_exit_code_after_which_a_run_continues_is_listed() -> None:
    assert f"exit code {errors.EXIT_PARTIAL}" in PAGE
    for kind in (errors.BadInput, errors.NotStored, errors.NoteNotSent):
        assert f"exit code {exit_code(kind('', ''))}" in PAGE
