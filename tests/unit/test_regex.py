"""regex.py: patterns of users run in linear time, and invalid ones are errors that name the setting."""

from __future__ import annotations

import time

import pytest

from debugcapture.errors import BadInput
from debugcapture.regex import bytes_pattern, text_pattern


def test_a_pattern_that_backtracks_in_python_ends() -> None:
    started = time.monotonic()
    assert text_pattern("(a+)+$", "x").search("a" * 50_000 + "!") is None
    assert time.monotonic() - started < 2


def test_a_pattern_for_bytes_has_anchors_of_lines() -> None:
    matches = bytes_pattern("^key=(.*)$", "x").finditer(b"a\nkey=1\nkey=\xff\n")
    assert [match[1] for match in matches] == [b"1"]  # RE2 reads UTF-8, and 0xff is not


def test_flags_apply_to_the_complete_pattern() -> None:
    assert text_pattern("error", "x").search("ERROR") is None
    assert text_pattern("error", "x", "i").search("ERROR")
    assert text_pattern("^b", "x", "m").search("a\nb")
    assert text_pattern("^b", "x").search("a\nb") is None


def test_groups_are_counted_and_named() -> None:
    pattern = text_pattern(r"(?P<pid>\d+) (\w+)", "x")
    assert pattern.groups == 2
    assert dict(pattern.groupindex) == {"pid": 1}


@pytest.mark.parametrize("text", ["(", "[a", "a(?=b)", "(?<!a)b", r"(a)\1", "*"])
def test_an_invalid_pattern_is_an_error_that_names_the_setting(text: str) -> None:
    for compiled in (text_pattern, bytes_pattern):
        with pytest.raises(BadInput) as caught:
            compiled(text, "redact_patterns")
        assert str(caught.value).startswith(f"redact_patterns: {text!r} is not a valid regular expression: ")
        assert "Lookaround (?=…), (?<!…) and backreferences are not supported" in str(caught.value)
