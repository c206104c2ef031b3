"""text.py: text in columns that a log can show."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.text import WIDTH, duration, mib, number_in, one_line, shortened, size, table, wrapped

LINE = st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), max_size=300).map(
    lambda text: " ".join(text.split())
)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], "A  B\n"),
        ([("x", "longer"), ("wide one", "")], "A         B\nx         longer\nwide one\n"),
    ],
)
def test_columns_are_aligned_without_trailing_spaces(rows: list[tuple[str, str]], text: str) -> None:
    assert table(("A", "B"), rows) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (90.9, "90 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (777_600, "9 days")],
)
def test_a_duration_is_shown_in_a_unit_of_which_it_has_two(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def test_a_row_of_another_length_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        table(("A", "B"), [("x", "y", "z")])


def test_a_long_cell_wraps_and_the_short_ones_keep_their_width() -> None:
    text = table(("WHAT", "WHY"), [("store", "one two three four five six"), ("link", "opens")], width=20)
    assert text == "WHAT   WHY\nstore  one two three\n       four five six\nlink   opens\n"


def test_a_word_that_does_not_fit_is_broken() -> None:
    assert table(("A", "B"), [("x", "y" * 20)], width=13) == f"A  B\nx  {'y' * 10}\n   {'y' * 10}\n"


@given(st.lists(st.tuples(LINE, LINE, LINE, LINE), max_size=5))
def test_no_row_is_wider_than_a_log_shows_no_cells_touch_and_nothing_is_lost(
    rows: list[tuple[str, str, str, str]],
) -> None:
    lines = table(("A", "B", "C", "D"), rows).splitlines()
    assert all(len(line) <= WIDTH for line in lines)
    for character in {letter for row in rows for cell in row for letter in cell} - {" ", *"ABCD"}:
        assert sum(line.count(character) for line in lines) == sum(
            cell.count(character) for row in rows for cell in row
        )


@given(LINE, LINE)
def test_cells_never_touch(left: str, right: str) -> None:
    for line in table(("", ""), [(f"x{left}x", f"y{right}y")]).splitlines()[1:]:
        assert "xy" not in line.replace(left, "").replace(right, "")


def test_evidence_keeps_a_row_on_one_line() -> None:
    assert len(table(("A", "B"), [("x " * 100, "y " * 100)], width=None).splitlines()) == 2


def test_wrapped_text_keeps_its_indent_and_an_empty_one_is_a_line() -> None:
    assert wrapped("one two three", 9, "  ") == ["  one two", "  three"]
    assert wrapped("") == [""]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        ((1 << 20) - 1, "1024.0 KiB"),
        (1 << 20, "1.0 MiB"),
        (5 << 30, "5120.0 MiB"),
    ],
)
def test_size_is_readable(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb", "a b"),
        ("a\r\nRUNDECK:DATA:x=1", "a RUNDECK:DATA:x=1"),
        ("a\u2028b\x85c", "a b c"),
        ("red \x1b[31mtext", "red [31mtext"),
        ("\u202eevil", "evil"),
        ("  much   room ", "much room"),
        (ValueError("bad\nvalue"), "bad value"),
    ],
    ids=["break", "forged line", "unicode breaks", "terminal control", "right to left", "spaces", "exception"],
)
def test_one_line_removes_characters_that_could_forge_a_line(text: object, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize(
    ("text", "number"), [("7\n", 7), (" 7 ", 7), ("²", None), ("٣", None), ("9" * 5000, None), ("-1", None), ("", None)]
)
def test_a_number_from_a_container_is_a_number_or_none(text: str, number: int | None) -> None:
    assert number_in(text) == number


@pytest.mark.parametrize(
    ("text", "short"),
    [("a  b\nc", "a b c"), ("12345678", "12345678"), ("123456789", "1234567…"), ("123456 89", "123456…")],
)
def test_a_long_text_is_cut_with_an_ellipsis(text: str, short: str) -> None:
    assert shortened(text, 8) == short


def test_mib_are_whole_numbers() -> None:
    assert [mib(0), mib(3 << 19), mib(1 << 40)] == ["0 MiB", "2 MiB", "1,048,576 MiB"]
