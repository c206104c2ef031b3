"""Shell scripts of any form."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from debugcapture.findings.parsers.shell_script import unmatched_keyword
from tests.unit.hostile import TEXT


@given(
    TEXT, st.lists(st.sampled_from(("if", "fi", "do", "done", "case", "'", '"', ";", "\\", "(", "#", " ")), max_size=40)
)
def test_any_script_is_parsed_without_an_exception(text: str, words: list[str]) -> None:
    unmatched_keyword(text + " ".join(words))
    unmatched_keyword("".join(words))
